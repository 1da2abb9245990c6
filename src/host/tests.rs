//! Tests that a host keeps hardly any memory for futures that were dropped.

use super::command::{Close, HostCommand};
use super::wait::AwaitOutcome;
use super::*;
use alloc::vec::Vec;
use core::pin::pin;
use futures_lite::future::{block_on, poll_once};

fn host() -> Host {
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    Host::new(&identity, Config::default()).unwrap()
}

#[test]
fn commands_of_dropped_futures_do_not_pile_up() {
    let host = host();
    let (handle, shared) = (host.handle(), host.driver.shared.clone());
    let most = shared.try_world(|_| {
        // The swarm is borrowed in this closure, so each command is queued and not executed at once.
        let address = || "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let kept: Vec<_> =
            (0..50).map(|_| AwaitOutcome::begin(&shared, |slot| HostCommand::Dial(address(), slot))).collect();
        let queued = (0..10_000).map(|_| {
            assert!(block_on(poll_once(handle.dial(address()))).is_none());
            shared.commands.borrow().queue.len()
        });
        let most = queued.max();
        drop(kept);
        most
    });
    assert!((100..=200).contains(&most.unwrap().unwrap()), "{most:?}");
}

#[test]
fn dropped_futures_do_not_pile_up_beside_waiting_ones() {
    let mut host = host();
    let (handle, shared) = (host.handle(), host.driver.shared.clone());
    let dialed = host.with(|_, swarm| {
        use crate::notifee::HasNode as _;
        swarm.node_mut().dial("/ip4/127.0.0.1/tcp/1".parse().unwrap()).unwrap()
    });
    let id = dialed.unwrap();
    let mut waiting =
        pin!(AwaitOutcome::begin(&shared, |slot| HostCommand::CloseConnection(id, Close::ByItself, slot)));
    assert!(block_on(poll_once(&mut waiting)).is_none());
    for _ in 0..1_000 {
        assert!(block_on(poll_once(handle.connection_closed(id))).is_none());
        assert!(block_on(poll_once(handle.shutdown())).is_none());
        assert!(shared.waiting() <= 3, "{}", shared.waiting());
    }
}

#[test]
fn a_dropped_wait_for_a_notifee_is_forgotten() {
    let mut host = host();
    let (handle, shared) = (host.handle(), host.driver.shared.clone());
    struct Silent;
    impl<N> crate::notifee::Notifee<N> for Silent {}
    let id = host.with(|notifees, _| notifees.register(Silent)).unwrap();
    let waiting = || handle.wait_for(id, |_: &mut Silent| None::<()>);
    let mut kept = pin!(waiting());
    assert!(block_on(poll_once(&mut kept)).is_none());
    assert!(block_on(poll_once(&mut kept)).is_none());
    for _ in 0..1_000 {
        assert!(block_on(poll_once(waiting())).is_none());
        assert_eq!(shared.waiters(|waiters| waiters.watchers.len()), 1);
    }
}
