//! `dial` beside listeners that do their worst: it ends within its bounds with 1, and says which bound, and how many streams
//! were answered.

use crate::run;
use crate::serving::{ECHO, SINK, Serving};
use crate::support::command::{Ended, LIMIT, Running, told};
use std::collections::HashMap;
use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::tcp;

/// The answers of a peer, as many bytes at a time as it is told, with a pause after each.
struct Answers<F> {
    /// The next bytes, of what has come on a stream so far and the number of bytes that were sent back.
    next: F,
    pause: Duration,
    streams: HashMap<StreamId, (Vec<u8>, usize)>,
    due: Option<Duration>,
}

impl<F: FnMut(&[u8], usize) -> Vec<u8>> Answers<F> {
    fn new(pause: Duration, next: F) -> Self {
        Self { next, pause, streams: HashMap::new(), due: None }
    }

    fn answer(&mut self, swarm: &mut tcp::Swarm) {
        for (stream, (heard, answered)) in &mut self.streams {
            let bytes = (self.next)(heard, *answered);
            // It takes no more if it is full or has ended.
            *answered += swarm.write(*stream, &bytes).unwrap_or(0);
        }
    }
}

impl<F: FnMut(&[u8], usize) -> Vec<u8> + Send + 'static> Notifee<tcp::Swarm> for Answers<F> {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY | Interest::TIME
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        let (heard, _) = self.streams.entry(stream).or_default();
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = cx.network().read(stream, &mut buffer) {
            heard.extend_from_slice(&buffer[..n]);
        }
        self.due.get_or_insert(cx.now());
    }

    fn poll_at(&self) -> Option<Duration> {
        self.due
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>) {
        self.answer(cx.network());
        self.due = Some(cx.now() + self.pause);
    }
}

const PAUSE: Duration = Duration::from_millis(20);

/// Streams that failed, as nothing has waited for them: they were cut.
#[track_caller]
fn assert_cut(dial: &Ended, streams: u64, said: &str) {
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(1), format!("error: {said}\n").as_str()));
    let summary = dial.printed.last().unwrap();
    let counts = ["ok", "failed", "unanswered", "not_begun"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [0, streams, 0, 0], "{summary}");
    let cut = told(&dial.printed).iter().filter(|line| line.ends_with(" reset(local)")).count();
    assert_eq!(cut as u64, streams, "{:?}", told(&dial.printed));
    assert_eq!(told(&dial.printed).iter().rev().nth(1).unwrap(), "disconnected c0.1 requested");
}

#[test]
fn an_echo_that_does_not_end_is_cut_at_its_first_surplus_byte() {
    let more = |heard: &[u8], answered: usize| match heard.get(answered..).filter(|rest| !rest.is_empty()) {
        Some(rest) => rest.to_vec(),
        None if heard.is_empty() => Vec::new(),
        None => b"x".to_vec(),
    };
    for ending in [&[][..], &["--half-close"]] {
        let peer = Serving::start(&[ECHO], Answers::new(PAUSE, more));
        let dial = run([&["dial", &peer.address, "--bytes", "100"], ending].concat());
        assert_cut(&dial, 1, "stream s0.1 failed: more came back than the 100 bytes that were sent");
    }
}

#[test]
fn a_wrong_echo_is_cut_at_its_first_wrong_byte() {
    // The first 7 bytes are right, and then there is no end of wrong ones.
    let wrong = |heard: &[u8], answered: usize| match heard.get(..8) {
        Some(right) if answered == 0 => right[..7].to_vec(),
        Some(right) => vec![!right[7]; 60_000],
        None => Vec::new(),
    };
    let peer = Serving::start(&[ECHO], Answers::new(Duration::ZERO, wrong));
    let dial = run(["dial", &peer.address, "--streams", "3", "--bytes", "100k"]);
    let said = "3 of 3 streams failed (0 ok), the first of them s0.1: byte 8 of the echo is not the one that was \
                sent";
    assert_cut(&dial, 3, said);
}

/// A peer that knows what comes could answer without having read it.
#[test]
fn an_echo_of_another_run_is_cut() {
    let mut run_before = None;
    let as_before = move |heard: &[u8], answered: usize| match heard.len() {
        1_024 => run_before.get_or_insert_with(|| heard.to_vec())[answered..].to_vec(),
        _ => Vec::new(),
    };
    let peer = Serving::start(&[ECHO], Answers::new(PAUSE, as_before));
    let dial = || run(["dial", &peer.address, "--reset"]);
    assert_eq!(dial().code, Some(0));
    let again = dial();
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains(" of the echo is not the one that was sent"), "{}", again.stderr);
}

#[test]
fn an_echo_of_bytes_that_are_not_sent_yet_is_cut() {
    let peer = Serving::start(&[ECHO], Answers::new(PAUSE, |_: &[u8], _| vec![0; 1]));
    let dial = run(["dial", &peer.address, "--bytes", "0", "--half-close"]);
    assert_cut(&dial, 1, "stream s0.1 failed: more came back than the 0 bytes that were sent");
}

