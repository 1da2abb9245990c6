//! The reactor's descriptor, waits on it, and what leaves it.

use super::turned::LIMIT;
use super::{Turned, dial_now, listen, next_incoming, socket_address};
use crate::support::sleep::{is_ready, sleep_on};
use crate::support::with;
use libp2p_identity::Keypair;
use rustix::event::{PollFd, PollFlags};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::Event;
use swarm_notify::tcp::{self, Config};

fn readable(descriptor: &impl AsFd) -> [PollFd<'_>; 1] {
    [PollFd::new(descriptor, PollFlags::IN)]
}

/// A swarm that has told of the address it listens on.
fn listening() -> (tcp::Swarm, SocketAddr, Instant) {
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), Config::default());
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = swarm_notify::swarm::Config::default();
    let mut swarm = tcp::Swarm::with_reactor(reactor, transport, &identity, [1; 32], config).unwrap();
    let began = Instant::now();
    let listener = swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    loop {
        swarm.tick(began.elapsed());
        if let Some(event) = swarm.next_event() {
            assert_eq!(event, Event::Listen { listener });
            break;
        }
        assert!(began.elapsed() < LIMIT);
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
    }
    let address = socket_address(&swarm.listener(listener).unwrap().addresses[0]);
    while swarm.poll_at().is_some_and(|at| at <= began.elapsed()) {
        swarm.tick(began.elapsed());
    }
    (swarm, address, began)
}

#[test]
fn the_descriptor_stays_readable_until_a_turn_hears() {
    let (mut swarm, address, began) = listening();
    assert!(!is_ready(&mut readable(&swarm)));
    for _ in 0..10 {
        let _client = TcpStream::connect(address).unwrap();
        assert!(sleep_on(&mut readable(&swarm), None, Instant::now() + LIMIT));
        for _ in 0..3 {
            assert!(is_ready(&mut readable(&swarm)), "nobody has heard it");
        }
        swarm.tick(began.elapsed());
        assert!(!is_ready(&mut readable(&swarm)), "it was heard");
    }
    swarm.waker().wake();
    assert!(is_ready(&mut readable(&swarm)) && is_ready(&mut readable(&swarm)));
    swarm.tick(began.elapsed());
    assert!(!is_ready(&mut readable(&swarm)));
}

#[test]
fn what_a_wait_has_heard_ends_no_other_wait() {
    let (mut swarm, address, began) = listening();
    let mut client = TcpStream::connect(address).unwrap();
    let calm = |swarm: &mut tcp::Swarm| {
        // Some turns, and some time for what is on its way.
        for _ in 0..20 {
            swarm.tick(began.elapsed());
            swarm.wait(began.elapsed(), Some(Duration::from_millis(1))).unwrap();
        }
        swarm.tick(began.elapsed());
        swarm.tick(began.elapsed());
    };
    calm(&mut swarm);
    // The beginning of a line of the handshake, so that the swarm has nothing to say.
    for byte in *b"\x13/mu" {
        client.write_all(&[byte]).unwrap();
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
        swarm.tick(began.elapsed());
        assert!(!is_ready(&mut readable(&swarm)), "it was heard and done");
    }
}

#[test]
fn commands_leave_the_descriptor_alone() {
    let (mut swarm, address, began) = listening();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    swarm.dial(super::multiaddr(other.local_addr().unwrap())).unwrap();
    assert!(!is_ready(&mut readable(&swarm)));
    assert!(swarm.poll_at().is_some_and(|at| at <= began.elapsed()), "that it is due is told by its deadline");
    swarm.listen(super::multiaddr(SocketAddr::new(address.ip(), 0))).unwrap();
    assert!(!is_ready(&mut readable(&swarm)));
}

#[test]
fn a_wake_of_another_thread_ends_a_wait() {
    let (mut swarm, _, began) = listening();
    let (go, going) = channel();
    let waker = swarm.waker();
    let thread = std::thread::spawn(move || {
        while let Ok(round) = going.recv() {
            // Now before the wait begins, now while it lasts.
            (0..round).for_each(|_| std::thread::yield_now());
            waker.wake_by_ref();
        }
    });
    for round in 0..300_usize {
        go.send(round).unwrap();
        let limit = Instant::now() + LIMIT;
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
        assert!(Instant::now() < limit, "the wake of round {round} is lost");
        swarm.tick(began.elapsed());
    }
    drop(go);
    thread.join().unwrap();
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    let (mut swarm, _, began) = listening();
    for timeout in [Duration::ZERO, Duration::from_micros(100), Duration::from_millis(30)] {
        let start = Instant::now();
        swarm.wait(began.elapsed(), Some(timeout)).unwrap();
        assert!(start.elapsed() >= timeout);
        assert!(start.elapsed() < LIMIT, "it goes on");
    }
}

