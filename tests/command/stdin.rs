//! The way in: lines of standard input of any kind and number, and what becomes of them at the end.

use crate::support::command::{Process, Running, json_command, non_blocking, signal, told};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _, pipe};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What a `listen` on the topic hears of what a `dial` publishes: messages, and those that its log leaves out.
#[track_caller]
fn publish(lines: &[Vec<u8>]) -> (Vec<Value>, u64) {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut dial = Running::start(["dial", &address, "--floodsub", "news"]);
    lines.iter().for_each(|line| dial.write(line));
    dial.end_input();
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    listen.until("disconnected");
    listen.signal("INT");
    let listen = listen.ended();
    let all = |event: &str| listen.printed.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    assert_eq!((all("pubsub_lagged").len(), all("lagged").len()), (0, 0), "{:?}", listen.stderr);
    let skipped = all("skipped").iter().map(|line| line["lines"].as_u64().unwrap()).sum();
    (all("message"), skipped)
}

#[test]
fn twenty_thousand_lines_arrive() {
    let lines: Vec<_> = (0..20_000).map(|n| format!("{n:099}\n").into_bytes()).collect();
    let (messages, skipped) = publish(&lines);
    assert_eq!(messages.len() as u64 + skipped, 20_000);
    // Each is whole, and later than the one before.
    let numbers: Vec<u64> = messages.iter().map(|line| line["data"].as_str().unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted() && messages.iter().all(|line| line["data"].as_str().unwrap().len() == 99));
}

/// Its reader is waited for, so that no number of messages is too large.
#[test]
fn a_dial_prints_all_messages_that_come() {
    const SENT: usize = 10_000;
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let mut dial = Running::start(["dial", &listen.address(), "--floodsub", "news"]);
    listen.until("subscribed");
    listen.write_apart((0..SENT).flat_map(|n| format!("{n}\n").into_bytes()).collect());
    for n in 0..SENT {
        assert_eq!(dial.until("message")["data"], n.to_string());
    }
    dial.end_input();
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    assert_eq!(dial.printed.last().unwrap()["messages"], SENT);
    let skipped =
        dial.printed.iter().filter(|line| ["skipped", "pubsub_lagged"].iter().any(|event| line["event"] == *event));
    assert_eq!(skipped.count(), 0);
}

#[test]
fn two_hundred_long_lines_arrive() {
    let line = |n: u8| [vec![b'a' + n % 26; 20_000], b"\n".to_vec()].concat();
    let (messages, skipped) = publish(&(0..200).map(line).collect::<Vec<_>>());
    assert_eq!((messages.len(), skipped), (200, 0));
    assert!(messages.iter().all(|line| line["length"] == 20_000));
}

/// A listener and a dial that publishes, once it has somebody to publish to.
fn publisher(listen: &mut Running) -> Running {
    let mut dial = Running::start(["dial", &listen.address(), "--floodsub", "news"]);
    dial.until("subscribed");
    dial
}

#[test]
fn a_line_that_is_too_long_is_dropped_whole_and_said() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let mut dial = publisher(&mut listen);
    let mut lines = b"before\n".to_vec();
    lines.resize(lines.len() + (1 << 20), b'a');
    lines.extend_from_slice(b"\n");
    // This one is as long as a message may be only without its signature.
    lines.resize(lines.len() + (3 << 20), b'b');
    lines.extend_from_slice(b"\nafter\n");
    dial.write(&lines);
    dial.end_input();
    let dial = dial.ended();
    assert_eq!(dial.code, Some(1));
    assert_eq!(
        dial.stderr.matches("error: a line of more than 1048446 bytes is not published").count(),
        2,
        "{}",
        dial.stderr
    );
    assert!(dial.stderr.contains("2 lines of stdin"), "{}", dial.stderr);
    listen.until("disconnected");
    listen.signal("INT");
    let heard: Vec<_> = told(&listen.ended().printed).into_iter().filter(|line| line.starts_with("message")).collect();
    assert_eq!(heard, ["message news before", "message news after"]);
}

