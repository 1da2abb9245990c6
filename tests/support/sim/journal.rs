//! [`Journal`]: what every owner of a [`World`](super::World) did and was told, to be held against each other at the
//! end. What one side may know and the other not is named in [`Excuse`], and counted.

use std::collections::{BTreeMap, BTreeSet};
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Failure, Fault, RemoteEnd, Side as Who, StreamEnd, StreamId,
};

/// All owners there have been, the ones that are gone included.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) lives: Vec<Life>,
    /// What was done to each pipe.
    pub(crate) marks: BTreeMap<usize, Marks>,
    /// The pipes of attackers, of whom nothing is expected.
    pub(crate) attacked: BTreeSet<usize>,
    pub(crate) excuses: BTreeMap<Excuse, usize>,
}

/// Where the two ends may come apart, as documented.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Excuse {
    /// A dialer's second gate is not reserved: its queue filled while its last message was on its way, so that the
    /// listener said `Connected` and the dialer, in the end, that it has failed.
    SecondGate,
    /// A dialer has written its last message and was told that it is connected; its peer was gone before that came, or had
    /// no place for it, so that it never had an id there.
    AtTheDoor,
    /// A stream was open on the accepting side, and the opener gave it up, timed out or lost its connection before it
    /// heard of that, or before there was room to say so. The opener's log has the reason.
    NotHeard,
}

/// What was done to a pipe, and explains what its ends tell.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Marks {
    /// It was broken.
    pub(crate) broken: bool,
    /// It, or one of its ends, was held up.
    pub(crate) late: bool,
    /// An owner left its queue full: one side may be open while the other
    /// waits at its gate for room, where it answers no ping.
    pub(crate) lazy: bool,
    /// Its buffer is so small that a polite close may not be over in time.
    pub(crate) narrow: bool,
    /// Something else arrived than was sent.
    pub(crate) garbled: bool,
}

/// One owner with its swarm, from its start to its shutdown or its death.
pub(crate) struct Life {
    pub(crate) name: &'static str,
    pub(crate) host: u8,
    /// Its process was killed: what it was told ends somewhere.
    pub(crate) killed: bool,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
}

/// One side's view of a connection.
pub(crate) struct Connection {
    pub(crate) direction: Direction,
    /// The dial that it is, and the pipe that came of that; there is none for a dial that nobody answered.
    pub(crate) dial: Option<usize>,
    pub(crate) pipe: Option<usize>,
    /// The host that it was dialed to.
    pub(crate) to: Option<u8>,
    /// This side has cut it.
    pub(crate) aborted: bool,
    pub(crate) told: Told<Failure, ConnectionEnd>,
}

/// One side's view of a stream.
pub(crate) struct Stream {
    pub(crate) connection: ConnectionId,
    pub(crate) direction: Direction,
    /// Its number among those that its opener has begun on the connection: it is in the name of the protocol.
    pub(crate) tag: Option<usize>,
    pub(crate) told: Told<Failure, StreamEnd>,
    /// How many bytes this side has written.
    pub(crate) sent: u64,
    pub(crate) received: Vec<u8>,
    /// This side has closed it, and discards what comes.
    pub(crate) discards: bool,
}

/// How far something has come, as it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told<F, E> {
    Nothing,
    Failed(F),
    Open,
    Closed(E),
}

impl Connection {
    /// Whether it runs through one of these pipes.
    pub(crate) fn is_of(&self, pipes: &BTreeSet<usize>) -> bool {
        self.pipe.is_some_and(|pipe| pipes.contains(&pipe))
    }
}

impl<F: Copy, E: Copy> Told<F, E> {
    pub(crate) fn has_opened(&self) -> bool {
        matches!(self, Self::Open | Self::Closed(_))
    }

    fn end(&self) -> Option<E> {
        match self {
            Self::Closed(end) => Some(*end),
            Self::Nothing | Self::Failed(_) | Self::Open => None,
        }
    }
}

/// What the sender of a stream says: a count from a start of its own, so that any prefix can be recognised.
pub(crate) fn content(pipe: usize, tag: usize, from: Direction, start: u64, len: usize) -> Vec<u8> {
    let first = (pipe * 31 + tag * 7 + from as usize * 101) as u8;
    (start..start + len as u64).map(|n| first.wrapping_add((n * 7 % 251) as u8)).collect()
}

/// A stream's tag, and whether its opener is the dialer.
type Opened = (usize, bool);

/// Two views of one connection.
struct Ends<'a> {
    pipe: usize,
    marks: Marks,
    dialer: (&'a Life, ConnectionId, &'a Connection),
    listener: Option<(&'a Life, ConnectionId, &'a Connection)>,
}

