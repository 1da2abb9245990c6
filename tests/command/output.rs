//! The way out: a reader that is slow, has stopped or has left, a full disk, and what is said then.

use crate::serving::{ECHO, Serving, Silent};
use crate::support::command::{Folder, Process, Running, json_command, non_blocking, told};
use crate::support::log_page::page;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, PipeReader, Write as _, pipe};
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// The log of a process whose reader decides when it reads.
pub(crate) struct Log {
    lines: BufReader<PipeReader>,
    /// Its `start` lines.
    starts: Vec<Value>,
    /// Its other lines.
    printed: Vec<Value>,
    /// The time of the last line.
    read: f64,
}

impl Log {
    /// Starts the command with this log.
    #[track_caller]
    pub(crate) fn of(args: &[&str]) -> (Process, Self) {
        let (reader, writer) = pipe().unwrap();
        let process = Process::start(json_command(args).stdout(writer));
        (process, Self::from(reader))
    }

    pub(crate) fn from(reader: PipeReader) -> Self {
        Self { lines: BufReader::new(reader), starts: Vec::new(), printed: Vec::new(), read: 0.0 }
    }

    /// The lines so far that are no `start`.
    pub(crate) fn told(&self) -> &[Value] {
        &self.printed
    }

    /// Gives its reader away, without what was read ahead.
    pub(crate) fn into_reader(self) -> PipeReader {
        self.lines.into_inner()
    }

    /// The next line that is whole and no `start`.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            let value: Value = serde_json::from_str(line.strip_suffix('\n')?).unwrap();
            let time = value["t"].as_f64().unwrap();
            assert!(time >= self.read, "{time} comes after {}: {line}", self.read);
            self.read = time;
            let start = self.starts.first().unwrap_or(&value);
            page().check(&value, start["command"].as_str().unwrap_or_else(|| panic!("{line} is before the start")));
            if value["event"] != "start" {
                self.printed.push(value.clone());
                return Some(value);
            }
            assert!(self.printed.is_empty(), "nothing comes before {line}");
            self.starts.push(value);
        }
    }

    #[track_caller]
    pub(crate) fn until(&mut self, event: &str) -> Value {
        loop {
            let line = self.next().unwrap_or_else(|| panic!("it ended without {event}: {:#?}", told(&self.printed)));
            if line["event"] == event {
                return line;
            }
        }
    }

    #[track_caller]
    pub(crate) fn address(&mut self) -> String {
        self.until("listen")["addresses"][0].as_str().unwrap().to_owned()
    }

    /// Reads to the end. Returns the `start` lines, and all others from the first.
    pub(crate) fn rest(mut self) -> (Vec<Value>, Vec<Value>) {
        while self.next().is_some() {}
        (self.starts, self.printed)
    }
}

/// Opens so many streams to an address, and ends.
#[track_caller]
pub(crate) fn open_streams(address: &str, streams: u64) {
    let dial = crate::run(["dial", address, "--bytes", "0", "--concurrency", "64", "--streams", &streams.to_string()]);
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
}

/// What is open after these lines, by one who reads the log as its description says.
pub(crate) fn open_after(printed: &[Value]) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    let id = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    for line in printed {
        match line["event"].as_str().unwrap() {
            "listen" => assert!(open.insert(id(line, "listener"))),
            "listen_close" => assert!(open.remove(&id(line, "listener"))),
            "connected" => assert!(open.insert(id(line, "connection"))),
            "disconnected" => assert!(open.remove(&id(line, "connection"))),
            "opened_stream" => assert!(open.insert(id(line, "stream"))),
            "closed_stream" => assert!(open.remove(&id(line, "stream"))),
            "snapshot" => {
                if line["part"] == 1 {
                    open.clear();
                }
                for (kind, key) in [("listeners", "listener"), ("connections", "connection"), ("streams", "stream")] {
                    for it in line[kind].as_array().unwrap() {
                        assert!(open.insert(id(it, key)), "{it} is there already");
                    }
                }
            }
            "lagged" | "stream_failed" | "refused" => {}
            other => panic!("{other}"),
        }
    }
    open
}

fn missed(printed: &[Value]) -> u64 {
    printed.iter().filter(|line| line["event"] == "lagged").map(|line| line["missed"].as_u64().unwrap()).sum()
}

/// The number of lines that were printed or missed, without those that say so.
fn number(printed: &[Value]) -> u64 {
    let told = printed.iter().filter(|line| line["event"] != "lagged" && line["event"] != "snapshot").count();
    told as u64 + missed(printed)
}

