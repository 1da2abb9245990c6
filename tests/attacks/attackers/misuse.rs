//! [`misuse`]: any number of authenticated connections that do their worst, on two threads.

use super::peer::{Identity, Peer, wait};
use super::raw_frames::Frame;
use super::scene::Scene;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The time after which an attacker that was cut comes again.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest that an attacker waits for its handshake.
const PATIENCE: Duration = Duration::from_secs(3);

/// The time between two looks at all connections: some have something to say after a while.
const ALL: Duration = Duration::from_millis(500);

/// The longest wait for a socket, after which those come again that were cut.
const LOOK: Duration = Duration::from_millis(20);

/// The threads that many connections share: more would leave the node less of the machine than a network does.
const THREADS: usize = 2;

/// A way to misuse a connection.
pub(crate) trait Misuse: Send {
    /// Appends the frames to send next. It is asked once all before is written. Without any, it waits.
    fn more(&mut self, out: &mut Vec<u8>);

    /// Hears a frame of the node, if it [hears](Self::hears).
    fn heard(&mut self, _frame: &Frame) {}

    /// Whether it cares for the answers. Otherwise these are read and dropped.
    fn hears(&self) -> bool {
        false
    }

    /// Whether it reads from its socket now.
    fn reads(&mut self) -> bool {
        true
    }

    /// Whether each byte has a Noise message of its own.
    fn is_bytewise(&self) -> bool {
        false
    }

    /// Whether all that it needs for its worst is there.
    fn is_set_up(&self) -> bool {
        true
    }
}

/// An attacker that comes again whenever it is cut.
struct Attacker<M> {
    number: usize,
    who: Identity,
    from: Option<IpAddr>,
    connection: Option<(Peer, M)>,
    again: Instant,
    has_begun: bool,
    /// It may have something to do: it has just moved, or its socket is ready.
    is_ready: bool,
}

/// Who attacks, from where, and what each does.
pub(crate) struct Plan<W, F, M> {
    pub(crate) connections: usize,
    /// The number of the identity of a connection.
    pub(crate) who: W,
    /// The address from which a connection comes; `None`: the one from which everybody comes.
    pub(crate) from: F,
    pub(crate) make: M,
}

/// Attacks with connections of one address, each of an identity of its own.
pub(crate) fn misuse<M: Misuse>(scene: &Scene, connections: usize, make: impl Fn(usize) -> M + Sync) {
    Plan { connections, who: |number| number as u64, from: |_| None, make }.run(scene);
}

impl<W, F, M, T> Plan<W, F, M>
where
    W: Fn(usize) -> u64 + Sync,
    F: Fn(usize) -> Option<IpAddr> + Sync,
    M: Fn(usize) -> T + Sync,
    T: Misuse,
{
    /// Attacks until the scene is over.
    pub(crate) fn run(&self, scene: &Scene) {
        let ready = &AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for first in 0..THREADS.min(self.connections) {
                scope.spawn(move || scene.account(|| self.work(scene, first, ready)));
            }
        });
    }

    fn work(&self, scene: &Scene, first: usize, ready: &AtomicUsize) {
        let now = Instant::now();
        let numbers = (first..self.connections).step_by(THREADS);
        let attacker = |number| Attacker {
            number,
            who: Identity::new(1_000 + (self.who)(number)),
            from: (self.from)(number),
            connection: None,
            again: now,
            has_begun: false,
            is_ready: true,
        };
        let mut attackers: Vec<Attacker<T>> = numbers.map(attacker).collect();
        let (mut out, mut all) = (Vec::new(), now + ALL);
        while scene.goes_on() {
            let mut moved = 0;
            for attacker in attackers.iter_mut().filter(|attacker| attacker.is_ready) {
                if !scene.goes_on() {
                    break;
                }
                let bytes = self.step(scene, attacker, &mut out);
                attacker.is_ready = bytes > 0;
                moved += bytes;
                let is_set_up = attacker.connection.as_ref().is_some_and(|(_, misuse)| misuse.is_set_up());
                if !attacker.has_begun && (is_set_up || attacker.again > now) {
                    attacker.has_begun = true;
                    if ready.fetch_add(1, Ordering::Relaxed) + 1 == self.connections {
                        scene.is_set_up();
                    }
                }
            }
            let looks_at_all = Instant::now() >= all;
            if looks_at_all {
                all = Instant::now() + ALL;
            }
            listen(&mut attackers, looks_at_all, if moved == 0 { LOOK } else { Duration::ZERO });
        }
    }

    /// Lets one attacker go on. Returns how many bytes have moved.
    fn step(&self, scene: &Scene, attacker: &mut Attacker<T>, out: &mut Vec<u8>) -> usize {
        let now = Instant::now();
        if attacker.connection.is_none() && attacker.again <= now {
            match Peer::dial(&attacker.who, attacker.from, scene.target, now + PATIENCE) {
                Ok(peer) => attacker.connection = Some((peer, (self.make)(attacker.number))),
                Err(error) => {
                    scene.count_cut();
                    attacker.again = Instant::now() + PAUSE;
                    if error.kind() == ErrorKind::TimedOut {
                        // The node has no place for the others, or no time: it does not get worse.
                        scene.is_set_up();
                    }
                }
            }
        }
        let Some((peer, misuse)) = &mut attacker.connection else { return 0 };
        match go_on(peer, misuse, out) {
            Ok(moved) => moved,
            Err(_) => {
                scene.count_cut();
                attacker.connection = None;
                attacker.again = Instant::now() + PAUSE;
                0
            }
        }
    }
}

/// Waits until a socket is ready, or for `limit`, and marks those that are. One without a connection is always ready.
fn listen<M: Misuse>(attackers: &mut [Attacker<M>], looks_at_all: bool, limit: Duration) {
    let open = attackers.iter().filter_map(|attacker| attacker.connection.as_ref());
    let mut sockets: Vec<_> = open.map(|(peer, _)| peer.interest()).collect();
    wait(&mut sockets, limit);
    let mut ready = sockets.iter().map(|socket| !socket.revents().is_empty()).collect::<Vec<_>>().into_iter();
    drop(sockets);
    for attacker in attackers {
        let is_ready = attacker.connection.is_none() || ready.next().unwrap_or(true);
        attacker.is_ready |= is_ready || looks_at_all;
    }
}

fn go_on(peer: &mut Peer, misuse: &mut impl Misuse, out: &mut Vec<u8>) -> io::Result<usize> {
    if peer.is_written() {
        out.clear();
        misuse.more(out);
        if misuse.is_bytewise() { peer.seal_bytewise(out)? } else { peer.seal(out)? }
    }
    let written = peer.flush()?;
    peer.is_reading = misuse.reads();
    let read = if !peer.is_reading {
        0
    } else if misuse.hears() {
        peer.hear(|frame| misuse.heard(&frame))?
    } else {
        peer.discard()?
    };
    Ok(written + read)
}
