//! Listeners on wildcard addresses: they report the addresses of the interfaces, those of the system and those that a
//! test makes up. The looks are scripted, one after the other, so that nothing depends on when they are taken.

use super::turned::LIMIT;
use super::{Seen, Turned, assert_nothing_to_report, has_ipv6, next, next_incoming, poll, try_listen};
use crate::support::with;
use libp2p_core::transport::{ListenerId, Transport as _};
use libp2p_identity::Keypair;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{Event, ListenerEnd};
use swarm_notify::swarm::Readiness;
use swarm_notify::tcp::{self, Config};

/// What one look finds; `Err`: it fails.
type Look = Result<&'static [&'static str], ()>;

const A: &str = "192.0.2.1";
const B: &str = "192.0.2.2";
const C: &str = "192.0.2.3";

/// A transport whose looks find what the script says, and then always what its last line says; and how many it has
/// taken. They are as close to each other as they can be.
fn scripted(config: Config, script: &[Look]) -> (Turned, Arc<AtomicUsize>) {
    let (config, look, taken) = looks(config, script);
    (Turned::with(config, |transport| transport.with_interfaces(look)), taken)
}

type Source = Box<dyn FnMut() -> io::Result<Vec<IpAddr>> + Send>;

fn looks(config: Config, script: &[Look]) -> (Config, Source, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let mut script: VecDeque<_> = script.iter().copied().collect();
    let config = with(config, |config| config.interfaces_interval = Duration::ZERO);
    let look = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let look = if script.len() > 1 { script.pop_front() } else { script.front().copied() };
        match look.unwrap() {
            Ok(found) => Ok(found.iter().map(|ip| ip.parse().unwrap()).collect()),
            Err(()) => Err(io::Error::other("as the script says")),
        }
    };
    (config, Box::new(look), taken)
}

