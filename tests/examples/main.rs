//! Programs to begin with: each file beside this one is an example to copy, and is run here as its first comment says, in
//! processes of their own on loopback. Each process is this program started again. They are talked to through stdin and
//! Ctrl-C, and waited for by what they print; one that hangs fails at a limit.
//!
//! It has no harness, since each process has a `main` of its own.
#![cfg_attr(not(all(unix, feature = "tcp", feature = "rand")), allow(dead_code, unused_imports))]
#![allow(clippy::duplicate_mod, reason = "each example is a whole program, and has what it shares with others")]

#[path = "../support/no_harness.rs"]
mod no_harness;

use no_harness::{Result, Test};
use std::env;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes as long; it is the price of a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// The first argument of a process that is an example.
const EXAMPLE: &str = "--example";

/// Includes the examples, and lists them by name.
macro_rules! examples {
    ($($(#[$attribute:meta])* $name:ident $run:expr;)*) => {
        $(
            #[allow(dead_code, reason = "it is a whole program, and its `main` is not called here")]
            $(#[$attribute])*
            mod $name;
        )*

        /// Runs an example in this process.
        #[allow(unused_variables, reason = "there may be none")]
        fn run(name: &str, args: Vec<String>) -> Result<()> {
            match name {
                $($(#[$attribute])* stringify!($name) => { let run: fn(Vec<String>) -> Result<()> = $run; run(args) })*
                _ => Err("no such example".into()),
            }
        }
    };
}

examples! {
    #[cfg(all(feature = "tcp", feature = "rand"))]
    chat |args| chat::run(args.into_iter());
    #[cfg(all(feature = "host", feature = "rand", unix))]
    chat_host |args| chat_host::run(args.into_iter());
    #[cfg(all(feature = "tcp", feature = "rand", feature = "protocols"))]
    request_response |args| request_response::run(args.into_iter());
    #[cfg(all(feature = "tcp", feature = "rand"))]
    six_notifications |_| six_notifications::run();
    #[cfg(all(feature = "tcp", feature = "rand", feature = "protocols"))]
    peers |args| peers::run(args.into_iter());
    #[cfg(all(feature = "tcp", feature = "keys", feature = "protocols"))]
    reconnecting |args| reconnecting::run(&args);
}

/// Sends each line of a pipe, in a thread of its own.
fn read_lines(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        BufReader::new(pipe).lines().map_while(|line| line.ok()).try_for_each(|line| sender.send(line))
    });
}

/// An example that runs.
struct Running {
    child: Child,
    /// Those of its output and of its errors.
    lines: Receiver<String>,
    /// When it is taken for hanging.
    deadline: Instant,
}

impl Running {
    fn start(name: &str, args: &[&str]) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(EXAMPLE).arg(name).args(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = channel();
        let (stdout, stderr) = (child.stdout.take().ok_or("an output")?, child.stderr.take().ok_or("a stderr")?);
        read_lines(stdout, sender.clone());
        read_lines(stderr, sender);
        Ok(Self { child, lines, deadline: Instant::now() + LIMIT })
    }

    /// The next line, or `None` at the end of its output.
    fn line(&self) -> Result<Option<String>> {
        match self.lines.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err("it hangs".into()),
        }
    }

    /// Waits for a line with these words in it, and returns it. It passes over those before.
    fn says(&self, words: &str) -> Result<String> {
        let mut others = Vec::new();
        loop {
            match self.line() {
                Ok(Some(line)) if line.contains(words) => return Ok(line),
                Ok(Some(line)) => others.push(line),
                Ok(None) => return Err(format!("it has ended without {words:?}: {others:?}").into()),
                Err(error) => return Err(format!("{error}, and has not said {words:?}: {others:?}").into()),
            }
        }
    }

    /// The address that it prints.
    fn address(&self) -> Result<String> {
        self.says("listening on ")?.split(' ').next_back().map(str::to_owned).ok_or_else(|| "an address".into())
    }

    fn hears(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.child.stdin.as_ref().ok_or("it has a stdin")?, "{line}")?)
    }

    /// Closes its stdin.
    fn ends(&mut self) {
        self.child.stdin.take();
    }

    #[cfg(unix)]
    fn ctrl_c(&self) -> Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        Ok(kill_process(Pid::from_child(&self.child), Signal::INT)?)
    }

    /// Waits for its end, which has to be a good one, and returns what it has said till then.
    fn rest(mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().map_err(|error| format!("{error} after {lines:?}"))? {
            lines.push(line);
        }
        let status = self.child.wait()?;
        if status.success() { Ok(lines) } else { Err(format!("{status} after {lines:?}").into()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_equal<T: PartialEq + std::fmt::Debug>(is: T, should: T) -> Result<()> {
    if is == should { Ok(()) } else { Err(format!("{is:?} instead of {should:?}").into()) }
}

/// Two that chat: lines go both ways, and what the one says at last is heard though it leaves at once.
#[cfg(all(feature = "tcp", feature = "rand", unix))]
fn they_chat(here: &str, there: &str) -> Result<()> {
    let mut one = Running::start(here, &[])?;
    let address = one.address()?;
    let mut two = Running::start(there, &[&address])?;
    let (two_is, one_is) = (one.says(" has come")?, two.says(" has come")?);
    let (two_is, one_is) = (&two_is[..6], &one_is[..6]);
    assert!(address.ends_with(one_is), "{one_is} is no name of {address}");
    one.hears("hello")?;
    is_equal(two.says(": ")?, format!("{one_is}: hello"))?;
    two.hears("and you? \u{7}")?;
    is_equal(one.says(": ")?, format!("{two_is}: and you? \\u{{7}}"))?;
    // A third one is heard by the first alone, with whom it speaks.
    let mut three = Running::start(there, &[&address])?;
    let three_is = one.says(" has come")?[..6].to_owned();
    three.says(" has come")?;
    one.hears("all of you")?;
    is_equal(two.says(": ")?, format!("{one_is}: all of you"))?;
    is_equal(three.says(": ")?, format!("{one_is}: all of you"))?;
    two.hears("bye")?;
    two.ends();
    is_equal(two.rest()?, vec![format!("{one_is} has left")])?;
    is_equal(one.says(": ")?, format!("{two_is}: bye"))?;
    is_equal(one.says(" ")?, format!("{two_is} has left"))?;
    one.ctrl_c()?;
    is_equal(one.rest()?, vec![format!("{three_is} has left")])?;
    three.says(" has left")?;
    three.ends();
    is_equal(three.rest()?, vec![])
}

/// A line for each number, in any order. The address of nobody is an end with an error.
#[cfg(all(feature = "tcp", feature = "rand", feature = "protocols", unix))]
fn it_asks_and_is_answered() -> Result<()> {
    let server = Running::start("request_response", &[])?;
    let address = server.address()?;
    let mut answers = Running::start("request_response", &[&address, "60", "1", "4294967291", "0"])?.rest()?;
    answers.sort();
    is_equal(answers, ["0 = ", "1 = ", "4294967291 = 4294967291", "60 = 2 * 2 * 3 * 5"].map(str::to_owned).to_vec())?;
    server.ctrl_c()?;
    let mut asked: Vec<_> = server.rest()?.into_iter().filter(|line| line.starts_with("asked")).collect();
    asked.sort();
    is_equal(
        asked,
        ["asked for 0", "asked for 1", "asked for 4294967291", "asked for 60"].map(str::to_owned).to_vec(),
    )?;
    let alone = Running::start("request_response", &[&address, "60"])?;
    let error = alone.rest().err().map(|error| error.to_string()).unwrap_or_default();
    is_equal(error.contains("connect_failed ") && error.contains("request_response: not all was answered"), true)
}

/// Each node is told of each of the six that it has a part in, in order, with the reason.
#[cfg(all(feature = "tcp", feature = "rand", unix))]
fn the_six_are_told_on_both_nodes() -> Result<()> {
    let lines = Running::start("six_notifications", &[])?.rest()?;
    let told = |node: &str| -> Vec<String> {
        lines.iter().filter_map(|line| line.strip_prefix(node)).map(str::to_owned).collect()
    };
    let mut server = told("server: ");
    let port =
        server.first().and_then(|line| line.strip_prefix("listen /ip4/127.0.0.1/tcp/")).ok_or("it listens first")?;
    assert_ne!(port.parse::<u16>()?, 0);
    is_equal(
        server.split_off(1),
        vec![
            "connected, inbound".into(),
            "opened_stream /hello/1.0.0".into(),
            "closed_stream, finished".into(),
            "disconnected, remote(go_away(0))".into(),
            "listen_close, requested".into(),
        ],
    )?;
    is_equal(
        told("client: "),
        vec![
            "connected, outbound".to_owned(),
            "opened_stream /hello/1.0.0".into(),
            "closed_stream, finished".into(),
            "disconnected, requested".into(),
        ],
    )
}

/// Both have a row of the other, table after table, with what has gone to and fro since.
#[cfg(all(feature = "tcp", feature = "rand", feature = "protocols", unix))]
fn each_table_has_the_peer() -> Result<()> {
    let server = Running::start("peers", &[])?;
    let address = server.address()?;
    let client = Running::start("peers", &[&address])?;
    client.address()?;
    let peer = address.rsplit('/').next().ok_or("an address ends with a peer")?;
    let mut last: Option<(u64, u64)> = None;
    for _ in 0..3 {
        client.says("dialed:   1 open, 1 at most, 1 in all, 0 failed")?;
        let row = client.says(peer)?;
        let cells: Vec<_> = row.split_whitespace().collect();
        let [_, "outbound", _, "s", round_trip, "ms", _, received, sent] = cells[..] else { return Err(row.into()) };
        let (received, sent): (u64, u64) = (received.parse()?, sent.parse()?);
        // Each second has a ping.
        if last.is_some_and(|last| last.0 >= received || last.1 >= sent) || round_trip.parse::<f64>()? <= 0.0 {
            return Err(format!("{row:?}, after {last:?}").into());
        }
        last = Some((received, sent));
    }
    server.says("accepted: 1 open, 1 at most, 1 in all, 0 failed")?;
    server.says(" inbound ")?;
    client.ctrl_c()?;
    client.rest()?;
    server.says("accepted: 0 open, 1 at most, 1 in all, 0 failed")?;
    server.ctrl_c()?;
    server.rest().map(drop)
}

/// The server's end and the next one's beginning, twice: once it ends in good order, once it is killed.
#[cfg(all(feature = "tcp", feature = "rand", feature = "keys", feature = "protocols", unix))]
fn the_client_comes_back_to_its_server() -> Result<()> {
    let folder = env::temp_dir().join(format!("swarm-notify-reconnecting-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let outcome = restart_the_server(folder.join("server.key").to_str().ok_or("a name")?);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

#[cfg(all(feature = "tcp", feature = "rand", feature = "keys", feature = "protocols", unix))]
fn restart_the_server(key_file: &str) -> Result<()> {
    let first = Running::start("reconnecting", &[key_file, "0"])?;
    let address = first.address()?;
    let port = address.split('/').nth(4).ok_or("a port")?.to_owned();
    let client = Running::start("reconnecting", &[&address])?;
    client.says(" is connected: ")?;
    first.ctrl_c()?;
    first.rest()?;
    client.says("disconnected ")?;
    client.says(" cannot be reached: ")?; // nobody is there

    let second = Running::start("reconnecting", &[key_file, &port])?;
    is_equal(second.address()?, address.clone())?;
    client.says(" is connected: ")?;
    drop(second); // it is killed
    client.says("disconnected ")?;
    let third = Running::start("reconnecting", &[key_file, &port])?;
    client.says(" is connected: ")?;
    third.says("connected ")?;
    client.ctrl_c()?;
    client.rest()?;
    third.says("disconnected ")?;
    third.ctrl_c()?;
    third.rest().map(drop)
}

fn tests() -> Vec<Test> {
    vec![
        #[cfg(all(feature = "tcp", feature = "rand", unix))]
        ("chat", Box::new(|| they_chat("chat", "chat"))),
        #[cfg(all(feature = "host", feature = "rand", unix))]
        ("chat_host", Box::new(|| they_chat("chat_host", "chat_host"))),
        #[cfg(all(feature = "host", feature = "rand", unix))]
        ("chat_host_dials_chat", Box::new(|| they_chat("chat", "chat_host"))),
        #[cfg(all(feature = "host", feature = "rand", unix))]
        ("chat_dials_chat_host", Box::new(|| they_chat("chat_host", "chat"))),
        #[cfg(all(feature = "tcp", feature = "rand", feature = "protocols", unix))]
        ("request_response", Box::new(it_asks_and_is_answered)),
        #[cfg(all(feature = "tcp", feature = "rand", unix))]
        ("six_notifications", Box::new(the_six_are_told_on_both_nodes)),
        #[cfg(all(feature = "tcp", feature = "rand", feature = "protocols", unix))]
        ("peers", Box::new(each_table_has_the_peer)),
        #[cfg(all(feature = "tcp", feature = "rand", feature = "keys", feature = "protocols", unix))]
        ("reconnecting", Box::new(the_client_comes_back_to_its_server)),
    ]
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [first, name, rest @ ..] = &args[..] else { return no_harness::run(&args, tests()) };
    if first != EXAMPLE {
        return no_harness::run(&args, tests());
    }
    match run(name, rest.to_vec()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
