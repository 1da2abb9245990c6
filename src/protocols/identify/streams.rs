//! The streams of identify. A stream has one of four roles: asking, answering, pushing, and accepting a push. In each role
//! one side sends its information and the other side reads it.

use super::message::{MessageReader, decode_with};
use super::{Event, Failure, Identify, Info, PROTOCOL, PUSH_PROTOCOL, PeerRecord};
use crate::arithmetic::Count;
use crate::connection::Bucket;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Direction, Fault, StreamId};
use crate::notifee::Node;
use crate::protocols::fails;
use crate::protocols::writer::Writer;
use crate::swarm::OpenStreamError;
use alloc::sync::Arc;
use core::time::Duration;

/// The minimum wait before a push is tried again. It is not 0, so that time advances between two attempts.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The state of an open connection, for all four roles.
#[derive(Debug)]
pub(super) struct KnownConnection {
    pub(super) peer: PeerId,
    pub(super) info: Option<Arc<Info>>,
    /// True from the time at which our question to the peer is queued until its outcome is known.
    pub(super) is_asked: bool,
    /// The stream of our push that is under way. There is at most one, so that the last push to be sent also arrives last.
    pub(super) push: Option<StreamId>,
    /// True if one more push has to be sent to the peer. The connection is then in the queue `to_push` or the list
    /// `to_push_again`, or it is added to `to_push` when the push under way ends.
    pub(super) wants_push: bool,
    /// The number of open streams on which the peer asks us or pushes to us.
    inbound: usize,
    /// The token bucket that limits the rate of the peer's questions.
    questions: Bucket,
    /// The token bucket that limits the rate of the peer's pushes.
    pushes_heard: Bucket,
    /// The token bucket that limits the rate of our pushes.
    pushes_said: Bucket,
    /// The token bucket that limits the work of verifying the peer's signed records.
    record_work: Bucket,
}

impl KnownConnection {
    pub(super) fn new(peer: PeerId, is_asked: bool) -> Self {
        Self {
            peer,
            info: None,
            is_asked,
            push: None,
            wants_push: false,
            inbound: 0,
            questions: Bucket::default(),
            pushes_heard: Bucket::default(),
            pushes_said: Bucket::default(),
            record_work: Bucket::default(),
        }
    }

    /// Stores the information that the peer has sent, and returns all information that is now known of the peer. Returns an
    /// error if the information contains another peer's public key. A record that another peer has signed is dropped.
    fn take(&mut self, mut said: Info, is_push: bool) -> Result<Arc<Info>, Failure> {
        if said.public_key.as_ref().is_some_and(|key| key.to_peer_id() != self.peer) {
            return Err(Failure::WrongPeer);
        }
        said.record.take_if(|record| record.peer() != self.peer);
        if let Some(record) = &said.record {
            said.listen_addresses = record.addresses().to_vec();
        }
        // A push contains only the fields that have changed, an answer contains all of them: a field that is absent in
        // an answer is not true any more.
        if let (true, Some(info)) = (is_push, &self.info) {
            let mut info = (**info).clone();
            info.update(said);
            said = info;
        }
        Ok(self.info.insert(Arc::new(said)).clone())
    }
}

/// A stream of the identify protocol or of its push protocol, with our role on the stream and the progress of the message.
#[derive(Debug)]
pub(super) struct IdentifyStream {
    connection: ConnectionId,
    role: StreamRole,
    work: Work,
    deadline: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StreamRole {
    Ask,
    Answer,
    Push,
    Hear,
}

#[derive(Debug)]
enum Work {
    /// The stream is being opened. Our message is encoded only once the stream is open, so that its information is current
    /// when it is sent.
    Opening,
    Write(Writer),
    Read(MessageReader),
    /// All bytes are written or read, and the swarm has been told to close or reset the stream.
    Done,
}

impl Work {
    /// Returns the number of bytes of heap that the stream's messages take while they arrive or are being written.
    const fn held(&self) -> usize {
        match self {
            Self::Opening | Self::Done => 0,
            Self::Write(writer) => writer.held(),
            Self::Read(reader) => reader.held(),
        }
    }
}

/// A part of the memory that is accounted to a connection. When memory has to be freed, one item at a time is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Item {
    /// The information that the peer of this connection has sent.
    Info(ConnectionId),
    /// The messages that are arriving on this stream, or are not written to it yet.
    Stream(StreamId),
}

