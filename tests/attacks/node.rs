//! [`Node`]: the command under attack, as a process of its own, and what it costs.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the command tells how many bytes live on its heap, if it does: a socket of the file system.
pub(crate) const GAUGE: &str = "SWARM_NOTIFY_ATTACKED";

/// The longest that anything is waited for which has nothing to do with an attack.
const LIMIT: Duration = Duration::from_secs(30);

/// What a node has printed so far.
#[derive(Default)]
pub(crate) struct Told {
    /// Lines of each event.
    pub(crate) events: HashMap<String, u64>,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// The bytes of the longest one.
    pub(crate) longest: usize,
    /// The addresses that it listens on.
    addresses: Vec<SocketAddr>,
    /// Numbers of the honest publisher's messages.
    heard: Vec<u64>,
    /// Lines of a message that an attacker sends again and again.
    pub(crate) replayed: u64,
    /// Lines of messages that were refused, with nobody to blame.
    pub(crate) over_share: u64,
}

impl Told {
    pub(crate) fn count(&self, event: &str) -> u64 {
        self.events.get(event).copied().unwrap_or(0)
    }

    fn take(&mut self, line: &[u8]) {
        self.lines += 1;
        self.bytes += line.len() as u64;
        self.longest = self.longest.max(line.len());
        let Some(event) = after(line, b"\"event\":\"").and_then(|rest| rest.split(|byte| *byte == b'"').next()) else {
            return;
        };
        let event = String::from_utf8_lossy(event);
        match self.events.get_mut(&*event) {
            Some(count) => *count += 1,
            None => drop(self.events.insert(event.to_string(), 1)),
        }
        match &*event {
            "listen" => self.addresses.extend(address(&String::from_utf8_lossy(line))),
            "message" => {
                self.heard.extend(after(line, b"\"honest-").and_then(number));
                self.replayed += u64::from(after(line, b"\"replayed").is_some());
            }
            "refused" => self.over_share += u64::from(after(line, b"\"message_refused\"").is_some()),
            _ => {}
        }
    }
}

/// What stands behind `mark`, not far into the line.
fn after<'a>(line: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let near = &line[..line.len().min(1_000)];
    let at = near.windows(mark.len()).position(|window| window == mark)?;
    Some(&line[at + mark.len()..])
}

fn number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.map(|byte| char::from(*byte)).collect::<String>().parse().ok()
}

/// The address in a line of `listen`.
fn address(line: &str) -> Option<SocketAddr> {
    let mut parts = line.split("/ip").nth(1)?.split('/').skip(1);
    let (ip, _tcp, port) = (parts.next()?, parts.next()?, parts.next()?);
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

/// How to start a node.
pub(crate) struct Start<'a> {
    pub(crate) command: &'a Path,
    pub(crate) args: &'a [&'a str],
    pub(crate) descriptors: Option<u32>,
}

/// A node that runs. It is killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    told: Arc<Mutex<Told>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    gauge: Option<(UnixStream, BufReader<UnixStream>)>,
}

/// How a node has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) after: Duration,
    pub(crate) stderr: String,
}

