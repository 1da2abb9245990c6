//! [`Peers`] on sockets, whose owner tells what has come only now and then; and the end of a peer's connections.

use crate::support::net::{IP4, Node, both, one, shut_down};
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event, Failure};
use swarm_notify::notifee::{Notifee, NotifeeContext, Notifees, PeerNotifee, Peers};
use swarm_notify::swarm::{Config, Multiaddr};
use swarm_notify::tcp;

/// A program's own notifee: who is here.
#[derive(Default)]
struct Lobby {
    came: Vec<PeerId>,
    went: Vec<(PeerId, ConnectionEnd)>,
}

impl<N> PeerNotifee<N> for Lobby {
    fn peer_connected(&mut self, _: &mut NotifeeContext<'_, N>, peer: PeerId, _: ConnectionId) {
        self.came.push(peer);
    }

    fn peer_disconnected(
        &mut self,
        _: &mut NotifeeContext<'_, N>,
        peer: PeerId,
        _: ConnectionId,
        reason: ConnectionEnd,
    ) {
        self.went.push((peer, reason));
    }
}

/// The same by the idiom that comes to mind.
#[derive(Default)]
struct Naive {
    came: usize,
    went: usize,
}

fn left(cx: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId) -> usize {
    let peer = cx.network().connection(connection).unwrap().peer.unwrap();
    cx.network().connections_of(peer).count()
}

impl Notifee<tcp::Swarm> for Naive {
    fn connected(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId) {
        self.came += usize::from(left(cx, connection) == 1);
    }

    fn disconnected(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId, _: ConnectionEnd) {
        self.went += usize::from(left(cx, connection) == 0);
    }
}

/// A node that listens, whose events wait until they are told; and a client.
fn paused() -> (Node, Node, Multiaddr) {
    let (mut a, b) = (Node::new(1, Config::default()), Node::new(2, Config::default()));
    let listener = a.listen(IP4);
    one(&mut a, |a| !a.log.is_empty());
    a.is_paused = true;
    let address = a.address(listener);
    (a, b, address)
}

/// How the connections end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    WeDisconnect,
    WeAbort,
    PeerDisconnects,
    PeerAborts,
    PeerIsGone,
}

#[test]
fn a_peer_is_there_from_its_first_connection_to_its_last() {
    for how in [How::WeDisconnect, How::WeAbort, How::PeerDisconnects, How::PeerAborts, How::PeerIsGone] {
        let (mut a, mut b, address) = paused();
        let mut notifees = Notifees::new();
        let naive = notifees.register(Naive::default());
        let id = notifees.register(Peers::new(Lobby::default()));
        let (at_a, at_b) = (a.swarm.local_peer(), b.swarm.local_peer());
        for _ in 0..3 {
            b.dial(&address);
        }
        both(&mut a, &mut b, |a, b| {
            a.swarm.connections_of(at_b).count() == 3 && b.swarm.connections_of(at_a).count() == 3
        });
        notifees.drive(&mut a.swarm, Duration::ZERO);
        let peers = notifees.get::<Peers<Lobby>>(id).unwrap();
        assert_eq!((&peers.get_ref().came, peers.connections_of(&at_b).count()), (&vec![at_b], 3));

        let ids: Vec<_> = if how == How::WeAbort { &a } else { &b }.swarm.connections().collect();
        match how {
            How::WeDisconnect => assert_eq!(a.swarm.disconnect_peer(at_b), 3),
            How::WeAbort => ids.into_iter().for_each(|id| a.swarm.abort_connection(id).unwrap()),
            How::PeerDisconnects => assert_eq!(b.swarm.disconnect_peer(at_a), 3),
            How::PeerAborts => ids.into_iter().for_each(|id| b.swarm.abort_connection(id).unwrap()),
            How::PeerIsGone => {}
        }
        if how == How::PeerIsGone {
            drop(b);
            one(&mut a, |a| a.swarm.connections_of(at_b).next().is_none());
        } else {
            both(&mut a, &mut b, |a, b| {
                a.swarm.connections_of(at_b).next().is_none() && b.swarm.connections_of(at_a).next().is_none()
            });
        }
        assert!(notifees.get::<Peers<Lobby>>(id).unwrap().is_connected(&at_b), "nobody was told");
        notifees.drive(&mut a.swarm, Duration::ZERO);
        let naive = notifees.get::<Naive>(naive).unwrap();
        assert_eq!((naive.came, naive.went), (0, 3), "{how:?}: the trap");
        let peers = notifees.get::<Peers<Lobby>>(id).unwrap();
        assert!(peers.is_empty() && !peers.is_connected(&at_b));
        let [(peer, reason)] = peers.get_ref().went[..] else { panic!("{how:?}") };
        assert_eq!((peer, peers.get_ref().came.len()), (at_b, 1));
        let by_us = matches!(how, How::WeDisconnect | How::WeAbort);
        assert_eq!(reason == ConnectionEnd::Requested, by_us, "{how:?}: {reason}");
    }
}

