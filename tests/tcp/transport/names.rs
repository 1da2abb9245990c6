//! Dials by name: looked up by the system, and by a resolver of a test's own where it has to be known what it says and
//! when. Nothing here depends on how long a lookup takes.

use super::turned::LIMIT;
use super::{Count, Seen, Turned, alone, dial, listen, socket_address};
use crate::support::with;
use futures_lite::future::zip;
use libp2p_core::Multiaddr;
use libp2p_core::transport::{ListenerId, Transport as _, TransportError};
use libp2p_identity::Keypair;
use std::future::Future as _;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::Instant;
use swarm_notify::lifecycle::{Event, Failure};
use swarm_notify::tcp::{self, Config, Dial, Stream};

pub(crate) fn named(transport: &mut Turned, address: &str) -> Dial {
    dial(transport, &address.parse().unwrap()).unwrap_or_else(|_| panic!("{address} is supported"))
}

/// A transport for which every name has these addresses.
fn knowing(config: Config, known: &[SocketAddr]) -> Turned {
    let known = known.to_vec();
    resolving(config, move |_, _| Ok(known.clone()))
}

/// A transport that asks a resolver of the test's.
pub(crate) fn resolving(
    config: Config,
    resolver: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
) -> Turned {
    Turned::with(config, |transport| transport.with_resolver(resolver))
}

/// Dials by name and waits for how that comes out.
#[track_caller]
fn dial_name(transport: &mut Turned, address: &str) -> io::Result<Stream> {
    let dial = named(transport, address);
    transport.block_on(dial)
}