#[test]
fn what_is_undrained_ends_no_wait_undrained_and_a_wake_does() {
    const TIMEOUT: Duration = Duration::from_millis(30);
    let (mut swarm, address, began) = listening();
    swarm.listen(super::multiaddr(SocketAddr::new(address.ip(), 0))).unwrap();
    while !swarm.has_pending() || swarm.next_deadline().is_some_and(|at| at <= began.elapsed()) {
        assert!(began.elapsed() < LIMIT);
        swarm.tick(began.elapsed());
    }
    let start = Instant::now();
    swarm.wait_undrained(began.elapsed(), Some(TIMEOUT)).unwrap();
    assert!(start.elapsed() >= TIMEOUT, "the event that waits is no reason to return");
    swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
    assert!(start.elapsed() < LIMIT, "it is one for the other");
    let waker = swarm.waker();
    let thread = std::thread::spawn(move || waker.wake());
    swarm.wait_undrained(began.elapsed(), Some(LIMIT)).unwrap();
    assert!(start.elapsed() < LIMIT, "it is woken");
    thread.join().unwrap();
    swarm.tick(began.elapsed());
    let _client = TcpStream::connect(address).unwrap();
    swarm.wait_undrained(began.elapsed(), Some(LIMIT)).unwrap();
    assert!(start.elapsed() < LIMIT, "it hears a socket");
    assert!(matches!(swarm.next_event(), Some(Event::Listen { .. })), "it has taken nothing");
}

#[test]
fn a_wait_ends_when_a_deadline_of_the_transport_comes() {
    let reactor = tcp::Reactor::new().unwrap();
    let config = with(Config::default(), |config| config.interfaces_interval = Duration::from_millis(20));
    let transport = tcp::Transport::new(reactor.handle(), config)
        .with_interfaces(|| Ok(vec![SocketAddr::from(([192, 0, 2, 1], 0)).ip()]));
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = swarm_notify::swarm::Config::default();
    let mut swarm = tcp::Swarm::with_reactor(reactor, transport, &identity, [1; 32], config).unwrap();
    swarm.listen("/ip4/0.0.0.0/tcp/0".parse().unwrap()).unwrap();
    let began = Instant::now();
    let mut waits = 0;
    while waits < 3 {
        swarm.tick(began.elapsed());
        while swarm.next_event().is_some() || swarm.next_ready().is_some() {}
        let Some(due) = swarm.poll_at() else { panic!("the next look is due some time") };
        waits += u32::from(due > began.elapsed());
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
        assert!(began.elapsed() < LIMIT, "it was not woken for a look");
    }
}

/// As in a child between fork and exec.
#[test]
fn a_copy_of_a_dropped_socket_is_not_reported() {
    let mut transport = Turned::default();
    let (_, bound) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let client = TcpStream::connect(bound).unwrap();
    let (_, accepted) = next_incoming(&mut transport);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialed = dial_now(&mut transport, listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for (stream, mut other) in [(accepted, client), (dialed, server)] {
        let copy = stream.as_fd().try_clone_to_owned().unwrap();
        // While it lives, it is reported.
        transport.turn();
        assert!(!is_ready(&mut readable(&transport.reactor)));
        other.write_all(b"first").unwrap();
        assert!(sleep_on(&mut readable(&transport.reactor), None, Instant::now() + LIMIT));
        transport.turn();
        rustix_read(&copy);
        drop(stream);
        other.write_all(b"second").unwrap();
        assert!(sleep_on(&mut readable(&copy), None, Instant::now() + LIMIT));
        assert!(is_ready(&mut readable(&copy)), "it has come");
        assert!(!is_ready(&mut readable(&transport.reactor)), "nobody is there to be told");
    }
}

/// Takes what has come, so that what comes next is an event of its own.
fn rustix_read(descriptor: &impl AsFd) {
    let copy = std::fs::File::from(descriptor.as_fd().try_clone_to_owned().unwrap());
    let read = std::io::Read::read(&mut &copy, &mut [0; 64]).unwrap();
    assert!(read > 0);
}
