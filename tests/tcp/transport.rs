//! The TCP transport on real sockets of this machine: what it reports is true, and no error or command is lost.

use crate::support::with;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p_core::transport::{DialOpts, ListenerId, PortUse, Transport as _, TransportError, TransportEvent};
use libp2p_core::{Endpoint, Multiaddr, multiaddr::Protocol};
use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use swarm_notify::tcp::{Config, Stream, Transport};
use turned::Turned;

mod addresses;
mod descriptors;
#[cfg(feature = "dns")]
mod names;
#[cfg(all(feature = "dns", target_os = "linux"))]
mod races;
mod reactor;
mod threads;
mod turned;
mod wildcards;

/// An event of the transport, in a form that can be compared.
#[derive(Debug)]
enum Seen {
    Address(ListenerId, SocketAddr),
    Expired(ListenerId, SocketAddr),
    Incoming { listener: ListenerId, stream: Stream, local: SocketAddr, remote: SocketAddr },
    Closed(ListenerId, Result<(), io::ErrorKind>),
    Error(ListenerId, io::Error),
}

fn socket_address(address: &Multiaddr) -> SocketAddr {
    let parts: Vec<_> = address.iter().collect();
    match parts[..] {
        [Protocol::Ip4(ip), Protocol::Tcp(port)] => SocketAddr::from((ip, port)),
        [Protocol::Ip6(ip), Protocol::Tcp(port)] => SocketAddr::from((ip, port)),
        _ => panic!("{address} is not a plain TCP address"),
    }
}

fn multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

fn poll(transport: &mut Transport, cx: &mut Context<'_>) -> Poll<Seen> {
    Pin::new(transport).poll(cx).map(|event| match event {
        TransportEvent::NewAddress { listener_id, listen_addr } => {
            Seen::Address(listener_id, socket_address(&listen_addr))
        }
        TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } => Seen::Incoming {
            listener: listener_id,
            stream: upgrade.into_inner().expect("an accepted connection is a stream at once"),
            local: socket_address(&local_addr),
            remote: socket_address(&send_back_addr),
        },
        TransportEvent::ListenerClosed { listener_id, reason } => {
            Seen::Closed(listener_id, reason.map_err(|error| error.kind()))
        }
        TransportEvent::ListenerError { listener_id, error } => Seen::Error(listener_id, error),
        TransportEvent::AddressExpired { listener_id, listen_addr } => {
            Seen::Expired(listener_id, socket_address(&listen_addr))
        }
    })
}

#[track_caller]
fn next(transport: &mut Turned) -> Seen {
    transport.run(poll)
}

#[track_caller]
fn assert_nothing_to_report(transport: &mut Turned) {
    let seen = poll(transport, &mut Context::from_waker(Waker::noop()));
    assert!(seen.is_pending(), "{seen:?} came unasked");
}

