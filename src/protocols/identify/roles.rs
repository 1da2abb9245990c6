//! The four roles: asking, answering, pushing, and hearing a push. Each is a stream that says one thing in one
//! direction.

use super::message::decode_with;
use super::reader::Reader;
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

/// The shortest wait before a push is tried again: so that time moves on from one attempt to the next.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: PeerId,
    pub(super) info: Option<Arc<Info>>,
    /// It is to be asked, or being asked.
    pub(super) is_asked: bool,
    /// The stream on which it is being told unasked: one at a time, so that what is said last arrives last.
    pub(super) push: Option<StreamId>,
    /// It is to be told once more; in line for that, or waiting to be, unless it is being told.
    pub(super) wants_push: bool,
    /// How many streams of the peer's are here.
    inbound: usize,
    /// How often it has asked and pushed lately, and how often we have pushed.
    questions: Bucket,
    pushes_heard: Bucket,
    pushes_said: Bucket,
    /// The work of signatures that its records have caused lately.
    record_work: Bucket,
}

impl Link {
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

    /// Takes what the peer says, if nothing is proven to be otherwise.
    fn take(&mut self, mut said: Info, is_push: bool) -> Result<Arc<Info>, Failure> {
        if said.public_key.as_ref().is_some_and(|key| key.to_peer_id() != self.peer) {
            return Err(Failure::WrongPeer);
        }
        said.record.take_if(|record| record.peer() != self.peer);
        if let Some(record) = &said.record {
            said.listen_addresses = record.addresses().to_vec();
        }
        if let (true, Some(info)) = (is_push, &self.info) {
            let mut info = (**info).clone();
            info.update(said);
            said = info;
        }
        Ok(self.info.insert(Arc::new(said)).clone())
    }
}

/// What a stream is for.
#[derive(Debug)]
pub(super) struct Use {
    connection: ConnectionId,
    role: Role,
    work: Work,
    deadline: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Ask,
    Answer,
    Push,
    Hear,
}

#[derive(Debug)]
enum Work {
    /// What is to be said is made once the peer listens, so that it is true then.
    Opening,
    Write(Writer),
    Read(Reader),
    /// The rest is the swarm's to close.
    Done,
}

impl Work {
    /// Returns the memory that is taken by what has come, or is not written yet.
    const fn held(&self) -> usize {
        match self {
            Self::Opening | Self::Done => 0,
            Self::Write(writer) => writer.held(),
            Self::Read(reader) => reader.held(),
        }
    }
}

/// What takes memory for a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Item {
    /// What its peer has said.
    Info(ConnectionId),
    /// What has come on a stream, or is not written to it yet.
    Stream(StreamId),
}

impl Identify {
    fn begin(&mut self, connection: ConnectionId, stream: StreamId, role: Role, work: Work, now: Duration) {
        let mut of = Use { connection, role, work, deadline: None };
        self.deadlines.set(stream, &mut of.deadline, Some(now.saturating_add(self.config.timeout)));
        self.streams.insert(stream, of);
    }

    /// Asks a connection.
    pub(super) fn ask(&mut self, node: &mut dyn Node, connection: ConnectionId, now: Duration) {
        match node.open_stream(connection, &[PROTOCOL]) {
            Ok(stream) => {
                let reader = Reader::new(self.config.max_bytes);
                self.begin(connection, stream, Role::Ask, Work::Read(reader), now);
            }
            Err(error) => self.heard(connection, Role::Ask, Err(fails(error))),
        }
    }

    /// What we say may have changed.
    pub(super) fn look_again(&mut self, node: &dyn Node) {
        if self.local.refresh(node) && self.config.pushes {
            self.push();
        }
    }