#[test]
fn a_sink_that_answers_is_cut() {
    let peer = Serving::start(&[SINK], Answers::new(PAUSE, |_: &[u8], _| vec![0; 100]));
    let dial = run(["dial", &peer.address, "--bytes", "100M", "--protocol", "/sink/1.0.0"]);
    assert_cut(&dial, 1, "stream s0.1 failed: the peer sent bytes back, and /sink/1.0.0 sends none");
}

#[test]
fn an_echo_that_drips_is_given_up() {
    let drop_by_drop = |heard: &[u8], answered: usize| heard.get(answered).map(|byte| vec![*byte]).unwrap_or_default();
    let peer = Serving::start(&[ECHO], Answers::new(PAUSE, drop_by_drop));
    // All of it would come within an hour.
    let dial = run(["dial", &peer.address, "--bytes", "200k", "--timeout", "0.5", "--streams", "2"]);
    let said = "error: 2 of 2 streams failed (0 ok), the first of them s0.1: it was too slow: ";
    assert!(dial.code == Some(1) && dial.stderr.starts_with(said), "{}", dial.stderr);
    let rest = dial.stderr.strip_prefix(said).unwrap();
    assert!(
        rest.contains(" bytes moved in 0.5 s when ") && rest.ends_with("raise --timeout for a slow peer\n"),
        "{rest}"
    );
    let awaited: Vec<_> = dial.printed.iter().filter(|line| line["event"] == "unanswered").collect();
    assert_eq!(awaited.len(), 2);
    assert!(awaited.iter().all(|line| line["awaited"] == "echo"), "{awaited:?}");
}

#[test]
fn a_small_echo_that_drips_has_the_time_once() {
    let drop_by_drop = |heard: &[u8], answered: usize| heard.get(answered).map(|byte| vec![*byte]).unwrap_or_default();
    let peer = Serving::start(&[ECHO], Answers::new(Duration::from_millis(200), drop_by_drop));
    let dial = run(["dial", &peer.address, "--bytes", "20", "--timeout", "1"]);
    let said = "error: stream s0.1 failed: it was too slow: ";
    assert!(dial.code == Some(1) && dial.stderr.starts_with(said), "{}", dial.stderr);
    let line = dial.printed.iter().find(|line| line["event"] == "closed_stream").unwrap();
    let opened = dial.printed.iter().find(|line| line["event"] == "opened_stream").unwrap();
    let seconds = line["t"].as_f64().unwrap() - opened["t"].as_f64().unwrap();
    // The whole of it would take 4 s.
    assert!((1.0..4.0).contains(&seconds), "{seconds}");
}

/// Resets each stream, or ends its side, as soon as something has come on it.
struct Hasty {
    resets: bool,
}

impl Notifee<tcp::Swarm> for Hasty {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        // It may be told again that the stream is ready.
        match self.resets {
            true => drop(cx.network().reset(stream)),
            false => drop(cx.network().finish(stream)),
        }
    }
}

#[test]
fn streams_that_end_in_the_middle_are_told_for_that() {
    for (resets, said) in [
        (true, "the peer reset it when 0 of 1024 bytes had come back"),
        (false, "the peer ended its side when 0 of 1024 bytes had come back"),
    ] {
        let peer = Serving::start(&[ECHO], Hasty { resets });
        let dial = run(["dial", &peer.address, "--streams", "4", "--concurrency", "2"]);
        let said = format!("error: 4 of 4 streams failed (0 ok), the first of them s0.1: {said}\n");
        assert_eq!((dial.code, dial.stderr), (Some(1), said));
    }
}

/// Does with each connection to a port of loopback what a test wants. It ends with the test's process.
fn listening(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || listener.incoming().for_each(|socket| serve(socket.unwrap())));
    address
}

#[track_caller]
fn assert_no_connection(dial: &Ended, said: &str) {
    assert_eq!(dial.code, Some(1), "{}", dial.stderr);
    assert!(dial.stderr.starts_with("error: there is no connection to /ip4/127.0.0.1/tcp/"), "{}", dial.stderr);
    assert!(dial.stderr.contains(said) && dial.stderr.lines().count() == 1, "{}", dial.stderr);
    let summary = dial.printed.last().unwrap();
    let counts = ["ok", "failed", "not_begun"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [0, 0, 3], "{summary}");
}

#[test]
fn a_listener_that_resets_is_told_for_that() {
    let address = listening(|socket| socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap());
    let dial = run(["dial", &address, "--streams", "3"]);
    assert_no_connection(&dial, "the peer has hung up: check whether it is a libp2p node");
}