impl Identify {
    fn begin(&mut self, connection: ConnectionId, stream: StreamId, role: StreamRole, work: Work, now: Duration) {
        let mut of = IdentifyStream { connection, role, work, deadline: None };
        self.deadlines.set(stream, &mut of.deadline, Some(now.saturating_add(self.config.timeout)));
        self.streams.insert(stream, of);
    }

    /// Opens a stream on which to ask the peer of a connection for its information.
    pub(super) fn ask(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        match node.open_stream(connection, &[PROTOCOL]) {
            Ok(stream) => {
                let reader = MessageReader::new(self.config.max_bytes);
                self.begin(connection, stream, StreamRole::Ask, Work::Read(reader), now);
            }
            Err(error) => self.heard(connection, StreamRole::Ask, Err(fails(error))),
        }
    }

    /// Reads our addresses and protocols from the node again. If any of them have changed, queues pushes to all peers.
    pub(super) fn look_again(&mut self, node: &dyn Node) {
        if self.local.refresh(node) && self.config.pushes {
            self.push();
        }
    }

    /// Begins the queued pushes to peers, as far as the bounds allow.
    pub(super) fn push_on(&mut self, node: &mut dyn Node, now: Duration) {
        while self.may_push() {
            let Some(connection) = self.to_push.pop_front() else { return };
            let Some(entry) = self.connections.get_mut(connection) else { continue };
            entry.wants_push = false;
            // A peer that has named no protocol at all may accept pushes nevertheless.
            let is_deaf = |info: &Arc<Info>| !info.protocols.is_empty() && !info.speaks(&PUSH_PROTOCOL);
            if entry.info.as_ref().is_some_and(is_deaf) {
                continue;
            }
            let rate = self.config.pushes_said;
            let may_push = entry.pushes_said.take(1, rate, now);
            // The time after which the rate allows another push.
            let wait = self.config.push_again_after.max(if may_push { MIN_WAIT } else { rate.interval() });
            let opened =
                if may_push { node.open_stream(connection, &[PUSH_PROTOCOL]) } else { Err(OpenStreamError::Limit) };
            match opened {
                Ok(stream) => {
                    entry.push = Some(stream);
                    self.pushes.raise(1);
                    self.begin(connection, stream, StreamRole::Push, Work::Opening, now);
                }
                Err(OpenStreamError::Limit) => {
                    entry.wants_push = true;
                    self.to_push_again.push(connection);
                    // A time that is set already stays. If each refused push set it anew, pushes that are refused again and
                    // again would put off all pushes that wait.
                    self.push_again_at.get_or_insert(now.saturating_add(wait));
                }
                // The connection is ending, or the node is shutting down.
                Err(OpenStreamError::NoProtocol | OpenStreamError::NotOpen) => {}
                Err(OpenStreamError::Closing | OpenStreamError::Stale) => {}
            }
        }
    }

    /// Handles a stream that has opened, whether we or the peer opened it.
    pub(super) fn opened(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        if self.streams.get(stream).is_none() {
            let Some(view) = node.stream(stream).filter(|view| view.direction == Direction::Inbound) else { return };
            let is_push = view.protocol == Some(&PUSH_PROTOCOL);
            if !is_push && view.protocol != Some(&PROTOCOL) {
                return;
            }
            let Some(entry) = self.connections.get_mut(connection) else { return };
            // The rate is charged first, so that it also counts streams that are reset below. One peer that asked as
            // fast as it could, 1.7 million times a second, delayed new connections by up to 3.2 s.
            let is_within = match is_push {
                true => entry.pushes_heard.take(1, self.config.pushes_heard, now),
                false => entry.questions.take(1, self.config.questions, now),
            };
            if !is_within {
                log::debug!("{connection}: the peer {} too often", if is_push { "pushes" } else { "asks" });
                // The connection may have ended already.
                let _ = node.fail_connection(connection, Fault::Flood);
                return;
            }
            if entry.inbound >= self.config.inbound_streams.max(1) {
                // This cannot fail: the stream has just opened.
                let _ = node.reset(stream);
                return;
            }
            entry.inbound.raise(1);
            let (role, work) = match is_push {
                true => (StreamRole::Hear, Work::Read(MessageReader::new(self.config.max_bytes))),
                false => (StreamRole::Answer, Work::Opening),
            };
            self.begin(connection, stream, role, work, now);
        }
        let is_to_say = |of: &&mut IdentifyStream| matches!(of.work, Work::Opening);
        if self.streams.get_mut(stream).filter(is_to_say).is_some() {
            // No notification tells the service that the node has registered a protocol, so each message is made from
            // what the node says now.
            self.look_again(node);
            let said = self.local.say(node, connection);
            if let Some(of) = self.streams.get_mut(stream) {
                of.work = Work::Write(Writer::new(said));
            }
        }
        self.drive_stream(node, stream, now);
    }

