//! [`Relay`]: a TCP relay between the owner and a process, polled beside the owner, that counts the bytes that pass.

use rustix::event::{PollFd, PollFlags};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

pub(crate) struct Relay {
    listener: TcpListener,
    to: SocketAddr,
    /// The sockets of who has dialed and of who was dialed.
    ends: Option<[TcpStream; 2]>,
    ways: [Way; 2],
    /// How many bytes may pass before it is time to strike.
    left: usize,
    swallows: bool,
    is_cut: bool,
}

/// One direction: what has been read and not been written yet.
#[derive(Default)]
struct Way {
    bytes: Vec<u8>,
    ended: bool,
}

impl Relay {
    pub(crate) fn new(to: SocketAddr, left: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, to, ends: None, ways: Default::default(), left, swallows: false, is_cut: false }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// As many bytes have passed as should.
    pub(crate) const fn has_passed(&self) -> bool {
        self.left == 0
    }

    /// Both have ended their side, or neither is there any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_cut || self.ways.iter().all(|way| way.ended)
    }

    /// Closes both sockets, which somebody has connected.
    pub(crate) fn cut(&mut self) {
        self.ends = None;
        self.is_cut = true;
    }

    /// Closes both sockets with a reset.
    pub(crate) fn reset(&mut self) {
        for end in self.ends.iter().flatten() {
            socket2::SockRef::from(end).set_linger(Some(Duration::ZERO)).unwrap();
        }
        self.cut();
    }

    /// Takes everything from now on, and passes nothing on.
    pub(crate) fn swallow(&mut self) {
        self.swallows = true;
    }

    /// What has something to do for the next turn once it is ready.
    pub(crate) fn descriptors(&self) -> Vec<PollFd<'_>> {
        let Some(ends) = &self.ends else {
            let listener = PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN);
            return if self.is_cut { Vec::new() } else { vec![listener] };
        };
        let mut descriptors = Vec::new();
        for (from, way) in self.ways.iter().enumerate() {
            match way.bytes.is_empty() {
                // What nobody reads or writes any more is left out: it would be ready for good.
                true if way.ended => {}
                true => descriptors.push(PollFd::from_borrowed_fd(ends[from].as_fd(), PollFlags::IN)),
                false => descriptors.push(PollFd::from_borrowed_fd(ends[1 - from].as_fd(), PollFlags::OUT)),
            }
        }
        descriptors
    }

    /// Passes on what there is. `false`: nothing.
    pub(crate) fn turn(&mut self) -> bool {
        if self.is_cut {
            return false;
        }
        let Some(ends) = &self.ends else {
            let near = match self.listener.accept() {
                Ok((near, _)) => near,
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            };
            // Whoever it is for listens, so that this does not block.
            let far = TcpStream::connect(self.to).unwrap();
            for end in [&near, &far] {
                end.set_nonblocking(true).unwrap();
            }
            self.ends = Some([near, far]);
            return true;
        };
        let mut happened = false;
        for (from, way) in self.ways.iter_mut().enumerate() {
            let (mut source, mut sink) = (&ends[from], &ends[1 - from]);
            while !way.ended && way.bytes.is_empty() {
                let mut buffer = [0; 4096];
                match source.read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Ok(n @ 1..) => {
                        happened = true;
                        if !self.swallows {
                            way.bytes.extend_from_slice(&buffer[..n]);
                        }
                    }
                    Ok(0) | Err(_) => {
                        happened = true;
                        way.ended = true;
                        if !self.swallows {
                            let _ = sink.shutdown(Shutdown::Write);
                        }
                    }
                }
            }
            while !way.bytes.is_empty() {
                // What is beyond the strike is not passed on before it.
                let most = if self.left > 0 { way.bytes.len().min(self.left) } else { way.bytes.len() };
                match sink.write(&way.bytes[..most]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Ok(n) => {
                        happened = true;
                        way.bytes.drain(..n);
                        if self.left > 0 && self.left != usize::MAX {
                            self.left -= n;
                            if self.left == 0 {
                                return true;
                            }
                        }
                    }
                    // Who is gone hears nothing.
                    Err(_) => way.bytes.clear(),
                }
            }
        }
        happened
    }
}
