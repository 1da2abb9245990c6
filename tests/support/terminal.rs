//! The command at a terminal of its own, which it shares with nobody.

use super::command::{LIMIT, signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};
use std::ffi::{CStr, CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// More rows than any log here has.
const ROWS: u16 = 400;

/// A process at a terminal, and what that shows.
pub(crate) struct AtTerminal {
    child: Child,
    terminal: OwnedFd,
    bytes: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// All that was written to the terminal.
    pub(crate) written: Vec<u8>,
}

/// What a terminal shows at the end.
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    pub(crate) rows: Vec<String>,
    /// The rows that go on in the next one, since the text was longer than the terminal is wide.
    pub(crate) wrapped: Vec<usize>,
    pub(crate) written: Vec<u8>,
    pub(crate) screen: vt100::Screen,
}

impl Shown {
    /// The rows, with each that was wrapped in one piece, as a copy of it has.
    pub(crate) fn whole_rows(&self) -> Vec<String> {
        let mut whole: Vec<String> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            match whole.last_mut().filter(|_| at > 0 && self.wrapped.contains(&(at - 1))) {
                Some(last) => *last += row,
                None => whole.push(row.clone()),
            }
        }
        whole
    }
}

/// The command with a terminal's environment, in which nothing is said of colours and widths.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    command.args(args).env("TERM", "xterm-256color");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

fn size(columns: u16) -> Winsize {
    Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Opens a terminal of this width, and returns it with its name.
#[track_caller]
fn open_terminal(columns: u16) -> (OwnedFd, CString) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    tcsetwinsize(&terminal, size(columns)).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    (terminal, name)
}

/// Opens the end of a terminal that a process has.
#[track_caller]
fn open_other_end(name: &CStr) -> File {
    OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.to_bytes())).unwrap()
}

/// A terminal that has stopped, as by Ctrl-S: it takes nothing. Returns it, and the end of it that a process has.
#[track_caller]
pub(crate) fn stopped_terminal(columns: u16) -> (OwnedFd, File) {
    let (terminal, name) = open_terminal(columns);
    let other_end = open_other_end(&name);
    tcflow(&other_end, Action::OOff).unwrap();
    (terminal, other_end)
}

impl AtTerminal {
    /// Starts a command at a terminal of this width.
    #[track_caller]
    pub(crate) fn start(command: Command, columns: u16) -> Self {
        Self::with(command, columns, None, None, Duration::ZERO)
    }

    /// The same, at a terminal that shows a few lines and pauses then, again and again.
    #[track_caller]
    pub(crate) fn start_slow(command: Command, columns: u16, pause: Duration) -> Self {
        Self::with(command, columns, None, None, pause)
    }

    /// The same, with standard output elsewhere.
    #[track_caller]
    pub(crate) fn start_beside(command: Command, columns: u16, stdout: Stdio) -> Self {
        Self::with(command, columns, Some(stdout), None, Duration::ZERO)
    }

    /// The same, with standard error elsewhere.
    #[track_caller]
    pub(crate) fn start_above(command: Command, columns: u16, stderr: Stdio) -> Self {
        Self::with(command, columns, None, Some(stderr), Duration::ZERO)
    }

    #[track_caller]
    fn with(mut command: Command, columns: u16, stdout: Option<Stdio>, stderr: Option<Stdio>, pause: Duration) -> Self {
        let (terminal, name) = open_terminal(columns);
        let open = || Stdio::from(open_other_end(&name));
        command.stdin(Stdio::null()).stdout(stdout.unwrap_or_else(open)).stderr(stderr.unwrap_or_else(open));
        let child = command.spawn().unwrap();
        // The command alone holds the terminal's other end, so that its end is heard.
        drop(command);
        let (sender, bytes) = channel();
        let mut reader = File::from(terminal.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            // When nobody has the other end any more, it is an error.
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                let _ = sender.send(buffer[..n].to_vec());
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            }
        });
        let size = |number| NonZeroU16::new(number).unwrap();
        let parser = vt100::Parser::new(size(ROWS), size(columns), 0);
        Self { child, terminal, bytes, parser, written: Vec::new() }
    }

    /// Has the terminal another width from now on.
    #[track_caller]
    pub(crate) fn resize(&mut self, columns: u16) {
        tcsetwinsize(&self.terminal, size(columns)).unwrap();
        self.parser.screen_mut().set_size(NonZeroU16::new(ROWS).unwrap(), NonZeroU16::new(columns).unwrap());
    }

    /// Takes what was written. `false`: nobody will write any more.
    #[track_caller]
    fn take(&mut self) -> bool {
        match self.bytes.recv_timeout(LIMIT) {
            Ok(bytes) => {
                self.parser.process(&bytes);
                self.written.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("it takes too long: {}", self.parser.screen().contents()),
        }
    }

    /// Types keys, which the terminal shows.
    #[track_caller]
    pub(crate) fn keys(&mut self, keys: &[u8]) {
        assert_eq!(rustix::io::write(&self.terminal, keys), Ok(keys.len()));
    }

    /// Takes what was written so far.
    pub(crate) fn poll(&mut self) {
        while let Ok(bytes) = self.bytes.try_recv() {
            self.parser.process(&bytes);
            self.written.extend(bytes);
        }
    }

    /// Waits until the terminal shows a text, with the rows that were wrapped in one piece. Returns all of it.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let contents = self.parser.screen().contents();
            if contents.contains(text) {
                return contents;
            }
            assert!(self.take(), "it ended without {text}: {contents}");
        }
    }

    /// Waits for a whole line that begins so, and returns the rest of it.
    #[track_caller]
    pub(crate) fn line(&mut self, start: &str) -> String {
        loop {
            let plain = plain(&self.written);
            let mut lines = plain.split_inclusive("\r\n").filter_map(|line| line.strip_suffix("\r\n"));
            if let Some(rest) = lines.find_map(|line| line.trim_start_matches('\r').strip_prefix(start)) {
                return rest.to_owned();
            }
            assert!(self.take(), "it ended without {start}: {plain}");
        }
    }

    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits until the command has ended by itself.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Shown {
        while self.take() {}
        let code = self.child.wait().unwrap().code();
        let screen = self.parser.screen().clone();
        let (rows, columns) = screen.size();
        let shown = screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned());
        let mut shown: Vec<_> = shown.collect();
        shown.truncate(screen.cursor_position().0.into());
        let wrapped = (0..rows.get()).filter(|row| screen.row_wrapped(*row)).map(usize::from).collect();
        Shown { code, rows: shown, wrapped, written: std::mem::take(&mut self.written), screen }
    }
}

/// What was written, without its colours. Nothing else may command a terminal, but a row to make way.
#[track_caller]
pub(crate) fn plain(written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let end = piece.find(|character: char| !"[0123456789;".contains(character));
        match end.map(|end| piece.split_at(end)) {
            Some((sequence, rest)) if sequence.starts_with('[') && rest.starts_with('m') => plain += &rest[1..],
            // The rest of a row makes way for a line.
            Some(("[", rest)) if rest.starts_with('K') => plain += &rest[1..],
            // The last may be half there.
            None => {}
            Some(_) => panic!("it commands the terminal: {piece:?}"),
        }
    }
    plain
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
