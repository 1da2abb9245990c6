//! What may go to another thread, and by which bounds. That it compiles is the test; what may not is shown on the pages of
//! [`Notifees`](swarm_notify::notifee::Notifees) and `Host`, in examples that must not compile.

use libp2p_core::Transport;
use libp2p_core::transport::MemoryTransport;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};
use swarm_notify::connection::{Connection, Protocol, ReadError, Stream, WriteError};
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{Event, Lifecycle, Table};
use swarm_notify::notifee::{Network, Notice, Notifee, NotifeeContext, Notifees, Subscription};
use swarm_notify::swarm::{
    CloseError, Config, ConnectionView, DialError, ListenError, ListenerView, OpenStreamError, Reactor, Readiness,
    StreamView, Swarm,
};
use swarm_notify::tcp;

const fn sends<T: Send>() {}
const fn is_shared<T: Send + Sync>() {}
const fn lives_anywhere<T: Send + Sync + 'static>() {}

/// A swarm goes to another thread if these do: the transport, its sockets, its dials and upgrades, and the reactor.
const fn a_swarm_sends_what_its_parts_send<T, const EVENTS: usize, R>()
where
    T: Transport<Output: Send, Dial: Send, ListenerUpgrade: Send> + Send,
    R: Reactor + Send,
{
    sends::<Swarm<T, EVENTS, R>>();
}

const _: () = {
    a_swarm_sends_what_its_parts_send::<tcp::Transport, 1, tcp::Reactor>();
    sends::<tcp::Swarm>();
    sends::<tcp::Swarm<1>>();
    sends::<Swarm<MemoryTransport>>();
    sends::<Swarm<libp2p_websocket::Config<tcp::Transport>, 256, tcp::Reactor>>();
    sends::<tcp::Transport>();
    sends::<tcp::Dial>();
    sends::<tcp::Reactor>();
    is_shared::<tcp::Handle>();
    is_shared::<tcp::Stream>();
    sends::<Connection>();
    sends::<Stream>();
    is_shared::<Lifecycle<8>>();
    is_shared::<Table<swarm_notify::lifecycle::StreamId, u8>>();
    is_shared::<ListenerView<'_>>();
    is_shared::<ConnectionView<'_>>();
    is_shared::<StreamView<'_>>();
    lives_anywhere::<Event>();
    lives_anywhere::<Readiness>();
    lives_anywhere::<Notice>();
    lives_anywhere::<Subscription>();
    lives_anywhere::<Protocol>();
    lives_anywhere::<Config>();
    lives_anywhere::<(ListenError, DialError, OpenStreamError, CloseError, ReadError, WriteError)>();
};

/// A registry takes what is not `Send`, and lives where that does: each thread makes its own.
#[test]
fn a_swarm_is_made_here_and_driven_with_its_notifees_elsewhere() {
    struct Listens(std::rc::Rc<std::cell::Cell<u32>>);

    impl<N: Network> Notifee<N> for Listens {
        fn listen(&mut self, _: &mut NotifeeContext<'_, N>, _: swarm_notify::lifecycle::ListenerId) {
            self.0.set(self.0.get() + 1);
        }
    }

    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let mut swarm = Swarm::with_reactor(reactor, transport, &identity, [1; 32], Config::default()).unwrap();
    swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let (waker, (heard, hears)) = (swarm.waker(), channel());
    let driver = thread::spawn(move || {
        let (start, told) = (Instant::now(), std::rc::Rc::default());
        let mut notifees = Notifees::new();
        notifees.register(Listens(std::rc::Rc::clone(&told)));
        swarm.tick(start.elapsed());
        notifees.drive(&mut swarm, start.elapsed());
        assert_eq!(swarm.poll_at(), None, "it would not wait");
        heard.send(told.get()).unwrap();
        // The other thread ends this wait.
        swarm.wait(start.elapsed(), Some(Duration::from_secs(60))).unwrap();
        swarm.tick(start.elapsed());
        (swarm, start.elapsed())
    });
    assert_eq!(hears.recv().unwrap(), 1);
    waker.wake();
    let (swarm, took) = driver.join().unwrap();
    assert!(took < Duration::from_secs(60), "it was called");
    assert_eq!(swarm.listeners().count(), 1, "it comes back as it was");
}
