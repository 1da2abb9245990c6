//! Descriptors, counted: a socket is closed when its event is told, and none is left behind. Each test counts in a
//! process of its own, where nobody else opens files: this test binary, started again.

use crate::support::net::{IP4, Node, both, both_told, connect, multiaddr_of, one, open, socket_address};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;
use swarm_notify::swarm::Config;

/// Set in the processes that run a `child_…` test for its parent.
const MARK: &str = "SWARM_NOTIFY_COUNTS_DESCRIPTORS";

/// Of a handshake.
const TIME_OUT: Duration = Duration::from_secs(10);

fn open_descriptors() -> usize {
    // The one that reads the folder is among them, every time.
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn sockets_are_closed_when_it_is_told_and_none_is_left_behind() {
    if !std::path::Path::new("/proc/self/fd").exists() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["sockets::descriptors::child_counts_descriptors", "--exact", "--ignored", "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[test]
#[ignore = "run by its parent"]
fn child_counts_descriptors() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    let (mut a, mut b) = (Node::<1>::new(1, Config::default()), Node::<1>::new(2, Config::default()));
    // What the reactor needs is there from its first socket on.
    one(&mut a, |_| true);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let none = {
        a.dial(&multiaddr_of(silent.local_addr().unwrap()));
        one(&mut a, |_| true);
        a.skip(TIME_OUT);
        one(&mut a, |a| a.log.len() == 1);
        drop(silent.accept().unwrap());
        open_descriptors()
    };

    // Listen and Connected: one socket more at each side, whose end closes it at once.
    let connections = connect_again(&mut a, &mut b);
    assert_eq!(open_descriptors(), none + 3, "a listener and two ends of a connection");
    open(&mut a, &mut b, connections);
    assert_eq!(open_descriptors(), none + 3, "a stream is none");
    a.swarm.abort_connection(connections.0).unwrap();
    assert_eq!(open_descriptors(), none + 2, "an abort closes the socket before it returns");
    one(&mut b, |b| b.log.last().is_some_and(|line| line.starts_with("disconnected")));
    assert_eq!(open_descriptors(), none + 1);
    one(&mut a, |a| a.log.last().is_some_and(|line| line.starts_with("disconnected")));

    // Handshakes that fail, on both sides.
    let listener = a.swarm.listen(IP4.parse().unwrap()).unwrap();
    let told = a.log.len();
    one(&mut a, |a| a.log.len() == told + 1);
    assert_eq!(open_descriptors(), none + 2);
    let mute = TcpStream::connect(socket_address(&a.address(listener))).unwrap();
    b.dial(&multiaddr_of(silent.local_addr().unwrap()));
    both(&mut a, &mut b, |a, _| a.swarm.inbound_handshakes() == 1);
    a.skip(TIME_OUT);
    b.skip(TIME_OUT);
    let told = b.log.len();
    both(&mut a, &mut b, |a, b| a.failed_handshakes() == 1 && b.log.len() == told + 1);
    assert_eq!(open_descriptors(), none + 3, "the one that is ours");
    drop((mute, silent));
    assert_eq!(open_descriptors(), none + 1);

    // Everything at once.
    let address = a.address(listener);
    for _ in 0..8 {
        b.dial(&address);
    }
    let told = (a.log.len(), b.log.len());
    both_told(&mut a, &mut b, told.0 + 8, told.1 + 8);
    assert_eq!(open_descriptors(), none + 17);
    b.swarm.shutdown();
    both(&mut a, &mut b, |a, b| b.swarm.is_shut_down() && a.swarm.connections().next().is_none());
    assert_eq!(open_descriptors(), none + 1);
    a.shut_down();
    assert_eq!(open_descriptors(), none - 1, "nothing but the test's own");
}

/// Like [`connect`], for a node that has been told of something before.
fn connect_again(
    a: &mut Node<1>,
    b: &mut Node<1>,
) -> (swarm_notify::lifecycle::ConnectionId, swarm_notify::lifecycle::ConnectionId) {
    a.log.clear();
    connect(a, b, IP4)
}
