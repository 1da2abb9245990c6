//! Out of descriptors: whoever connects in silence or stays idle keeps nobody out. The node is a process of its own that
//! may have few descriptors: this test binary, started again. Its peers are here, with as many as they like.

use crate::support::net::{Node, one, peer_id};
use crate::support::owner::{Owner, until};
use crate::support::raw_peer::RawPeer;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use swarm_notify::swarm::Config;
use swarm_notify::tcp;

/// Set in the processes that run a `child_…` test for its parent.
const MARK: &str = "SWARM_NOTIFY_FEW_DESCRIPTORS";

/// The descriptors of a child, and more connections than it has descriptors for.
const FEW: &str = "ulimit -n 40 && exec \"$0\" \"$@\"";
const MANY: u8 = 45;

/// The identity of the peer that the node protects.
const FRIEND: u8 = 200;

fn child(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", FEW]).arg(std::env::current_exe().unwrap());
    command.args([&format!("sockets::lack::{name}"), "--exact", "--ignored", "--nocapture"]).env(MARK, "1");
    command
}

/// A node in a process that may have 40 descriptors. It ends when its stdin does.
struct Served {
    child: Child,
    stdin: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Served {
    fn start() -> Self {
        let mut child = child("child_serves").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, mut out) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let address = loop {
            let mut line = String::new();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "it has ended");
            if let Some(address) = line.trim().strip_prefix("at ") {
                break address.parse().unwrap();
            }
        };
        Self { child, stdin, out, address }
    }

    /// Ends it, and returns what it has told.
    fn told(mut self) -> Vec<String> {
        drop(self.stdin.take());
        let mut told = String::new();
        self.out.read_to_string(&mut told).unwrap();
        assert!(self.child.wait().unwrap().success(), "{told}");
        told.lines().map(str::to_owned).collect()
    }
}

/// What a program does that serves until it is told to end: all that is about descriptors is in [`Config`].
#[test]
#[ignore = "run by its parent"]
fn child_serves() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    let mut owner = Owner::new(1, Config::default(), tcp::Config::default());
    owner.swarm.protect(peer_id(FRIEND), "friend").unwrap();
    owner.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let (is_over, waker) = (Arc::new(AtomicBool::new(false)), owner.swarm.waker());
    let end = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            is_over.store(true, Ordering::Release);
            waker.wake();
        }
    });
    while !owner.swarm.is_shut_down() {
        owner.turn();
        for line in std::mem::take(&mut owner.log) {
            println!("{line}");
            if line.starts_with("listen ") {
                let address = crate::support::net::socket_address(&owner.addresses()[0]);
                println!("at {address}");
            }
        }
        if is_over.load(Ordering::Acquire) {
            owner.swarm.shutdown();
            owner.turn();
        }
        if !owner.swarm.is_shut_down() {
            owner.swarm.wait(owner.now(), None).unwrap();
        }
    }
    end.join().unwrap();
}

/// A peer of the node with a stream, which it holds.
fn in_use(address: SocketAddr) -> Node {
    let mut node = Node::new(100, Config::default());
    let connection = node.dial(&crate::support::net::multiaddr_of(address));
    one(&mut node, |node| node.log.len() == 1);
    node.open(connection);
    one(&mut node, |node| node.log.len() == 2);
    node
}

fn joins(address: SocketAddr, number: u8) -> RawPeer {
    RawPeer::of(TcpStream::connect(address).unwrap(), number).shake_hands()
}

#[test]
fn silent_sockets_that_take_all_descriptors_keep_nobody_out() {
    let served = Served::start();
    let mut in_use = in_use(served.address);
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    let newcomers = [joins(served.address, 2), joins(served.address, 3)];
    one(&mut in_use, |_| true);
    assert_eq!(in_use.log.len(), 2, "{:?}", in_use.log);
    let told = served.told();
    assert!(told.iter().any(|line| line == "refused l0.1 accept_failed"), "{told:?}");
    assert!(told.iter().any(|line| line == "refused l0.1 handshake_evicted"), "{told:?}");
    assert!(!told.iter().any(|line| line.contains(" trimmed")), "the door has enough: {told:?}");
    drop((silent, newcomers));
}

#[test]
fn idle_connections_that_take_all_descriptors_keep_nobody_out() {
    let served = Served::start();
    let mut in_use = in_use(served.address);
    let mut friend = joins(served.address, FRIEND);
    let crowd: Vec<_> = (2..MANY).map(|number| joins(served.address, number)).collect();
    one(&mut in_use, |_| true);
    assert_eq!(in_use.log.len(), 2, "it has a stream: {:?}", in_use.log);
    friend.socket.set_nonblocking(true).unwrap();
    let heard = friend.socket.read(&mut [0; 64]);
    assert!(!matches!(heard, Ok(0)), "it is protected: {heard:?}");
    let told = served.told();
    let trimmed: Vec<_> = told.iter().filter(|line| line.contains(": trimmed")).collect();
    // The last one is told in a moment.
    assert!(told.iter().filter(|line| line.starts_with("connected")).count() >= usize::from(MANY) - 1, "{told:?}");
    assert!(trimmed.len() >= usize::from(MANY) - 40, "{told:?}");
    // The longest idle went first.
    assert!(trimmed[0].ends_with(&peer_id(2).to_string()), "{trimmed:?}");
    assert!(told.iter().any(|line| line == "refused l0.1 accept_failed"), "{told:?}");
    drop((friend, crowd));
}

#[test]
fn a_dial_without_a_descriptor_has_failed_and_the_next_has_not() {
    let output = child("child_dials").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[test]
#[ignore = "run by its parent"]
fn child_dials() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    let [mut a, mut b] = [1, 2].map(|number| Owner::new(number, Config::default(), tcp::Config::default()));
    a.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    until(&mut a, &mut b, |a, _| !a.log.is_empty());
    let address = a.addresses()[0].clone();
    let files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let failed = b.dial(&address);
    until(&mut a, &mut b, |_, b| !b.log.is_empty());
    assert_eq!(b.log, [format!("connect_failed {failed}: io")]);
    assert!(b.swarm.listen(address.clone()).is_ok(), "a command has no error of the system");
    until(&mut a, &mut b, |_, b| b.log.len() == 2);
    assert_eq!(b.log[1], "listen_failed l0.1: io");
    drop(files);
    b.dial(&address);
    until(&mut a, &mut b, |a, b| b.log.len() == 3 && a.log.len() == 2);
    assert!(b.log[2].starts_with("connected "), "{:?}", b.log);
}
