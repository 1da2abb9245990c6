//! Loops that users have: each file in `tests/loops` is a program to copy, and runs here as both sides of a thousand
//! echoes. Each side is a process of its own, this program started again, so that its threads can be counted.
//!
//! A loop sleeps on the swarm's descriptor and until `poll_at`, and has no time-out for safety. One that loses a wake
//! hangs, or sleeps until a deadline and then finds data that came long before. Both fail here.
//!
//! It has no harness, whose threads would be counted, too.

#[path = "../support/no_harness.rs"]
mod no_harness;

use no_harness::{Result, Test};
use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No loop takes as long; it is the price of a hang.
const LIMIT: Duration = Duration::from_secs(60);

const ECHOES: usize = 1_000;

/// The first argument of a process that is one side of a test.
const PEER: &str = "--peer";

struct Loop {
    name: &'static str,
    /// How many threads each side has.
    threads: usize,
    listen: fn() -> Result<()>,
    dial: fn(&str) -> Result<()>,
}

/// Includes the loops. The last word of a line is the count of sleeps that were too long, for those that sleep until
/// something comes.
macro_rules! loops {
    ($($(#[$attribute:meta])* $name:ident threads $threads:literal $($overslept:ident)?;)*) => {
        $(
            #[allow(dead_code, reason = "it is a whole program, and its `main` is not called here")]
            $(#[$attribute])*
            mod $name;
        )*

        const LOOPS: &[Loop] = &[$(
            $(#[$attribute])*
            Loop {
                name: stringify!($name),
                threads: $threads,
                listen: || {
                    let node = $name::Node::listen(|address| println!("address {address}"))?.run()?;
                    say_done(node.echoes, 0 $(+ node.$overslept)?)
                },
                dial: |address| {
                    let node = $name::Node::dial(address, ECHOES)?.run()?;
                    say_done(node.echoes, 0 $(+ node.$overslept)?)
                },
            },
        )*];
    };
}

loops! {
    lifecycle threads 1;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    wait threads 1 overslept;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    frame threads 1;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    poll2 threads 1 overslept;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    epoll threads 1 overslept;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    mio threads 1 overslept;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    calloop threads 1 overslept;
    #[cfg(all(feature = "tcp", feature = "rand"))]
    tokio threads 1 overslept;
    // `async-io` has a thread of its own.
    #[cfg(all(feature = "tcp", feature = "rand"))]
    smol threads 2 overslept;
}

/// The threads of this process.
fn threads() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Says what a side has seen. It is called while its node is still there.
fn say_done(echoes: usize, overslept: usize) -> Result<()> {
    println!("done {echoes} {overslept} {}", threads()?);
    Ok(())
}

/// Runs one side of a test, and nothing else in this process.
fn be_peer(args: &[String]) -> Result<()> {
    #[cfg(feature = "dns")]
    if args == ["lookup"] {
        return look_up();
    }
    let [name, side @ ..] = args else { return Err("which loop?".into()) };
    let this = LOOPS.iter().find(|this| this.name == name).ok_or("no such loop")?;
    match side {
        [dial, address] if dial == "dial" => (this.dial)(address),
        _ => (this.listen)(),
    }
}

/// One side of a test.
struct Peer {
    child: Child,
    lines: Receiver<String>,
    /// When it is taken for hanging.
    deadline: Instant,
}

impl Peer {
    fn start(args: &[&str], deadline: Instant) -> Result<Self> {
        let program = env::current_exe()?;
        let mut child = Command::new(program).arg(PEER).args(args).stdout(Stdio::piped()).spawn()?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take().ok_or("it has an output")?;
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(|line| line.ok()).try_for_each(|line| sender.send(line))
        });
        Ok(Self { child, lines, deadline })
    }

    /// The words after `word` in the next line.
    fn says(&self, word: &str) -> Result<Vec<String>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("it hangs, and has not said {word}"),
            RecvTimeoutError::Disconnected => format!("it has ended, and has not said {word}"),
        })?;
        let rest = line.strip_prefix(word).ok_or_else(|| format!("{line:?} instead of {word}"))?;
        Ok(rest.split_whitespace().map(str::to_owned).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs both sides of a loop.
fn check(this: &Loop) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    let server = Peer::start(&[this.name, "listen"], deadline)?;
    let address = server.says("address")?;
    let client = Peer::start(&[this.name, "dial", &address[0]], deadline)?;
    for (side, peer) in [("the side that dials", client), ("the side that listens", server)] {
        let counts = peer.says("done").map_err(|error| format!("{side}: {error}"))?;
        let counts: Vec<usize> = counts.iter().map(|count| count.parse()).collect::<std::result::Result<_, _>>()?;
        let [echoes, overslept, threads] = counts[..] else { return Err("three counts".into()) };
        if echoes < ECHOES || overslept > 0 || threads != this.threads {
            return Err(format!("{side}: {echoes} echoes, {overslept} sleeps too long, {threads} threads").into());
        }
    }
    Ok(())
}

/// A lookup of a name has a thread while it lasts, and none after.
#[cfg(feature = "dns")]
fn look_up() -> Result<()> {
    use swarm_notify::identity::Keypair;
    use swarm_notify::lifecycle::{Event, Failure};
    use swarm_notify::swarm::{Config, Swarm};
    use swarm_notify::tcp;

    let ((started, has_started), (finish, is_to_finish)) = (channel(), channel());
    let is_to_finish = std::sync::Mutex::new(is_to_finish);
    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default()).with_resolver(move |_, _| {
        started.send(()).map_err(std::io::Error::other)?;
        let is_to_finish = is_to_finish.lock().map_err(|_| std::io::ErrorKind::Other)?;
        is_to_finish.recv().map_err(std::io::Error::other)?;
        Err(std::io::ErrorKind::NotFound.into())
    });
    let identity = Keypair::ed25519_from_bytes([1; 32])?;
    let mut config = Config::default();
    // It hangs if nobody wakes it once the lookup is over: no deadline does.
    config.connection.handshake_timeout = Duration::from_secs(3_600);
    let mut swarm = Swarm::with_reactor(reactor, transport, &identity, [1; 32], config)?;
    let start = Instant::now();
    swarm.tick(start.elapsed());
    let mut counts = vec![threads()?];
    swarm.dial("/dns4/seed.example/tcp/4001".parse()?)?;
    swarm.tick(start.elapsed());
    has_started.recv()?;
    counts.push(threads()?);
    finish.send(())?;
    let failed = loop {
        swarm.wait(start.elapsed(), None)?;
        swarm.tick(start.elapsed());
        if let Some(event) = swarm.next_event() {
            break event;
        }
    };
    if !matches!(failed, Event::ConnectFailed { reason: Failure::Unreachable, .. }) {
        return Err(format!("{failed:?}").into());
    }
    // Nobody is told when it has gone, which is a moment after its last word.
    while threads()? > 1 {
        swarm.wait(start.elapsed(), Some(Duration::from_millis(1)))?;
    }
    counts.push(threads()?);
    println!("done {counts:?}");
    Ok(())
}

#[cfg(feature = "dns")]
fn check_lookup() -> Result<()> {
    let said = Peer::start(&["lookup"], Instant::now() + LIMIT)?.says("done")?.concat();
    if said == "[1,2,1]" { Ok(()) } else { Err(format!("{said} threads before, while and after").into()) }
}

fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    tests.extend(LOOPS.iter().map(|this| -> Test { (this.name, Box::new(|| check(this))) }));
    #[cfg(feature = "dns")]
    tests.push(("a_lookup_has_its_thread_while_it_lasts", Box::new(check_lookup)));
    tests
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == PEER) {
        return match be_peer(&args[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", args[1..].join(" "));
                ExitCode::FAILURE
            }
        };
    }
    no_harness::run(&args, tests())
}