/// The next change of an address: `+` for a new one, `-` for an expired one.
#[track_caller]
fn next_change(transport: &mut Turned) -> (ListenerId, SocketAddr, String) {
    match next(transport) {
        Seen::Address(id, address) => (id, address, format!("+{}", address.ip())),
        Seen::Expired(id, address) => (id, address, format!("-{}", address.ip())),
        other @ (Seen::Incoming { .. } | Seen::Closed(..) | Seen::Error(..)) => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_changes(transport: &mut Turned, id: ListenerId, expected: &[String]) {
    let mut port = None;
    for expected in expected {
        let (listener, address, change) = next_change(transport);
        assert_eq!((listener, &change), (id, expected));
        assert_eq!(*port.get_or_insert(address.port()), address.port(), "the port is that of the socket");
    }
}

fn a_script_is_followed(config: Config, address: &str, script: &[Look], expected: &[String]) {
    let (mut transport, taken) = scripted(config, script);
    let id = try_listen(&mut transport, address).unwrap();
    assert_changes(&mut transport, id, expected);
    // Some looks after the end of the script, nothing has been added.
    transport.run(|transport, cx| {
        let seen = poll(transport, cx);
        assert!(seen.is_pending(), "{seen:?}");
        if taken.load(Ordering::SeqCst) >= script.len() + 3 { Poll::Ready(()) } else { Poll::Pending }
    });
}

fn new(ip: &str) -> String {
    format!("+{ip}")
}

fn expired(ip: &str) -> String {
    format!("-{ip}")
}

fn the_addresses_of_the_system_are_reported_and_serve(wildcard: &str, loopback: IpAddr) {
    let mut transport = Turned::default();
    let id = try_listen(&mut transport, wildcard).unwrap();
    let mut addresses = Vec::new();
    while let Poll::Ready(seen) = poll(&mut transport, &mut Context::from_waker(Waker::noop())) {
        let Seen::Address(listener, address) = seen else { panic!("{seen:?}") };
        assert_eq!(listener, id);
        addresses.push(address);
    }
    assert!(addresses.iter().any(|address| address.ip() == loopback), "{addresses:?}");
    for address in &addresses {
        assert!(!address.ip().is_unspecified() && address.port() == addresses[0].port(), "{addresses:?}");
        assert_eq!(address.is_ipv4(), loopback.is_ipv4(), "{addresses:?}");
    }
    // No traffic leaves this machine, whichever of its addresses is dialed; one is enough.
    let client = TcpStream::connect(SocketAddr::new(loopback, addresses[0].port())).unwrap();
    match next(&mut transport) {
        Seen::Incoming { listener, local, remote, .. } => {
            assert_eq!((listener, local.ip()), (id, loopback));
            assert_eq!(remote, client.local_addr().unwrap());
        }
        other @ (Seen::Address(..) | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => panic!("{other:?}"),
    }
    assert!(transport.remove_listener(id));
    assert!(matches!(next(&mut transport), Seen::Closed(closed, Ok(())) if closed == id), "and not as expired");
    assert_nothing_to_report(&mut transport);
}

#[test]
fn the_ipv4_addresses_of_the_system_are_reported_and_serve() {
    the_addresses_of_the_system_are_reported_and_serve("/ip4/0.0.0.0/tcp/0", [127, 0, 0, 1].into());
}

#[test]
fn the_ipv6_addresses_of_the_system_are_reported_and_serve() {
    if has_ipv6() {
        the_addresses_of_the_system_are_reported_and_serve("/ip6/::/tcp/0", "::1".parse().unwrap());
    }
}

#[test]
fn addresses_come_and_go_each_reported_once() {
    a_script_is_followed(
        Config::default(),
        "/ip4/0.0.0.0/tcp/0",
        &[Ok(&[A]), Ok(&[A]), Ok(&[A, B]), Ok(&[B, A]), Ok(&[C, B]), Ok(&[C]), Ok(&[C])],
        &[new(A), new(B), expired(A), new(C), expired(B)],
    );
}

#[test]
fn an_address_that_two_interfaces_have_is_reported_once() {
    let script: &[Look] = &[Ok(&[A, B, A]), Ok(&[B, A, A])];
    a_script_is_followed(Config::default(), "/ip4/0.0.0.0/tcp/0", script, &[new(A), new(B)]);
}

#[test]
fn the_wildcard_itself_is_never_reported() {
    a_script_is_followed(
        Config::default(),
        "/ip4/0.0.0.0/tcp/0",
        &[Ok(&[]), Ok(&["::1"]), Ok(&[A]), Ok(&[])],
        &[new(A), expired(A)],
    );
}

#[test]
fn a_look_that_fails_changes_nothing() {
    let script: &[Look] = &[Ok(&[A]), Err(()), Err(()), Ok(&[A, B]), Err(())];
    a_script_is_followed(Config::default(), "/ip4/0.0.0.0/tcp/0", script, &[new(A), new(B)]);
    let script: &[Look] = &[Err(()), Err(()), Ok(&[A])];
    let expected = [new("127.0.0.1"), expired("127.0.0.1"), new(A)];
    a_script_is_followed(Config::default(), "/ip4/0.0.0.0/tcp/0", script, &expected);
}

#[test]
fn while_no_look_has_succeeded_the_loopback_address_is_reported() {
    let script: &[Look] = &[Err(()), Err(()), Ok(&[]), Ok(&[A, "2001:db8::1"])];
    for (wildcard, loopback, first) in [("/ip4/0.0.0.0/tcp/0", "127.0.0.1", A), ("/ip6/::/tcp/0", "::1", "2001:db8::1")]
    {
        if wildcard.starts_with("/ip4") || has_ipv6() {
            let expected = [new(loopback), expired(loopback), new(first)];
            a_script_is_followed(Config::default(), wildcard, script, &expected);
        }
    }
}

#[test]
fn each_family_hears_of_its_own_addresses_that_can_be_dialed() {
    let script: &[Look] = &[Ok(&["fe80::1", A, "2001:db8::1", "0.0.0.0", "::"])];
    a_script_is_followed(Config::default(), "/ip4/0.0.0.0/tcp/0", script, &[new(A)]);
    if has_ipv6() {
        a_script_is_followed(Config::default(), "/ip6/::/tcp/0", script, &[new("2001:db8::1")]);
    }
}

#[test]
fn no_more_addresses_are_reported_than_configured() {
    assert_eq!(Config::default().wildcard_addresses, 64);
    let at_most = |wildcard_addresses| with(Config::default(), |config| config.wildcard_addresses = wildcard_addresses);
    let script: &[Look] = &[Ok(&["::1", A, B, C]), Ok(&[C, B, A]), Ok(&[C])];
    // Room is made before it is used.
    let expected = [new(A), new(B), expired(A), new(C), expired(B)];
    a_script_is_followed(at_most(2), "/ip4/0.0.0.0/tcp/0", script, &expected);
    for (limit, count) in [(0, 1), (1, 1), (3, 3), (4, 3)] {
        let expected: Vec<_> = [A, B, C].into_iter().take(count).map(new).collect();
        a_script_is_followed(at_most(limit), "/ip4/0.0.0.0/tcp/0", &[Ok(&[A, B, C])], &expected);
    }
}

#[test]
fn each_listener_on_a_wildcard_hears_of_changes_and_no_other() {
    // The first look is for the first listener, the second for the second.
    let (mut transport, _) = scripted(Config::default(), &[Ok(&[A]), Ok(&[A]), Ok(&[A, B])]);
    let first = try_listen(&mut transport, "/ip4/0.0.0.0/tcp/0").unwrap();
    let single = try_listen(&mut transport, "/ip4/127.0.0.1/tcp/0").unwrap();
    let second = try_listen(&mut transport, "/ip4/0.0.0.0/tcp/0").unwrap();
    let told: Vec<_> = (0..5).map(|_| next_change(&mut transport)).map(|(id, _, change)| (id, change)).collect();
    let told_to =
        |id| told.iter().filter(|(told, _)| *told == id).map(|(_, change)| change.clone()).collect::<Vec<_>>();
    assert_eq!(told_to(first), [new(A), new(B)]);
    assert_eq!(told_to(single), [new("127.0.0.1")]);
    assert_eq!(told_to(second), [new(A), new(B)]);
}

#[test]
fn nobody_looks_while_nothing_listens_on_a_wildcard() {
    let config = with(Config::default(), |config| config.interfaces_interval = Duration::ZERO);
    let mut transport = Turned::with(config, |transport| transport.with_interfaces(|| panic!("nobody wants to know")));
    let id = try_listen(&mut transport, "/ip4/127.0.0.1/tcp/0").unwrap();
    assert!(matches!(next(&mut transport), Seen::Address(listener, _) if listener == id));
    let mut transport = transport.freeze();
    for minute in 0..200 {
        transport.pass_to(Duration::from_secs(60 * minute));
        assert_nothing_to_report(&mut transport);
    }
}

#[test]
fn connections_come_in_while_addresses_come_and_go() {
    let (mut transport, _) = scripted(Config::default(), &[Ok(&[A]), Ok(&[B]), Ok(&[A]), Ok(&[C])]);
    let id = try_listen(&mut transport, "/ip4/0.0.0.0/tcp/0").unwrap();
    let (_, address, _) = next_change(&mut transport);
    assert_changes(&mut transport, id, &[expired(A), new(B), expired(B), new(A), expired(A), new(C)]);
    let _client = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    assert_eq!(next_incoming(&mut transport).0, id);
}

#[test]
fn a_listener_without_any_address_is_not_told_to_listen_yet() {
    let (config, look, taken) = looks(Config::default(), &[Ok(&[]), Ok(&[]), Ok(&[A])]);
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), config).with_interfaces(look);
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = swarm_notify::swarm::Config::default();
    let mut swarm = tcp::Swarm::with_events::<1>(reactor, transport, &identity, [1; 32], config).unwrap();
    let listener = swarm.listen("/ip4/0.0.0.0/tcp/0".parse().unwrap()).unwrap();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < LIMIT, "the third look finds nothing");
        swarm.tick(began.elapsed());
        if let Some(event) = swarm.next_event() {
            assert_eq!(event, Event::Listen { listener });
            break;
        }
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
    }
    assert!(taken.load(Ordering::SeqCst) >= 3);
    let addresses = swarm.listener(listener).unwrap().addresses;
    assert_eq!(
        addresses.iter().map(|address| super::socket_address(address).ip().to_string()).collect::<Vec<_>>(),
        [A]
    );
}