/// The number of lines that standard error says are lost.
fn lost(stderr: &str) -> u64 {
    let words: Vec<_> = stderr.split(' ').collect();
    let at = words.windows(2).position(|pair| pair[1] == "lines").unwrap_or_else(|| panic!("{stderr:?}"));
    words[at].parse().unwrap()
}

#[test]
fn a_listener_goes_on_beside_a_reader_that_has_stopped() {
    const STREAMS: u64 = 10_000;
    let (listen, mut log) = Log::of(&["listen"]);
    let address = log.address();
    open_streams(&address, STREAMS);
    // Here somebody is connected while the log lags.
    let mut dial = Running::start(["dial", &address, "--hold", "1000"]);
    dial.until("closed_stream");
    let lagged = log.until("lagged");
    let snapshot = log.next().unwrap();
    assert_eq!(snapshot["event"], "snapshot", "after {lagged}");
    // Each is described as it was when it opened.
    let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let opening = |event: &str| {
        let line = log.printed.iter().find(|line| line["event"] == event).unwrap();
        let mut keys = keys(line);
        assert!(["t", "time", "event"].iter().all(|key| keys.remove(*key)));
        keys
    };
    let (listeners, connections) = (&snapshot["listeners"], &snapshot["connections"]);
    assert_eq!((listeners.as_array().unwrap().len(), keys(&listeners[0])), (1, opening("listen")));
    assert_eq!(listeners[0]["addresses"][0], address);
    assert!(connections.as_array().unwrap().iter().all(|connection| keys(connection) == opening("connected")));
    dial.signal("INT");
    assert_eq!(dial.ended().code, Some(130));
    log.until("disconnected");
    assert_eq!(open_after(&log.printed), BTreeSet::from(["l0.1".to_owned()]));
    listen.signal("TERM");
    let ended = listen.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let printed = log.rest().1;
    assert_eq!(open_after(&printed), BTreeSet::new());
    // Two lines of the listener, two of each connection, and two lines for each stream.
    assert_eq!(number(&printed), 2 + 4 + 2 * (STREAMS + 1));
    assert!(missed(&printed) > 0);
}

#[test]
fn a_signal_ends_a_listener_whose_reader_has_stopped() {
    for signal in ["TERM", "INT"] {
        let (listen, mut log) = Log::of(&["listen"]);
        open_streams(&log.address(), 1_000);
        listen.signal(signal);
        let ended = listen.ended();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        // All but what is lost is there to be read.
        assert_eq!(log.rest().1.len() as u64 + lost(&ended.stderr), 2 + 2 + 2_000, "{}", ended.stderr);
    }
}

#[test]
fn a_lagging_log_that_nobody_reads_counts_all_that_is_lost() {
    let (listen, mut log) = Log::of(&["listen"]);
    open_streams(&log.address(), 10_000);
    listen.signal("TERM");
    let ended = listen.ended();
    assert_eq!(ended.code, Some(1));
    // The last two, which would have said what was left out, are lost with the others.
    let all = log.rest().1.len() as u64 + lost(&ended.stderr);
    assert_eq!(all, 2 + 2 + 20_000 + 2, "{}", ended.stderr);
}

#[test]
fn a_lagging_log_that_is_read_at_the_end_says_what_it_lacks() {
    let (listen, mut log) = Log::of(&["listen"]);
    open_streams(&log.address(), 10_000);
    listen.signal("TERM");
    let printed = log.rest().1;
    assert_eq!(listen.ended().code, Some(0));
    assert_eq!(open_after(&printed), BTreeSet::new());
    assert_eq!(number(&printed), 2 + 2 + 20_000);
}

/// A dial with many streams, whose reader has stopped long enough for it to wait.
fn stopped_dial(listen: &mut Running) -> (Process, Log) {
    let address = listen.address();
    let (dial, log) = Log::of(&["dial", &address, "--bytes", "0", "--concurrency", "64", "--streams", "10000"]);
    for _ in 0..2_000 {
        listen.until("closed_stream");
    }
    (dial, log)
}

#[test]
fn a_dial_waits_for_its_reader() {
    let mut listen = Running::start(["listen"]);
    let (dial, log) = stopped_dial(&mut listen);
    let printed = log.rest().1;
    let ended = dial.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!((printed.len(), &printed.last().unwrap()["ok"]), (2 + 20_000 + 1, &10_000.into()));
}

