//! Peers of a host with every service: attackers that fill what it keeps, and an honest one.

use super::{ASK, Bounds, LATE, PAYLOAD, identity};
use crate::support::raw_frames::{ACK, DATA, FIN, Frames, Greeting, RST, SYN, data};
use crate::support::wire::Pipe;
use futures::io::{AsyncRead as _, AsyncWrite as _};
use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::task::{Context as Task, Poll, Waker};
use swarm_notify::connection::Protocol;
use swarm_notify::protocols::floodsub;
use swarm_notify::protocols::identify::{self, Info, PUSH_PROTOCOL, PeerRecord};
use swarm_notify::protocols::parts::with_length;
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};

/// The lines that propose a protocol, and confirm it.
fn lines(protocol: &[u8]) -> Vec<u8> {
    [b"\x13/multistream/1.0.0\n", &[protocol.len() as u8 + 1][..], protocol, b"\n"].concat()
}

/// A stream of the attacker's that says this, in frames, and ends as told.
fn stream(id: u32, protocol: &Protocol, said: &[u8], end: u16) -> Vec<Vec<u8>> {
    let mut frames = vec![data(SYN, id, &lines(protocol.as_str().as_bytes()))];
    frames.extend(said.chunks(PAYLOAD).map(|part| data(0, id, part)));
    if end != 0 {
        frames.push(data(end, id, &[]));
    }
    frames
}

/// The number of parts of a script.
const PARTS: usize = 4;

/// What an attacker says. Each part fills something, and where there are few places for streams, each attacker begins with
/// another part.
fn script(key: u8, bounds: &Bounds) -> Vec<Vec<u8>> {
    let window = bounds.host.swarm.connection.yamux.receive_window as usize;
    let (mut parts, part) = ([(); PARTS].map(|()| Vec::new()), Cell::new(0));
    let mut add = |protocol: &Protocol, said: &[u8], end: u16| {
        parts[part.get()].push((protocol.clone(), said.to_vec(), end));
    };
    // Identify: as many protocols as go; then a record; then messages that are not whole.
    let most = bounds.identify.max_bytes;
    let mut protocols = Info::default();
    let length = (most / 512).max(8) - 4;
    protocols.protocols = (0..512.min(most / (length + 4)))
        .map(|n| Protocol::new(format!("/{n:0>length$}", length = length - 1)).unwrap())
        .collect();
    let mut record = Info::default();
    let count = 128.min(most / 100);
    let addresses: Vec<_> = (0..count).map(|n| format!("/dns/{n:0>60}/tcp/1").parse().unwrap()).collect();
    record.record = Some(PeerRecord::sign(&identity(key), 1, &addresses).unwrap());
    for info in [protocols, record] {
        add(&PUSH_PROTOCOL, &with_length(&identify::encode(&info)), FIN);
    }
    for _ in 1..bounds.identify.inbound_streams {
        let whole = with_length(&vec![0; most]);
        add(&PUSH_PROTOCOL, &whole[..whole.len() - 1], 0);
    }
    part.set(1);
    // Requests whose responses are not read, and one that is not whole.
    for _ in 1..bounds.requests.inbound_requests_per_peer {
        add(&ASK, b"r", FIN);
    }
    add(&ASK, &vec![0; window.min(bounds.requests.request_bytes) - 1], 0);
    part.set(2);
    // pub/sub: topics, a message that is not whole.
    let subscribe = |topic: String| SubOpts::new(true, topic);
    let topics = (0..bounds.pubsub.topics_per_peer.min(200)).map(|n| subscribe(format!("{n:0>200}")));
    let rpc = Rpc::new(std::iter::once(subscribe("t".into())).chain(topics).collect(), Vec::new());
    let large = with_length(&vec![0; window.min(bounds.pubsub.rpc_bytes) - 10 * 1_024]);
    for n in 0..bounds.pubsub.inbound_streams {
        let topics = if n == 0 { rpc.to_frame() } else { Vec::new() };
        add(&floodsub::PROTOCOL, &[&topics[..], &large[..large.len() / 2]].concat(), 0);
    }
    part.set(3);
    // The host: streams that are reset before their handlers read, and others that wait.
    for _ in 0..6 {
        add(&LATE, &vec![0; window * 3 / 4], RST);
    }
    for _ in 0..6 {
        add(&LATE, &vec![0; window * 3 / 4], 0);
    }
    if bounds.host.swarm.limits.streams < 100 {
        parts.rotate_left(usize::from(key) % PARTS);
    }
    let streams = (1..).step_by(2).zip(parts.into_iter().flatten());
    streams.flat_map(|(id, (protocol, said, end))| stream(id, &protocol, &said, end)).collect()
}

