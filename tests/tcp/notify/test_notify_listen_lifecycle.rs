//! `test_notify_listen_lifecycle.py`: every listener is told of once when it listens, and once when it does no more.

use crate::notify::MyNotifee;
use crate::support::party::{Party, until};
use swarm_notify::lifecycle::{Event, ListenerEnd};

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
    let [part, ..] = parties[0].swarm.listener(listener).unwrap().addresses else { panic!("it has no address") };
    assert!(part.to_string().starts_with("/ip4/127.0.0.1/tcp/"));
}

#[test]
fn test_single_listener_close_emits_listen_close() {
    let mut parties = [Party::new(1)];
    let notifees = MyNotifee::twice(&mut parties);
    let (closed, stays) = (parties[0].listen(), parties[0].listen());
    until(&mut parties, |_| notifees[0][0].count("listen") == 2);
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
        assert_eq!(*notifee.events(), expected);
    }
    assert!(parties[0].swarm.listener(stays).is_some());
}

/// When the swarm is shut down, for all listeners.
#[test]
fn test_shutdown_emits_listen_close_for_all_listeners() {
    let mut parties = [Party::new(1)];
    let notifees = MyNotifee::twice(&mut parties);
    let listeners = [(); 3].map(|()| parties[0].listen());
    until(&mut parties, |_| notifees[0][0].count("listen") == 3);
    parties[0].swarm.shutdown();
    until(&mut parties, |parties| parties[0].swarm.is_shut_down());
    let reason = ListenerEnd::Shutdown;
    let opened = listeners.map(|listener| Event::Listen { listener });
    let closed = listeners.map(|listener| Event::ListenClose { listener, reason });
    for notifee in &notifees[0] {
        assert_eq!(*notifee.events(), [opened, closed].concat());
    }
}
