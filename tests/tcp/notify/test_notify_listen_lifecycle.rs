//! `test_notify_listen_lifecycle.py`: every listener is told of once when it listens, and once when it does no more.
//! (`test_shutdown_emits_listen_close_for_all_listeners` is in the announcement of that work, and not in the file.)

use crate::notify::MyNotifee;
use crate::support::net::{alone, socket_address};
use crate::support::party::{Party, until};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use swarm_notify::lifecycle::{Event, ListenerEnd, ListenerId};

/// Where a listener listens, as its swarm says, with the port that the system has given it.
#[track_caller]
fn bound(party: &Party, listener: ListenerId) -> SocketAddr {
    let [address] = party.swarm.listener(listener).expect("it listens").addresses else { panic!("it has one address") };
    let address = socket_address(address);
    assert_ne!(address.port(), 0, "nobody can connect to port 0");
    address
}

/// Somebody can connect to it.
#[track_caller]
fn assert_listens(address: SocketAddr) {
    drop(TcpStream::connect(address).expect("somebody listens"));
}

/// Nobody can connect to it, and its port can be bound by others.
#[track_caller]
fn assert_closed(address: SocketAddr) {
    assert_eq!(TcpStream::connect(address).expect_err("nobody listens").kind(), ErrorKind::ConnectionRefused);
    drop(TcpListener::bind(address).expect("the port is free"));
}

#[test]
fn test_listen_emitted_when_registered_before_listen() {
    let mut parties = [Party::new(1)];
    let notifees = MyNotifee::twice(&mut parties);
    let listener = parties[0].listen();
    assert!(notifees[0][0].events().is_empty(), "it does not listen yet");
    until(&mut parties, |_| !notifees[0][0].events().is_empty());
    for notifee in &notifees[0] {
        assert_eq!(*notifee.events(), [Event::Listen { listener }]);
    }
    assert_listens(bound(&parties[0], listener));
}

#[test]
fn test_single_listener_close_emits_listen_close() {
    let mut parties = [Party::new(1)];
    let notifees = MyNotifee::twice(&mut parties);
    let [closed, stays] = [30, 31].map(|n| parties[0].swarm.listen(alone(n).parse().unwrap()).unwrap());
    until(&mut parties, |_| notifees[0][0].count("listen") == 2);
    let [at_closed, at_other] = [closed, stays].map(|listener| bound(&parties[0], listener));
    [at_closed, at_other].into_iter().for_each(assert_listens);
    // Nobody but the swarm says that it is closed.
    parties[0].swarm.close_listener(closed).unwrap();
    until(&mut parties, |_| notifees[0][0].count("listen_close") == 1);
    let reason = ListenerEnd::Requested;
    for notifee in &notifees[0] {
        let expected = [
            Event::Listen { listener: closed },
            Event::Listen { listener: stays },
            Event::ListenClose { listener: closed, reason },
        ];
        let told: Vec<_> =
            notifee.events().iter().copied().filter(|event| event.name().starts_with("listen")).collect();
        assert_eq!(told, expected);
    }
    assert_closed(at_closed);
    assert_eq!(bound(&parties[0], stays), at_other);
    assert_listens(at_other);
}

/// When the swarm is shut down, for all listeners.
#[test]
fn test_shutdown_emits_listen_close_for_all_listeners() {
    let mut parties = [Party::new(1)];
    let notifees = MyNotifee::twice(&mut parties);
    let listeners = [32, 33, 34].map(|n| parties[0].swarm.listen(alone(n).parse().unwrap()).unwrap());
    until(&mut parties, |_| notifees[0][0].count("listen") == 3);
    let addresses = listeners.map(|listener| bound(&parties[0], listener));
    parties[0].swarm.shutdown();
    until(&mut parties, |parties| parties[0].swarm.is_shut_down());
    let reason = ListenerEnd::Shutdown;
    let opened = listeners.map(|listener| Event::Listen { listener });
    let closed = listeners.map(|listener| Event::ListenClose { listener, reason });
    for notifee in &notifees[0] {
        assert_eq!(*notifee.events(), [opened, closed].concat());
    }
    addresses.into_iter().for_each(assert_closed);
}
