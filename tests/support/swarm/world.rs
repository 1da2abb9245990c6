//! [`World`]: a transport that does what a script says. Dials and upgrades hang until they are resolved, listeners say
//! what they are told to, known or not, and pipes stall, split, break and end at will.

use super::super::sim::{Poller, Signal};
use futures::io::{AsyncRead, AsyncWrite};
use libp2p_core::multiaddr::Protocol;
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p_core::{Multiaddr, Transport};
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What breaks things here.
pub(super) const KINDS: [io::ErrorKind; 4] = [
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::TimedOut,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::OutOfMemory,
];

/// The address of a number: each listener, dial and accepted connection has its own.
pub(super) fn address(number: usize) -> Multiaddr {
    Multiaddr::from(Ipv4Addr::new(10, 0, 0, 1)).with(Protocol::Tcp(number as u16))
}

/// The address that an accepted connection comes from: one of three hosts, in turn.
pub(super) fn remote(number: usize) -> Multiaddr {
    Multiaddr::from(Ipv4Addr::new(10, 0, 0, host(number))).with(Protocol::Tcp(number as u16))
}

/// The host that the accepted connection of a number comes from.
pub(super) fn host(number: usize) -> u8 {
    1 + (number % 3) as u8
}

/// The number of an address.
pub(super) fn number(address: &Multiaddr) -> usize {
    match address.iter().nth(1) {
        Some(Protocol::Tcp(port)) => usize::from(port),
        _ => panic!("{address} is no address of ours"),
    }
}

/// The world that the swarm lives in. Clones are handles onto the same one.
#[derive(Clone, Default)]
pub(super) struct World(Rc<RefCell<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) listeners: Vec<Listener>,
    pub(super) openings: Vec<Opening>,
    pub(super) pipes: Vec<Pipe>,
    said: VecDeque<Said>,
    signal: Signal,
    /// Names all that happens here.
    poller: Poller,
    /// What comes of a listen or a dial, by its number.
    pub(super) next: BTreeMap<usize, Next>,
}

#[derive(Clone, Copy)]
pub(super) enum Next {
    Fine,
    Unsupported,
    Fails(io::ErrorKind),
}

/// A listener, as the transport has it.
pub(super) struct Listener {
    id: ListenerId,
    pub(super) number: usize,
    /// Its swarm wants no more of it.
    pub(super) removed: bool,
    /// Its socket is closed, for this reason.
    pub(super) closed: Option<Result<(), io::ErrorKind>>,
    pub(super) addresses: usize,
    /// The first address that it said is one that nobody can connect to.
    pub(super) is_nowhere: bool,
}

/// A dial or an upgrade: what becomes a pipe.
#[derive(Default)]
pub(super) struct Opening {
    pub(super) number: usize,
    pub(super) inbound: bool,
    pub(super) result: Option<Result<usize, io::ErrorKind>>,
    taken: bool,
    /// The swarm has it, or had it.
    pub(super) handed: bool,
    pub(super) dropped: bool,
    signal: Signal,
}

/// The swarm's end of a byte pipe, and what has happened on it.
#[derive(Default)]
pub(super) struct Pipe {
    pub(super) inbox: VecDeque<u8>,
    pub(super) outbox: Vec<u8>,
    pub(super) eof: bool,
    pub(super) error: Option<io::ErrorKind>,
    pub(super) stalled: bool,
    /// At most so many bytes are read or written at once; 0 is any.
    pub(super) most: usize,
    pub(super) closed: bool,
    pub(super) dropped: bool,
    /// What came was not the peer's.
    pub(super) tampered: bool,
    reader: Signal,
    writer: Signal,
}

enum Said {
    Address(ListenerId, Multiaddr),
    Expired(ListenerId, Multiaddr),
    Incoming(ListenerId, usize),
    Closed(ListenerId, Result<(), io::ErrorKind>),
    Error(ListenerId, io::ErrorKind),
}

impl World {
    /// A world, with the poller that names what happens in it.
    pub(super) fn new(poller: Poller) -> Self {
        let world = Self::default();
        let mut state = world.state();
        state.signal.attach(Some(poller.clone()));
        state.poller = poller;
        drop(state);
        world
    }

    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }
}

impl State {
    fn say(&mut self, said: Said) {
        self.said.push_back(said);
        self.signal.happens();
    }

    /// Whether all that was said has been heard.
    pub(super) fn is_heard(&self) -> bool {
        self.said.is_empty()
    }

