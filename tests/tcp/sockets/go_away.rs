//! A peer that leaves, on a socket: what it asked for before its go-away is answered, as far as TCP allows.

use crate::support::net::{IP4, LIMIT, Node, Reading, one, socket_address};
use crate::support::raw_frames::{ECHO_LINES, FIN, Frames, Greeting, PING, SYN, UPDATE, data, frame, go_away};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, State, StreamId};
use swarm_notify::swarm::Config;

/// The number of the raw peer's key.
const KEY: u8 = 9;

/// A raw peer on a blocking socket.
struct Peer {
    socket: TcpStream,
    frames: Frames,
}

impl Peer {
    fn dial(address: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let (mut greeting, said) = Greeting::begin(KEY);
        socket.write_all(&said).unwrap();
        loop {
            let mut buffer = [0; 1024];
            let n = socket.read(&mut buffer).unwrap();
            assert_ne!(n, 0, "it ended in the handshake");
            if let Some((said, frames)) = greeting.hear(&buffer[..n]) {
                socket.write_all(&said).unwrap();
                return Self { socket, frames };
            }
        }
    }

    fn say(&mut self, frames: &[Vec<u8>]) {
        let bytes = self.frames.seal(frames);
        self.socket.write_all(&bytes).unwrap();
    }

    /// Reads to the end of file, which is to come, and gives the first stream's data and whether it has a FIN.
    fn answer(mut self) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        self.socket.read_to_end(&mut bytes).unwrap();
        self.frames.open(&bytes);
        let (said, has_ended) = self.frames.stream(1);
        (said.strip_prefix(ECHO_LINES).expect("it was agreed").to_vec(), has_ended)
    }
}

/// A node, and a raw peer that is connected to it.
fn connected() -> (Node<1>, Peer, ConnectionId) {
    let mut a = Node::new(1, Config::default());
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let address = socket_address(&a.address(listener));
    let peer = thread::spawn(move || Peer::dial(address));
    one(&mut a, |a| a.log.len() == 2);
    let connection = a.swarm.connections().next().unwrap();
    (a, peer.join().unwrap(), connection)
}

fn request(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// A request, its end and go-away, in one write.
fn ask(peer: &mut Peer, request: &[u8]) {
    peer.say(&[data(SYN, 1, ECHO_LINES), data(0, 1, request), data(FIN, 1, b""), go_away()]);
}

/// Goes on until the node has read the request.
fn until_asked(a: &mut Node<1>, connection: ConnectionId, request: &[u8]) -> StreamId {
    one(a, |a| a.swarm.streams_of(connection).next().is_some_and(|id| a.has_received(id, request)));
    assert_eq!(a.swarm.connection(connection).unwrap().state, State::Leaving);
    a.swarm.streams_of(connection).next().unwrap()
}

/// The log of a node whose peer has left and whose only stream ended so.
fn told(end: &str) -> [&str; 6] {
    [
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        end,
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]
}

#[test]
fn a_request_beside_go_away_is_echoed_to_the_last_byte() {
    let (mut a, mut peer, _) = connected();
    a.reading = Reading::Echo;
    ask(&mut peer, &request(50_000));
    let answer = thread::spawn(|| peer.answer());
    one(&mut a, |a| a.log.len() == 5);
    assert!(answer.join().unwrap() == (request(50_000), true));
    a.shut_down();
    a.assert_log(told("closed_stream s0.1 finished"));
}

/// Reads to the end of file, with a word in between, as a peer grants window for what it has read.
fn answer_with_window(mut peer: Peer) -> Result<(Vec<u8>, bool), ErrorKind> {
    let mut buffer = [0; 4 * 1024];
    loop {
        match peer.socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                let update = peer.frames.seal(&[frame(UPDATE, 0, 1, n as u32)]);
                peer.frames.open(&buffer[..n]);
                // Once all is said, nobody reads it any more.
                let _ = peer.socket.write_all(&update);
            }
            Err(error) => return Err(error.kind()),
        }
    }
    let (said, has_ended) = peer.frames.stream(1);
    Ok((said.strip_prefix(ECHO_LINES).expect("it was agreed").to_vec(), has_ended))
}

