//! The lifecycle alone, over plain sockets of the standard library: a protocol of your own whose listeners, connections
//! and requests are told of as exactly as the swarm's. It needs no feature of the crate.
//!
//! In this protocol each byte is a request, and the answer is the same byte. A request is a stream of its connection.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Lifecycle, Limits, ListenerEnd, ListenerId, RemoteEnd, StreamEnd,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    // Each side has this loop. In your program the other side is elsewhere.
    let (sender, address) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || Node::listen(move |address| drop(sender.send(address)))?.run());
    let client = Node::dial(&address.recv()?, 1_000)?.run()?;
    server.join().expect("it does not panic")?;
    println!("{} echoes", client.echoes);
    Ok(())
}

pub(crate) struct Node {
    lifecycle: Lifecycle<8>,
    listener: Option<(ListenerId, TcpListener)>,
    socket: Option<(ConnectionId, TcpStream)>,
    /// Called with the address of the listener.
    tell: Option<Box<dyn FnOnce(String) + Send>>,
    /// How many echoes the side that dials asks for.
    wanted: Option<usize>,
    pub(crate) echoes: usize,
}

impl Node {
    /// A node that answers one connection. It calls `tell` with its address.
    pub(crate) fn listen(tell: impl FnOnce(String) + Send + 'static) -> Result<Self> {
        let mut node = Self::new();
        node.tell = Some(Box::new(tell));
        let id = node.lifecycle.begin_listener()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        node.listener = Some((id, listener));
        node.lifecycle.opened(id)?;
        Ok(node)
    }

    /// A node that dials, asks for so many echoes, and leaves.
    pub(crate) fn dial(address: &str, echoes: usize) -> Result<Self> {
        let mut node = Self::new();
        node.wanted = Some(echoes);
        node.connected(TcpStream::connect(address)?, Direction::Outbound)?;
        Ok(node)
    }

    fn new() -> Self {
        let lifecycle = Lifecycle::new(Limits::default());
        Self { lifecycle, listener: None, socket: None, tell: None, wanted: None, echoes: 0 }
    }

    pub(crate) fn run(mut self) -> Result<Self> {
        loop {
            while let Some(event) = self.lifecycle.next_event() {
                self.handle(event)?;
            }
            if self.lifecycle.is_empty() {
                return Ok(self);
            }
            let mut fds = Vec::new();
            fds.extend(self.socket.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)));
            fds.extend(self.listener.iter().map(|(_, listener)| PollFd::new(listener, PollFlags::IN)));
            // The protocol has no deadline: it sleeps until something comes.
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.read()?;
            match self.listener.as_ref().map(|(_, listener)| listener.accept()) {
                Some(Ok((socket, _))) if self.socket.is_none() => self.connected(socket, Direction::Inbound)?,
                _ => {}
            }
        }
    }

    fn connected(&mut self, socket: TcpStream, direction: Direction) -> Result<()> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let id = self.lifecycle.begin_connection(direction)?;
        self.socket = Some((id, socket));
        Ok(self.lifecycle.opened(id)?)
    }

    /// Reads while there is room for the events of one more request; the rest stays in the socket, which stays readable.
    fn read(&mut self) -> Result<()> {
        let Some((id, socket)) = &mut self.socket else { return Ok(()) };
        let mut byte = [0];
        while self.lifecycle.room() >= 2 {
            match socket.read(&mut byte) {
                Ok(1) => {}
                Ok(_) => return Ok(self.lifecycle.end_connection(*id, ConnectionEnd::Remote(RemoteEnd::Eof))?),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
            let open = self.lifecycle.streams_of(*id).next();
            if let Some(asked) = open {
                self.lifecycle.end_stream(asked, StreamEnd::Finished)?;
            } else {
                let asked = self.lifecycle.begin_stream(*id, Direction::Inbound)?;
                self.lifecycle.opened(asked)?;
                socket.write_all(&byte)?;
                self.lifecycle.end_stream(asked, StreamEnd::Finished)?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match (event, &mut self.socket) {
            (Event::Listen { .. }, _) => {
                if let (Some(tell), Some((_, listener))) = (self.tell.take(), &self.listener) {
                    tell(listener.local_addr()?.to_string());
                }
            }
            (Event::Connected { connection }, Some((_, socket))) if self.wanted.is_some() => {
                let request = self.lifecycle.begin_stream(connection, Direction::Outbound)?;
                self.lifecycle.opened(request)?;
                socket.write_all(b"!")?;
            }
            (Event::ClosedStream { connection, .. }, Some((_, socket))) => {
                self.echoes += 1;
                if self.wanted.is_some_and(|wanted| self.echoes < wanted) {
                    let request = self.lifecycle.begin_stream(connection, Direction::Outbound)?;
                    self.lifecycle.opened(request)?;
                    socket.write_all(b"!")?;
                } else if self.wanted.is_some() {
                    self.lifecycle.end_connection(connection, ConnectionEnd::Requested)?;
                }
            }
            (Event::Disconnected { .. }, _) => {
                self.socket = None;
                if let Some((id, _)) = self.listener.take() {
                    self.lifecycle.end_listener(id, ListenerEnd::Requested)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