    /// A listener says that it has an address, or has it no more. It may be closed long since. Port 0 is no address.
    pub(super) fn say_address(&mut self, listener: usize, port: usize, is_there: bool) {
        let listener = &mut self.listeners[listener];
        if is_there && listener.closed.is_none() && !listener.is_nowhere {
            listener.is_nowhere = port == 0 && listener.addresses == 0;
            listener.addresses += usize::from(port > 0);
        }
        let (id, address) = (listener.id, address(port));
        self.say(if is_there { Said::Address(id, address) } else { Said::Expired(id, address) });
    }

    pub(super) fn say_error(&mut self, listener: usize, kind: io::ErrorKind) {
        let id = self.listeners[listener].id;
        self.say(Said::Error(id, kind));
    }

    /// A connection comes in.
    pub(super) fn say_incoming(&mut self, listener: usize) {
        let opening = self.openings.len();
        self.openings.push(Opening { number: 1000 + opening, inbound: true, ..Opening::default() });
        self.openings[opening].signal.attach(Some(self.poller.clone()));
        let id = self.listeners[listener].id;
        self.say(Said::Incoming(id, opening));
    }

    /// A listener's socket closes; a second time nothing new is said of it but the same.
    pub(super) fn close_listener(&mut self, listener: usize, reason: Result<(), io::ErrorKind>) {
        let listener = &mut self.listeners[listener];
        let reason = *listener.closed.get_or_insert(reason);
        let id = listener.id;
        self.say(Said::Closed(id, reason));
    }

    /// The numbers of the connections that were accepted and whose sockets are not closed.
    pub(super) fn accepted(&self) -> impl Iterator<Item = usize> {
        let is_open = |opening: &&Opening| match opening.result {
            Some(Ok(pipe)) => !self.pipes[pipe].dropped,
            Some(Err(_)) | None => !opening.dropped,
        };
        let inbound = self.openings.iter().filter(|opening| opening.inbound && opening.handed);
        inbound.filter(is_open).map(|opening| opening.number)
    }

    /// What was asked to close, closes. Whether anything did.
    pub(super) fn close_removed(&mut self) -> bool {
        let due = |listener: &Listener| listener.removed && listener.closed.is_none();
        let removed: Vec<usize> = (0..self.listeners.len()).filter(|index| due(&self.listeners[*index])).collect();
        removed.iter().for_each(|index| self.close_listener(*index, Ok(())));
        !removed.is_empty()
    }

    /// Gives an opening its pipe, or its error.
    pub(super) fn resolve(&mut self, opening: usize, error: Option<io::ErrorKind>) -> Option<usize> {
        let pipe = self.pipes.len();
        if error.is_none() {
            let pipe = Pipe::default();
            pipe.reader.attach(Some(self.poller.clone()));
            pipe.writer.attach(Some(self.poller.clone()));
            pipe.writer.set_ready();
            self.pipes.push(pipe);
        }
        let opening = &mut self.openings[opening];
        opening.result = Some(error.map_or(Ok(pipe), Err));
        opening.signal.happens();
        if error.is_none() && opening.dropped {
            self.pipes[pipe].dropped = true;
        }
        error.is_none().then_some(pipe)
    }

    /// Something has changed on a pipe.
    pub(super) fn touch(&mut self, pipe: usize) {
        self.pipes[pipe].reader.happens();
        self.pipes[pipe].writer.happens();
    }
}

/// The transport.
pub(super) struct Scripted(pub(super) World);

impl Transport for Scripted {
    type Output = ScriptedPipe;
    type Error = io::Error;
    type ListenerUpgrade = Upgrade;
    type Dial = Upgrade;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<io::Error>> {
        let mut state = self.0.state();
        match state.next[&number(&addr)] {
            Next::Fine => {}
            Next::Unsupported => return Err(TransportError::MultiaddrNotSupported(addr)),
            Next::Fails(kind) => return Err(TransportError::Other(kind.into())),
        }
        state.listeners.push(Listener {
            id,
            number: number(&addr),
            removed: false,
            closed: None,
            addresses: 0,
            is_nowhere: false,
        });
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let mut state = self.0.state();
        let Some(listener) = state.listeners.iter_mut().find(|listener| listener.id == id) else { return false };
        listener.removed = true;
        listener.closed.is_none()
    }

