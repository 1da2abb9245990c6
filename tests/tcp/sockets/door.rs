//! Sockets that take places at the door, and peers that are let in all the same.

use crate::support::net::{IP4, Node, both, multiaddr_of, one, socket_address};
use crate::support::raw_frames::{Greeting, NOISE_LINES};
use crate::support::raw_peer::RawPeer;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use swarm_notify::swarm::{Config, Refusal};

/// What an attacker says before it says nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Nothing,
    /// One byte, and one more for each second.
    Trickle,
    /// All of its first words, with Noise's first message.
    Message1,
}

const DEEDS: [Deed; 3] = [Deed::Nothing, Deed::Trickle, Deed::Message1];

/// So many sockets are under way at a time: fewer than a system's backlog.
const AT_ONCE: usize = 50;

fn connect_from(from: impl Into<IpAddr>, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from.into(), 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// A node that listens, and the address at which it does.
fn listening() -> (Node, SocketAddr) {
    let mut a = Node::new(1, Config::default());
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let address = socket_address(&a.address(listener));
    (a, address)
}

/// The number of sockets that have had to leave, for a newcomer or because they took too long: on a slow machine some of
/// those that say nothing do.
fn left(a: &Node) -> u64 {
    a.swarm.refused(Refusal::HandshakeEvicted) + a.swarm.refused(Refusal::HandshakeFailed)
}

/// Besieges a node from these addresses in turn.
fn besiege(a: &mut Node, address: SocketAddr, from: &[Ipv4Addr], many: usize, deed: Deed) -> Vec<TcpStream> {
    let first_words = Greeting::begin(9).1;
    let mut sockets: Vec<TcpStream> = Vec::new();
    while sockets.len() < many {
        for n in 0..AT_ONCE.min(many - sockets.len()) {
            sockets.push(connect_from(from[n % from.len()], address));
        }
        let came = sockets.len();
        one(a, |a| a.swarm.inbound_handshakes() + left(a) as usize == came);
    }
    let mut say = |a: &mut Node, bytes: &[u8]| {
        for socket in &mut sockets {
            match socket.write_all(bytes) {
                Ok(()) => {}
                // It was evicted.
                Err(error) => assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)),
            }
        }
        one(a, |_| true);
    };
    match deed {
        Deed::Nothing => {}
        Deed::Trickle => {
            for byte in &first_words[..3] {
                say(a, &[*byte]);
                a.skip(Duration::from_secs(1));
            }
        }
        Deed::Message1 => say(a, &first_words),
    }
    sockets
}

/// A peer that dials by itself, from an address of its own.
fn is_let_in(a: &mut Node, from: impl Into<IpAddr>, address: SocketAddr) {
    let told = a.log.len();
    let socket = connect_from(from, address);
    let peer = std::thread::spawn(move || RawPeer::on(socket).shake_hands());
    one(a, |a| a.log.len() == told + 1);
    assert!(a.log[told].starts_with("connected"), "{:?}", a.log);
    let mut peer = peer.join().unwrap();
    let connection = a.swarm.connections_of(crate::support::net::peer_id(9)).last().unwrap();
    a.swarm.abort_connection(connection).unwrap();
    peer.read_to_the_end();
    one(a, |a| a.log.len() == told + 2);
}

#[test]
fn six_hundred_sockets_of_one_address_keep_nobody_out() {
    for deed in DEEDS {
        let (mut a, address) = listening();
        let sockets = besiege(&mut a, address, &[Ipv4Addr::LOCALHOST], 600, deed);
        assert!(left(&a) >= 536 && a.swarm.inbound_handshakes() <= 64, "{deed:?}: {}", left(&a));
        is_let_in(&mut a, Ipv4Addr::new(127, 0, 0, 2), address);
        // From the same address, first by a program's dial.
        let mut b = Node::<256>::new(2, Config::default());
        b.dial(&multiaddr_of(address));
        both(&mut a, &mut b, |a, b| a.log.len() == 4 && b.log.len() == 1);
        b.assert_log(["connected c0.1 outbound"]);
        is_let_in(&mut a, Ipv4Addr::LOCALHOST, address);
        drop((sockets, b));
    }
}