/// Polls once, with nobody to be woken. `false`: it is not over.
pub(crate) fn is_over(dial: &mut Dial) -> bool {
    Pin::new(dial).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// An address of this machine that refuses connections for as long as the test runs.
pub(crate) fn refusing() -> (socket2::Socket, SocketAddr) {
    // Bound, so that nobody else can listen there, and not listening.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket_address(&alone(40).parse().unwrap()).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[track_caller]
fn assert_connects(transport: &mut Turned, dial: Dial, listener: ListenerId, local: SocketAddr) {
    let dialed = transport.block_on(dial).unwrap();
    match super::next(transport) {
        Seen::Incoming { listener: accepted_by, local: accepted_at, remote, .. } => {
            assert_eq!((accepted_by, accepted_at), (listener, local));
            assert_eq!(remote, socket2::SockRef::from(&dialed).local_addr().unwrap().as_socket().unwrap());
        }
        other @ (Seen::Address(..) | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => panic!("{other:?}"),
    }
}

#[track_caller]
fn error_of(dialed: io::Result<Stream>) -> (ErrorKind, String) {
    let error = dialed.map(|_| ()).expect_err("the dial should fail");
    (error.kind(), error.to_string())
}

#[test]
fn the_system_knows_localhost() {
    let known: Vec<_> = ("localhost", 0).to_socket_addrs().unwrap().map(|address| address.ip()).collect();
    let peer = "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    for (ip, families) in [("/ip4/127.0.0.1", ["dns", "dns4"]), ("/ip6/::1", ["dns", "dns6"])] {
        let mut transport = Turned::default();
        let address = format!("{ip}/tcp/0");
        if !known.contains(&socket_address(&address.parse().unwrap()).ip()) {
            continue;
        }
        let (id, bound) = listen(&mut transport, &address);
        for (family, peer) in families.into_iter().zip(["", peer]) {
            let dial = named(&mut transport, &format!("/{family}/localhost/tcp/{}{peer}", bound.port()));
            assert_connects(&mut transport, dial, id, bound);
        }
    }
}

#[test]
fn a_name_that_nobody_knows_is_unreachable_and_the_text_has_it() {
    let mut transport = Turned::default();
    for family in ["dns", "dns4", "dns6"] {
        let (kind, text) = error_of(dial_name(&mut transport, &format!("/{family}/nonexistent.invalid/tcp/4001")));
        assert_eq!(kind, ErrorKind::HostUnreachable);
        assert!(text.starts_with("nonexistent.invalid: ") && text.len() > 25, "{text}");
    }
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let (_socket, refusing) = refusing();
    let good = Arc::new(OnceLock::new());
    let known = good.clone();
    let resolver = move |_: &str, _| Ok(vec![refusing, refusing, known.get().copied().unwrap(), refusing]);
    // No time passes: a failure starts the next attempt at once.
    let mut transport = resolving(Config::default(), resolver).freeze();
    let (id, bound) = listen(&mut transport, &alone(41));
    good.set(bound).unwrap();
    let dial = named(&mut transport, "/dns/several.example/tcp/4001");
    assert_connects(&mut transport, dial, id, bound);
}

#[test]
fn a_dial_of_which_no_address_can_be_connected_to_tells_of_each() {
    let (_socket, refusing) = refusing();
    // A link-local address without a zone: the system refuses it at once, and so does one without IPv6.
    let denied: SocketAddr = "[fe80::1]:9".parse().unwrap();
    let denial = std::net::TcpStream::connect(denied).unwrap_err();
    let refusal = std::net::TcpStream::connect(refusing).unwrap_err();
    for (known, kind) in [([refusing, denied], refusal.kind()), ([denied, refusing], denial.kind())] {
        let mut transport = knowing(Config::default(), &known);
        let failed = error_of(dial_name(&mut transport, "/dns/several.example/tcp/4001"));
        let reason = |address| if address == refusing { &refusal } else { &denial };
        let [first, second] = known.map(|address| format!("{address}: {}", reason(address)));
        assert_eq!(failed, (kind, format!("several.example: {first}; {second}")));
    }
}

#[test]
fn no_more_addresses_are_tried_than_configured() {
    let (_socket, refusing) = refusing();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let known = [refusing, refusing, listener.local_addr().unwrap()];
    assert_eq!(Config::default().addresses_per_name, 8);
    for (limit, tried) in [(0, 1), (1, 1), (2, 2)] {
        let mut transport = knowing(with(Config::default(), |config| config.addresses_per_name = limit), &known);
        let (kind, text) = error_of(dial_name(&mut transport, "/dns/several.example/tcp/4001"));
        assert_eq!((kind, text.matches(&refusing.to_string()).count()), (ErrorKind::ConnectionRefused, tried));
    }
    let mut transport = knowing(with(Config::default(), |config| config.addresses_per_name = 3), &known);
    dial_name(&mut transport, "/dns/several.example/tcp/4001").unwrap();
}

#[test]
fn only_the_family_that_is_meant_is_tried_and_no_wildcards() {
    let (_socket, refusing) = refusing();
    let refused = format!("both.example: {refusing}: {}", std::net::TcpStream::connect(refusing).unwrap_err());
    let none = |family| format!("both.example: no {family} address");
    let [v6, wildcard4, wildcard6] = ["[::1]:0", "0.0.0.0:4001", "[::]:4001"].map(|address| address.parse().unwrap());
    let wildcards = vec![wildcard4, wildcard6];
    for (known, family, expected) in [
        (vec![wildcard4, v6, refusing], "dns4", refused.clone()),
        (vec![wildcard6, refusing, wildcard4], "dns", refused),
        (vec![refusing, wildcard6], "dns6", none("IPv6")),
        (vec![v6, wildcard4], "dns4", none("IPv4")),
        (wildcards.clone(), "dns", none("IP")),
        (vec![], "dns", none("IP")),
    ] {
        let mut transport = knowing(Config::default(), &known);
        let address = format!("/{family}/both.example/tcp/4001");
        assert_eq!(error_of(dial_name(&mut transport, &address)).1, expected, "{known:?}");
    }
}

#[test]
fn a_lookup_that_fails_says_whether_it_was_for_lack_of_time() {
    for (kind, expected) in [
        (ErrorKind::TimedOut, ErrorKind::TimedOut),
        (ErrorKind::NotFound, ErrorKind::HostUnreachable),
        (ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable),
    ] {
        let mut transport = resolving(Config::default(), move |_, _| Err(io::Error::new(kind, "no answer")));
        let failed = error_of(dial_name(&mut transport, "/dns/some.example/tcp/4001"));
        assert_eq!(failed, (expected, "some.example: no answer".to_owned()));
    }
}

#[test]
fn a_lookup_begins_with_the_first_poll_on_another_thread() {
    let asked: Arc<Mutex<Vec<(String, u16, ThreadId)>>> = Arc::default();
    let log = asked.clone();
    let mut transport = resolving(Config::default(), move |host, port| {
        log.lock().unwrap().push((host.to_owned(), port, std::thread::current().id()));
        Ok(Vec::new())
    });
    drop(named(&mut transport, "/dns4/never.example/tcp/1"));
    dial_name(&mut transport, "/dns4/once.example/tcp/2").unwrap_err();
    let asked = asked.lock().unwrap();
    let [(host, port, thread)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((host.as_str(), *port), ("once.example", 2));
    assert_ne!(*thread, std::thread::current().id());
}

#[test]
fn no_more_names_are_looked_up_at_a_time_than_configured() {
    assert_eq!(Config::default().lookups, 16);
    for (lookups, at_a_time) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        // Nobody leaves before as many are inside as may be.
        let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (barrier, seen) = (Barrier::new(at_a_time), most.clone());
        let mut transport = resolving(with(Config::default(), |config| config.lookups = lookups), move |_, _| {
            seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            barrier.wait();
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok(Vec::new())
        });
        let mut dials: Vec<_> = (0..4 * at_a_time).map(|_| named(&mut transport, "/dns/x.example/tcp/1")).collect();
        transport.run(|_, cx| {
            dials.retain_mut(|dial| Pin::new(dial).poll(cx).is_pending());
            if dials.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!(most.load(Ordering::SeqCst), at_a_time);
    }
}

/// A transport with one place, whose lookups each say that they have begun, and wait until they are let go.
fn held() -> (Turned, Receiver<String>, Sender<()>) {
    held_at(1)
}

/// The same with so many places.
fn held_at(lookups: usize) -> (Turned, Receiver<String>, Sender<()>) {
    let (begun, begins) = channel();
    let (go, going) = channel::<()>();
    let going = Mutex::new(going);
    let transport = resolving(with(Config::default(), |config| config.lookups = lookups), move |host, _| {
        begun.send(host.to_owned()).unwrap();
        going.lock().unwrap().recv().unwrap();
        Ok(Vec::new())
    });
    (transport, begins, go)
}

#[test]
fn a_dropped_dial_leaves_the_line_and_later_its_lookups_place() {
    let (mut transport, begins, go) = held();
    let mut first = named(&mut transport, "/dns/first.example/tcp/1");
    let mut second = named(&mut transport, "/dns/second.example/tcp/1");
    let mut third = named(&mut transport, "/dns/third.example/tcp/1");
    assert!(!is_over(&mut first));
    assert_eq!(begins.recv().unwrap(), "first.example");
    assert!(!is_over(&mut second));
    let woken = Arc::new(Count::default());
    assert!(Pin::new(&mut third).poll(&mut Context::from_waker(&woken.clone().into())).is_pending());
    drop((first, second));
    assert_eq!(woken.0.load(Ordering::SeqCst), 0, "the first one's lookup is still under way: there is no place");
    assert!(begins.try_recv().is_err());
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(error_of(transport.block_on(third)).1, "third.example: no IP address");
    assert_eq!(begins.try_iter().collect::<Vec<_>>(), ["third.example"]);
}

#[test]
fn a_dial_outlives_its_transport() {
    let (mut transport, begins, go) = held();
    let first = named(&mut transport, "/dns/first.example/tcp/1");
    let second = named(&mut transport, "/dns/second.example/tcp/1");
    transport.drop_transport();
    go.send(()).unwrap();
    go.send(()).unwrap();
    transport.block_on(async {
        let (first, second) = zip(first, second).await;
        assert_eq!(error_of(first).1, "first.example: no IP address");
        assert_eq!(error_of(second).1, "second.example: no IP address");
    });
    assert_eq!(begins.try_iter().count(), 2);
}

#[test]
fn names_are_not_listened_on_and_others_not_dialed() {
    let mut transport = Turned::default();
    for address in ["/dns/localhost/tcp/0", "/dns4/localhost/tcp/4001", "/dns6/localhost/tcp/4001"] {
        let address: Multiaddr = address.parse().unwrap();
        let refused = transport.listen_on(ListenerId::next(), address.clone());
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(named)) if named == address));
    }
    for address in [
        "/dns/localhost/tcp/0",
        "/dns4/localhost",
        "/dns4/localhost/udp/4001",
        "/dns4/localhost/tcp/4001/ws",
        "/dnsaddr/localhost/tcp/4001",
        "/dnsaddr/localhost",
    ] {
        let address: Multiaddr = address.parse().unwrap();
        let refused = dial(&mut transport, &address);
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(named)) if named == address));
    }
}

