//! [`Peers`]: told of the first connection and of the last, however many there are and whoever runs ahead.

use crate::support::driven::{Sim, Together};
use crate::support::pipe::Random;
use crate::support::scripted::{Log, Scripted};
use crate::support::sim::{Cut, Host};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event};
use swarm_notify::notifee::{
    CatchPanics, HasNode, Interest, NotifeeContext, NotifeeId, PeerNotifee, Peers, catch_panics,
};

type Net<const EVENTS: usize> = Together<EVENTS, 3>;

/// What a [`PeerNotifee`] does: it is given whether the peer is connected.
type Deed<N> = Box<dyn FnMut(&mut NotifeeContext<'_, N>, PeerId, bool)>;

/// Writes down what it is told of peers, with the names `a`, `b`, `c` of the nodes, and acts.
struct Notes<N> {
    log: Log,
    names: [PeerId; 3],
    deed: Deed<N>,
}

impl<N> Notes<N> {
    fn name(&self, peer: PeerId) -> char {
        let place = self.names.iter().position(|other| *other == peer).expect("it is one of us");
        ['a', 'b', 'c'][place]
    }
}

impl<N: HasNode> PeerNotifee<N> for Notes<N> {
    fn peer_connected(&mut self, cx: &mut NotifeeContext<'_, N>, peer: PeerId, connection: ConnectionId) {
        self.log.write(format!("{} connected by {connection}", self.name(peer)));
        (self.deed)(cx, peer, true);
    }

    fn peer_disconnected(
        &mut self,
        cx: &mut NotifeeContext<'_, N>,
        peer: PeerId,
        connection: ConnectionId,
        _: ConnectionEnd,
    ) {
        self.log.write(format!("{} disconnected by {connection}", self.name(peer)));
        (self.deed)(cx, peer, false);
    }
}

fn notes<const EVENTS: usize>(
    net: &Net<EVENTS>,
    log: &Log,
    deed: impl FnMut(&mut NotifeeContext<'_, Sim<EVENTS>>, PeerId, bool) + 'static,
) -> Peers<Notes<Sim<EVENTS>>> {
    let names = net.all.each_ref().map(|node| node.swarm.local_peer());
    Peers::new(Notes { log: log.clone(), names, deed: Box::new(deed) })
}

/// Three nodes, of which the first listens.
fn net<const EVENTS: usize>() -> Net<EVENTS> {
    let mut net = Net::new(Cut::Whole);
    net.all[0].swarm.listen(Host(1).at(4000)).unwrap();
    net.settle();
    net
}

fn dial<const EVENTS: usize>(net: &mut Net<EVENTS>, from: usize, times: usize) {
    (0..times).for_each(|_| _ = net.all[from].swarm.dial(Host(1).at(4000)).unwrap());
}

/// Lets everything happen, while the first node is told nothing.
fn settle_untold<const EVENTS: usize>(net: &mut Net<EVENTS>) {
    let mut idle = 0;
    while idle < 3 {
        net.all.iter_mut().for_each(|node| node.swarm.tick(net.now));
        net.all[1..].iter_mut().for_each(|node| node.notifees.drive(&mut node.swarm, net.now));
        idle += 1;
        if net.network.deliver(net.now) {
            idle = 0;
        } else if let Some(arrival) = net.network.next_arrival() {
            net.now = arrival;
            net.network.advance_to(arrival);
            idle = 0;
        }
    }
}

/// The idiom that comes to mind: looks how many connections there are.
fn naive<const EVENTS: usize>(log: &Log) -> Scripted<Sim<EVENTS>> {
    let seen = log.clone();
    Scripted::with("naive", &Log::default(), move |cx: &mut NotifeeContext<'_, Sim<EVENTS>>, event| match event {
        Event::Connected { connection } | Event::Disconnected { connection, .. } => {
            let peer = cx.network().connection(connection).unwrap().peer.unwrap();
            seen.write(format!("{} {}", event.name(), cx.network().connections_of(peer).count()));
        }
        Event::Listen { .. }
        | Event::ListenFailed { .. }
        | Event::ListenClose { .. }
        | Event::ConnectFailed { .. }
        | Event::OpenedStream { .. }
        | Event::StreamFailed { .. }
        | Event::ClosedStream { .. } => {}
    })
}

#[test]
fn two_that_open_between_drives_connect_the_peer_at_the_first() {
    let (log, seen) = (Log::default(), Log::default());
    let mut net = net::<256>();
    let peers = notes(&net, &log, |_, _, _| {});
    net.all[0].notifees.register(naive(&seen));
    let id = net.all[0].notifees.register(peers);
    dial(&mut net, 1, 2);
    settle_untold(&mut net);
    net.settle();
    seen.expect(&["connected 2", "connected 2"]);
    log.expect(&["b connected by c0.1"]);
    let b = net.all[1].swarm.local_peer();
    let peers = net.all[0].notifees.get::<Peers<Notes<Sim<256>>>>(id).unwrap();
    assert_eq!(peers.connections_of(&b).map(|id| id.to_string()).collect::<Vec<_>>(), ["c0.1", "c1.1"]);
    assert!(peers.is_connected(&b) && !peers.is_connected(&net.all[2].swarm.local_peer()) && !peers.is_empty());
    assert_eq!((peers.len(), peers.peers().collect::<Vec<_>>()), (1, vec![&b]));
}

#[test]
fn three_that_are_cut_together_disconnect_the_peer_at_the_last() {
    // By us, by the peer, and by the network.
    for how in 0..3 {
        let (log, seen) = (Log::default(), Log::default());
        let mut net = net::<256>();
        let peers = notes(&net, &log, |_, _, _| {});
        let id = net.all[0].notifees.register(peers);
        let raw = Log::default();
        net.all[0].notifees.register(Scripted::new("raw", &raw).only(Interest::DISCONNECTED));
        net.all[0].notifees.register(naive(&seen));
        dial(&mut net, 1, 3);
        dial(&mut net, 2, 1);
        net.settle();
        log.take();
        seen.take();
        let b = net.all[1].swarm.local_peer();
        match how {
            0 => {
                let of_b: Vec<_> = net.all[0].swarm.connections_of(b).collect();
                of_b.into_iter().for_each(|id| net.all[0].swarm.abort_connection(id).unwrap());
            }
            1 => {
                let all: Vec<_> = net.all[1].swarm.connections().collect();
                all.into_iter().for_each(|id| net.all[1].swarm.abort_connection(id).unwrap());
            }
            _ => {
                let between = net.network.between();
                let pipes = (0..between.len()).filter(|pipe| between[*pipe].contains(&2));
                net.network.set(|knobs| pipes.for_each(|pipe| knobs.reset(pipe)));
            }
        }
        settle_untold(&mut net);
        net.settle();
        seen.expect(&["disconnected 0", "disconnected 0", "disconnected 0"]);
        log.expect(&[raw.take()[2].replace("raw disconnected", "b disconnected by")]);
        let peers = net.all[0].notifees.get::<Peers<Notes<Sim<256>>>>(id).unwrap();
        assert_eq!((peers.is_connected(&b), peers.connections_of(&b).count(), peers.len()), (false, 0, 1));
    }
}

#[test]
fn a_late_one_passes_over_what_it_missed_unless_it_is_replayed() {
    let [late, replayed] = [Log::default(), Log::default()];
    let mut net = net::<256>();
    dial(&mut net, 1, 2);
    net.settle();
    let [plain, told_before] = [&late, &replayed].map(|log| notes(&net, log, |_, _, _| {}));
    let node = &mut net.all[0];
    node.notifees.register(plain);
    node.notifees.register_and_replay(&mut node.swarm, told_before);
    late.expect::<&str>(&[]);
    replayed.expect(&["b connected by c0.1"]);
    dial(&mut net, 1, 1);
    dial(&mut net, 2, 1);
    net.settle();
    late.expect(&["b connected by c2.1", "c connected by c3.1"]);
    replayed.expect(&["c connected by c3.1"]);
    let ids: Vec<_> = net.all[0].swarm.connections().collect();
    for (n, of_late, of_replayed) in
        [(0, None, None), (2, Some("b disconnected by c2.1"), None), (1, None, Some("b disconnected by c1.1"))]
    {
        net.all[0].swarm.abort_connection(ids[n]).unwrap();
        net.settle();
        late.expect(of_late.as_slice());
        replayed.expect(of_replayed.as_slice());
    }
}

#[test]
fn commands_of_it_and_of_others_change_nothing_of_what_is_told() {
    let log = Log::default();
    let mut net = net::<256>();
    // The first closes every other connection as it is told of it; the adapter comes behind it.
    let mut count = 0;
    let closes = Scripted::<Sim<256>>::with("closes", &Log::default(), move |cx, event| {
        if let Event::Connected { connection } = event {
            count += 1;
            if count % 2 == 1 {
                cx.network().abort_connection(connection).unwrap();
            }
        }
    });
    net.all[0].notifees.register(closes);
    // It disconnects a peer as soon as it hears of it.
    let peers = notes(&net, &log, |cx, peer, is_connected| {
        if is_connected {
            assert_eq!(cx.network().disconnect_peer(peer), 1, "the other one is gone already");
        }
    });
    net.all[0].notifees.register(peers);
    dial(&mut net, 1, 2);
    settle_untold(&mut net);
    net.settle();
    log.expect(&["b connected by c0.1", "b disconnected by c1.1"]);
    assert_eq!(net.all[0].swarm.connections().count(), 0);
}

/// A panic without a message on the screen.
fn is_quiet(work: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_ok()
}

#[test]
fn panics_of_others_and_of_its_own_leave_the_counts_right() {
    let [log, caught] = [Log::default(), Log::default()];
    let mut net = net::<256>();
    let panics = |_: &mut NotifeeContext<'_, Sim<256>>, _: Event| resume_unwind(Box::new(()));
    let connections = Interest::CONNECTED | Interest::DISCONNECTED;
    net.all[0].notifees.register(Scripted::with("before", &Log::default(), panics).only(connections));
    let peers = notes(&net, &log, |_, _, _| {});
    net.all[0].notifees.register(peers);
    let brittle = notes(&net, &caught, |_, _, _| resume_unwind(Box::new(())));
    let brittle = net.all[0].notifees.register(catch_panics(brittle, |_| {}));
    net.all[0].notifees.register(Scripted::with("behind", &Log::default(), panics).only(connections));
    let drive = |net: &mut Net<256>| {
        let node = &mut net.all[0];
        while !is_quiet(|| node.notifees.drive(&mut node.swarm, net.now)) {}
    };
    dial(&mut net, 1, 2);
    settle_untold(&mut net);
    drive(&mut net);
    let peers = |net: &Net<256>, id: NotifeeId<CatchPanics<Peers<Notes<Sim<256>>>>>| {
        let caught = net.all[0].notifees.get(id);
        caught.unwrap().get_ref().connections_of(&net.all[1].swarm.local_peer()).count()
    };
    assert_eq!(peers(&net, brittle), 2);
    let b = net.all[1].swarm.local_peer();
    assert_eq!(net.all[0].swarm.disconnect_peer(b), 2);
    settle_untold(&mut net);
    drive(&mut net);
    assert_eq!(peers(&net, brittle), 0);
    for log in [log, caught] {
        let lines = log.take();
        assert_eq!((lines.len(), lines[0].as_str()), (2, "b connected by c0.1"));
        assert!(lines[1].starts_with("b disconnected by "));
    }
}

#[test]
fn one_for_whom_nobody_is_told_can_be_asked() {
    let mut net = net::<256>();
    let id = net.all[0].notifees.register(Peers::new(()));
    dial(&mut net, 1, 2);
    dial(&mut net, 2, 1);
    net.settle();
    let mut expected = [1, 2].map(|n| net.all[n].swarm.local_peer());
    expected.sort();
    let peers = net.all[0].notifees.get_mut::<Peers<()>>(id).unwrap();
    assert_eq!(peers.peers().copied().collect::<Vec<_>>(), expected);
    let ((), ()) = (*peers.get_mut(), *peers.get_ref());
    assert_eq!(peers.clone().into_inner(), ());
}

/// All connections that were told to be open, in the order in which they were told: slow, and obvious.
#[derive(Default)]
struct Model {
    open: Vec<(PeerId, ConnectionId)>,
    lines: Vec<String>,
}

impl Model {
    fn told(&mut self, name: char, peer: PeerId, event: Event) {
        let others = |open: &[(PeerId, ConnectionId)]| open.iter().filter(|(other, _)| *other == peer).count();
        if let Event::Connected { connection } = event {
            if others(&self.open) == 0 {
                self.lines.push(format!("{name} connected by {connection}"));
            }
            self.open.push((peer, connection));
        }
        if let Event::Disconnected { connection, .. } = event
            && self.open.contains(&(peer, connection))
        {
            self.open.retain(|other| *other != (peer, connection));
            if others(&self.open) == 0 {
                self.lines.push(format!("{name} disconnected by {connection}"));
            }
        }
    }
}

/// Returns how many lines were told, and how often a peer had several connections.
fn walk<const EVENTS: usize>(seed: u64) -> (usize, usize) {
    use std::cell::RefCell;
    use std::rc::Rc;

    let mut random = Random(seed);
    let mut net = net::<EVENTS>();
    let names = net.all.each_ref().map(|node| node.swarm.local_peer());
    let mut followed: Vec<(_, Log, Rc<RefCell<Model>>)> = Vec::new();
    let (mut lines, mut several) = (0, 0);
    for step in 0..400 {
        if step % 80 == 0 {
            // One that comes now, and a model that sees what it sees.
            let (log, model) = (Log::default(), Rc::new(RefCell::new(Model::default())));
            let seen = model.clone();
            let watch = Scripted::<Sim<EVENTS>>::with("model", &Log::default(), move |cx, event| {
                let swarm_notify::lifecycle::Id::Connection(connection) = event.id() else { return };
                let Some(peer) = cx.network().connection(connection).and_then(|view| view.peer) else { return };
                let place = names.iter().position(|other| *other == peer).unwrap();
                seen.borrow_mut().told(['a', 'b', 'c'][place], peer, event);
            });
            let peers = notes(&net, &log, |_, _, _| {});
            let node = &mut net.all[0];
            let id = match random.below(2) {
                0 => {
                    node.notifees.register(watch.only(Interest::CONNECTED | Interest::DISCONNECTED));
                    node.notifees.register(peers)
                }
                _ => {
                    let watch = watch.only(Interest::CONNECTED | Interest::DISCONNECTED);
                    node.notifees.register_and_replay(&mut node.swarm, watch);
                    node.notifees.register_and_replay(&mut node.swarm, peers)
                }
            };
            followed.push((id, log, model));
        }
        let of = random.below(3);
        let connections: Vec<_> = net.all[of].swarm.connections().collect();
        let chosen = connections.get(random.below(connections.len().max(1))).copied();
        match random.below(12) {
            0..=3 if of != 0 => dial(&mut net, of, 1 + random.below(3)),
            4 => _ = chosen.map(|id| net.all[of].swarm.abort_connection(id)),
            5 => _ = chosen.map(|id| net.all[of].swarm.close_connection(id)),
            6 => _ = net.all[of].swarm.disconnect_peer(names[random.below(3)]),
            7 | 8 => net.turn(),
            9 => net.settle(),
            10 => settle_untold(&mut net),
            _ => {
                let node = &mut net.all[0];
                node.notifees.set_events_per_dispatch(1 + random.below(3));
                node.notifees.drive(&mut node.swarm, net.now);
                node.notifees.set_events_per_dispatch(1_024);
            }
        }
        for (id, log, model) in &followed {
            let mut model = model.borrow_mut();
            let expected = std::mem::take(&mut model.lines);
            lines += expected.len();
            log.expect(&expected);
            let peers = net.all[0].notifees.get(*id).unwrap();
            for peer in names {
                let mut open: Vec<_> =
                    model.open.iter().filter(|(other, _)| *other == peer).map(|(_, id)| *id).collect();
                open.sort();
                several += usize::from(open.len() > 1);
                assert_eq!(peers.connections_of(&peer).collect::<Vec<_>>(), open, "seed {seed}, step {step}");
                assert_eq!(peers.is_connected(&peer), !open.is_empty());
            }
        }
    }
    (lines, several)
}

#[test]
fn whatever_happens_it_says_what_a_slow_and_obvious_model_says() {
    let (mut lines, mut several) = (0, 0);
    for seed in 0..8 {
        for (told, more) in [walk::<1>(seed), walk::<4>(seed), walk::<256>(seed)] {
            (lines, several) = (lines + told, several + more);
        }
    }
    assert!(lines > 200 && several > 1_000, "{lines} {several}");
}