#[test]
fn a_handshake_that_drips_has_ten_seconds_in_all() {
    let address = listening(|mut socket| {
        std::thread::spawn(move || {
            for byte in b"\x13/multistream/1.0.0\n\x07/noise\n".iter().cycle() {
                match socket.write_all(&[*byte]) {
                    Ok(()) => std::thread::sleep(Duration::from_secs(1)),
                    Err(error) => {
                        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
                        assert!(gone.contains(&error.kind()), "{error}");
                        return;
                    }
                }
            }
        });
    });
    let dial = run(["dial", &address, "--streams", "3"]);
    assert_no_connection(&dial, "it connected, but nobody spoke libp2p there within 10 s");
}

#[test]
fn a_listener_that_is_killed_in_the_middle_is_told_for_that() {
    let mut listen = Running::start(["listen"]);
    let args = ["--streams", "1000000", "--concurrency", "8", "--bytes", "0"];
    let mut dial = Running::start([&["dial", listen.address().as_str()], args.as_slice()].concat());
    dial.until("closed_stream");
    listen.kill();
    let dial = dial.ended();
    let summary = dial.printed.last().unwrap();
    let [ok, failed, not_begun] = ["ok", "failed", "not_begun"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!((dial.code, ok + failed + not_begun), (Some(1), 1_000_000));
    let said = match failed {
        0 => "error: the connection ended before all was done: ".to_owned(),
        _ => format!("error: {failed} of 1000000 streams failed ({ok} ok, {not_begun} not begun), the first of them s"),
    };
    assert!(dial.stderr.starts_with(&said), "{}", dial.stderr);
    let end = format!("; {ok} of 1000000 streams were answered, {not_begun} not begun\n");
    assert!(failed > 0 || dial.stderr.ends_with(&end), "{}", dial.stderr);
}

/// Joins the topic `news`, reads some of what is published, and then no more.
struct Sated {
    left: usize,
    /// It is told once that is so.
    sated: Sender<()>,
}

const FLOODSUB: Protocol = Protocol::from_static("/floodsub/1.0.0");
/// What it reads before it says so.
const SOME: usize = 100_000;
/// The window of a stream: so much may come that is not read.
const WINDOW: usize = 256 * 1024;

impl Notifee<tcp::Swarm> for Sated {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY | Interest::CONNECTED
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId) {
        let stream = cx.network().open_stream(connection, &[FLOODSUB]).unwrap();
        cx.network().write(stream, b"\x0a\x0a\x08\x08\x01\x12\x04news").unwrap();
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        let mut buffer = [0; 1024];
        while self.left > 0
            && let Ok(n @ 1..) = cx.network().read(stream, &mut buffer)
        {
            self.left = self.left.saturating_sub(n);
            if self.left == 0 {
                self.sated.send(()).unwrap();
            }
        }
    }
}

#[test]
fn lines_on_which_a_peer_hangs_up_are_counted() {
    let (sated, is_sated) = channel();
    let peer = Serving::start(&[FLOODSUB], Sated { left: SOME, sated });
    let mut dial = Running::start(["dial", &peer.address, "--floodsub", "news", "--streams", "0"]);
    let lines: Vec<u8> = (0..1_000).flat_map(|n| format!("{n:04}{}\n", "y".repeat(996)).into_bytes()).collect();
    // They find no room before the peer has left.
    dial.write_apart(lines);
    is_sated.recv_timeout(LIMIT).unwrap();
    drop(peer);
    let dial = dial.ended();
    assert_eq!(dial.code, Some(1));
    let summary = dial.printed.last().unwrap();
    let [published, lost] = ["lines_published", "lines_lost"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(published + lost, 1_000, "{summary}");
    assert!(published as usize <= (SOME + WINDOW) / 1_000, "{published} of 1000 cannot have come");
    let said = format!("error: {lost} lines of stdin are lost: they were not written to the peer");
    let rest = dial.stderr.strip_prefix(&said).unwrap_or_else(|| panic!("{}", dial.stderr));
    // Unless the system had taken all of those before.
    let rest = rest.strip_prefix(", or under way as the stream ended, and may have come").unwrap_or(rest);
    assert!(rest.starts_with("\nerror: the connection ended before all was done: "), "{}", dial.stderr);
}

/// The program that a script has: a dial under `timeout`, and its exit code.
#[cfg(target_os = "linux")]
#[test]
fn a_script_hears_of_a_dial_that_drips() {
    let drop_by_drop = |heard: &[u8], answered: usize| heard.get(answered).map(|byte| vec![*byte]).unwrap_or_default();
    let peer = Serving::start(&[ECHO], Answers::new(Duration::from_secs(1), drop_by_drop));
    let script = "timeout 60 \"$0\" dial \"$1\" --timeout 3 >/dev/null; echo $?";
    let output = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_swarm-notify"), &peer.address])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: stream s0.1 failed: it was too slow: "), "{stderr}");
}