    /// Begins pushes that wait, as far as there is place.
    pub(super) fn push_on(&mut self, node: &mut dyn Node, now: Duration) {
        while self.may_push() {
            let Some(connection) = self.to_push.pop_front() else { return };
            let Some(link) = self.links.get_mut(connection) else { continue };
            link.wants_push = false;
            let is_deaf = |info: &Arc<Info>| !info.protocols.is_empty() && !info.speaks(&PUSH_PROTOCOL);
            if link.info.as_ref().is_some_and(is_deaf) {
                continue;
            }
            let rate = self.config.pushes_said;
            let may_push = link.pushes_said.take(1, rate, now);
            // A place of the rate comes back in this time.
            let wait = self.config.push_again_after.max(if may_push { MIN_WAIT } else { rate.interval() });
            let opened =
                if may_push { node.open_stream(connection, &[PUSH_PROTOCOL]) } else { Err(OpenStreamError::Limit) };
            match opened {
                Ok(stream) => {
                    link.push = Some(stream);
                    self.pushes.raise(1);
                    self.begin(connection, stream, Role::Push, Work::Opening, now);
                }
                Err(OpenStreamError::Limit) => {
                    link.wants_push = true;
                    self.to_push_again.push(connection);
                    self.push_again_at.get_or_insert(now.saturating_add(wait));
                }
                // It is ending, or the node is.
                Err(OpenStreamError::NoProtocol | OpenStreamError::NotOpen) => {}
                Err(OpenStreamError::Closing | OpenStreamError::Stale) => {}
            }
        }
    }

    /// A stream is open, ours or the peer's.
    pub(super) fn opened(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        if self.streams.get(stream).is_none() {
            let Some(view) = node.stream(stream).filter(|view| view.direction == Direction::Inbound) else { return };
            let is_push = view.protocol == Some(&PUSH_PROTOCOL);
            if !is_push && view.protocol != Some(&PROTOCOL) {
                return;
            }
            let Some(link) = self.links.get_mut(connection) else { return };
            let is_within = match is_push {
                true => link.pushes_heard.take(1, self.config.pushes_heard, now),
                false => link.questions.take(1, self.config.questions, now),
            };
            if !is_within {
                log::debug!("{connection}: the peer {} too often", if is_push { "pushes" } else { "asks" });
                // It may have ended already.
                let _ = node.fail_connection(connection, Fault::Flood);
                return;
            }
            if link.inbound >= self.config.inbound_streams.max(1) {
                // It has just opened.
                let _ = node.reset(stream);
                return;
            }
            link.inbound.raise(1);
            let (role, work) = match is_push {
                true => (Role::Hear, Work::Read(Reader::new(self.config.max_bytes))),
                false => (Role::Answer, Work::Opening),
            };
            self.begin(connection, stream, role, work, now);
        }
        let is_to_say = |of: &&mut Use| matches!(of.work, Work::Opening);
        if self.streams.get_mut(stream).filter(is_to_say).is_some() {
            self.look_again(node);
            let said = self.local.say(node, connection);
            if let Some(of) = self.streams.get_mut(stream) {
                of.work = Work::Write(Writer::new(said));
            }
        }
        self.go_on(node, stream, now);
    }

    /// Writes or reads what can be.
    pub(super) fn go_on(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        self.write_or_read(node, stream, now);
        if let Some(of) = self.streams.get(stream) {
            self.held.set(of.connection, Item::Stream(stream), of.work.held());
        }
    }

    fn write_or_read(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        let Some(of) = self.streams.get_mut(stream) else { return };
        if let Work::Write(writer) = &mut of.work
            && !writer.go_on(node, stream)
        {
            return;
        }
        let heard = match &mut of.work {
            Work::Opening | Work::Done => return,
            Work::Write(_) => None,
            Work::Read(reader) => match reader.go_on(node, stream) {
                None => {
                    // A peer that answers may wait for our end with its own.
                    if reader.has_message() {
                        // It may have ended already.
                        let _ = node.finish(stream);
                    }
                    return;
                }
                heard => heard,
            },
        };
        of.work = Work::Done;
        let (connection, role) = (of.connection, of.role);
        let heard = heard.map(|heard| heard.and_then(|said| self.understand(node, connection, &said, now)));
        // Neither fails: it has just been written to, or read from.
        let _ = if let Some(Err(_)) = heard { node.reset(stream) } else { node.close_stream(stream) };
        if let Some(heard) = heard {
            self.heard(connection, role, heard);
        }
    }

