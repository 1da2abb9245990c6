//! Races between the addresses of a name, in a time that passes only as a test says. The system's list of sockets tells
//! which attempts are under way.

use super::names::{is_over, named, refusing, resolving};
use super::turned::LIMIT;
use super::{Turned, alone, socket_address};
use crate::support::with;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use std::future::Future as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake};
use std::time::Duration;
use swarm_notify::swarm::Reactor as _;
use swarm_notify::tcp::{Config, Dial};

/// How the system's list of sockets names a connect that has no answer.
const SYN_SENT: &str = "02";

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An address of this machine that does not answer.
struct Silent {
    address: SocketAddr,
    /// Its queue is full, so that what else is sent to it gets no answer.
    _sockets: (socket2::Socket, TcpStream),
}

impl Silent {
    /// At an address that no other test uses.
    fn new(number: u8) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&socket_address(&alone(number).parse().unwrap()).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let first = TcpStream::connect(address).unwrap();
        Self { address, _sockets: (socket, first) }
    }

    /// How many attempts at it are under way.
    fn attempts(&self) -> usize {
        let SocketAddr::V4(address) = self.address else { panic!("{}: it is IPv4", self.address) };
        let remote = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let fields = sockets.lines().map(|line| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>());
        fields.filter(|fields| fields[..] == [remote.as_str(), SYN_SENT]).count()
    }
}

/// Says each time that it was woken.
struct Calls(Sender<()>);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// A dial of a name with these addresses, in a time that stands still.
struct Raced {
    transport: Turned,
    dial: Dial,
    /// Lets the lookup answer.
    answer: Sender<()>,
}

impl Raced {
    fn new(config: Config, known: &[SocketAddr]) -> Self {
        let (answer, may_answer) = channel();
        let (may_answer, known): (Mutex<Receiver<()>>, _) = (Mutex::new(may_answer), known.to_vec());
        let resolver = move |_: &str, _| {
            may_answer.lock().unwrap().recv().unwrap();
            Ok(known.clone())
        };
        let mut transport = resolving(config, resolver).freeze();
        let dial = named(&mut transport, "/dns/several.example/tcp/4001");
        Self { transport, dial, answer }
    }

    /// Begins the first attempt: its name is looked up, and nothing more has happened than that.
    fn begin(&mut self) {
        let (call, calls) = channel();
        let waker = Arc::new(Calls(call)).into();
        assert!(Pin::new(&mut self.dial).poll(&mut Context::from_waker(&waker)).is_pending());
        self.answer.send(()).unwrap();
        calls.recv_timeout(LIMIT).expect("the lookup wakes");
        assert!(!is_over(&mut self.dial));
    }

    /// What is under way goes on, at a time. It is not over then.
    fn at(&mut self, now: Duration) {
        self.transport.pass_to(now);
        self.transport.turn();
        assert!(!is_over(&mut self.dial));
    }
}

#[test]
fn five_silent_addresses_cost_a_good_one_five_delays() {
    let (silent, good) = (Silent::new(43), TcpListener::bind("127.0.0.1:0").unwrap());
    let mut known = vec![silent.address; 5];
    known.push(good.local_addr().unwrap());
    assert_eq!(Config::default().attempt_delay, ms(250));
    let mut raced = Raced::new(Config::default(), &known);
    assert_eq!(silent.attempts(), 0);
    raced.begin();
    assert_eq!(silent.attempts(), 1);
    for n in 1..5 {
        raced.at(ms(n * 250 - 1));
        assert_eq!(silent.attempts(), n as usize);
        assert_eq!(raced.transport.reactor.poll_at(), Some(ms(n * 250)));
        raced.at(ms(n * 250));
        assert_eq!(silent.attempts(), n as usize + 1);
    }
    raced.at(ms(5 * 250 - 1));
    raced.transport.pass_to(ms(5 * 250));
    let dialed = raced.transport.block_on(&mut raced.dial).unwrap();
    assert_eq!(silent.attempts(), 0, "the losers are closed at once");
    assert_eq!(raced.transport.reactor.poll_at(), None);
    let local = socket2::SockRef::from(&dialed).local_addr().unwrap().as_socket().unwrap();
    assert_eq!(good.accept().unwrap().1, local);
}