#[test]
fn a_swarm_tells_that_the_addresses_of_a_listener_have_changed() {
    let (config, look, _) = looks(Config::default(), &[Ok(&[A, B]), Ok(&[B, C])]);
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), config).with_interfaces(look);
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = swarm_notify::swarm::Config::default();
    let mut swarm = tcp::Swarm::with_events::<1>(reactor, transport, &identity, [1; 32], config).unwrap();
    let listener = swarm.listen("/ip4/0.0.0.0/tcp/0".parse().unwrap()).unwrap();
    let ips = |swarm: &tcp::Swarm<1>| {
        let addresses = swarm.listener(listener).unwrap().addresses;
        addresses.iter().map(|address| super::socket_address(address).ip().to_string()).collect::<Vec<_>>()
    };
    let mut log = Vec::new();
    let mut last = Vec::new();
    let began = Instant::now();
    while last != [B, C] {
        assert!(began.elapsed() < LIMIT, "the second look finds nothing: {last:?}");
        swarm.tick(began.elapsed());
        while let Some(event) = swarm.next_event() {
            log.push(event);
        }
        while let Some(ready) = swarm.next_ready() {
            assert_eq!(ready, Readiness::Addresses { listener });
            assert_eq!(log, [Event::Listen { listener }], "it is open");
            last = ips(&swarm);
        }
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
    }
    swarm.close_listener(listener).unwrap();
    swarm.tick(began.elapsed());
    assert_eq!(swarm.next_event(), Some(Event::ListenClose { listener, reason: ListenerEnd::Requested }));
    assert_eq!(swarm.next_event(), None);
}