impl Journal {
    /// Everything is over: what all were told fits together, or the journal says why not.
    #[track_caller]
    pub(crate) fn assert_agree(&mut self) {
        let mut excuses = BTreeMap::new();
        let mut accepted: BTreeMap<usize, (&Life, ConnectionId, &Connection)> = BTreeMap::new();
        for life in &self.lives {
            for (id, connection) in life.connections.iter().filter(|(_, c)| c.direction == Direction::Inbound) {
                let pipe = connection.pipe.expect("it has come in through one");
                assert!(accepted.insert(pipe, (life, *id, connection)).is_none(), "pipe {pipe} has come in twice");
            }
        }
        let mut matched = BTreeSet::new();
        for life in &self.lives {
            for (id, connection) in life.connections.iter().filter(|(_, c)| c.direction == Direction::Outbound) {
                let Some(pipe) = connection.pipe else {
                    assert!(!connection.told.has_opened(), "{} {id} is open without a pipe", life.name);
                    continue;
                };
                let listener = accepted.get(&pipe).copied();
                matched.insert(pipe);
                if listener.is_none() && self.lives.iter().any(|life| life.killed && Some(life.host) == connection.to) {
                    // Whoever has accepted it was killed before it could say so.
                    continue;
                }
                let marks = self.marks.get(&pipe).copied().unwrap_or_default();
                let ends = Ends { pipe, marks, dialer: (life, *id, connection), listener };
                ends.assert_agree(&mut excuses);
            }
        }
        // Where a rogue has dialed, or an owner that dropped its dial, nobody has authenticated itself.
        let is_known = |pipe| matched.contains(pipe) || self.attacked.contains(pipe);
        let undialed = accepted.iter().find(|(pipe, _)| !is_known(*pipe));
        let undialed = undialed.map(|(pipe, (life, id, connection))| (pipe, life.name, id, connection.told));
        assert!(undialed.is_none(), "{undialed:?} was told of, and nobody has dialed it");
        for (excuse, many) in excuses {
            *self.excuses.entry(excuse).or_default() += many;
        }
    }

    /// In the middle of it: what is open on one side of a pipe is open on the other, where nothing is under way.
    #[track_caller]
    pub(crate) fn assert_settled(&self, is_at_rest: impl Fn(usize) -> bool) {
        let mut open: BTreeMap<usize, Vec<(String, BTreeSet<Opened>)>> = BTreeMap::new();
        for life in self.lives.iter().filter(|life| !life.killed) {
            for (id, connection) in life.connections.iter().filter(|(_, c)| c.told == Told::Open) {
                let of = life.streams.values().filter(|stream| stream.connection == *id && stream.told == Told::Open);
                let streams = of.map(|stream| (stream.tag.expect("it is agreed"), stream.is_of(connection.direction)));
                let ends = open.entry(connection.pipe.expect("it is open")).or_default();
                ends.push((format!("{} {id}", life.name), streams.collect()));
            }
        }
        for (pipe, ends) in open.into_iter().filter(|(pipe, _)| is_at_rest(*pipe)) {
            let names: Vec<_> = ends.iter().map(|(name, _)| name).collect();
            assert_eq!(ends.len(), 2, "pipe {pipe} is open for {names:?} only");
            assert_eq!(ends[0].1, ends[1].1, "the open streams of {names:?}");
        }
    }
}

impl Stream {
    /// Whether it is the dialer's, seen from a side that has dialed, or not.
    fn is_of(&self, connection: Direction) -> bool {
        self.direction == connection
    }
}

