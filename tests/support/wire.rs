//! [`Wire`]: a transport in memory that allocates nothing once its buffers have grown, and counts the calls of its
//! pipes. A dial comes in at the other end's listener at once; what is written can be read at once.

use futures::future::{Ready, ready};
use futures::io::{AsyncRead, AsyncWrite};
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p_core::{Multiaddr, Transport};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Where the one listener listens.
pub(crate) fn address() -> Multiaddr {
    "/memory/1".parse().expect("an address")
}

/// Both ends of a wire: what is dialed at the one comes in at the other.
pub(crate) fn wire() -> (Wire, Wire) {
    let shared = Rc::<Shared>::default();
    (Wire { shared: shared.clone(), listener: None, told: false }, Wire { shared, listener: None, told: false })
}

/// One transport's handle onto what both share.
#[derive(Clone)]
pub(crate) struct Wire {
    shared: Rc<Shared>,
    listener: Option<ListenerId>,
    /// The listener's first address has been told.
    told: bool,
}

#[derive(Default)]
struct Shared {
    incoming: RefCell<VecDeque<Pipe>>,
    waker: RefCell<Option<Waker>>,
    calls: Rc<Cell<u64>>,
    /// The address of the listener, which is parsed once.
    at: OnceCell<Multiaddr>,
    /// The address that accepted connections come from; `None`: that of the listener.
    remote: RefCell<Option<Multiaddr>>,
    /// How many bytes a direction holds; 0: as many as are written.
    capacity: Cell<usize>,
    /// What is done in each call of a pipe that is made from now on.
    look: RefCell<Option<Rc<dyn Fn()>>>,
}

/// Counts the calls of all pipes of a wire.
#[derive(Clone)]
pub(crate) struct Calls(Rc<Cell<u64>>);

impl Calls {
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Wire {
    /// Bounds what a direction of a pipe holds, and allocates that with the pipe.
    pub(crate) fn bound(&self, capacity: usize) {
        self.shared.capacity.set(capacity);
    }

    /// Has something done in each call of a pipe that is made from now on.
    pub(crate) fn look_in_each_call(&self, look: Rc<dyn Fn()>) {
        *self.shared.look.borrow_mut() = Some(look);
    }

    /// Has accepted connections come from this address.
    pub(crate) fn seen_as(&self, remote: Multiaddr) {
        *self.shared.remote.borrow_mut() = Some(remote);
    }

    /// Connects to the other end's listener by hand.
    pub(crate) fn connect(&self) -> Pipe {
        let (near, far) = Pipe::pair(&self.shared, self.shared.capacity.get());
        self.shared.incoming.borrow_mut().push_back(far);
        if let Some(waker) = self.shared.waker.borrow_mut().take() {
            waker.wake();
        }
        near
    }

    pub(crate) fn calls(&self) -> Calls {
        Calls(self.shared.calls.clone())
    }
}

/// One direction.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    capacity: usize,
}

/// One end of a byte pipe.
pub(crate) struct Pipe {
    reads: Rc<RefCell<Way>>,
    writes: Rc<RefCell<Way>>,
    calls: Rc<Cell<u64>>,
    look: Option<Rc<dyn Fn()>>,
}

impl Pipe {
    fn pair(shared: &Shared, capacity: usize) -> (Self, Self) {
        let (calls, look) = (&shared.calls, shared.look.borrow().clone());
        let way = || {
            let way = Way { bytes: VecDeque::with_capacity(capacity), capacity, ..Way::default() };
            Rc::new(RefCell::new(way))
        };
        let (there, back) = (way(), way());
        let near = Self { reads: back.clone(), writes: there.clone(), calls: calls.clone(), look: look.clone() };
        (near, Self { reads: there, writes: back, calls: calls.clone(), look })
    }

    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
        if let Some(look) = &self.look {
            look();
        }
    }

    fn end(&self) {
        let mut way = self.writes.borrow_mut();
        way.ended = true;
        if let Some(waker) = way.reader.take() {
            waker.wake();
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.called();
        let mut way = self.reads.borrow_mut();
        if way.bytes.is_empty() && !way.ended {
            way.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(waker) = way.writer.take() {
            waker.wake();
        }
        Poll::Ready(io::Read::read(&mut way.bytes, buffer))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.called();
        let mut way = self.writes.borrow_mut();
        let room = if way.capacity == 0 { bytes.len() } else { way.capacity - way.bytes.len() };
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        way.bytes.extend(bytes);
        if let Some(waker) = way.reader.take() {
            waker.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.end();
    }
}

impl Transport for Wire {
    type Output = Pipe;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<Pipe>>;
    type Dial = Ready<io::Result<Pipe>>;

    fn listen_on(&mut self, id: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.listener = Some(id);
        Ok(())
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        // One that is forgotten at once has nothing more to say.
        self.listener = None;
        false
    }

    fn dial(&mut self, _: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        Ok(ready(Ok(self.connect())))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let Some(listener_id) = self.listener else { return Poll::Pending };
        if !std::mem::replace(&mut self.told, true) {
            return Poll::Ready(TransportEvent::NewAddress { listener_id, listen_addr: address() });
        }
        let Some(pipe) = self.shared.incoming.borrow_mut().pop_front() else {
            *self.shared.waker.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        };
        Poll::Ready(TransportEvent::Incoming {
            listener_id,
            upgrade: ready(Ok(pipe)),
            local_addr: self.shared.at.get_or_init(address).clone(),
            send_back_addr: self.shared.remote.borrow().clone().unwrap_or_else(address),
        })
    }
}
