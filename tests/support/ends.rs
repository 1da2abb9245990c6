//! [`Pair`]: two connections, and a pipe between them that is cut into pieces of a given size.

use super::with;
use core::time::Duration;
use swarm_notify::connection::{
    Config, Connection, Environment, Fact, Input, Now, Protocol, ReadError, Role, Scratch, Stream, Streams, WriteError,
    noise,
};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Direction, Lifecycle, Limits, StreamId};

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// One end, and what its owner keeps.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) peer: PeerId,
    pub(crate) streams: Streams,
    protocols: Vec<Protocol>,
    pub(crate) config: Config,
    pub(crate) now: Now,
    /// Streams that the peer offers are refused.
    pub(crate) refuses: bool,
    /// Gives ids; nothing is asked of it here.
    ids: Lifecycle<256>,
    id: ConnectionId,
    facts: Vec<Fact>,
    input: Input,
    scratch: Scratch,
}

/// What the connection works with; a macro, so that the fields are borrowed one by one.
macro_rules! turn {
    ($end:expr) => {
        Environment {
            streams: &mut $end.streams,
            protocols: &$end.protocols,
            config: &$end.config,
            now: $end.now,
            scratch: &mut $end.scratch,
        }
    };
}

impl End {
    pub(crate) fn new(key: u8, role: Role, muxers: &[&str]) -> Self {
        let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
        Self::with(&noise::Config::new(&identity, [key; 32], muxers).unwrap(), role, Duration::ZERO)
    }

    /// One with keys that were made before, which begins now.
    pub(crate) fn with(noise: &noise::Config, role: Role, now: Duration) -> Self {
        let config = Config::default();
        let seed = [role as u8 + 1; 32];
        let connection = Connection::new(noise, role, seed, None, &config, now).unwrap();
        let mut ids = Lifecycle::new(with(Limits::default(), |limits| limits.streams_per_connection = u32::MAX));
        let id = ids.begin_connection(Direction::Outbound).unwrap();
        ids.opened(id).unwrap();
        Self {
            connection,
            peer: noise.peer(),
            streams: Streams::new(),
            protocols: ["/sink/1.0.0", "/echo/1.0.0"].map(Protocol::from_static).to_vec(),
            config,
            now: now.into(),
            refuses: false,
            ids,
            id,
            facts: Vec::new(),
            input: Input::new(),
            scratch: Scratch::new(),
        }
    }

    /// What was said since the last time.
    pub(crate) fn facts(&mut self) -> Vec<Fact> {
        core::mem::take(&mut self.facts)
    }

    /// Everything that is due, which counts as written.
    pub(crate) fn say(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        self.connection.transmit(&mut wire).unwrap();
        while let Some(fact) = self.connection.written(&mut turn!(self)) {
            self.facts.push(fact);
        }
        wire
    }

    /// Hears bytes in pieces of `cut`, all of them. Streams that are offered are taken.
    pub(crate) fn hear(&mut self, wire: &[u8], cut: usize) {
        for mut piece in wire.chunks(cut.min(wire.len().max(1))) {
            while !piece.is_empty() {
                let n = self.take_in(piece);
                assert!(n > 0, "it has no space for {} bytes", piece.len());
                piece = &piece[n..];
            }
        }
    }

    /// Hears as much as it wants, as an owner does who reads from a socket, and gives how much that was.
    pub(crate) fn hear_wanted(&mut self, wire: &[u8]) -> usize {
        let mut heard = 0;
        while heard < wire.len() && self.connection.wants_input() {
            let n = self.take_in(&wire[heard..]);
            assert!(n > 0, "there is space for what is wanted");
            heard += n;
        }
        heard
    }

    /// Hears as a swarm does whose helpings are of so many frames, and each read of as many bytes as `cut` gives.
    pub(crate) fn hear_limited(&mut self, mut wire: &[u8], limit: u32, mut cut: impl FnMut() -> usize) {
        let mut helpings = 0;
        while self.connection.wants_input() {
            let is_cut_short = self.connection.is_cut_short();
            if wire.is_empty() && !is_cut_short {
                return;
            }
            helpings += 1;
            assert!(helpings < 1_000_000, "it spins");
            self.connection.begin_input(&mut self.input);
            self.input.limit_frames(limit);
            if !is_cut_short && !self.input.space().is_empty() {
                let n = self.input.fill(&wire[..cut().clamp(1, wire.len())]);
                wire = &wire[n..];
            }
            self.understand();
        }
    }

    fn take_in(&mut self, wire: &[u8]) -> usize {
        self.connection.begin_input(&mut self.input);
        let n = self.input.fill(wire);
        self.understand();
        n
    }

    /// A read that brings nothing.
    pub(crate) fn hear_nothing(&mut self) {
        self.connection.begin_input(&mut self.input);
        self.input.filled(0);
        self.understand();
    }

    fn understand(&mut self) {
        while let Some(fact) = self.connection.receive(&mut self.input, &mut turn!(self)) {
            self.told(fact);
        }
    }

    /// Takes or refuses a stream that is offered, and keeps any other fact.
    fn told(&mut self, fact: Fact) {
        if fact != Fact::StreamOffered {
            self.facts.push(fact);
        } else if self.refuses {
            self.connection.refuse_stream(&mut turn!(self));
        } else {
            let id = self.ids.begin_stream(self.id, Direction::Inbound).unwrap();
            self.streams.insert(id, Stream::inbound());
            let fact = self.connection.accept_stream(id, &mut turn!(self));
            self.facts.extend(fact);
        }
    }

