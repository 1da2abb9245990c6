//! Listeners whose addresses come and go, as a transport on a laptop's interfaces reports them.

use libp2p_core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p_identity::Keypair;
use std::collections::VecDeque;
use std::future::{Pending, Ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm_notify::lifecycle::{Event, Failure, ListenerEnd};
use swarm_notify::swarm::{Config, Multiaddr, Readiness, Swarm};

type Io = futures::io::Cursor<Vec<u8>>;

/// Reports what it was told to.
#[derive(Default)]
struct Scripted {
    id: Option<ListenerId>,
    script: VecDeque<Step>,
}

enum Step {
    New(&'static str),
    Expired(&'static str),
    Closed,
}

impl Transport for Scripted {
    type Output = Io;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<Io>>;
    type Dial = Pending<io::Result<Io>>;

    fn listen_on(&mut self, id: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.id = Some(id);
        Ok(())
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        self.script.push_back(Step::Closed);
        true
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        let (Some(listener_id), Some(step)) = (self.id, self.script.pop_front()) else { return Poll::Pending };
        Poll::Ready(match step {
            Step::New(address) => TransportEvent::NewAddress { listener_id, listen_addr: address.parse().unwrap() },
            Step::Expired(address) => {
                TransportEvent::AddressExpired { listener_id, listen_addr: address.parse().unwrap() }
            }
            Step::Closed => TransportEvent::ListenerClosed { listener_id, reason: Ok(()) },
        })
    }
}

#[test]
fn a_listener_may_lose_all_its_addresses_and_find_others() {
    const WIFI: &str = "/ip4/192.0.2.1/tcp/1";
    const CABLE: &str = "/ip4/192.0.2.2/tcp/1";
    let script = [Step::New(WIFI), Step::Expired(WIFI), Step::New(CABLE), Step::Expired(CABLE)];
    let transport = Scripted { id: None, script: script.into() };
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let mut swarm = Swarm::with_events::<1>((), transport, &identity, [1; 32], Config::default()).unwrap();
    let listener = swarm.listen("/ip4/0.0.0.0/tcp/1".parse().unwrap()).unwrap();
    swarm.tick(Duration::ZERO);
    swarm.tick(Duration::ZERO);
    assert_eq!(swarm.next_event(), Some(Event::Listen { listener }));
    assert_eq!(swarm.next_event(), None);
    while swarm.next_deadline() == Some(Duration::ZERO) {
        swarm.tick(Duration::ZERO);
    }
    assert_eq!(swarm.next_ready(), Some(Readiness::Addresses { listener }));
    assert_eq!(swarm.next_ready(), None);
    assert_eq!(swarm.listener(listener).unwrap().addresses, [] as [Multiaddr; 0]);
    swarm.close_listener(listener).unwrap();
    swarm.tick(Duration::ZERO);
    assert_eq!(swarm.next_event(), Some(Event::ListenClose { listener, reason: ListenerEnd::Requested }));
    assert_eq!(swarm.next_event(), None);
}

/// Ticks until nothing is left to do, and says what was told.
fn told(swarm: &mut Swarm<Scripted, 1>) -> Vec<Event> {
    let mut told = Vec::new();
    for _ in 0..100 {
        swarm.tick(Duration::ZERO);
        told.extend(std::iter::from_fn(|| swarm.next_event()));
        if swarm.poll_at() != Some(Duration::ZERO) {
            return told;
        }
    }
    panic!("it spins: {told:?}");
}

fn listening(script: impl IntoIterator<Item = Step>) -> (Swarm<Scripted, 1>, swarm_notify::lifecycle::ListenerId) {
    let transport = Scripted { id: None, script: script.into_iter().collect() };
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let mut swarm = Swarm::with_events((), transport, &identity, [1; 32], Config::default()).unwrap();
    let listener = swarm.listen("/ip4/192.0.2.1/tcp/1".parse().unwrap()).unwrap();
    (swarm, listener)
}

const STRANGER: &str = "/ip4/192.0.2.1/tcp/1/p2p/12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa";

#[test]
fn an_unreachable_address_is_never_told_as_listen() {
    let nowhere = ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1", "/ip4/192.0.2.1/tcp/0", "/memory/0", "", STRANGER];
    for address in nowhere {
        let (mut swarm, listener) = listening([Step::New(address)]);
        for _ in 0..3 {
            swarm.tick(Duration::ZERO);
        }
        let reason = Failure::AddressNotAvailable;
        assert_eq!(swarm.next_event(), Some(Event::ListenFailed { listener, reason }), "{address}");
        let view = swarm.listener(listener).unwrap();
        assert!(view.addresses.is_empty() && view.error.is_some_and(|error| error.contains(address)), "{view:?}");
        assert_eq!(told(&mut swarm), [], "and nothing is waited for any more");
    }
}

#[test]
fn an_open_listener_leaves_out_unreachable_addresses() {
    const REAL: &str = "/ip4/192.0.2.1/tcp/1";
    let script = [Step::New(REAL), Step::New("/ip4/0.0.0.0/tcp/1"), Step::New(STRANGER), Step::Expired(STRANGER)];
    let (mut swarm, listener) = listening(script);
    assert_eq!(told(&mut swarm), [Event::Listen { listener }]);
    assert_eq!(swarm.listener(listener).unwrap().addresses, [REAL.parse::<Multiaddr>().unwrap()]);
    swarm.close_listener(listener).unwrap();
    assert_eq!(told(&mut swarm), [Event::ListenClose { listener, reason: ListenerEnd::Requested }]);
}

#[test]
fn our_own_peer_id_in_a_reported_address_is_left_out() {
    let ours =
        format!("/ip4/192.0.2.1/tcp/1/p2p/{}", Keypair::ed25519_from_bytes([1; 32]).unwrap().public().to_peer_id());
    let ours: &'static str = ours.leak();
    let (mut swarm, listener) = listening([Step::New(ours), Step::New("/ip4/192.0.2.1/tcp/1")]);
    assert_eq!(told(&mut swarm), [Event::Listen { listener }]);
    assert_eq!(swarm.listener(listener).unwrap().addresses, ["/ip4/192.0.2.1/tcp/1".parse::<Multiaddr>().unwrap()]);
}