/// A peer that says its script, answers our proposals, and reads nothing more from a time on.
pub(super) struct Attacker {
    pub(super) pipe: Pipe,
    pub(super) greeting: Option<Greeting>,
    pub(super) frames: Option<Frames>,
    due: Vec<u8>,
    pub(super) script: std::vec::IntoIter<Vec<u8>>,
    replies: VecDeque<Vec<u8>>,
    answered: BTreeSet<u32>,
    /// What is said on streams of the node's.
    answer: Vec<u8>,
    pub(super) reads: bool,
}

impl Attacker {
    pub(super) fn new(key: u8, pipe: Pipe, bounds: &Bounds) -> Self {
        let (greeting, due) = Greeting::begin(key);
        Self {
            pipe,
            greeting: Some(greeting),
            frames: None,
            due,
            script: script(key, bounds).into_iter(),
            replies: VecDeque::new(),
            answered: BTreeSet::new(),
            // To identify, a message that is not whole; to a request, a part of a response.
            answer: with_length(&vec![0; bounds.identify.max_bytes])[..bounds.identify.max_bytes].to_vec(),
            reads: true,
        }
    }

    fn hear(&mut self) {
        let mut cx = Task::from_waker(Waker::noop());
        let mut buffer = [0; 16 * 1024];
        while let Poll::Ready(Ok(n @ 1..)) = Pin::new(&mut self.pipe).poll_read(&mut cx, &mut buffer) {
            if let Some(greeting) = &mut self.greeting {
                if let Some((said, frames)) = greeting.hear(&buffer[..n]) {
                    (self.due, self.frames, self.greeting) = (said, Some(frames), None);
                }
                continue;
            }
            let Some(frames) = &mut self.frames else { continue };
            let heard = frames.open(&buffer[..n]);
            frames.heard.clear();
            for frame in heard.iter().filter(|frame| frame.kind == DATA && frame.id % 2 == 0) {
                let Some(protocol) = frame.payload.get(21..).and_then(|rest| rest.split(|byte| *byte == b'\n').next())
                else {
                    continue;
                };
                if !self.answered.insert(frame.id) {
                    continue;
                }
                self.replies.push_back(data(ACK, frame.id, &lines(protocol)));
                if protocol == identify::PROTOCOL.as_str().as_bytes() || protocol == ASK.as_str().as_bytes() {
                    self.replies.push_back(data(0, frame.id, &self.answer));
                }
            }
        }
    }

    /// Says as much as the pipe takes. `true`: something.
    pub(super) fn go_on(&mut self) -> bool {
        if self.reads {
            self.hear();
        }
        let mut cx = Task::from_waker(Waker::noop());
        let mut moved = false;
        loop {
            if self.due.is_empty()
                && let Some(frames) = &mut self.frames
                && let Some(next) = self.replies.pop_front().or_else(|| self.script.next())
            {
                self.due = frames.seal(&[next]);
            }
            match Pin::new(&mut self.pipe).poll_write(&mut cx, &self.due) {
                _ if self.due.is_empty() => return moved,
                Poll::Ready(Ok(n)) => {
                    self.due.drain(..n);
                    moved = true;
                }
                Poll::Ready(Err(_)) | Poll::Pending => return moved,
            }
        }
    }
}