#[test]
fn a_signal_ends_a_dial_whose_reader_has_stopped() {
    let mut listen = Running::start(["listen"]);
    let (dial, log) = stopped_dial(&mut listen);
    dial.signal("TERM");
    listen.until("disconnected");
    let ended = dial.ended();
    assert_eq!(ended.code, Some(143));
    // It did not go on as if somebody read: that many lines are bounded.
    let all = log.rest().1.len() as u64 + lost(&ended.stderr);
    assert!((4_096..15_000).contains(&all), "{all}: {}", ended.stderr);
}

#[test]
fn an_interrupted_dial_prints_its_summary_to_who_reads_on() {
    let mut listen = Running::start(["listen"]);
    let (dial, log) = stopped_dial(&mut listen);
    dial.signal("INT");
    let printed = log.rest().1;
    assert_eq!(printed.last().unwrap()["event"], "summary");
    assert_eq!(dial.ended().code, Some(130));
    assert_eq!(open_after(&printed[..printed.len() - 1]), BTreeSet::new());
}

#[test]
fn a_pipe_that_is_non_blocking_loses_nothing() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let (reader, writer) = pipe().unwrap();
    non_blocking(&writer);
    let args = ["dial", &address, "--bytes", "0", "--concurrency", "64", "--streams", "5000"];
    let dial = Process::start(json_command(&args).stdout(writer));
    for _ in 0..1_000 {
        listen.until("closed_stream");
    }
    let printed = Log::from(reader).rest().1;
    let ended = dial.ended();
    assert_eq!((ended.code, ended.stderr.as_str(), printed.len()), (Some(0), "", 2 + 10_000 + 1));
}

