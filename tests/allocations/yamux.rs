//! What the buffer of one stream takes up: no more than its window, however it is filled and read. It counts the heap,
//! and is alone in its process for that.

use crate::support::heap;
use crate::support::with;
use std::collections::BTreeMap;
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, Session, Stream};

const WINDOW: usize = INITIAL_WINDOW as usize;
/// What a stream that has unread data may take up beyond its window: the record of its buffer, and the frames by which
/// we grant, which wait to be taken.
const BESIDE: usize = 128;
const SYN: u8 = 1;

fn header(flags: u8, length: usize) -> [u8; 12] {
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [0, 0, 0, flags, 0, 0, 0, 1, a, b, c, d]
}

/// One stream of the peer's, which sends on it all that it is granted.
struct Peer {
    session: Session<u32>,
    streams: BTreeMap<u32, Stream>,
    /// What the peer may still send.
    left: usize,
    payload: Vec<u8>,
    said: Vec<u8>,
    /// The heap with nothing unread.
    rest: usize,
}

impl Peer {
    fn new(receive_window: u32) -> Self {
        let config = with(Config::default(), |config| {
            config.receive_window = receive_window;
            config.max_receive_window = 0;
        });
        let mut session = Session::new(Role::Listener, &config);
        let mut streams = BTreeMap::new();
        assert_eq!(session.receive(&mut streams, &header(SYN, 0)), Ok((11, Some(Fact::Inbound))));
        streams.insert(0, session.accept(0).unwrap());
        assert_eq!(session.receive(&mut streams, &header(SYN, 0)[11..]), Ok((1, None)));
        let (payload, said) = (vec![7; 3 * WINDOW], Vec::with_capacity(1_000));
        let mut peer = Self { session, streams, left: WINDOW, payload, said, rest: 0 };
        peer.rest = heap::bytes();
        peer
    }

    fn held(&self) -> usize {
        heap::bytes() - self.rest
    }

    fn unread(&self) -> usize {
        self.streams[&0].unread().len()
    }

    /// Sends `n` bytes in one frame.
    fn sends(&mut self, n: usize) {
        self.left -= n;
        let (session, streams) = (&mut self.session, &mut self.streams);
        assert_eq!(session.receive(streams, &header(0, n)), Ok((12, None)));
        assert_eq!(session.receive(streams, &self.payload[..n]), Ok((n, Some(Fact::Readable(0)))));
    }

    /// The owner reads `n` bytes, and the peer hears what it is granted.
    fn is_read(&mut self, n: usize) {
        self.session.consume(self.streams.get_mut(&0).unwrap(), n);
        self.session.take_output(&mut self.said);
        for frame in self.said.chunks(12) {
            assert_eq!(frame[..8], [0, 1, 0, 0, 0, 0, 0, 1], "a window update");
            self.left += u32::from_be_bytes(frame[8..].try_into().unwrap()) as usize;
        }
        self.said.clear();
    }
}

/// A full window, in frames of each size.
fn a_full_window_takes_up_what_it_holds() {
    for frame in [1, 100, 16_384, 65_536, WINDOW - 1, WINDOW] {
        let mut peer = Peer::new(INITIAL_WINDOW);
        while peer.left > 0 {
            peer.sends(frame.min(peer.left));
        }
        assert_eq!(peer.unread(), WINDOW);
        assert!(peer.held() <= WINDOW + BESIDE, "{} in frames of {frame}", peer.held());
        peer.is_read(WINDOW);
        assert!(peer.held() <= BESIDE, "{}", peer.held());
    }
}

/// The owner reads in small pieces, and seldom all of it: when no more can come, or after each frame. The peer sends all
/// that it is granted.
fn it_takes_up_no_more_while_it_is_read_in_pieces() {
    for after_each in [false, true] {
        for read in [1, 7, 100, 1_000, 16_000, 65_537, WINDOW / 2 - 1, WINDOW / 2, WINDOW / 2 + 1, WINDOW - 1] {
            for frame in [101, 16_384, WINDOW / 3, WINDOW] {
                let mut peer = Peer::new(INITIAL_WINDOW);
                let (mut calls, mut passed) = (0, 0);
                while calls < 400_000 && passed < 4 * WINDOW {
                    if peer.left > 0 {
                        peer.sends(frame.min(peer.left));
                        assert!(peer.held() <= WINDOW + BESIDE, "{}: {read} read, {frame} sent", peer.held());
                    }
                    if after_each || peer.left == 0 {
                        peer.is_read(read);
                        passed += read;
                        assert!(peer.held() <= WINDOW + BESIDE, "{}: {read} read, {frame} sent", peer.held());
                    }
                    calls += 1;
                }
            }
        }
    }
}

/// A window that is smaller than every peer assumes holds once so much has been read as it is smaller by.
fn a_smaller_window_bounds_the_buffer_after_the_first_window() {
    for window in [1, 1_000, 10_000, WINDOW - 1] {
        let mut peer = Peer::new(window as u32);
        peer.sends(WINDOW);
        assert!(peer.held() <= WINDOW + BESIDE, "{}", peer.held());
        let mut passed = 0;
        while passed < 3 * WINDOW {
            // One byte always stays unread if there can be two.
            let n = peer.unread().saturating_sub(1).clamp(1, 500);
            peer.is_read(n);
            passed += n;
            assert!(peer.left + peer.unread() <= window.max(WINDOW.saturating_sub(passed)));
            if peer.left > 0 {
                peer.sends(peer.left);
                if passed > WINDOW {
                    assert!(peer.held() <= window.max(64) + BESIDE, "{} of {window}", peer.held());
                }
            }
        }
    }
}

pub(crate) fn a_stream_takes_up_no_more_memory_than_its_window() {
    a_full_window_takes_up_what_it_holds();
    it_takes_up_no_more_while_it_is_read_in_pieces();
    a_smaller_window_bounds_the_buffer_after_the_first_window();
}
