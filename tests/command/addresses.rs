//! Where a listener is: the line to copy, and addresses that come and go.

use crate::support::command::LIMIT;
use crate::support::log_page::page;
use crate::support::terminal::command;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Lines that a process prints. One that has nobody to read them ends by itself.
struct Lines(Receiver<String>);

impl Lines {
    fn of(stdout: ChildStdout) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || BufReader::new(stdout).lines().try_for_each(|line| sender.send(line.unwrap())));
        Self(lines)
    }

    /// The next line that has this text in it.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.0.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("there is no {text}: {error}"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

/// A user copies the line, as `grep` does here, and runs it.
#[test]
fn the_line_to_copy_dials_the_listener() {
    let mut listen = command(&["listen", "/ip4/0.0.0.0/tcp/0"]);
    let mut listen = listen.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let mut lines = Lines::of(listen.stdout.take().unwrap());
    let line = lines.until("dial me: ");
    let command = line.strip_prefix("dial me: ").unwrap();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_swarm-notify")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let dialed = Command::new("sh").args(["-c", command]).env("PATH", path).output().unwrap();
    listen.kill().unwrap();
    listen.wait().unwrap();
    assert!(dialed.status.success(), "{command}: {}", String::from_utf8_lossy(&dialed.stderr));
    assert!(!command.contains("0.0.0.0") && command.contains("/p2p/12D3KooW"), "{command}");
}

/// So a copy of it chats.
#[test]
fn the_line_to_copy_joins_the_topic() {
    // A character that nobody sees has an escape, which not every shell knows.
    let unseen = "a\u{7}1\n\u{202e}'\\\u{e9}";
    for (shell, topic) in
        [("sh", "chat"), ("sh", "it's a 'topic' $HOME"), ("sh", "$(exit 3)`exit 4`"), ("bash", unseen)]
    {
        let mut listen = command(&["listen", "--floodsub", topic]);
        let mut listen = listen.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut lines = Lines::of(listen.stdout.take().unwrap());
        let line = lines.until("dial me: ");
        let command = line.strip_prefix("dial me: swarm-notify ").unwrap();
        let script = format!(r#"printf 'hello\n' | "$0" {command}"#);
        assert!(!command.contains(|c: char| c.is_ascii_control() || c == '\u{202e}'), "{command:?}");
        let dialed = Command::new(shell).args(["-c", &script, env!("CARGO_BIN_EXE_swarm-notify")]).output().unwrap();
        assert!(dialed.status.success(), "{script}: {}", String::from_utf8_lossy(&dialed.stderr));
        assert!(lines.until(" message ").contains("data=hello"), "{script}");
        listen.kill().unwrap();
        listen.wait().unwrap();
    }
}

/// A network of its own, where it can be made, so that nothing else changes addresses.
fn in_a_network_of_its_own(args: &[&str]) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--map-root-user"]).args(args);
    unshare
}

#[test]
fn addresses_that_come_and_go_are_told() {
    if !in_a_network_of_its_own(&["ip", "link"]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: a network namespace is not to be had here");
        return;
    }
    std::thread::scope(|scope| {
        for is_json in [true, false] {
            scope.spawn(move || addresses_come_and_go(is_json));
        }
    });
}

/// Has an address come and go at a listener, which looks at its addresses every 5 s.
fn addresses_come_and_go(is_json: bool) {
    let script = r#"ip link set lo up && "$0" listen /ip4/0.0.0.0/tcp/0 "$@" & listen=$!
        read _; ip addr add 10.9.8.7/32 dev lo; read _; ip addr del 10.9.8.7/32 dev lo; read _; kill $listen; wait $listen"#;
    let mut unshare = in_a_network_of_its_own(&["sh", "-c", script, env!("CARGO_BIN_EXE_swarm-notify")]);
    let form = if is_json { &["--json"][..] } else { &[] };
    let mut shell = unshare.args(form).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut next = shell.stdin.take().unwrap();
    let mut lines = Lines::of(shell.stdout.take().unwrap());
    let mut changes = Vec::new();
    for (event, dial) in [("listen", "127.0.0.1"), ("addresses_changed", "10.9.8.7"), ("addresses_changed", "")] {
        let name = if is_json { format!(r#""event":"{event}""#) } else { format!("Z  {event} ") };
        changes.push(lines.until(&name));
        if !is_json && !dial.is_empty() {
            assert!(lines.until("").starts_with(&format!("dial me: swarm-notify dial /ip4/{dial}/tcp/")), "{event}");
        }
        next.write_all(b"\n").unwrap();
    }
    let last = lines.until("listen_close");
    assert!(shell.wait().unwrap().success());
    if !is_json {
        assert!(changes[1].contains(" added=[\"/ip4/10.9.8.7/tcp/") && changes[1].ends_with(" removed=[]"));
        return;
    }
    let lines: Vec<Value> =
        changes.iter().chain([&last]).map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    let [listen, come, gone, last] = &lines[..] else { panic!("{lines:?}") };
    page().check(come, "listen");
    page().check(gone, "listen");
    assert_eq!(listen["addresses"].as_array().unwrap().len(), 1, "{listen}");
    let full = listen["addresses"][0].as_str().unwrap().replace("127.0.0.1", "10.9.8.7");
    assert_eq!((&come["added"], &come["removed"]), (&json!([full]), &json!([])), "{come}");
    assert_eq!(come["addresses"], json!([listen["addresses"][0], full]), "{come}");
    assert_eq!((&gone["added"], &gone["removed"]), (&json!([]), &json!([full])), "{gone}");
    assert_eq!((&gone["addresses"], &last["addresses"]), (&listen["addresses"], &listen["addresses"]));
}

#[test]
fn a_listener_without_an_address_says_that_it_waits() {
    if !in_a_network_of_its_own(&["true"]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: a network namespace is not to be had here");
        return;
    }
    // Its standard error is read in the place of its log.
    let script = r#"exec "$0" listen -q /ip4/0.0.0.0/tcp/0 2>&1 >/dev/null"#;
    let mut unshare = in_a_network_of_its_own(&["sh", "-c", script, env!("CARGO_BIN_EXE_swarm-notify")]);
    let mut listen = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let said = Lines::of(listen.stdout.take().unwrap()).0.recv_timeout(LIMIT);
    listen.kill().unwrap();
    listen.wait().unwrap();
    let waits = "warning: /ip4/0.0.0.0/tcp/0: this machine has no address for it yet; waiting for one";
    assert_eq!(said.as_deref(), Ok(waits));
}
