//! [`SimTransport`] and [`SimPipe`]: a host's handle onto the simulated network, as libp2p wants a transport.

use super::network::{Exhausted, Network, Place, Said};
use futures::io::{AsyncRead, AsyncWrite};
use libp2p_core::multiaddr::Protocol;
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p_core::{Multiaddr, Transport};
use std::future::{Future, Ready, ready};
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// The address of a place.
pub(crate) fn address((host, port): Place) -> Multiaddr {
    Multiaddr::from(Ipv4Addr::new(10, 0, 0, host)).with(Protocol::Tcp(port))
}

/// The place of an address.
pub(crate) fn place(address: &Multiaddr) -> Option<Place> {
    match address.iter().collect::<Vec<_>>()[..] {
        [Protocol::Ip4(ip), Protocol::Tcp(port)] => Some((ip.octets()[3], port)),
        _ => None,
    }
}

/// One host's transport.
pub(crate) struct SimTransport {
    network: Network,
    host: u8,
}

impl SimTransport {
    pub(crate) fn new(network: &Network, host: u8) -> Self {
        Self { network: network.clone(), host }
    }
}

impl Transport for SimTransport {
    type Output = SimPipe;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<SimPipe>>;
    type Dial = SimDial;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<io::Error>> {
        let Some((host, port)) = place(&addr) else { return Err(TransportError::MultiaddrNotSupported(addr)) };
        if host != self.host {
            return Err(TransportError::Other(io::ErrorKind::AddrNotAvailable.into()));
        }
        let mut state = self.network.state();
        match state.bind(host, port, id) {
            None => Err(TransportError::Other(io::ErrorKind::AddrInUse.into())),
            Some(place) if state.broken.contains_key(&place) => {
                let kind = state.broken[&place];
                state.listeners.remove(&place);
                state.answer(host, Said::Closed(id, Err(kind)));
                Ok(())
            }
            Some(_) if state.binds_late => Ok(()),
            Some(place) => {
                state.answer(host, Said::Address(id, address(place)));
                Ok(())
            }
        }
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.network.state().unbind(self.host, id)
    }

    fn dial(&mut self, addr: Multiaddr, _: DialOpts) -> Result<SimDial, TransportError<io::Error>> {
        let Some(to) = place(&addr) else { return Err(TransportError::MultiaddrNotSupported(addr)) };
        let mut state = self.network.state();
        if state.exhausted.get(&self.host) == Some(&Exhausted::Descriptors) {
            return Err(TransportError::Other(io::ErrorKind::OutOfMemory.into()));
        }
        let dial = state.dial(self.host, to);
        state.dials[dial].signal.attach(state.pollers.get(&self.host).cloned());
        Ok(SimDial { network: self.network.clone(), dial })
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        let mut state = self.network.state();
        let host = state.hosts.entry(self.host).or_default();
        let said = if host.signal.is_ready() { host.events.pop_front() } else { None };
        let Some(said) = said else {
            host.signal.wait(cx.waker());
            return Poll::Pending;
        };
        host.taken += 1;
        Poll::Ready(match said {
            Said::Address(listener_id, listen_addr) => TransportEvent::NewAddress { listener_id, listen_addr },
            Said::Expired(listener_id, listen_addr) => TransportEvent::AddressExpired { listener_id, listen_addr },
            Said::Incoming { id, pipe, local, remote, upgrade } => {
                if upgrade.is_err() {
                    state.drop_end(pipe, 1);
                }
                let pipe = upgrade.map(|()| SimPipe { network: self.network.clone(), pipe, end: 1 });
                TransportEvent::Incoming {
                    listener_id: id,
                    upgrade: ready(pipe.map_err(Into::into)),
                    local_addr: address(local),
                    send_back_addr: address(remote),
                }
            }
            Said::Closed(listener_id, reason) => {
                TransportEvent::ListenerClosed { listener_id, reason: reason.map_err(Into::into) }
            }
            Said::Error(listener_id, kind) => TransportEvent::ListenerError { listener_id, error: kind.into() },
        })
    }
}

impl Drop for SimTransport {
    fn drop(&mut self) {
        self.network.state().forget(self.host);
    }
}