    /// Gives permission to open, and hears what was kept. `true`: it is open.
    pub(crate) fn permit(&mut self) -> bool {
        let Now::At(now) = self.now else { panic!("it opens in a turn") };
        let open = self.connection.open(&self.config, now).unwrap();
        self.connection.begin_input(&mut self.input);
        self.understand();
        open
    }

    pub(crate) fn poll_at(&self) -> Option<Duration> {
        self.connection.poll_at(&self.streams, &self.config)
    }

    pub(crate) fn at(&mut self, now: Duration) {
        self.now = now.into();
        while let Some(fact) = self.connection.handle_timeout(&mut turn!(self)) {
            self.told(fact);
        }
    }

    pub(crate) fn close(&mut self) {
        self.connection.close(&self.config, self.now);
    }

    pub(crate) fn open_stream(&mut self, protocols: &[&'static str]) -> StreamId {
        let protocols: Vec<_> = protocols.iter().map(|name| Protocol::from_static(name)).collect();
        let id = self.ids.begin_stream(self.id, Direction::Outbound).unwrap();
        self.streams.insert(id, Stream::outbound(&protocols).unwrap());
        self.connection.open_stream(id, &mut turn!(self)).unwrap();
        id
    }

    /// What began without a time begins at `now`.
    pub(crate) fn count_from(&mut self, now: Duration) {
        self.now = now.into();
        self.connection.count_from(&mut turn!(self));
    }

    pub(crate) fn close_stream(&mut self, id: StreamId) {
        let fact = self.connection.close_stream(id, &mut turn!(self));
        self.facts.extend(fact);
    }

    pub(crate) fn give_up_silent(&mut self) -> Option<Fact> {
        self.connection.give_up_silent(&mut turn!(self))
    }

    pub(crate) fn stream(&self, id: StreamId) -> &Stream {
        self.streams.get(id).unwrap()
    }

    pub(crate) fn confirm(&mut self, id: StreamId) {
        self.connection.confirm_stream(id, &mut turn!(self));
    }

    pub(crate) fn protocol(&self, id: StreamId) -> &str {
        self.streams.get(id).unwrap().protocol().unwrap().as_str()
    }

    pub(crate) fn write(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError> {
        self.connection.write(id, data, &mut turn!(self))
    }

    pub(crate) fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        self.connection.finish(id, &mut turn!(self))
    }

    pub(crate) fn reset(&mut self, id: StreamId) {
        self.connection.reset_stream(id, &mut turn!(self));
    }

    /// Reads up to 64 bytes; none are the end.
    pub(crate) fn read(&mut self, id: StreamId) -> Result<Vec<u8>, ReadError> {
        self.read_up_to(64, id)
    }

    pub(crate) fn read_up_to(&mut self, most: usize, id: StreamId) -> Result<Vec<u8>, ReadError> {
        let mut buffer = vec![0; most];
        let (n, fact) = self.connection.read(id, &mut buffer, &mut turn!(self))?;
        self.facts.extend(fact);
        buffer.truncate(n);
        Ok(buffer)
    }
}

pub(crate) struct Pair {
    pub(crate) dialer: End,
    pub(crate) listener: End,
    cut: usize,
}

impl Pair {
    pub(crate) fn new(muxers: &[&str], cut: usize) -> Self {
        Self { dialer: End::new(1, Role::Dialer, muxers), listener: End::new(2, Role::Listener, muxers), cut }
    }

    pub(crate) fn end(&mut self, which: usize) -> &mut End {
        if which == 0 { &mut self.dialer } else { &mut self.listener }
    }

    /// Carries bytes both ways until nobody has anything to say.
    pub(crate) fn run(&mut self) {
        loop {
            let (there, back) = (self.dialer.say(), self.listener.say());
            if there.is_empty() && back.is_empty() {
                return;
            }
            self.listener.hear(&there, self.cut);
            self.dialer.hear(&back, self.cut);
        }
    }

    /// Opens the connection on both ends.
    pub(crate) fn open(&mut self) {
        let mut open = [false; 2];
        while open != [true; 2] {
            self.run();
            let mut asked = false;
            for (which, open) in open.iter_mut().enumerate() {
                for fact in self.end(which).facts() {
                    assert_eq!(fact, Fact::ReadyToOpen);
                    (*open, asked) = (self.end(which).permit(), true);
                }
            }
            assert!(asked, "the handshake hangs");
        }
        self.run();
    }

    /// A stream that is open on both ends, begun by the dialer.
    pub(crate) fn stream(&mut self) -> (StreamId, StreamId) {
        let ours = self.dialer.open_stream(&["/echo/1.0.0"]);
        self.run();
        let [Fact::StreamReadyToOpen(theirs)] = self.listener.facts()[..] else { panic!("the listener agrees") };
        self.listener.confirm(theirs);
        self.run();
        assert_eq!(self.dialer.facts(), [Fact::StreamReadyToOpen(ours)]);
        self.dialer.confirm(ours);
        self.run();
        (ours, theirs)
    }

    pub(crate) fn at(&mut self, now: Duration) {
        self.dialer.at(now);
        self.listener.at(now);
    }
}
