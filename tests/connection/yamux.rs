//! yamux frame by frame: each rule of the specification against hand-made frames.

use crate::support::raw_frames::{ACK, DATA, FIN, GO_AWAY, PING, RST, SYN, UPDATE, data, frame};
use crate::support::with;
use std::collections::BTreeMap;
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{
    Config, Fact, INITIAL_WINDOW, OpenError, ReadOutcome, Session, Stream, Violation,
};

/// A session, its table, and what it told.
struct End {
    session: Session<u32>,
    streams: BTreeMap<u32, Stream>,
    next: u32,
}

/// Windows stay as they are, and streams wait for no frame of the peer.
fn still() -> Config {
    with(Config::default(), |config| {
        config.max_receive_window = 0;
        config.early_streams = u32::MAX;
    })
}

impl End {
    fn new(role: Role) -> Self {
        Self::with(role, &still())
    }

    fn with(role: Role, config: &Config) -> Self {
        Self { session: Session::new(role, config), streams: BTreeMap::new(), next: 100 }
    }

    /// Opens a stream and sends its SYN away.
    fn open(&mut self) -> u32 {
        let key = self.next;
        self.next += 1;
        let mut stream = self.session.open(key).unwrap();
        self.session.flush(&mut stream);
        self.streams.insert(key, stream);
        self.take();
        key
    }

    fn open_many(&mut self, streams: u32) {
        for _ in 0..streams {
            self.open();
        }
    }

    /// Receives everything, accepting what comes in; returns all facts.
    fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<Fact<u32>>, Violation> {
        let mut facts = Vec::new();
        while !bytes.is_empty() {
            let (n, fact) = self.session.receive(&mut self.streams, bytes)?;
            bytes = &bytes[n..];
            if fact == Some(Fact::Inbound) {
                let key = self.next;
                self.next += 1;
                self.streams.insert(key, self.session.accept(key).unwrap());
            }
            facts.extend(fact);
        }
        Ok(facts)
    }

    #[track_caller]
    fn violates(role: Role, bytes: &[u8], violation: Violation) {
        let mut end = Self::new(role);
        assert_eq!(end.receive(bytes), Err(violation));
        assert_eq!(end.take(), frame(GO_AWAY, 0, 0, 1), "the violation is answered");
        assert_eq!(end.receive(&frame(PING, SYN, 0, 1)), Err(violation), "nothing is received after it");
        assert_eq!(end.take(), b"", "nothing is sent after go-away");
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.session.take_output(&mut bytes);
        bytes
    }

    fn written(&mut self) -> Vec<Fact<u32>> {
        std::iter::from_fn(|| self.session.written(&mut self.streams)).collect()
    }

    fn with_stream<T>(&mut self, key: u32, f: impl FnOnce(&mut Session<u32>, &mut Stream) -> T) -> T {
        f(&mut self.session, self.streams.get_mut(&key).unwrap())
    }

    fn write(&mut self, key: u32, bytes: &[u8]) -> usize {
        self.with_stream(key, |session, stream| session.write(stream, bytes))
    }

    fn finish(&mut self, key: u32) {
        self.with_stream(key, Session::finish);
    }

    fn reset(&mut self, key: u32) {
        self.with_stream(key, Session::reset);
    }

    fn acknowledge(&mut self, key: u32) {
        self.with_stream(key, Session::acknowledge);
    }

    fn flush(&mut self, key: u32) {
        self.with_stream(key, Session::flush);
    }

    fn read(&mut self, key: u32) -> (Vec<u8>, ReadOutcome) {
        let mut all = Vec::new();
        let mut buf = [0; 1000];
        loop {
            match self.with_stream(key, |session, stream| session.read(stream, &mut buf)) {
                ReadOutcome::Bytes(n) => all.extend(&buf[..n]),
                last @ (ReadOutcome::Blocked | ReadOutcome::End | ReadOutcome::Reset) => return (all, last),
            }
        }
    }
}

mod early;
mod flow;
mod frames;
mod growth;
mod lives;
mod pressure;