    /// Writes or reads as many bytes as the stream allows, and updates the count of the memory that its messages take.
    pub(super) fn drive_stream(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        self.write_or_read(node, stream, now);
        if let Some(of) = self.streams.get(stream) {
            self.held.set(of.connection, Item::Stream(stream), of.work.held());
        }
    }

    fn write_or_read(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        let Some(of) = self.streams.get_mut(stream) else { return };
        if let Work::Write(writer) = &mut of.work
            && !writer.write_more(node, stream)
        {
            return;
        }
        let heard = match &mut of.work {
            Work::Opening | Work::Done => return,
            Work::Write(_) => None,
            Work::Read(reader) => match reader.read_more(node, stream) {
                None => {
                    // The peer may hold its FIN back until it has read ours. An earlier version of this crate did so for up
                    // to 100 ms, since js-libp2p loses data whose FIN is in the same frame.
                    if reader.has_message() {
                        // The stream may have ended already.
                        let _ = node.finish(stream);
                    }
                    return;
                }
                heard => heard,
            },
        };
        of.work = Work::Done;
        let (connection, role) = (of.connection, of.role);
        let heard = heard.map(|heard| heard.and_then(|said| self.decode_info(node, connection, &said, now)));
        // The stream is closed at once: a `Connect` of go-libp2p waits for the end of our answer, and took 103 to 108 ms
        // instead of 4 to 10 ms when our FIN was held back for 100 ms. Neither call fails, since the stream has just been
        // written or read.
        let _ = if let Some(Err(_)) = heard { node.reset(stream) } else { node.close_stream(stream) };
        if let Some(heard) = heard {
            self.heard(connection, role, heard);
        }
    }

    /// Decodes the messages of a peer. The signed record is verified only if the peer itself has signed the record, and if
    /// the connection's budget for verifying allows one more signature. If the budget is exceeded, the connection fails.
    fn decode_info(
        &mut self,
        node: &mut dyn Node,
        connection: ConnectionId,
        said: &[u8],
        now: Duration,
    ) -> Result<Info, Failure> {
        let Some(entry) = self.connections.get_mut(connection) else { return Err(Failure::ConnectionClosed) };
        // Each signature can cost as much as 13 of Ed25519 (RSA of 8 192 bits), and a peer may send a new record in
        // each push. So the cost of the signature is charged, and not the number of messages, which `questions` and
        // `pushes_heard` bound.
        let known = entry.info.as_ref().and_then(|info| info.record.as_ref());
        let (peer, rate, bucket) = (entry.peer, self.config.record_work, &mut entry.record_work);
        let mut is_within = true;
        let info = decode_with(said, |envelope| {
            PeerRecord::verify_by(envelope, &peer, known, |cost| {
                is_within = bucket.take(cost, rate, now);
                is_within
            })
        });
        if !is_within {
            log::debug!("{connection}: the peer's records cost more work than `record_work`");
            // The connection may have ended already.
            let _ = node.fail_connection(connection, Fault::Flood);
            return Err(Failure::Limit);
        }
        info.map_err(|_| Failure::Protocol)
    }

    /// Handles the deadline of a stream: the stream is reset.
    pub(super) fn late(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        let Some(of) = self.streams.get_mut(stream) else { return };
        of.deadline = None;
        // The reset comes first, since `take_unread` returns the bytes of an ended stream only: the whole message may be
        // there. The stream may have ended already.
        let _ = node.reset(stream);
        self.stream_ended(node, stream, Failure::Timeout, now);
    }