impl Ends<'_> {
    #[track_caller]
    fn assert_agree(&self, excuses: &mut BTreeMap<Excuse, usize>) {
        let (dialer, dialed, out) = self.dialer;
        let is_own = out.to == Some(dialer.host);
        assert!(!(is_own && out.told.has_opened()), "{}: open with itself", self.name());
        assert!(is_own || out.told != Told::Failed(Failure::LocalPeer), "{}: that is not itself", self.name());
        let Some((listener, accepted, inc)) = self.listener else {
            // Who was killed while it was at a door was never told that it is not let in.
            let is_open = out.told == Told::Open;
            assert!(!is_open || dialer.killed, "{}: open, and nobody has accepted it", self.name());
            if out.told.has_opened() {
                if !is_open {
                    self.assert_explained(out.told);
                }
                let opened = dialer.streams.values().find(|s| s.connection == dialed && s.told.has_opened());
                assert!(opened.is_none(), "{}: a stream is open on what nobody has accepted", self.name());
                *excuses.entry(Excuse::AtTheDoor).or_default() += 1;
            }
            return;
        };
        if let Told::Failed(failure) = inc.told {
            // Its peer is authenticated, and it waits for room: nothing of it is understood, and no time runs. Its share
            // may be refused meanwhile.
            let ends = [Failure::Eof, Failure::Reset(Who::Remote), Failure::Io, Failure::Requested, Failure::Shutdown];
            let why = [&ends[..], &[Failure::Limit]].concat();
            assert!(why.contains(&failure), "{}: {failure} of what waits for room", self.name());
        }
        for told in [out.told, inc.told] {
            self.assert_explained(told);
        }
        if out.told.has_opened() && !listener.killed {
            // Authenticated by a listener that may have failed since, of a reason that it has told.
            assert_ne!(inc.told, Told::Nothing, "{}: the listener knows nothing of it", self.name());
        }
        if inc.told.has_opened() && !out.told.has_opened() && !dialer.killed {
            assert!(matches!(out.told, Told::Failed(_)), "{}: the dialer knows nothing of it", self.name());
            *excuses.entry(Excuse::SecondGate).or_default() += 1;
        }
        let from_afar = |told: Told<_, _>| {
            matches!(
                told,
                Told::Closed(ConnectionEnd::Remote(_) | ConnectionEnd::Failed(Fault::Reset))
                    | Told::Failed(Failure::Eof | Failure::Reset(Who::Remote))
            )
        };
        let killed = dialer.killed || listener.killed;
        if from_afar(out.told) && from_afar(inc.told) {
            assert!(
                self.marks.broken || killed,
                "{}: nobody has begun its end: {:?} {:?}",
                self.name(),
                out.told,
                inc.told
            );
        }
        for (told, other, other_life) in [(out.told, inc.told, listener), (inc.told, out.told, dialer)] {
            if told == Told::Closed(ConnectionEnd::Remote(RemoteEnd::GoAway(0))) && !other_life.killed {
                let asked =
                    [ConnectionEnd::Requested, ConnectionEnd::Idle, ConnectionEnd::Shutdown, ConnectionEnd::Trimmed];
                let asked = asked.map(Told::Closed);
                assert!(asked.contains(&other), "{}: who has sent the go-away? {other:?}", self.name());
            }
        }
        let (dialer, listener) = ((dialer, dialed, out), (listener, accepted, inc));
        self.assert_streams_agree(dialer, listener, excuses);
        self.assert_streams_agree(listener, dialer, excuses);
    }

    /// The ends have reasons that nothing but what was done to the pipe can have caused.
    #[track_caller]
    fn assert_explained(&self, told: Told<Failure, ConnectionEnd>) {
        let Marks { broken, late, lazy, narrow: _, garbled } = self.marks;
        let may_be = match told {
            Told::Closed(ConnectionEnd::Remote(RemoteEnd::GoAway(1..)) | ConnectionEnd::Failed(Fault::Protocol))
            | Told::Failed(Failure::Protocol | Failure::Unsupported | Failure::WrongPeer) => garbled,
            Told::Closed(ConnectionEnd::Failed(Fault::Timeout)) | Told::Failed(Failure::Timeout) => late || lazy,
            Told::Closed(ConnectionEnd::Failed(Fault::Io)) | Told::Failed(Failure::Io) => broken,
            // Whoever is honest stays below all budgets.
            Told::Closed(ConnectionEnd::Failed(Fault::Flood)) => false,
            Told::Failed(
                Failure::Refused
                | Failure::Unreachable
                | Failure::AddressInUse
                | Failure::AddressNotAvailable
                | Failure::PermissionDenied
                | Failure::ConnectionClosed,
            ) => false,
            Told::Nothing | Told::Open | Told::Closed(_) | Told::Failed(_) => true,
        };
        assert!(may_be, "{}: {told:?} out of nothing ({:?})", self.name(), self.marks);
    }

    /// What both tell of the streams that one of them has opened.
    #[track_caller]
    fn assert_streams_agree(
        &self,
        (opener, at_opener, opener_told): (&Life, ConnectionId, &Connection),
        (acceptor, at_acceptor, acceptor_told): (&Life, ConnectionId, &Connection),
        excuses: &mut BTreeMap<Excuse, usize>,
    ) {
        let opened = opener.streams_of(at_opener, Direction::Outbound);
        let accepted = acceptor.streams_of(at_acceptor, Direction::Inbound);
        for (tag, theirs) in accepted.iter().filter(|(_, stream)| stream.told.has_opened()) {
            let name = format!("{}, stream {tag} of {}", self.name(), opener.name);
            let ours = opened.get(tag).unwrap_or_else(|| panic!("{name} has come to {} from nowhere", acceptor.name));
            if let Told::Failed(failure) = ours.told {
                let mut why = vec![Failure::Timeout, Failure::ConnectionClosed, Failure::Requested];
                why.extend([Failure::Shutdown, Failure::Reset(Who::Local)]);
                if matches!(
                    theirs.told.end(),
                    Some(StreamEnd::Reset(Who::Local) | StreamEnd::Timeout | StreamEnd::Limit)
                ) || acceptor.killed
                {
                    why.push(Failure::Reset(Who::Remote));
                }
                assert!(why.contains(&failure), "{name}: {failure}, but it was accepted, and {:?}", theirs.told);
                *excuses.entry(Excuse::NotHeard).or_default() += 1;
            }
        }
        for (tag, ours) in opened.iter().filter(|(_, stream)| stream.told.has_opened()) {
            let name = format!("{}, stream {tag} of {}", self.name(), opener.name);
            let theirs = accepted.get(tag).filter(|stream| stream.told.has_opened());
            let Some(theirs) = theirs else {
                assert!(acceptor.killed, "{name} is open for its opener only: {:?}", ours.told);
                continue;
            };
            let killed = opener.killed || acceptor.killed;
            for (one, (other, other_killed), from) in [
                (ours, (theirs, acceptor.killed), Direction::Inbound),
                (theirs, (ours, opener.killed), Direction::Outbound),
            ] {
                assert_end(&name, one, other, other_killed);
                let said = content(self.pipe, *tag, from, 0, one.received.len());
                assert!(one.received == said, "{name}: what has come is not what was sent");
                if other_killed {
                    continue;
                }
                let (came, sent) = (one.received.len() as u64, other.sent);
                assert!(came <= sent, "{name}: {came} bytes of {sent}");
                if one.told == Told::Closed(StreamEnd::Finished) && !one.discards {
                    assert_eq!(came, sent, "{name}: a clean end, and something is missing");
                }
            }
            let both = [ours, theirs].map(|stream| stream.told.end());
            if !killed && both == [Some(StreamEnd::ConnectionClosed); 2] {
                let aborted = opener_told.aborted || acceptor_told.aborted;
                for (one, other, told, asked) in [
                    (ours, theirs, opener_told.told, acceptor_told.told),
                    (theirs, ours, acceptor_told.told, opener_told.told),
                ] {
                    let lacks = !one.discards && (one.received.len() as u64) < other.sent;
                    // What was written before a polite close comes before its last frame, and also where two cross,
                    // unless the network held it up until the close was cut.
                    let heard = told == Told::Closed(ConnectionEnd::Remote(RemoteEnd::GoAway(0)));
                    let polite = [ConnectionEnd::Requested, ConnectionEnd::Shutdown, ConnectionEnd::Idle];
                    let crossed = [told, asked].iter().all(|told| polite.map(Told::Closed).contains(told));
                    let Marks { broken, late, narrow, .. } = self.marks;
                    if lacks && (heard || crossed && !broken && !late && !narrow && !aborted) {
                        panic!("{name}: {} of {} bytes came: {told:?}, {asked:?}", one.received.len(), other.sent);
                    }
                }
            }
        }
    }

    fn name(&self) -> String {
        let listener = self.listener.map(|(life, id, _)| format!("{} {id}", life.name));
        let (dialer, id, _) = self.dialer;
        format!("pipe {} from {} {id} to {}", self.pipe, dialer.name, listener.as_deref().unwrap_or("nobody"))
    }
}