#[track_caller]
fn next_incoming(transport: &mut Turned) -> (ListenerId, Stream) {
    match next(transport) {
        Seen::Incoming { listener, stream, .. } => (listener, stream),
        other @ (Seen::Address(..) | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => {
            panic!("expected a connection: {other:?}")
        }
    }
}

#[track_caller]
fn try_listen(transport: &mut Turned, address: &str) -> Result<ListenerId, TransportError<io::Error>> {
    let id = ListenerId::next();
    transport.listen_on(id, address.parse().unwrap()).map(|()| id)
}

/// Listens, and returns the address that was reported.
#[track_caller]
fn listen(transport: &mut Turned, address: &str) -> (ListenerId, SocketAddr) {
    let id = try_listen(transport, address).unwrap();
    match next(transport) {
        Seen::Address(listener, bound) if listener == id => (id, bound),
        other
        @ (Seen::Address(..) | Seen::Incoming { .. } | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => {
            panic!("expected the address of {id}: {other:?}")
        }
    }
}

#[track_caller]
fn refusal(result: Result<ListenerId, TransportError<io::Error>>) -> io::ErrorKind {
    match result {
        Err(TransportError::Other(error)) => error.kind(),
        Err(TransportError::MultiaddrNotSupported(address)) => panic!("{address} should be supported"),
        Ok(id) => panic!("{id} should not listen"),
    }
}

fn dial(transport: &mut Turned, address: &Multiaddr) -> Result<swarm_notify::tcp::Dial, TransportError<io::Error>> {
    transport.dial(address.clone(), DialOpts { role: Endpoint::Dialer, port_use: PortUse::Reuse })
}

#[track_caller]
fn dial_now(transport: &mut Turned, address: SocketAddr) -> io::Result<Stream> {
    let dial = dial(transport, &multiaddr(address)).expect("the address is supported");
    transport.block_on(dial)
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// An address to listen on that no other test uses, for those that count on a port staying free once they have freed
/// it: the system hands freed ports to whoever asks next. All of 127/8 is this machine on Linux, so that each test has
/// an address of its own there.
fn alone(number: u8) -> String {
    let ip = if cfg!(target_os = "linux") { format!("127.0.47.{number}") } else { "127.0.0.1".to_owned() };
    format!("/ip4/{ip}/tcp/0")
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn bytes_pass_both_ways_and_each_direction_ends_by_itself() {
    let mut transport = Turned::default();
    for address in ["/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/0"] {
        if address.starts_with("/ip6") && !has_ipv6() {
            continue;
        }
        let (_, bound) = listen(&mut transport, address);
        let mut dialed = dial_now(&mut transport, bound).unwrap();
        let (_, mut accepted) = next_incoming(&mut transport);
        transport.block_on(async {
            dialed.write_all(b"there").await.unwrap();
            dialed.close().await.unwrap();
            let mut read = Vec::new();
            accepted.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, b"there");
            accepted.write_all(b"and back").await.unwrap();
            accepted.close().await.unwrap();
            read.clear();
            dialed.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, b"and back");
        });
    }
}

#[test]
fn dropping_a_stream_closes_its_socket() {
    let mut transport = Turned::default();
    let (_, bound) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let mut client = TcpStream::connect(bound).unwrap();
    let (_, accepted) = next_incoming(&mut transport);
    drop(accepted);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialed = dial_now(&mut transport, listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(dialed);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
}

/// As in a child between fork and exec.
#[test]
fn the_other_side_is_told_though_a_copy_of_the_socket_lives() {
    let mut transport = Turned::default();
    let (_, bound) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let mut client = TcpStream::connect(bound).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (_, accepted) = next_incoming(&mut transport);
    let copy = accepted.as_fd().try_clone_to_owned().unwrap();
    drop(accepted);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(copy);
}

#[test]
fn no_delay_is_as_configured_on_accepted_and_dialed_connections() {
    for nodelay in [true, false] {
        let config = with(Config::default(), |config| config.nodelay = nodelay);
        assert!(Config::default().nodelay);
        let mut transport = Turned::new(config);
        let (_, bound) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
        let dialed = dial_now(&mut transport, bound).unwrap();
        let (_, accepted) = next_incoming(&mut transport);
        for stream in [dialed, accepted] {
            assert_eq!(socket2::SockRef::from(&stream).tcp_nodelay().unwrap(), nodelay);
        }
    }
}

#[test]
fn every_one_of_many_connections_is_accepted_once() {
    const LISTENERS: usize = 3;
    const EACH: usize = 60;
    let mut transport = Turned::default();
    let listeners = [(); LISTENERS].map(|()| listen(&mut transport, "/ip4/127.0.0.1/tcp/0"));
    let clients = std::thread::spawn(move || {
        let connect = |_| listeners.map(|(_, bound)| TcpStream::connect(bound).unwrap());
        (0..EACH).flat_map(connect).collect::<Vec<_>>()
    });
    let mut accepted = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..LISTENERS * EACH {
        match next(&mut transport) {
            Seen::Incoming { listener, stream, local, remote } => {
                assert!(listeners.contains(&(listener, local)));
                accepted.push((local, remote));
                streams.push(stream);
            }
            other @ (Seen::Address(..) | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => panic!("{other:?}"),
        }
    }
    let clients = clients.join().unwrap();
    let mut expected: Vec<_> =
        clients.iter().map(|client| (client.peer_addr().unwrap(), client.local_addr().unwrap())).collect();
    expected.sort();
    accepted.sort();
    assert_eq!(accepted, expected);
    assert_nothing_to_report(&mut transport);
}

#[test]
fn listeners_are_served_in_turn() {
    const EACH: usize = 10;
    let mut transport = Turned::default();
    let listeners = [(); 3].map(|()| listen(&mut transport, "/ip4/127.0.0.1/tcp/0"));
    let mut clients = Vec::new();
    for (_, bound) in listeners {
        clients.extend((0..EACH).map(|_| TcpStream::connect(bound).unwrap()));
    }
    let order: Vec<_> = (0..3 * EACH).map(|_| next_incoming(&mut transport).0).collect();
    for turn in order.chunks(3) {
        for (id, _) in listeners {
            assert!(turn.contains(&id), "{id} was passed over in {order:?}");
        }
    }
}

#[test]
fn removing_a_listener_closes_its_socket_before_it_returns() {
    let mut transport = Turned::default();
    let (removed, bound) = listen(&mut transport, &alone(1));
    let (kept, other) = listen(&mut transport, &alone(1));
    assert!(transport.remove_listener(removed));
    assert_eq!(TcpStream::connect(bound).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(!transport.remove_listener(removed));
    assert!(matches!(next(&mut transport), Seen::Closed(closed, Ok(())) if closed == removed));
    assert!(!transport.remove_listener(removed));
    assert_nothing_to_report(&mut transport);
    let _client = TcpStream::connect(other).unwrap();
    assert_eq!(next_incoming(&mut transport).0, kept);
}

#[test]
fn closed_listeners_are_reported_in_the_order_of_their_removal() {
    let mut transport = Turned::default();
    let mut ids = [(); 4].map(|()| listen(&mut transport, "/ip4/127.0.0.1/tcp/0").0);
    ids.rotate_left(2);
    for id in ids {
        assert!(transport.remove_listener(id));
    }
    for id in ids {
        assert!(matches!(next(&mut transport), Seen::Closed(closed, Ok(())) if closed == id));
    }
    assert_nothing_to_report(&mut transport);
}

#[test]
fn an_address_is_not_reported_after_its_listener_is_removed() {
    let mut transport = Turned::default();
    let id = try_listen(&mut transport, "/ip4/127.0.0.1/tcp/0").unwrap();
    assert!(transport.remove_listener(id));
    assert!(matches!(next(&mut transport), Seen::Closed(closed, Ok(())) if closed == id));
    assert_nothing_to_report(&mut transport);
}

#[test]
fn a_port_is_bound_again_at_once_whatever_its_connections_do() {
    let mut transport = Turned::default();
    let (first, bound) = listen(&mut transport, &alone(2));
    // One that we close first, so that TIME_WAIT falls to our port.
    let mut waiting = TcpStream::connect(bound).unwrap();
    drop(next_incoming(&mut transport));
    assert_eq!(waiting.read(&mut [0]).unwrap(), 0);
    drop(waiting);
    // One that lives on, and one that nobody has accepted.
    let mut living = TcpStream::connect(bound).unwrap();
    let (_, mut accepted) = next_incoming(&mut transport);
    let _unaccepted = TcpStream::connect(bound).unwrap();

    assert!(transport.remove_listener(first));
    let second = try_listen(&mut transport, &multiaddr(bound).to_string()).unwrap();
    assert!(matches!(next(&mut transport), Seen::Closed(closed, Ok(())) if closed == first));
    assert!(matches!(next(&mut transport), Seen::Address(id, address) if (id, address) == (second, bound)));

    living.write_all(b"still here").unwrap();
    let mut read = [0; 10];
    transport.block_on(accepted.read_exact(&mut read)).unwrap();
    assert_eq!(&read, b"still here");
    let client = TcpStream::connect(bound).unwrap();
    match next(&mut transport) {
        Seen::Incoming { listener, remote, .. } => {
            assert_eq!((listener, remote), (second, client.local_addr().unwrap()));
        }
        other @ (Seen::Address(..) | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => panic!("{other:?}"),
    }
}

#[test]
fn dropping_the_transport_closes_its_listeners() {
    let mut transport = Turned::default();
    let (_, bound) = listen(&mut transport, &alone(3));
    drop(transport);
    assert_eq!(TcpStream::connect(bound).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn commands_wake_the_task_that_polls() {
    let mut transport = Turned::default();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut woken = 0;
    let mut expect_wake = |transport: &mut Turned, command: &mut dyn FnMut(&mut Turned)| {
        assert!(poll(transport, &mut Context::from_waker(&waker)).is_pending());
        command(transport);
        woken += 1;
        assert_eq!(count.0.load(Ordering::SeqCst), woken);
        assert!(poll(transport, &mut Context::from_waker(&waker)).is_ready());
    };
    let id = ListenerId::next();
    expect_wake(&mut transport, &mut |transport| {
        transport.listen_on(id, "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    });
    expect_wake(&mut transport, &mut |transport| assert!(transport.remove_listener(id)));
}

#[test]
fn a_connection_wakes_the_task_that_polled_last() {
    let mut transport = Turned::default();
    let listeners = [(); 2].map(|()| listen(&mut transport, "/ip4/127.0.0.1/tcp/0"));
    for (id, bound) in listeners.into_iter().cycle().take(20) {
        // The waker of a task that has gone is registered first.
        assert_nothing_to_report(&mut transport);
        let client = std::thread::spawn(move || TcpStream::connect(bound).unwrap());
        assert_eq!(next_incoming(&mut transport).0, id);
        client.join().unwrap();
    }
}

#[test]
fn a_dial_to_a_port_that_nobody_listens_on_is_refused() {
    let mut transport = Turned::default();
    let (id, bound) = listen(&mut transport, &alone(4));
    assert!(transport.remove_listener(id));
    assert_eq!(dial_now(&mut transport, bound).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_dial_does_nothing_before_a_poll_and_closes_when_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = multiaddr(listener.local_addr().unwrap());
    let mut transport = Turned::default();
    drop(dial(&mut transport, &address).unwrap());
    let mut second = dial(&mut transport, &address).unwrap();
    let polled = Pin::new(&mut second).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "the reactor has not looked at the socket yet");
    // The first to arrive is the second dial: the first one never left.
    let (mut accepted, _) = listener.accept().unwrap();
    drop(second);
    assert_eq!(accepted.read(&mut [0]).unwrap(), 0);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn the_transport_and_what_it_yields_can_move_between_threads() {
    fn movable<T: Send + Unpin + 'static>() {}
    fn dials<F: Future<Output = io::Result<Stream>> + Send>() {}
    movable::<Transport>();
    movable::<Stream>();
    movable::<swarm_notify::tcp::Reactor>();
    movable::<swarm_notify::tcp::Swarm>();
    movable::<swarm_notify::tcp::Dial>();
    dials::<swarm_notify::tcp::Dial>();
}
