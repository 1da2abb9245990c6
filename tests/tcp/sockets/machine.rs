//! A machine that is full or changes under a node: ephemeral ports run out, an interface goes and comes, clocks jump. The node
//! survives, tells, and goes on without a restart. What changes the network is done in a network namespace of its own, in this
//! test binary, started again.

use crate::support::owner::{Owner, says, until};
use crate::support::with;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use swarm_notify::swarm::{Config, Multiaddr};
use swarm_notify::tcp;

/// Set in the processes that run a `child_…` test for its parent.
const MARK: &str = "SWARM_NOTIFY_OWN_NETWORK";

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn hours(n: u64) -> Duration {
    secs(3_600 * n)
}

/// Runs the ignored test `name` of this binary in a network of its own, in which it may do anything, after the commands of
/// `set_up`. Where the machine does not allow that, it says so on the terminal itself, which no capture of the harness hides.
fn in_own_network(name: &str, set_up: &str) {
    let script = format!("ip link set lo up && {set_up} && echo ready >&2 && exec \"$0\" \"$@\"");
    let output = Command::new("unshare")
        .args(["-rn", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("sockets::machine::{name}"), "--exact", "--ignored", "--nocapture"])
        .env(MARK, "1")
        .output();
    let (out, err, is_success) = match &output {
        Ok(output) => (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
            output.status.success(),
        ),
        Err(error) => (String::new(), format!("unshare: {error}"), false),
    };
    if !err.lines().any(|line| line == "ready") {
        let _ = writeln!(std::io::stderr(), "SKIPPED {name}: this machine makes no network namespace: {}", err.trim());
        return;
    }
    assert!(is_success && out.contains("1 passed"), "{out}\n{err}");
}

fn is_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Two owners, of which `a` listens on an address.
fn owners(config: &Config, listen: &str) -> (Owner, Owner) {
    let transport = with(tcp::Config::default(), |config| config.interfaces_interval = Duration::from_millis(20));
    let [mut a, mut b] = [1, 2].map(|number| Owner::new(number, config.clone(), transport.clone()));
    a.swarm.listen(listen.parse().unwrap()).unwrap();
    until(&mut a, &mut b, |a, _| a.was_told("listen l0.1"));
    (a, b)
}

/// Connects `b` to `a`, and has it say something.
fn is_served(a: &mut Owner, b: &mut Owner, address: &Multiaddr) -> swarm_notify::lifecycle::StreamId {
    let connection = b.dial(address);
    let told = b.log.len();
    until(a, b, |_, b| b.log.len() > told);
    assert!(b.log[told].starts_with(&format!("connected {connection} ")), "{:?}", b.log);
    let stream = b.open(connection);
    until(a, b, |_, b| b.was_told(&format!("opened_stream {stream} on {connection}")));
    says(a, b, stream, b"hello");
    stream
}

#[test]
fn without_a_port_a_dial_has_failed_and_the_next_has_not() {
    if cfg!(target_os = "linux") {
        in_own_network("child_is_out_of_ports", "true");
    }
}

#[test]
#[ignore = "run by its parent"]
fn child_is_out_of_ports() {
    if !is_child() {
        return;
    }
    let (mut a, mut b) = owners(&Config::default(), "/ip4/127.0.0.1/tcp/4001");
    std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40003").unwrap();
    let address = a.addresses()[0].clone();
    let first = b.dial(&address);
    for _ in 1..4 {
        b.dial(&address);
    }
    until(&mut a, &mut b, |a, b| b.log.len() == 4 && a.log.len() == 5);
    assert!(b.log.iter().all(|line| line.starts_with("connected ")), "{:?}", b.log);
    let failed = b.dial(&address);
    until(&mut a, &mut b, |_, b| b.log.len() == 5);
    assert_eq!(b.log[4], format!("connect_failed {failed}: address_not_available"));
    // It is refused at once, and costs none of the others.
    let at_a = a.swarm.connections().next().unwrap();
    a.swarm.abort_connection(at_a).unwrap();
    until(&mut a, &mut b, |_, b| b.log.len() == 6);
    assert!(b.log[5].starts_with(&format!("disconnected {first}: ")), "{:?}", b.log);
    std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40100").unwrap();
    is_served(&mut a, &mut b, &address);
}

/// The interface of the test, with an address.
const ADD: &str = "ip link add v0 type veth peer name v1 && ip addr add 10.9.8.7/24 dev v0 && ip link set v0 up && \
                   ip link set v1 up";

fn run(script: &str) {
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success(), "{script}");
}

#[test]
fn an_interface_that_goes_and_comes_takes_nothing_along() {
    if cfg!(target_os = "linux") {
        in_own_network("child_loses_an_interface", ADD);
    }
}