#[test]
fn a_full_disk_ends_it_with_a_word() {
    for args in [["demo"].as_slice(), &["listen"], &["dial", "/ip4/127.0.0.1/tcp/1"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = Process::start(json_command(args).stdout(full)).ended();
        assert_eq!(ended.code, Some(1), "{args:?}");
        assert!(ended.stderr.contains("stdout cannot be written"), "{args:?}: {}", ended.stderr);
    }
}

/// The system has a signal for a file that grows beyond its limit. It must not kill the command, which says nothing then.
#[test]
fn a_file_at_its_limit_is_told_as_a_full_disk_is() {
    let folder = Folder::new("limit-of-a-file");
    let file = folder.file("log");
    let script = r#"ulimit -f 1; exec "$0" --json demo >"$1""#;
    let mut demo = Command::new("sh");
    let demo = demo.args(["-c", script, env!("CARGO_BIN_EXE_swarm-notify"), &file]).output().unwrap();
    let stderr = String::from_utf8(demo.stderr).unwrap();
    assert_eq!(demo.status.code(), Some(1), "{stderr}");
    let said = "error: stdout cannot be written, ";
    assert!(stderr.starts_with(said) && stderr.contains(" lines of output are lost: File too large"), "{stderr}");
    let log = std::fs::read_to_string(&file).unwrap();
    // A shell's unit is 512 bytes or 1 024.
    assert!([512, 1_024].contains(&log.len()), "{log}");
}

/// What is not written ends the dial, which ends the connection before it is there. Only the first is said.
#[test]
fn a_dial_without_an_output_says_why_and_nothing_else() {
    // The system accepts, and nobody answers.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", nobody.local_addr().unwrap().port());
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = Process::start(json_command(&["dial", &address]).stdout(full)).ended();
    let undone = "there was no connection yet; 0 of 1 stream begun (0 ok, 0 failed, 0 not finished), 1 not begun\n";
    let said =
        format!("lines of output are lost: No space left on device (os error 28); the command ended there: {undone}");
    assert_eq!((ended.code, after_the_count(&ended.stderr)), (Some(1), said.as_str()));
    let (dial, log) = Log::of(&["dial", &address]);
    let mut start = String::new();
    let mut log = log.lines;
    log.read_line(&mut start).unwrap();
    drop(log);
    let ended = dial.ended();
    let said = format!("error: the reader of stdout has left before all was done: {undone}");
    assert_eq!((ended.code, ended.stderr), (Some(1), said));
}

/// What is said of an output that cannot be written, behind the number of lines. The work has ended, so there would be more.
#[track_caller]
fn after_the_count(stderr: &str) -> &str {
    let count = stderr.strip_prefix("error: stdout cannot be written, at least ").unwrap_or_else(|| panic!("{stderr}"));
    let rest = count.trim_start_matches(|c: char| c.is_ascii_digit());
    assert!(rest.len() < count.len(), "{stderr}");
    rest.trim_start()
}

/// The first line fails, while streams are begun, a few at a time.
#[test]
fn a_dial_on_a_full_disk_says_what_it_has_not_done() {
    let peer = Serving::start(&[ECHO], Silent);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut dial = json_command(&["dial", &peer.address, "--streams", "1000", "--concurrency", "4"]);
    let ended = Process::start(dial.stdout(full)).ended();
    let rest = after_the_count(&ended.stderr);
    let (_, undone) = rest.split_once("; the command ended there: ").unwrap_or_else(|| panic!("{rest}"));
    let (_, not_begun) =
        undone.split_once(" of 1000 streams begun (0 ok, 0 failed, ").unwrap_or_else(|| panic!("{rest}"));
    let not_begun: u64 = not_begun.split_once("), ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(ended.code == Some(1) && not_begun >= 996 && undone.ends_with(" not begun\n"), "{rest}");
}

#[test]
fn a_descriptor_that_cannot_be_written_ends_it_with_a_word() {
    for args in [["demo"].as_slice(), &["listen"]] {
        let ended = Process::start(json_command(args).stdout(File::open("/dev/null").unwrap())).ended();
        assert_eq!(ended.code, Some(1), "{args:?}");
        assert!(ended.stderr.contains("stdout cannot be written"), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_reader_that_leaves_ends_a_listener_quietly() {
    let (listen, mut log) = Log::of(&["listen"]);
    log.address();
    // Nothing is printed after that.
    drop(log);
    let ended = listen.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// As the page says: only of `dial` are lines lost that way.
#[test]
fn a_reader_that_leaves_a_demo_is_no_loss() {
    let (demo, mut log) = Log::of(&["demo"]);
    log.until("listen");
    drop(log);
    let ended = demo.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_leaves_during_the_hold_ends_it_quietly() {
    let mut listen = Running::start(["listen"]);
    let (dial, mut log) = Log::of(&["dial", &listen.address(), "--hold", "1000"]);
    log.until("closed_stream");
    drop(log);
    let ended = dial.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    listen.until("disconnected");
}

#[test]
fn a_dial_whose_reader_leaves_says_what_it_has_not_done() {
    let peer = Serving::start(&[ECHO], Silent);
    let (dial, mut log) = Log::of(&["dial", &peer.address, "--streams", "10", "--concurrency", "4"]);
    (0..4).for_each(|_| drop(log.until("opened_stream")));
    drop(log);
    let ended = dial.ended();
    let said = "error: the reader of stdout has left before all was done: 4 of 10 streams begun (0 ok, 0 failed, 4 not \
                finished), 6 not begun\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), said));
}

/// As behind `| head -1`.
#[test]
fn a_reader_of_the_first_line_only_is_no_error_if_all_was_done() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    for _ in 0..20 {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
        command.args(["dial", "-q", &address, "--streams", "3"]);
        let mut dial = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        // The summary has more lines than that.
        BufReader::with_capacity(1, dial.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert_eq!(first, "3 streams: 3 ok, 0 failed\n");
        let ended = dial.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
    }
}

#[test]
fn an_error_that_nobody_hears_is_no_panic() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ended = Process::start(json_command(&["listen", "--key", "/"]).stderr(writer)).ended();
    assert_eq!(ended.code, Some(2));
}

#[test]
fn standard_error_that_nobody_reads_holds_up_nothing() {
    let (_reader, mut writer) = pipe().unwrap();
    non_blocking(&writer);
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).unwrap();
    let (reader, out) = pipe().unwrap();
    let mut command = json_command(&["listen"]);
    let listen = Process::start(command.env("RUST_LOG", "trace").stdout(out).stderr(writer));
    let mut log = Log::from(reader);
    open_streams(&log.address(), 100);
    listen.signal("TERM");
    assert_eq!(log.rest().1.len(), 2 + 2 + 200);
    assert_eq!(listen.ended().code, Some(0));
}

/// A program that reads the log slowly, a line now and then, and knows what is open.
#[test]
fn a_slow_reader_knows_what_is_open_whenever_it_has_caught_up() {
    let (listen, mut log) = Log::of(&["listen"]);
    let address = log.address();
    let mut counted = number(&log.printed);
    for round in 1..=3 {
        open_streams(&address, 5_000);
        // The lines of the end may be among those that are missing: the snapshot makes up for them.
        while counted < 1 + round * (2 + 2 * 5_000) {
            log.next().unwrap();
            counted += number(log.printed.last_chunk::<1>().unwrap());
        }
        if log.printed.last().unwrap()["event"] == "lagged" {
            log.next().unwrap();
        }
        assert_eq!(open_after(&log.printed), BTreeSet::from(["l0.1".to_owned()]));
    }
    listen.signal("TERM");
    assert_eq!(open_after(&log.rest().1), BTreeSet::new());
    assert_eq!(listen.ended().code, Some(0));
}