    fn dial(&mut self, addr: Multiaddr, _: DialOpts) -> Result<Upgrade, TransportError<io::Error>> {
        let mut state = self.0.state();
        let number = number(&addr);
        match state.next[&number] {
            Next::Fine => {}
            Next::Unsupported => return Err(TransportError::MultiaddrNotSupported(addr)),
            Next::Fails(kind) => return Err(TransportError::Other(kind.into())),
        }
        let opening = Opening { number, handed: true, ..Opening::default() };
        opening.signal.attach(Some(state.poller.clone()));
        state.openings.push(opening);
        Ok(Upgrade { world: self.0.clone(), opening: state.openings.len() - 1 })
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Upgrade, io::Error>> {
        let mut state = self.0.state();
        let said = if state.signal.is_ready() { state.said.pop_front() } else { None };
        let Some(said) = said else {
            state.signal.wait(cx.waker());
            return Poll::Pending;
        };
        Poll::Ready(match said {
            Said::Address(listener_id, listen_addr) => TransportEvent::NewAddress { listener_id, listen_addr },
            Said::Expired(listener_id, listen_addr) => TransportEvent::AddressExpired { listener_id, listen_addr },
            Said::Incoming(listener_id, opening) => {
                state.openings[opening].handed = true;
                TransportEvent::Incoming {
                    listener_id,
                    upgrade: Upgrade { world: self.0.clone(), opening },
                    local_addr: address(1),
                    send_back_addr: remote(state.openings[opening].number),
                }
            }
            Said::Closed(listener_id, reason) => {
                TransportEvent::ListenerClosed { listener_id, reason: reason.map_err(Into::into) }
            }
            Said::Error(listener_id, kind) => TransportEvent::ListenerError { listener_id, error: kind.into() },
        })
    }
}

/// A dial or an upgrade under way.
pub(super) struct Upgrade {
    world: World,
    opening: usize,
}

impl Future for Upgrade {
    type Output = io::Result<ScriptedPipe>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ScriptedPipe>> {
        let mut state = self.world.state();
        let opening = &mut state.openings[self.opening];
        match opening.result.filter(|_| opening.signal.is_ready()) {
            None => {
                opening.signal.wait(cx.waker());
                Poll::Pending
            }
            Some(Ok(pipe)) => {
                assert!(!std::mem::replace(&mut opening.taken, true), "polled after it was done");
                Poll::Ready(Ok(ScriptedPipe { world: self.world.clone(), pipe }))
            }
            Some(Err(kind)) => Poll::Ready(Err(kind.into())),
        }
    }
}

impl Drop for Upgrade {
    fn drop(&mut self) {
        let mut state = self.world.state();
        let opening = &mut state.openings[self.opening];
        opening.dropped = true;
        if let (false, Some(Ok(pipe))) = (opening.taken, opening.result) {
            state.pipes[pipe].dropped = true;
        }
    }
}

/// The swarm's end of a pipe. Dropping it closes its socket.
pub(super) struct ScriptedPipe {
    world: World,
    pipe: usize,
}

impl AsyncRead for ScriptedPipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let pipe = &mut self.world.state().pipes[self.pipe];
        if !pipe.reader.is_ready() {
            pipe.reader.wait(cx.waker());
            return Poll::Pending;
        }
        if let Some(kind) = pipe.error {
            return Poll::Ready(Err(kind.into()));
        }
        if pipe.inbox.is_empty() && !pipe.eof {
            pipe.reader.wait(cx.waker());
            return Poll::Pending;
        }
        let most = if pipe.most == 0 { buf.len() } else { pipe.most.min(buf.len()) };
        Poll::Ready(io::Read::read(&mut pipe.inbox, &mut buf[..most]))
    }
}

impl AsyncWrite for ScriptedPipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let pipe = &mut self.world.state().pipes[self.pipe];
        assert!(!pipe.closed, "written to after it was closed");
        if let Some(kind) = pipe.error {
            return Poll::Ready(Err(kind.into()));
        }
        if pipe.stalled || !pipe.writer.is_ready() {
            pipe.writer.wait(cx.waker());
            return Poll::Pending;
        }
        let n = if pipe.most == 0 { buf.len() } else { pipe.most.min(buf.len()) };
        pipe.outbox.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pipe = &mut self.world.state().pipes[self.pipe];
        if pipe.stalled || !pipe.writer.is_ready() {
            pipe.writer.wait(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pipe = &mut self.world.state().pipes[self.pipe];
        if pipe.stalled || !pipe.writer.is_ready() {
            pipe.writer.wait(cx.waker());
            return Poll::Pending;
        }
        pipe.closed = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for ScriptedPipe {
    fn drop(&mut self) {
        self.world.state().pipes[self.pipe].dropped = true;
    }
}
