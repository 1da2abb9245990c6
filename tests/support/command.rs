//! The command as a process of its own: what it prints, line by line, and how it ends.
use super::log_page::page;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

/// Nothing in these tests takes as long; it is what a hang costs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The command, started with `--json`, and what it has printed so far.
pub(crate) struct Running {
    child: Child,
    /// Its standard input, until that is ended.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Its `start` lines that have been taken: of each side, where there are two.
    pub(crate) starts: Vec<Value>,
    /// Its other lines of JSON that have been taken.
    pub(crate) printed: Vec<Value>,
    /// The time of the last line.
    read: f64,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) starts: Vec<Value>,
    pub(crate) printed: Vec<Value>,
    pub(crate) stderr: String,
}

impl Running {
    #[track_caller]
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_swarm-notify"))
            .arg("--json")
            .args(args)
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let input = child.stdin.take();
        Self { child, input, lines, starts: Vec::new(), printed: Vec::new(), read: 0.0 }
    }

    /// Writes to its standard input.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Writes all its standard input from a thread, and ends it. It may end itself before it has read that.
    #[track_caller]
    pub(crate) fn write_apart(&mut self, bytes: Vec<u8>) {
        let mut input = self.input.take().unwrap();
        std::thread::spawn(move || input.write_all(&bytes));
    }

    /// Ends its standard input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Takes a line, and returns it if it is no `start`.
    #[track_caller]
    fn take(&mut self, line: &str) -> Option<Value> {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let time = value["t"].as_f64().unwrap();
        assert!(time >= self.read, "{time} comes after {}: {line}", self.read);
        self.read = time;
        let start = self.starts.first().unwrap_or(&value);
        page().check(&value, start["command"].as_str().unwrap_or_else(|| panic!("{line} is before the start")));
        if value["event"] == "start" {
            assert!(self.printed.is_empty(), "nothing comes before {line}");
            self.starts.push(value);
            return None;
        }
        self.printed.push(value.clone());
        Some(value)
    }

    /// The next line that is no `start`; `None` when it has closed its output.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => {
                    if let Some(value) = self.take(&line) {
                        return Some(value);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("it takes too long; it printed {:#?}", told(&self.printed)),
            }
        }
    }

    /// Takes lines until there is one of `event`.
    #[track_caller]
    pub(crate) fn until(&mut self, event: &str) -> Value {
        loop {
            let line = self.next().unwrap_or_else(|| panic!("it ended without {event}: {:#?}", told(&self.printed)));
            if line["event"] == event {
                return line;
            }
        }
    }

    /// The first address that it listens on.
    #[track_caller]
    pub(crate) fn address(&mut self) -> String {
        self.until("listen")["addresses"][0].as_str().unwrap().to_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `INT`, `TERM`, `STOP`, …
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ended {
        while self.next().is_some() {}
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        // Its output is closed: it is about to be gone.
        let code = self.child.wait().unwrap().code();
        let (starts, printed) = (std::mem::take(&mut self.starts), std::mem::take(&mut self.printed));
        Ended { code, starts, printed, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command with `--json`, its standard input empty and its standard error piped.
pub(crate) fn json_command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    command.arg("--json").args(args).env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Has a descriptor, and all that share it, refuse what would block.
#[track_caller]
pub(crate) fn non_blocking(descriptor: &impl AsFd) {
    let flags = rustix::fs::fcntl_getfl(descriptor).unwrap();
    rustix::fs::fcntl_setfl(descriptor, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
}

/// A process whose output is its starter's business.
pub(crate) struct Process {
    id: u32,
    /// How it has ended, once it has.
    ended: Receiver<Ended>,
    /// It, once that was looked at.
    has_ended: Option<Ended>,
}

impl Process {
    /// Takes the command's descriptors with it, so that their other ends hear of its end.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let id = child.id();
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            let mut stderr = String::new();
            if let Some(mut pipe) = child.stderr.take() {
                pipe.read_to_string(&mut stderr).unwrap();
            }
            let code = child.wait().unwrap().code();
            let _ = sender.send(Ended { code, starts: Vec::new(), printed: Vec::new(), stderr });
        });
        Self { id, ended, has_ended: None }
    }

    /// Sends it a signal: `INT`, `TERM`, `STOP`, …
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id, name);
    }

    /// Sends it a signal, if it has not ended by now.
    pub(crate) fn try_signal(&self, name: &str) {
        let kill = format!("kill -s {name} {} 2>/dev/null", self.id);
        Command::new("sh").args(["-c", &kill]).status().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.has_ended = self.has_ended.take().or_else(|| self.ended.try_recv().ok());
        self.has_ended.is_none()
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ended {
        if let Some(ended) = self.has_ended.take() {
            return ended;
        }
        match self.ended.recv_timeout(LIMIT) {
            Ok(ended) => ended,
            Err(_) => panic!("it does not end"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its id is its own until it is waited for.
        if self.has_ended.is_none() && matches!(self.ended.try_recv(), Err(TryRecvError::Empty)) {
            let _ = Command::new("sh").args(["-c", &format!("kill -s KILL {} 2>/dev/null", self.id)]).status();
        }
    }
}

#[track_caller]
pub(crate) fn signal(id: u32, name: &str) {
    let kill = format!("kill -s {name} {id}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// What was printed, each line in short: the event, whose it is, what it is or the reason.
pub(crate) fn told(printed: &[Value]) -> Vec<String> {
    let short = |line: &Value| {
        let event = line["event"].as_str().unwrap_or_default();
        let keys: &[&str] = match event {
            "connected" => &["connection", "direction"],
            "opened_stream" => &["stream", "direction", "protocol"],
            "stream_failed" | "closed_stream" => &["stream", "reason"],
            "connect_failed" | "disconnected" => &["connection", "reason"],
            "summary" => &[],
            "subscribed" | "unsubscribed" => &["topic"],
            "message" => &["topic", "data", "data_base64"],
            "ping_failed" | "identify_failed" => &["reason"],
            _ => &["listener", "reason"],
        };
        let values = keys.iter().filter_map(|key| line[*key].as_str());
        std::iter::once(event).chain(values).collect::<Vec<_>>().join(" ")
    };
    printed.iter().map(short).collect()
}

/// A folder that is gone when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarm-notify-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