/// A dial under way.
pub(crate) struct SimDial {
    network: Network,
    dial: usize,
}

impl Future for SimDial {
    type Output = io::Result<SimPipe>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<SimPipe>> {
        let mut state = self.network.state();
        let lacks_memory = state.exhausted.get(&state.dials[self.dial].from) == Some(&Exhausted::Memory);
        let dial = &mut state.dials[self.dial];
        let result = if dial.signal.is_ready() { dial.result.take() } else { None };
        match result {
            None => {
                dial.signal.wait(cx.waker());
                Poll::Pending
            }
            Some(Ok(pipe)) if lacks_memory => {
                state.drop_end(pipe, 0);
                Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()))
            }
            Some(Ok(pipe)) => Poll::Ready(Ok(SimPipe { network: self.network.clone(), pipe, end: 0 })),
            Some(Err(kind)) => Poll::Ready(Err(kind.into())),
        }
    }
}

impl Drop for SimDial {
    fn drop(&mut self) {
        let mut state = self.network.state();
        state.dials[self.dial].cancelled = true;
        if let Some(Ok(pipe)) = state.dials[self.dial].result.take() {
            state.drop_end(pipe, 0);
        }
    }
}

/// One end of a pipe. Dropping it closes its socket.
pub(crate) struct SimPipe {
    network: Network,
    pipe: usize,
    end: usize,
}

impl SimPipe {
    /// The pipe that came in where the test listens itself.
    pub(crate) fn accept(network: &Network) -> Option<Self> {
        let pipe = network.state().raw.pop_front()?;
        Some(Self { network: network.clone(), pipe, end: 1 })
    }

    /// Writes by hand; all of it has to fit.
    pub(crate) fn give(&mut self, bytes: &[u8]) {
        let written = self.network.state().write(self.pipe, self.end, bytes, Waker::noop());
        assert_eq!(written.expect("it fits").expect("the pipe is whole"), bytes.len());
    }

    /// Writes by hand what fits.
    pub(crate) fn try_give(&mut self, bytes: &[u8]) {
        let _ = self.network.state().write(self.pipe, self.end, bytes, Waker::noop());
    }

    /// Writes by hand what fits, and gives how much that was; nothing fits a pipe that is broken.
    pub(crate) fn give_some(&mut self, bytes: &[u8]) -> usize {
        let written = self.network.state().write(self.pipe, self.end, bytes, Waker::noop());
        written.and_then(Result::ok).unwrap_or_default()
    }

    /// Reads by hand what there is.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 1024];
        while let Some(Ok(n @ 1..)) = self.network.state().read(self.pipe, self.end, &mut buffer, Waker::noop()) {
            bytes.extend_from_slice(&buffer[..n]);
        }
        bytes
    }
}

fn poll(outcome: Option<io::Result<usize>>) -> Poll<io::Result<usize>> {
    outcome.map_or(Poll::Pending, Poll::Ready)
}

impl AsyncRead for SimPipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        poll(self.network.state().read(self.pipe, self.end, buf, cx.waker()))
    }
}

impl AsyncWrite for SimPipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        poll(self.network.state().write(self.pipe, self.end, buf, cx.waker()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.network.state().close_end(self.pipe, self.end);
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimPipe {
    fn drop(&mut self) {
        self.network.state().drop_end(self.pipe, self.end);
    }
}

/// The test dials by itself: a pipe that came of it, once the network has delivered the answer.
pub(crate) struct RawDial(SimDial);

impl RawDial {
    pub(crate) fn new(network: &Network, host: u8, to: &Multiaddr) -> Self {
        let to = place(to).expect("a plain address");
        let dial = network.state().dial(host, to);
        Self(SimDial { network: network.clone(), dial })
    }

    pub(crate) fn pipe(&mut self) -> Option<SimPipe> {
        match Pin::new(&mut self.0).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(pipe) => Some(pipe.expect("somebody listens there")),
            Poll::Pending => None,
        }
    }

    /// The same where perhaps nobody listens.
    pub(crate) fn try_pipe(&mut self) -> Poll<Option<SimPipe>> {
        Pin::new(&mut self.0).poll(&mut Context::from_waker(Waker::noop())).map(Result::ok)
    }
}