#[test]
fn a_swarm_tells_that_a_name_leads_nowhere_and_says_why() {
    let (_socket, refusing) = refusing();
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), Config::default()).with_resolver(move |host, _| match host {
        "known.example" => Ok(vec![refusing]),
        _ => Err(io::Error::other("never heard of it")),
    });
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = swarm_notify::swarm::Config::default();
    let mut swarm = tcp::Swarm::with_events::<1>(reactor, transport, &identity, [1; 32], config).unwrap();
    let refusal = format!("known.example: {refusing}: {}", std::net::TcpStream::connect(refusing).unwrap_err());
    let began = Instant::now();
    for (address, failure, text) in [
        ("/dns4/unknown.example/tcp/1", Failure::Unreachable, "unknown.example: never heard of it"),
        ("/dns4/known.example/tcp/1", Failure::Refused, &refusal),
    ] {
        let connection = swarm.dial(address.parse().unwrap()).unwrap();
        let event = loop {
            swarm.tick(began.elapsed());
            match swarm.next_event() {
                Some(event) => break event,
                None => swarm.wait(began.elapsed(), Some(LIMIT)).unwrap(),
            }
            assert!(began.elapsed() < LIMIT, "nothing is told");
        };
        assert_eq!(event, Event::ConnectFailed { connection, reason: failure });
        let view = swarm.connection(connection).unwrap();
        assert_eq!((view.error, view.remote), (Some(text), &address.parse().unwrap()));
    }
}

