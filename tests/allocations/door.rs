//! What connections at the door take up, and that nothing is left of them.

use crate::support::heap;
use crate::support::net::{IP4, Node, one, socket_address};
use crate::support::raw_frames::Greeting;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use swarm_notify::swarm::Config;

const WAVE: usize = 100;

fn listening() -> (Node, SocketAddr) {
    let mut config = Config::default();
    config.handshakes_per_address = 1_024;
    // On a slow machine, too, nobody is too late.
    config.first_byte_timeout = config.connection.handshake_timeout;
    let mut node = Node::new(1, config);
    let listener = node.listen(IP4);
    one(&mut node, |node| node.log.len() == 1);
    let address = socket_address(&node.address(listener));
    (node, address)
}

/// A wave of sockets that say this much.
fn wave(node: &mut Node, address: SocketAddr, says: &[u8]) -> Vec<TcpStream> {
    let before = node.swarm.inbound_handshakes();
    let mut sockets: Vec<_> = (0..WAVE).map(|_| TcpStream::connect(address).unwrap()).collect();
    one(node, |node| node.swarm.inbound_handshakes() == before + WAVE);
    sockets.iter_mut().for_each(|socket| socket.write_all(says).unwrap());
    one(node, |_| true);
    sockets
}

pub(crate) fn a_storm_of_handshakes_leaves_no_memory_behind() {
    let (mut node, address) = listening();
    let said = Greeting::begin(9).1;
    let mut storm = |waves: usize| {
        for _ in 0..waves {
            for says in [&[][..], &said[..5], &said] {
                drop(wave(&mut node, address, says));
                one(&mut node, |node| node.swarm.inbound_handshakes() == 0);
            }
        }
    };
    storm(2);
    let before = heap::bytes();
    storm(20);
    let after = heap::bytes();
    println!("{} handshakes: {before} bytes before, {after} after", 20 * 3 * WAVE);
    assert!(after <= before + 4_096, "{before} bytes before, {after} after");
}

pub(crate) fn a_handshake_takes_at_most_4_kb() {
    let (mut node, address) = listening();
    let said = Greeting::begin(9).1;
    // The queues and tables of slots keep the room for as many as there were.
    drop((0..10).map(|_| wave(&mut node, address, &said)).collect::<Vec<_>>());
    one(&mut node, |node| node.swarm.inbound_handshakes() == 0);
    for says in [&[][..], &said] {
        let before = heap::bytes();
        let sockets: Vec<_> = (0..10).map(|_| wave(&mut node, address, says)).collect();
        let each = (heap::bytes() - before) / (10 * WAVE);
        println!("a handshake after {} bytes takes {each} bytes", says.len());
        assert!(each <= 4_096, "{each} bytes");
        drop(sockets);
        one(&mut node, |node| node.swarm.inbound_handshakes() == 0);
        let after = heap::bytes();
        assert!(after <= before + 4_096, "{before} bytes before, {after} after");
    }
}

/// Each proves who it is, and then sends the greatest message but for its last byte.
pub(crate) fn what_those_at_the_door_hold_is_in_the_bound() {
    let (mut node, address) = listening();
    let bound = |handshakes| {
        let mut config = Config::default();
        config.inbound_handshakes = handshakes;
        config.memory_bound()
    };
    // One more place is one handshake more. What all hold together is there whatever the number.
    let part = (bound(1) - bound(0)) * WAVE + Config::default().held_bytes / 32 + 65_537;
    let says = [&[0xff; 2][..], &[0; 65_534]].concat();
    let siege = |node: &mut Node, peak: &mut usize| {
        let (greetings, sockets): (Vec<_>, Vec<_>) = (0..WAVE)
            .map(|_| {
                let (greeting, said) = Greeting::with_muxers(9, &[]);
                let mut socket = TcpStream::connect(address).unwrap();
                socket.write_all(&said).unwrap();
                (greeting, socket)
            })
            .unzip();
        one(node, |node| node.swarm.inbound_handshakes() == WAVE);
        one(node, |_| true);
        for (mut greeting, mut socket) in greetings.into_iter().zip(&sockets) {
            let mut heard = vec![0; 1_024];
            let said = loop {
                one(node, |_| true);
                let read = socket.read(&mut heard).unwrap();
                if let Some((said, _)) = greeting.hear(&heard[..read]) {
                    break said;
                }
            };
            // Who holds most has had to go by then.
            let _ = socket.write_all(&said).and_then(|()| socket.write_all(&says));
            one(node, |_| {
                *peak = heap::bytes().max(*peak);
                true
            });
        }
        let left = node.swarm.inbound_handshakes();
        drop(sockets);
        one(node, |node| node.swarm.inbound_handshakes() == 0);
        left
    };
    siege(&mut node, &mut 0);
    let (before, mut peak) = (heap::bytes(), 0);
    let left = siege(&mut node, &mut peak);
    let after = heap::bytes();
    println!("{WAVE} greatest messages but for a byte: {} bytes, {part} by the bound, {left} stay", peak - before);
    assert!(peak - before <= part && left < WAVE, "{} bytes, {part} by the bound", peak - before);
    assert!(after <= before + 4_096, "{before} bytes before, {after} after");
}

/// The tables of places keep nothing of a crowd either: neither the swarm's, nor the reactor's of sockets.
pub(crate) fn a_place_at_the_door_is_given_back() {
    let (mut node, address) = listening();
    let crowd = |node: &mut Node, waves: usize| {
        drop((0..waves).map(|_| wave(node, address, &[])).collect::<Vec<_>>());
        one(node, |node| node.swarm.inbound_handshakes() == 0);
    };
    (0..3).for_each(|_| crowd(&mut node, 1));
    let before = heap::bytes();
    crowd(&mut node, 10);
    let after = heap::bytes();
    println!("{} sockets: {before} bytes before, {after} after", 10 * WAVE);
    assert!(after <= before + before / 20, "{before} bytes before, {after} after");
}