#[test]
fn a_line_that_a_listener_drops_makes_its_end_wrong() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut dial = Running::start(["dial", &address, "--floodsub", "news"]);
    listen.write(&[vec![b'a'; 2 << 20], b"\nafter\n".to_vec()].concat());
    assert_eq!(dial.until("message")["data"], "after");
    listen.signal("TERM");
    let listen = listen.ended();
    assert_eq!(listen.code, Some(1));
    assert!(listen.stderr.contains("a line of more than 1048446 bytes is not published"), "{}", listen.stderr);
}

/// Whether anybody has joined does not matter, nor whether the line has an end, nor that others wait before it.
#[test]
fn a_listener_tells_a_line_that_is_too_long_as_it_reads_it() {
    let long = vec![0; 2 << 20];
    const WAITED: &str = "lines of stdin were not published: they waited for somebody to join `news`";
    for (before, waited) in [(&b""[..], None), (b"waits\nwaits, too\n", Some(format!("warning: at least 2 {WAITED}")))]
    {
        let (reader, writer) = pipe().unwrap();
        let mut command = json_command(&["listen", "--floodsub", "news"]);
        let mut listen = command.stdin(Stdio::piped()).stderr(writer).spawn().unwrap();
        drop(command);
        let mut input = listen.stdin.take().unwrap();
        input.write_all(before).unwrap();
        input.write_all(&long).unwrap();
        let mut said = BufReader::new(reader).lines().map(|line| line.unwrap());
        let first = said.next().unwrap();
        assert!(first.starts_with("error: a line of more than 1048446 bytes is not published: "), "{first}");
        input.write_all(&long).unwrap();
        signal(listen.id(), "INT");
        assert_eq!(listen.wait().unwrap().code(), Some(1));
        assert_eq!((said.next(), said.next()), (waited, None));
    }
}

/// Whoever writes a line without an end is slowed down, so that it takes next to nothing of a processor. On a slow machine this
/// takes longer, and never less.
#[test]
fn a_line_without_an_end_is_read_at_leisure() {
    let (reader, writer) = pipe().unwrap();
    let mut command = json_command(&["listen", "--floodsub", "news"]);
    let mut listen = command.stdin(Stdio::piped()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut input = listen.stdin.take().unwrap();
    input.write_all(&vec![0; 2 << 20]).unwrap();
    let mut said = BufReader::new(reader).lines().map(|line| line.unwrap());
    assert!(said.next().unwrap().contains(" is not published: "));
    let since = Instant::now();
    input.write_all(&vec![0; 4 << 20]).unwrap();
    assert!(since.elapsed() >= Duration::from_millis(200), "4 MiB, in pieces of 16 KiB, in {:?}", since.elapsed());
    signal(listen.id(), "INT");
    assert_eq!(listen.wait().unwrap().code(), Some(1));
    assert_eq!(said.next(), None);
}

/// The longest line that finds a place gets one, and each that is longer is told.
#[test]
fn the_longest_line_is_published() {
    const MOST: usize = (1 << 20) - 130;
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    for (bytes, code) in [(MOST, 0), (MOST + 1, 1)] {
        let mut dial = Running::start(["dial", &address, "--floodsub", "news"]);
        dial.write_apart(vec![b'a'; bytes]);
        let dial = dial.ended();
        assert_eq!(dial.code, Some(code), "{bytes}: {}", dial.stderr);
    }
    assert_eq!(listen.until("message")["length"], MOST);
}

#[test]
fn input_that_has_nothing_yet_is_not_at_its_end() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let (reader, mut writer) = pipe().unwrap();
    non_blocking(&reader);
    let (out, into) = pipe().unwrap();
    let dial = Process::start(json_command(&["dial", &address, "--floodsub", "news"]).stdin(reader).stdout(into));
    // By then its input has been looked at, and there was nothing.
    let mut log = BufReader::new(out).lines().map(|line| line.unwrap());
    assert!(log.by_ref().any(|line| line.contains("\"subscribed\"")));
    for line in ["one\0\u{9b}\n", "\n", "two\n"] {
        writer.write_all(line.as_bytes()).unwrap();
        assert_eq!(listen.until("message")["data"], line.trim_end_matches('\n'));
    }
    drop(writer);
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_peer_without_floodsub_ends_a_dial() {
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--floodsub", "news", "--ping", "1"]);
    dial.write(b"a line\n");
    // What else was asked for is done all the same, and nobody waits for the end of its input.
    let dial = dial.ended();
    assert_eq!(dial.code, Some(1));
    assert!(dial.stderr.contains("the peer does not speak /floodsub/1.0.0"), "{}", dial.stderr);
    assert!(told(&dial.printed).iter().any(|line| line.starts_with("ping")), "{:#?}", told(&dial.printed));
}

#[test]
fn lines_that_a_stopped_peer_does_not_take_are_counted() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let mut dial = Running::start(["dial", &listen.address(), "--floodsub", "news", "--timeout", "1"]);
    dial.until("subscribed");
    listen.signal("STOP");
    // Much more than the network holds, and less than is read ahead.
    let line = [vec![b'a'; 900_000], b"\n".to_vec()].concat();
    (0..12).for_each(|_| dial.write(&line));
    dial.end_input();
    let dial = dial.ended();
    listen.signal("CONT");
    assert_eq!(dial.code, Some(1));
    assert!(dial.stderr.starts_with("error: the peer has not taken 64 KiB"), "{}", dial.stderr);
    let lost: u64 = dial.stderr.lines().nth(1).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    assert!(dial.stderr.contains("lines of stdin are lost") && (1..=12).contains(&lost), "{}", dial.stderr);
}