/// Lets the peer read until the connection is over. Returns the length of the answer that has come, and whether its end has.
fn arrived(a: &mut Node<1>, peer: Peer) -> (usize, bool) {
    let answer = thread::spawn(|| answer_with_window(peer));
    one(a, |a| a.log.len() == 5);
    let (bytes, has_ended) = answer.join().unwrap().expect("the socket was not reset");
    assert!(request(250_000).starts_with(&bytes));
    (bytes.len(), has_ended)
}

#[test]
fn an_answer_after_go_away_arrives_though_window_is_granted() {
    let (mut a, mut peer, connection) = connected();
    ask(&mut peer, b"request");
    let stream = until_asked(&mut a, connection, b"request");
    a.write(stream, &request(250_000));
    a.swarm.finish(stream).unwrap();
    // The system takes all of it, before the peer reads.
    one(&mut a, |a| a.log.len() >= 4 || a.swarm.flush(stream).is_ok());
    assert_eq!(arrived(&mut a, peer), (250_000, true));
    a.shut_down();
    a.assert_log(told("closed_stream s0.1 finished"));
}

#[test]
fn what_we_wrote_before_our_close_arrives_at_a_leaving_peer() {
    let (mut a, mut peer, connection) = connected();
    ask(&mut peer, b"request");
    let stream = until_asked(&mut a, connection, b"request");
    a.write(stream, &request(250_000));
    one(&mut a, |a| a.swarm.flush(stream).is_ok());
    a.swarm.close_connection(connection).unwrap();
    one(&mut a, |_| true);
    assert_eq!(arrived(&mut a, peer), (250_000, false), "our close cuts the stream behind what was written");
    a.shut_down();
    a.assert_log(told("closed_stream s0.1 connection_closed"));
}

#[test]
fn an_answer_before_go_away_arrives_though_window_is_granted() {
    let (mut a, mut peer, connection) = connected();
    peer.say(&[data(SYN, 1, ECHO_LINES), data(0, 1, b"request"), data(FIN, 1, b"")]);
    one(&mut a, |a| a.swarm.streams_of(connection).next().is_some_and(|id| a.has_received(id, b"request")));
    let stream = a.swarm.streams_of(connection).next().unwrap();
    a.write(stream, &request(250_000));
    a.swarm.finish(stream).unwrap();
    one(&mut a, |a| a.log.len() >= 4 || a.swarm.flush(stream).is_ok());
    peer.say(&[go_away()]);
    one(&mut a, |a| a.swarm.connection(connection).is_none_or(|view| view.state != State::Open));
    assert_eq!(arrived(&mut a, peer), (250_000, true));
    a.shut_down();
    a.assert_log(told("closed_stream s0.1 finished"));
}

#[test]
fn an_answer_before_the_end_of_file_was_read_arrives() {
    let (mut a, mut peer, connection) = connected();
    ask(&mut peer, b"request");
    let stream = until_asked(&mut a, connection, b"request");
    peer.socket.shutdown(Shutdown::Write).unwrap();
    // Its end is in our socket, and we have not read it.
    a.write(stream, &request(30_000));
    a.swarm.finish(stream).unwrap();
    one(&mut a, |a| a.log.len() == 5);
    assert!(peer.answer() == (request(30_000), true));
    a.shut_down();
    a.assert_log(told("closed_stream s0.1 connection_closed"));
}

#[test]
fn a_peer_that_closes_its_socket_after_go_away_ends_all_at_once() {
    let (mut a, mut peer, connection) = connected();
    ask(&mut peer, b"request");
    until_asked(&mut a, connection, b"request");
    drop(peer);
    one(&mut a, |a| a.log.len() == 5);
    a.shut_down();
    a.assert_log(told("closed_stream s0.1 connection_closed"));
}

#[test]
fn a_trickle_beside_shutdown_ends_by_its_deadline() {
    let (mut a, mut peer, connection) = connected();
    peer.say(&[data(SYN, 1, ECHO_LINES)]);
    one(&mut a, |a| a.log.len() == 3);
    a.swarm.shutdown();
    for n in 0..5 {
        peer.say(&[data(0, 1, b"x"), frame(PING, SYN, 0, n)]);
        one(&mut a, |_| true);
        assert_eq!(a.swarm.connection(connection).map(|view| view.state), Some(State::Leaving), "it is polite");
        a.skip(Duration::from_secs(1));
    }
    one(&mut a, |a| a.swarm.is_shut_down());
    // This end is a reset if the last of the trickle was not read before.
    match peer.socket.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "listen_close l0.1 shutdown",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 shutdown",
    ]);
}
