//! What `with` lends is enough to give services and the swarm commands: a node, and the present time.

use crate::support::hosts::{IP4, Pair, connect, host, identity, wait};
use smol::Timer;
use std::error::Error;
use std::time::{Duration, Instant};
use swarm_notify::host::Error::Failed;
use swarm_notify::host::{Config, Host};
use swarm_notify::lifecycle::Failure;
use swarm_notify::notifee::{Interest, Node as _, Notifee, NotifeeContext};
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::pubsub::{self, Event, Signing};

/// Two hosts join a topic, and one says something, as a program does that was written from the docs.
#[test]
fn a_chat_subscribes_and_publishes_with_the_swarm_it_is_lent() {
    let chat = || -> Result<Vec<u8>, Box<dyn Error>> {
        let mut alice = Host::new(&identity(1), Config::default())?;
        let mut bob = Host::new(&identity(2), Config::default())?;
        let service = |number| FloodSub::new(Signing::strict_sign(identity(number), 1), pubsub::Config::default());
        let at_alice = alice.with(|notifees, swarm| notifees.install(swarm, service(1)))?;
        let at_bob = bob.with(|notifees, swarm| notifees.install(swarm, service(2)))?;
        bob.with(|notifees, swarm| {
            let floodsub = notifees.get_mut(at_bob).expect("it is installed");
            floodsub.subscribe(swarm, "chat")
        })??;
        let (says, hears) = (alice.handle(), bob.handle());
        let talk = alice.run_until(async {
            let listener = hears.listen(IP4.parse()?).await?;
            says.dial(listener.addresses()[0].clone()).await?;
            while !matches!(says.wait_for(at_alice, FloodSub::next_event).await?, Event::Subscribed { .. }) {}
            says.with(move |notifees, swarm| {
                let floodsub = notifees.get_mut(at_alice).expect("it is installed");
                floodsub.publish(swarm, "chat", b"hello")
            })
            .await??;
            loop {
                if let Event::Message { message, .. } = hears.wait_for(at_bob, FloodSub::next_event).await? {
                    return Ok(message.data);
                }
            }
        });
        wait(bob.run_until(talk))
    };
    assert_eq!(chat().unwrap(), b"hello");
}

#[test]
fn the_swarm_of_a_host_takes_commands_and_counts_like_any_node() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let peer = at_a.local_peer();
        let ours = at_b.with(move |_, swarm| {
            assert_eq!(swarm.connections_of(peer), [connection.id()]);
            assert_eq!(swarm.connection(connection.id()).and_then(|view| view.peer), Some(peer));
            (swarm.counters().connections.outbound.opened, swarm.disconnect_peer(peer))
        });
        assert_eq!(ours.await.unwrap(), (1, 1));
        while at_a.with(|_, swarm| swarm.counters().connections.inbound.closed).await.unwrap() == 0 {
            smol::future::yield_now().await;
        }
    });
}

#[test]
fn the_lists_of_a_host_cut_a_peer_and_keep_it_out() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let peer = at_a.local_peer();
        let remote = at_b.with(move |_, swarm| {
            let remote = swarm.connection(connection.id()).map(|view| view.remote.clone());
            swarm.lists_mut().deny_peer(peer).map(|()| remote)
        });
        let remote = remote.await.unwrap().unwrap().unwrap();
        while at_a.with(|_, swarm| swarm.counters().connections.inbound.closed).await.unwrap() == 0 {
            smol::future::yield_now().await;
        }
        let again = at_b.dial(remote).await.expect_err("it is denied");
        assert!(matches!(again, Failed { reason: Failure::Denied, .. }), "{again:?}");
        assert_eq!(std::io::Error::from(again).kind(), std::io::ErrorKind::PermissionDenied);
    });
}

/// A service with a time-out of its own, as a user writes it.
#[derive(Default)]
struct Asks {
    deadline: Option<Duration>,
    is_over: bool,
}

impl Asks {
    const TIMEOUT: Duration = Duration::from_millis(300);

    fn ask(&mut self, now: Duration) {
        self.deadline = Some(now + Self::TIMEOUT);
    }

    fn outcome(&mut self) -> Option<()> {
        std::mem::take(&mut self.is_over).then_some(())
    }
}

impl<N> Notifee<N> for Asks {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        self.deadline
    }

    fn tick(&mut self, _: &mut NotifeeContext<'_, N>) {
        self.is_over = self.deadline.take().is_some();
    }
}

/// The host has had nothing to do for most of the time-out when the command comes.
#[test]
fn a_time_out_counts_from_its_command_not_from_the_last_turn() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let asks = host.with(|notifees, _| notifees.register(Asks::default())).unwrap();
    wait(host.run_until(async {
        for at_once in [true, false] {
            Timer::after(Asks::TIMEOUT * 3 / 4).await;
            let asked = Instant::now();
            if at_once {
                let ask = handle.with(move |notifees, _| {
                    let now = notifees.now();
                    notifees.get_mut(asks).unwrap().ask(now);
                });
                ask.await.unwrap();
            } else {
                let now = handle.now();
                handle.with(move |notifees, _| notifees.get_mut(asks).unwrap().ask(now)).await.unwrap();
            }
            handle.wait_for(asks, |asks| asks.outcome()).await.unwrap();
            assert!(asked.elapsed() >= Asks::TIMEOUT, "it was over {:?} after the command", asked.elapsed());
        }
    }));
    std::thread::sleep(Asks::TIMEOUT * 3 / 4);
    let asked = Instant::now();
    host.with(|notifees, _| {
        let now = notifees.now();
        notifees.get_mut(asks).unwrap().ask(now);
    })
    .unwrap();
    wait(host.run_until(handle.wait_for(asks, Asks::outcome))).unwrap();
    assert!(asked.elapsed() >= Asks::TIMEOUT, "it was over {:?} after the command", asked.elapsed());
}

#[test]
fn the_clock_of_a_host_goes_on_and_its_notifees_have_the_same() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let before = handle.now();
    let lent = host.with(|notifees, _| notifees.now()).unwrap();
    let after = handle.now();
    assert!(before <= lent && lent <= after);
    let made = Instant::now() - handle.now();
    drop(host);
    assert!(handle.now() >= after && made <= Instant::now());
}