/// Of one stream's two ends: what the one was told has its cause in the other.
#[track_caller]
fn assert_end(name: &str, one: &Stream, other: &Stream, other_killed: bool) {
    let Some(end) = one.told.end() else { return };
    let theirs = other.told.end();
    let is_possible = if end == StreamEnd::Reset(Who::Remote) {
        // What one that was killed was told at last is not known.
        matches!(theirs, Some(StreamEnd::Reset(Who::Local) | StreamEnd::Timeout | StreamEnd::Limit))
            || theirs.is_none() && other_killed
    } else {
        end != StreamEnd::Finished || theirs != Some(StreamEnd::Reset(Who::Remote))
    };
    assert!(is_possible, "{name}: {end:?} on one side, {:?} on the other", other.told);
}

impl Life {
    /// The streams of a connection that one side has begun, by their tags.
    #[track_caller]
    fn streams_of(&self, connection: ConnectionId, direction: Direction) -> BTreeMap<usize, &Stream> {
        let mut tags = BTreeMap::new();
        for stream in self.streams.values().filter(|s| s.connection == connection && s.direction == direction) {
            let Some(tag) = stream.tag else { continue };
            assert!(tags.insert(tag, stream).is_none(), "{} {connection}: stream {tag} twice", self.name);
        }
        tags
    }
}