#[test]
fn lines_that_wait_for_a_subscriber_are_counted_at_a_signal() {
    let mut listen = Running::start(["listen", "--floodsub", "others"]);
    let mut dial = Running::start(["dial", &listen.address(), "--floodsub", "news"]);
    dial.write(b"one\ntwo\nthree\n");
    dial.end_input();
    dial.until("subscribed");
    dial.signal("INT");
    let dial = dial.ended();
    assert_eq!(dial.code, Some(130));
    assert!(
        dial.stderr.ends_with("interrupted by SIGINT: 3 lines of stdin not written to the peer\n"),
        "{}",
        dial.stderr
    );
    assert!(dial.stderr.contains("3 lines of stdin are lost"), "{}", dial.stderr);
}

#[test]
fn a_terminal_in_the_background_does_not_stop_a_listener() {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let path = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(path).unwrap();
    // Somebody types, for the shell.
    File::from(controller.try_clone().unwrap()).write_all(b"typed\n").unwrap();
    let (out, into) = pipe().unwrap();
    // With job control a job in the background has a group of its own, which is not the terminal's.
    let script = "set -m; \"$0\" --json listen --floodsub news & echo $!; wait $!; echo ended by $?";
    let mut shell = std::process::Command::new("setsid");
    shell.args(["-c", "sh", "-c", script, env!("CARGO_BIN_EXE_swarm-notify")]).env_remove("RUST_LOG");
    let _shell = Process::start(shell.stdin(terminal).stdout(into));
    let mut log = BufReader::new(out).lines().map(|line| line.unwrap());
    // The shell's line comes before those of its job, or between them.
    let mut first: Vec<_> = log.by_ref().take(3).collect();
    first.sort_by_key(|line| (line.starts_with('{'), line.contains("\"event\":\"listen\"")));
    let listen: Value = serde_json::from_str(&first[2]).unwrap();
    let dial = crate::run(["dial", listen["addresses"][0].as_str().unwrap(), "--ping", "1"]);
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    signal(first[0].parse().unwrap(), "TERM");
    assert_eq!(log.last().as_deref(), Some("ended by 0"));
}