    /// Decodes what a peer says. A record is verified if the peer has signed it itself, and if its signature is within the
    /// budget of the connection; else the connection ends.
    fn understand(
        &mut self,
        node: &mut dyn Node,
        connection: ConnectionId,
        said: &[u8],
        now: Duration,
    ) -> Result<Info, Failure> {
        let Some(link) = self.links.get_mut(connection) else { return Err(Failure::ConnectionClosed) };
        let known = link.info.as_ref().and_then(|info| info.record.as_ref());
        let (peer, rate, bucket) = (link.peer, self.config.record_work, &mut link.record_work);
        let mut is_within = true;
        let info = decode_with(said, |envelope| {
            PeerRecord::verify_by(envelope, &peer, known, |cost| {
                is_within = bucket.take(cost, rate, now);
                is_within
            })
        });
        if !is_within {
            log::debug!("{connection}: the peer signs too many records");
            // It may have ended already.
            let _ = node.fail_connection(connection, Fault::Flood);
            return Err(Failure::Limit);
        }
        info.map_err(|_| Failure::Protocol)
    }

    /// A stream's deadline has come.
    pub(super) fn late(&mut self, node: &mut dyn Node, stream: StreamId, now: Duration) {
        let Some(of) = self.streams.get_mut(stream) else { return };
        of.deadline = None;
        // It may have ended already.
        let _ = node.reset(stream);
        self.over(node, stream, Failure::Timeout, now);
    }

    /// Forgets a stream that is over.
    fn take_out(&mut self, stream: StreamId) -> Option<Use> {
        let mut of = self.streams.remove(stream)?;
        self.deadlines.set(stream, &mut of.deadline, None);
        self.held.forget(Item::Stream(stream));
        let connection = of.connection;
        if let Some(link) = self.links.get_mut(connection) {
            match of.role {
                Role::Ask => {}
                Role::Answer | Role::Hear => link.inbound.lower(1),
                Role::Push => {
                    link.push = None;
                    if link.wants_push {
                        self.to_push.push_back(connection);
                    }
                }
            }
        }
        self.pushes.lower((of.role == Role::Push).into());
        Some(of)
    }

    /// While more memory is taken than may be, the connection for which most is loses the largest part: a stream is reset, or
    /// what its peer has said is forgotten.
    pub(super) fn relieve(&mut self, node: &mut dyn Node) {
        while self.held.all() > self.config.held_bytes {
            let Some(item) = self.held.largest() else { return };
            match item {
                Item::Info(connection) => {
                    self.held.forget(item);
                    self.forgotten.raise(1);
                    if let Some(link) = self.links.get_mut(connection) {
                        link.info = None;
                    }
                    log::debug!("{connection}: what its peer has said is forgotten: there is too much of all");
                }
                Item::Stream(stream) => {
                    let Some(of) = self.take_out(stream) else { return };
                    log::debug!("{}: {stream} is reset: peers say too much, or do not read", of.connection);
                    // It may have ended already.
                    let _ = node.reset(stream);
                    if let Work::Read(_) = of.work {
                        self.heard(of.connection, of.role, Err(Failure::Limit));
                    }
                }
            }
        }
    }

    /// A stream is over, open or not.
    pub(super) fn over(&mut self, node: &mut dyn Node, stream: StreamId, reason: Failure, now: Duration) {
        let Some(of) = self.take_out(stream) else { return };
        let connection = of.connection;
        match of.work {
            Work::Opening | Work::Write(_) => log::debug!("{connection}: could not say who we are: {reason}"),
            Work::Read(mut reader) => {
                let said = reader.cut(&node.take_unread(stream), reason);
                let heard = said.and_then(|said| self.understand(node, connection, &said, now));
                self.heard(connection, of.role, heard);
            }
            Work::Done => {}
        }
    }

    /// What came of a question, or of the peer's push.
    fn heard(&mut self, connection: ConnectionId, role: Role, heard: Result<Info, Failure>) {
        let Some(link) = self.links.get_mut(connection) else { return };
        let (is_push, peer) = (role == Role::Hear, link.peer);
        link.is_asked &= is_push;
        let heard = heard.and_then(|said| link.take(said, is_push));
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