#[test]
fn a_resolver_that_panics_fails_its_dial_and_no_other() {
    let config = with(Config::default(), |config| config.lookups = 1);
    let mut transport = resolving(config, |host, _| match host {
        "panics.example" => panic!("as the test says"),
        _ => Ok(Vec::new()),
    });
    let failed = error_of(dial_name(&mut transport, "/dns/panics.example/tcp/1"));
    assert_eq!(failed, (ErrorKind::HostUnreachable, "panics.example: the resolver panicked".to_owned()));
    // Its place is free again.
    assert_eq!(error_of(dial_name(&mut transport, "/dns/x.example/tcp/1")).1, "x.example: no IP address");
}

#[test]
fn a_lookup_outlives_a_dial_that_is_dropped() {
    let (mut transport, begins, go) = held();
    let mut dial = named(&mut transport, "/dns/first.example/tcp/1");
    let woken = Arc::new(Count::default());
    assert!(Pin::new(&mut dial).poll(&mut Context::from_waker(&woken.clone().into())).is_pending());
    assert_eq!(begins.recv().unwrap(), "first.example");
    let (mut second, _) = (named(&mut transport, "/dns/second.example/tcp/1"), drop(dial));
    assert!(!is_over(&mut second));
    assert!(begins.try_recv().is_err(), "the first one is still under way");
    // It goes on to its end, which nobody waits for, and gives its place to the next.
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(error_of(transport.block_on(second)).1, "second.example: no IP address");
    assert_eq!(begins.recv().unwrap(), "second.example");
}

/// A process of its own counts its threads: those of other tests would be counted, too.
#[test]
#[cfg(target_os = "linux")]
fn each_lookup_has_a_thread_that_ends_with_it() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["transport::names::child_counts_threads", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by its parent, alone in a process"]
fn child_counts_threads() {
    const LOOKUPS: usize = 5;
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let (mut transport, begins, go) = held_at(LOOKUPS);
    let mut dials = Vec::new();
    for begun in 1..=LOOKUPS {
        let mut dial = named(&mut transport, "/dns/x.example/tcp/1");
        assert_eq!(threads(), before + begun - 1, "a dial that was not polled has none");
        assert!(!is_over(&mut dial));
        dials.push(dial);
        begins.recv().unwrap();
        assert_eq!(threads(), before + begun);
    }
    // One more waits in line for a place, and has none.
    let mut last = named(&mut transport, "/dns/x.example/tcp/1");
    assert!(!is_over(&mut last));
    assert_eq!(threads(), before + LOOKUPS);
    drop(last);
    for _ in 0..LOOKUPS {
        go.send(()).unwrap();
    }
    for dial in dials {
        transport.block_on(dial).unwrap_err();
    }
    // The last thing that a thread does is to wake its dial; nothing tells that it is gone.
    let began = Instant::now();
    while threads() > before {
        assert!(began.elapsed() < LIMIT, "{} threads are left", threads() - before);
        std::thread::yield_now();
    }
}