#[test]
fn the_first_that_connects_wins_and_losers_are_closed_at_once() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let known: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let mut raced = Raced::new(Config::default(), &known);
    // The reactor is not asked before both are connected.
    raced.begin();
    let (mut winner, _) = listeners[0].accept().unwrap();
    raced.transport.pass_to(ms(250));
    assert!(!is_over(&mut raced.dial));
    let (mut loser, _) = listeners[1].accept().unwrap();
    let mut dialed = raced.transport.block_on(&mut raced.dial).unwrap();
    loser.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(loser.read(&mut [0]).unwrap(), 0);
    raced.transport.block_on(dialed.write_all(b"there")).unwrap();
    let mut read = [0; 5];
    winner.read_exact(&mut read).unwrap();
    winner.write_all(&read).unwrap();
    raced.transport.block_on(dialed.read_exact(&mut read)).unwrap();
    assert_eq!(&read, b"there");
}

#[test]
fn a_later_attempt_wins_if_it_connects_first() {
    let (silent, good) = (Silent::new(44), TcpListener::bind("127.0.0.1:0").unwrap());
    let mut raced = Raced::new(Config::default(), &[silent.address, good.local_addr().unwrap(), silent.address]);
    raced.begin();
    raced.transport.pass_to(ms(250));
    let dialed = raced.transport.block_on(&mut raced.dial).unwrap();
    assert_eq!(socket2::SockRef::from(&dialed).peer_addr().unwrap().as_socket(), good.local_addr().ok());
    assert_eq!(silent.attempts(), 0);
}

#[test]
fn the_delay_counts_from_the_first_poll() {
    let silent = Silent::new(45);
    let mut raced = Raced::new(Config::default(), &[silent.address; 2]);
    let late = Duration::from_secs(10);
    raced.transport.pass_to(late);
    raced.begin();
    raced.at(late + ms(249));
    assert_eq!(silent.attempts(), 1);
    raced.at(late + ms(250));
    assert_eq!(silent.attempts(), 2);
    // There is none to be tried any more, so that nothing is waited for but the system.
    assert_eq!(raced.transport.reactor.poll_at(), None);
    drop(raced.dial);
    assert_eq!(silent.attempts(), 0, "a dial that is dropped closes its sockets");
}

#[test]
fn an_owner_that_comes_late_starts_one_attempt_and_not_all() {
    let silent = Silent::new(46);
    let mut raced = Raced::new(Config::default(), &[silent.address; 4]);
    raced.begin();
    raced.at(Duration::from_secs(60));
    assert_eq!(silent.attempts(), 2);
    raced.at(Duration::from_secs(60) + ms(249));
    assert_eq!(silent.attempts(), 2);
}

#[test]
fn the_shortest_delay_is_ten_milliseconds() {
    let silent = Silent::new(47);
    let mut raced =
        Raced::new(with(Config::default(), |config| config.attempt_delay = Duration::ZERO), &[silent.address; 2]);
    raced.begin();
    raced.at(ms(9));
    assert_eq!(silent.attempts(), 1);
    raced.at(ms(10));
    assert_eq!(silent.attempts(), 2);
}

#[test]
fn a_failure_starts_the_next_attempt_beside_a_silent_one() {
    let (_socket, refusing) = refusing();
    // A link-local address without a zone: the system refuses it without a packet.
    let denied: SocketAddr = "[fe80::1]:9".parse().unwrap();
    for (failing, number) in [(refusing, 48), (denied, 49)] {
        let (silent, good) = (Silent::new(number), TcpListener::bind("127.0.0.1:0").unwrap());
        // Families take turns, so that the one that fails is the second of them in any case.
        let known = [silent.address, failing, good.local_addr().unwrap()];
        let mut raced = Raced::new(Config::default(), &known);
        raced.begin();
        raced.at(ms(249));
        raced.transport.pass_to(ms(250));
        let dialed = raced.transport.block_on(&mut raced.dial).unwrap();
        assert_eq!(socket2::SockRef::from(&dialed).peer_addr().unwrap().as_socket(), good.local_addr().ok());
    }
}

#[test]
fn a_race_fails_once_its_last_attempt_has() {
    let (_socket, refusing) = refusing();
    let silent = Silent::new(50);
    let mut raced = Raced::new(Config::default(), &[refusing, silent.address, refusing]);
    raced.begin();
    // The first has failed, and the silent one has begun; then the last one fails, and the silent one is left.
    raced.at(Duration::ZERO);
    raced.at(ms(250));
    raced.at(Duration::from_secs(100));
    assert_eq!(silent.attempts(), 1);
    let mut raced = Raced::new(Config::default(), &[refusing; 3]);
    raced.begin();
    let failed = raced.transport.block_on(&mut raced.dial).map(drop);
    let error = failed.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(error.to_string().matches(&refusing.to_string()).count(), 3);
}