impl Node {
    /// Starts a command with `--json`. Its standard input stays open.
    pub(crate) fn start(start: &Start<'_>) -> Self {
        let door = Door::new();
        let mut command = match start.descriptors {
            None => Command::new(start.command),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(start.command);
                shell
            }
        };
        command.arg("--json").args(start.args).env_remove("RUST_LOG").env(GAUGE, &door.path);
        let stdio = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = stdio.spawn().unwrap_or_else(|error| panic!("{}: {error}", start.command.display()));
        let told = Arc::<Mutex<Told>>::default();
        let stderr = Arc::<Mutex<String>>::default();
        let out = child.stdout.take().expect("it is piped");
        let errors = child.stderr.take().expect("it is piped");
        let readers = vec![
            std::thread::spawn({
                let told = told.clone();
                move || read_lines(BufReader::with_capacity(1 << 20, out), &told)
            }),
            std::thread::spawn({
                let stderr = stderr.clone();
                move || read_errors(errors, &stderr)
            }),
        ];
        let is_counting = start.command.file_stem() == Some(OsStr::new("attacked"));
        let gauge = is_counting.then(|| door.accept());
        Self { child, told, stderr, readers, gauge }
    }

    /// Starts a node that listens on loopback, over IPv4 or IPv6.
    pub(crate) fn listen(command: &Path, is_ipv6: bool, descriptors: Option<u32>, topic: Option<&str>) -> Self {
        let address = if is_ipv6 { "/ip6/::1/tcp/0" } else { "/ip4/127.0.0.1/tcp/0" };
        let topic = topic.into_iter().flat_map(|topic| ["--floodsub", topic]);
        let args: Vec<_> = ["listen", address].into_iter().chain(topic).collect();
        Self::start(&Start { command, args: &args, descriptors })
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no reader panics")
    }

    /// The address that it listens on, once it says so.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        let address = wait_for(LIMIT, || self.told().addresses.first().copied());
        address.unwrap_or_else(|| panic!("it does not listen: {}", self.stderr.lock().unwrap()))
    }

    /// Whether a message of the honest publisher has been told by `deadline`.
    pub(crate) fn has_heard(&self, number: u64, deadline: Instant) -> bool {
        let limit = deadline.saturating_duration_since(Instant::now());
        wait_for(limit, || self.told().heard.contains(&number).then_some(())).is_some()
    }

    fn proc(&self, file: &str) -> PathBuf {
        format!("/proc/{}/{file}", self.child.id()).into()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).map_or(0, Iterator::count)
    }

    /// A line of `/proc/…/status`, in bytes.
    fn status(&self, key: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        1024 * kilobytes.unwrap_or(0)
    }

    /// The memory that is resident now.
    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS")
    }

    /// The most memory that was ever resident.
    pub(crate) fn most_resident(&self) -> u64 {
        self.status("VmHWM")
    }

    /// The CPU time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(self.proc("stat")).unwrap_or_default();
        // Its name stands in parentheses; the 12th and 13th number behind it are ticks, of which a second has a hundred.
        let numbers = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = numbers.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// The bytes that live on its heap, if it counts them.
    pub(crate) fn live(&mut self) -> Option<u64> {
        let (question, answer) = self.gauge.as_mut()?;
        question.write_all(b"\n").ok()?;
        let mut line = String::new();
        answer.read_line(&mut line).ok()?;
        line.trim().parse().ok()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let kill = format!("kill -s TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success(), "it has ended already");
    }

    /// Waits until it has ended. `None`: it has not, at `limit`; it is killed then.
    pub(crate) fn ended(&mut self, limit: Duration) -> Option<Ended> {
        let start = Instant::now();
        let status: Option<ExitStatus> = wait_for(limit, || self.child.try_wait().ok().flatten());
        let after = start.elapsed();
        if status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // Its output ends with it.
        self.readers.drain(..).for_each(|reader| reader.join().expect("no reader panics"));
        Some(Ended { code: status?.code(), after, stderr: self.stderr.lock().unwrap().clone() })
    }

    /// Whether it has said that it panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.stderr.lock().unwrap().contains("panicked at")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks every few milliseconds, until there is an answer or for `limit`.
pub(crate) fn wait_for<R>(limit: Duration, mut ask: impl FnMut() -> Option<R>) -> Option<R> {
    let deadline = Instant::now() + limit;
    loop {
        match ask() {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            answer => return answer,
        }
    }
}

fn read_lines(mut out: impl BufRead, told: &Mutex<Told>) {
    let mut line = Vec::new();
    while out.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        told.lock().expect("nobody panics with it").take(&line);
        line.clear();
    }
}

/// Keeps the first of it: a node may complain a lot.
fn read_errors(mut errors: impl Read, kept: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = errors.read(&mut buffer) {
        let mut kept = kept.lock().expect("nobody panics with it");
        if kept.len() < 1 << 20 {
            kept.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }
}

/// A socket of the file system, which is gone when it is dropped.
struct Door {
    path: PathBuf,
    listener: UnixListener,
}

impl Door {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("swarm-notify-attacked-{}-{number}", std::process::id()));
        let listener = UnixListener::bind(&path).expect("a folder for temporary files");
        listener.set_nonblocking(true).expect("a socket");
        Self { path, listener }
    }

    fn accept(&self) -> (UnixStream, BufReader<UnixStream>) {
        let stream = wait_for(LIMIT, || self.listener.accept().ok()).expect("it connects when it starts").0;
        stream.set_nonblocking(false).expect("a socket");
        stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a socket");
        let reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        (stream, reader)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