#[test]
fn eleven_hundred_sockets_of_twenty_addresses_keep_nobody_out() {
    let from: Vec<Ipv4Addr> = (1..=20).map(|n| Ipv4Addr::new(127, 0, 7, n)).collect();
    for deed in DEEDS {
        let (mut a, address) = listening();
        let sockets = besiege(&mut a, address, &from, 1_100, deed);
        assert!(left(&a) >= 76 && a.swarm.inbound_handshakes() <= 1_024, "{deed:?}: {}", left(&a));
        is_let_in(&mut a, Ipv4Addr::LOCALHOST, address);
        is_let_in(&mut a, from[7], address);
        drop(sockets);
    }
}

/// All of them come before the node takes a turn, twice as many as their address has places, and one has said its words.
#[test]
fn who_has_spoken_is_heard_before_its_address_is_full_again() {
    let (mut a, address) = listening();
    let mut before: Vec<_> = (0..10).map(|_| connect_from(Ipv4Addr::LOCALHOST, address)).collect();
    let mut honest = connect_from(Ipv4Addr::LOCALHOST, address);
    honest.write_all(&Greeting::begin(9).1).unwrap();
    before.extend((0..110).map(|_| connect_from(Ipv4Addr::LOCALHOST, address)));
    while a.swarm.turn(Duration::ZERO, &mut || true).more {}
    one(&mut a, |a| a.swarm.inbound_handshakes() as u64 + left(a) == 121);
    assert!(left(&a) >= 57);
    honest.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    honest.read_exact(&mut [0; NOISE_LINES.len()]).expect("it is answered");
}

#[test]
fn sockets_of_ipv4_keep_nobody_out_who_comes_by_ipv6() {
    let (mut a, address) = listening();
    let sockets = besiege(&mut a, address, &[Ipv4Addr::LOCALHOST], 600, Deed::Nothing);
    let listener = a.listen("/ip6/::1/tcp/0");
    one(&mut a, |a| a.log.len() == 2);
    let by_ipv6 = socket_address(&a.address(listener));
    is_let_in(&mut a, std::net::Ipv6Addr::LOCALHOST, by_ipv6);
    let mut b = Node::<256>::new(2, Config::default());
    b.dial(&multiaddr_of(by_ipv6));
    both(&mut a, &mut b, |a, b| a.log.len() == 5 && b.log.len() == 1);
    drop(sockets);
}

/// A /48 has a bound of its own: ::1 has one place here, whatever its /64 might have.
#[test]
fn an_ipv6_site_gives_up_its_own_place() {
    let mut config = Config::default();
    (config.handshakes_per_address, config.handshakes_per_site) = (64, 1);
    let mut a = Node::new(1, config);
    let [by_ipv6, by_ipv4] = ["/ip6/::1/tcp/0", IP4].map(|address| a.listen(address));
    one(&mut a, |a| a.log.len() == 2);
    let [by_ipv6, by_ipv4] = [by_ipv6, by_ipv4].map(|listener| socket_address(&a.address(listener)));
    let of_ipv4: Vec<_> = (0..3).map(|_| connect_from(Ipv4Addr::LOCALHOST, by_ipv4)).collect();
    let of_site: Vec<_> = (0..3).map(|_| connect_from(std::net::Ipv6Addr::LOCALHOST, by_ipv6)).collect();
    one(&mut a, |a| a.swarm.inbound_handshakes() as u64 + left(a) == 6);
    assert_eq!((a.swarm.inbound_handshakes(), a.swarm.refused(Refusal::HandshakeEvicted)), (4, 2));
    is_let_in(&mut a, std::net::Ipv6Addr::LOCALHOST, by_ipv6);
    drop((of_ipv4, of_site));
}