#[test]
#[ignore = "run by its parent"]
fn child_loses_an_interface() {
    if !is_child() {
        return;
    }
    let mut config = Config::default();
    config.lateness = Duration::ZERO; // time is skipped
    let (mut a, mut b) = owners(&config, "/ip4/0.0.0.0/tcp/4001");
    let [lo, behind] = ["/ip4/127.0.0.1/tcp/4001", "/ip4/10.9.8.7/tcp/4001"].map(|address| address.parse().unwrap());
    until(&mut a, &mut b, |a, _| a.addresses().contains(&behind));
    is_served(&mut a, &mut b, &behind);
    run("ip link del v0");
    until(&mut a, &mut b, |a, _| a.was_told("addresses l0.1") && !a.addresses().contains(&behind));
    assert_eq!(a.addresses(), [Multiaddr::clone(&lo)]);
    // Newcomers come in by what is left.
    let stream = is_served(&mut a, &mut b, &lo);
    assert!(b.swarm.dial(behind.clone()).is_ok());
    until(&mut a, &mut b, |_, b| b.log.iter().any(|line| line.starts_with("connect_failed ")));
    // Where nothing arrives any more, the peer is given up in the usual time, on both sides.
    for time in [31, 16] {
        [&mut a, &mut b].into_iter().for_each(|owner| owner.skip(secs(time)));
        says(&mut a, &mut b, stream, b"still here");
    }
    let is_over = |owner: &mut Owner| owner.log.iter().any(|line| line.starts_with("disconnected c0.1: failed("));
    until(&mut a, &mut b, |a, b| is_over(a) && is_over(b));
    says(&mut a, &mut b, stream, b"and here");
    a.log.clear();
    run(ADD);
    until(&mut a, &mut b, |a, _| a.was_told("addresses l0.1") && a.addresses().contains(&behind));
    is_served(&mut a, &mut b, &behind);
}

/// The clock of one node jumps, as that of a machine that was asleep. The other's does not.
#[test]
fn a_clock_that_jumps_ahead_by_hours_ends_nothing_that_lives() {
    let (mut a, mut b) = owners(&Config::default(), "/ip4/127.0.0.1/tcp/0");
    let address = a.addresses()[0].clone();
    let stream = is_served(&mut a, &mut b, &address);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let told = (a.log.len(), b.log.len());
    for hours_ahead in [5, 1_000] {
        for owner in 0..2 {
            let jumper = [&mut a, &mut b].into_iter().nth(owner).unwrap();
            // It has asked its peer whether that is there, and sleeps over the answer.
            jumper.skip(secs(31));
            jumper.turn();
            jumper.skip(hours(hours_ahead));
            jumper.turn();
            says(&mut a, &mut b, stream, b"through the jump");
            // What was put off is judged by now.
            let jumper = [&mut a, &mut b].into_iter().nth(owner).unwrap();
            jumper.skip(secs(2));
            says(&mut a, &mut b, stream, b"and after");
        }
    }
    assert_eq!((a.log.len(), b.log.len()), told, "{:?} {:?}", a.log, b.log);
    // A dial that waits for its peer meanwhile is given up, late, and told.
    let dial = b.dial(&crate::support::net::multiaddr_of(silent.local_addr().unwrap()));
    until(&mut a, &mut b, |_, b| b.swarm.connection(dial).is_some_and(|view| view.local.is_some()));
    b.skip(hours(5));
    b.turn();
    b.skip(secs(2));
    until(&mut a, &mut b, |_, b| b.was_told(&format!("connect_failed {dial}: timeout")));
    is_served(&mut a, &mut b, &address);
}

/// An owner whose clock is the wall's, which somebody sets.
#[test]
fn a_clock_that_is_set_back_stops_no_deadline() {
    let (mut a, mut b) = owners(&Config::default(), "/ip4/127.0.0.1/tcp/0");
    let address = a.addresses()[0].clone();
    b.set_clock(hours(100));
    let stream = is_served(&mut a, &mut b, &address);
    for back_to in [hours(90), hours(89), secs(0)] {
        b.set_clock(back_to);
        says(&mut a, &mut b, stream, b"as before");
        let left = b.swarm.next_deadline().expect("the peer is to be pinged") - b.now();
        assert!(left <= secs(31), "it would sleep for {left:?}");
        // Time-outs go on from there.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let dial = b.dial(&crate::support::net::multiaddr_of(silent.local_addr().unwrap()));
        until(&mut a, &mut b, |_, b| b.swarm.connection(dial).is_some_and(|view| view.local.is_some()));
        for _ in 0..12 {
            b.skip(secs(1));
            b.turn();
        }
        until(&mut a, &mut b, |_, b| b.was_told(&format!("connect_failed {dial}: timeout")));
        b.log.clear();
    }
    says(&mut a, &mut b, stream, b"at the end");
}