    /// Removes a stream that has ended from all tables, and returns it.
    fn take_out(&mut self, stream: StreamId) -> Option<IdentifyStream> {
        let mut of = self.streams.remove(stream)?;
        self.deadlines.set(stream, &mut of.deadline, None);
        self.held.forget(Item::Stream(stream));
        let connection = of.connection;
        if let Some(entry) = self.connections.get_mut(connection) {
            match of.role {
                StreamRole::Ask => {}
                StreamRole::Answer | StreamRole::Hear => entry.inbound.lower(1),
                StreamRole::Push => {
                    entry.push = None;
                    if entry.wants_push {
                        self.to_push.push_back(connection);
                    }
                }
            }
        }
        self.pushes.lower((of.role == StreamRole::Push).into());
        Some(of)
    }

    /// Frees memory while the messages and information of all connections take more than the bound. Each time, the
    /// connection that takes most memory loses its largest item: a stream is reset, or the peer's information is dropped.
    pub(super) fn relieve(&mut self, node: &mut dyn Node) {
        // Without this bound, peers could make us hold 3.7 GiB by default and more, since pushes add up: one brings
        // protocols, another brings addresses. The alternatives are worse. A fixed cap for each of 16 384 connections
        // would be 4 KiB, which refuses honest peers on an empty node. Refusing whatever arrives last lets those who
        // come first keep everybody else out. If the largest holder pays, whoever stays within its part of the budget
        // loses nothing, whatever all others do.
        while self.held.all() > self.config.held_bytes {
            let Some(item) = self.held.largest() else { return };
            match item {
                Item::Info(connection) => {
                    self.held.forget(item);
                    self.forgotten.raise(1);
                    if let Some(entry) = self.connections.get_mut(connection) {
                        entry.info = None;
                    }
                    log::debug!("{connection}: the peer's information is dropped: all of it exceeds `held_bytes`");
                }
                Item::Stream(stream) => {
                    let Some(of) = self.take_out(stream) else { return };
                    log::debug!("{}: {stream} is reset: identify messages exceed `held_bytes`", of.connection);
                    // The stream may have ended already. Its `closed_stream` finds it in no table, so that its outcome is
                    // `Limit`, and not the reset.
                    let _ = node.reset(stream);
                    if let Work::Read(_) = of.work {
                        self.heard(of.connection, of.role, Err(Failure::Limit));
                    }
                }
            }
        }
    }

    /// Handles the end of a stream, including a stream that had not opened yet.
    pub(super) fn stream_ended(&mut self, node: &mut dyn Node, stream: StreamId, reason: Failure, now: Duration) {
        let Some(of) = self.take_out(stream) else { return };
        let connection = of.connection;
        match of.work {
            Work::Opening | Work::Write(_) => log::debug!("{connection}: our identify message was not sent: {reason}"),
            Work::Read(mut reader) => {
                let said = reader.cut(&node.take_unread(stream), reason);
                let heard = said.and_then(|said| self.decode_info(node, connection, &said, now));
                self.heard(connection, of.role, heard);
            }
            Work::Done => {}
        }
    }

    /// Reports the outcome of a question of ours, or of a push of the peer.
    fn heard(&mut self, connection: ConnectionId, role: StreamRole, heard: Result<Info, Failure>) {
        let Some(entry) = self.connections.get_mut(connection) else { return };
        let (is_push, peer) = (role == StreamRole::Hear, entry.peer);
        // A push is no answer: the question that is under way still has its own outcome.
        entry.is_asked &= is_push;
        let heard = heard.and_then(|said| entry.take(said, is_push));
        if let Ok(info) = &heard {
            let memory = info.memory();
            self.held.set(connection, Item::Info(connection), memory);
            self.said_bytes.raise(memory);
        }
        self.events.say(match (heard, is_push) {
            (Ok(info), false) => Event::Identified { connection, peer, info },
            (Ok(info), true) => Event::Pushed { connection, peer, info },
            (Err(reason), false) => Event::Failed { connection, peer, reason },
            (Err(reason), true) => Event::PushFailed { connection, peer, reason },
        });
    }
}