#[test]
fn disconnecting_a_peer_gives_up_only_dials_that_name_it() {
    let (mut a, mut b, address) = paused();
    a.is_paused = false;
    let open = b.dial(&address);
    both(&mut a, &mut b, |_, b| !b.log.is_empty());
    let named = b.dial(&address);
    let mut anybody = address;
    anybody.pop();
    let unnamed = b.dial(&anybody);
    assert_eq!(b.swarm.disconnect_peer(a.swarm.local_peer()), 2);
    assert_eq!(b.swarm.disconnect_peer(a.swarm.local_peer()), 0, "they are being closed already");
    both(&mut a, &mut b, |_, b| b.log.len() == 4);
    let log = b.log.split_off(1);
    for line in [
        format!("connect_failed {named} requested"),
        format!("connected {unnamed} outbound"),
        format!("disconnected {open} requested"),
    ] {
        assert!(log.contains(&line), "{line} in {log:?}");
    }
    shut_down(&mut a, &mut b);
}

/// Ends all of a peer's connections as soon as it hears of the first, and counts what it is told then.
#[derive(Default)]
struct Bouncer {
    acted_on: Vec<usize>,
    told: Vec<Event>,
}

impl Notifee<tcp::Swarm> for Bouncer {
    fn connected(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId) {
        let peer = cx.network().connection(connection).unwrap().peer.unwrap();
        self.acted_on.push(cx.network().disconnect_peer(peer));
        self.told.push(Event::Connected { connection });
    }

    fn connect_failed(&mut self, _: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId, reason: Failure) {
        self.told.push(Event::ConnectFailed { connection, reason });
    }

    fn disconnected(
        &mut self,
        cx: &mut NotifeeContext<'_, tcp::Swarm>,
        connection: ConnectionId,
        reason: ConnectionEnd,
    ) {
        let peer = cx.network().connection(connection).unwrap().peer.unwrap();
        assert_eq!(cx.network().disconnect_peer(peer), 0, "what is told to be over is not closed again");
        self.told.push(Event::Disconnected { connection, reason });
    }
}

#[test]
fn a_peer_is_disconnected_from_inside_a_notification() {
    let (mut a, mut b, address) = paused();
    let mut notifees = Notifees::new();
    let id = notifees.register(Bouncer::default());
    let (at_a, at_b) = (a.swarm.local_peer(), b.swarm.local_peer());
    (0..2).for_each(|_| _ = b.dial(&address));
    both(&mut a, &mut b, |a, b| a.swarm.connections_of(at_b).count() + b.swarm.connections_of(at_a).count() == 4);
    notifees.drive(&mut a.swarm, Duration::ZERO);
    assert_eq!(notifees.get::<Bouncer>(id).unwrap().acted_on, [2, 0], "both at once, and each is told nevertheless");
    both(&mut a, &mut b, |a, b| {
        a.swarm.connections_of(at_b).next().is_none() && b.swarm.connections_of(at_a).next().is_none()
    });
    notifees.drive(&mut a.swarm, Duration::ZERO);
    let told = &notifees.get::<Bouncer>(id).unwrap().told;
    let names: Vec<_> = told.iter().map(Event::name).collect();
    assert_eq!(names, ["connected", "connected", "disconnected", "disconnected"]);
    let reasons: Vec<_> = b.log.iter().filter(|line| line.contains("go_away(0)")).collect();
    assert_eq!(reasons.len(), 2, "the peer hears a polite end: {:?}", b.log);
}
