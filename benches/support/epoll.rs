//! One byte there and back over two sockets on one edge-triggered epoll, in one thread and without a muxer or
//! encryption: six system calls a round trip, which no swarm can do without.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

/// Two ends of a connection on one epoll.
pub(crate) struct Pair {
    ends: [TcpStream; 2],
    epoll: OwnedFd,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ends = [dialer, listener.accept().unwrap().0];
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        for (n, end) in (0..).zip(&ends) {
            end.set_nodelay(true).unwrap();
            end.set_nonblocking(true).unwrap();
            epoll::add(&epoll, end, EventData::new_u64(n), EventFlags::IN | EventFlags::OUT | EventFlags::ET).unwrap();
        }
        Self { ends, epoll }
    }

    pub(crate) fn ping_pong(&self, times: usize) {
        let mut events = Vec::with_capacity(16);
        for _ in 0..times {
            for to in [1, 0] {
                (&self.ends[1 - to]).write_all(b"x").unwrap();
                self.receive(to, &mut events);
            }
        }
    }

    /// Waits until a byte has come to one end, and reads it.
    fn receive(&self, to: usize, events: &mut Vec<Event>) {
        loop {
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), None).unwrap();
            if events.drain(..).any(|Event { flags, data }| data.u64() == to as u64 && flags.contains(EventFlags::IN)) {
                // Less than there is place for: nothing more has come, and epoll says when something does.
                assert_eq!((&self.ends[to]).read(&mut [0; 16]).unwrap(), 1);
                return;
            }
        }
    }
}
