//! Lines of standard input that `dial` or `listen` does not publish: what is said of them, and how the command ends.

use crate::support::command::{Ended, Folder, Process, Running, json_command};
use socket2::{Domain, Socket, Type};
use std::fs::{self, File};
use std::io::{Write as _, pipe};
use std::net::SocketAddr;
use std::process::Stdio;

/// A port that is bound, so that nobody else can listen there, and its address.
fn nobody() -> (Socket, String) {
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = nobody.local_addr().unwrap().as_socket().unwrap().port();
    (nobody, format!("/ip4/127.0.0.1/tcp/{port}"))
}

/// Runs a quiet dial on the topic `news` with this input.
#[track_caller]
fn dial(address: &str, more: &[&str], stdin: impl Into<Stdio>) -> Ended {
    let args = [&["dial", address, "--floodsub", "news", "-q"], more].concat();
    Process::start(json_command(&args).stdin(stdin)).ended()
}

/// A file of so many lines.
fn lines(folder: &Folder, count: usize) -> File {
    let name = folder.file(&count.to_string());
    fs::write(&name, (0..count).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
    File::open(name).unwrap()
}

/// What is said of so many lost lines.
fn lost(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "error: 1 line of stdin is lost: it was not written to the peer\n".to_owned(),
        n => format!("error: {n} lines of stdin are lost: they were not written to the peer\n"),
    }
}

const UNREAD: &str = "error: stdin was not read to its end, and no more of it is published\n";
const NO_FLOODSUB: &str =
    "error: the peer does not speak /floodsub/1.0.0, so nothing can be published to it; dial one that does\n";

#[test]
fn lines_for_a_peer_without_floodsub_are_counted_exactly() {
    let mut listen = Running::start(["listen"]);
    let (address, folder) = (listen.address(), Folder::new("no-floodsub"));
    for count in [0, 1, 2, 100, 5_000] {
        let dial = dial(&address, &[], lines(&folder, count));
        assert_eq!((dial.code, dial.stderr), (Some(1), format!("{NO_FLOODSUB}{}", lost(count))));
    }
    let (_writer, reader) = (pipe().map(|(reader, writer)| (writer, reader))).unwrap();
    for (stdin, unread) in [(Stdio::null(), ""), (reader.into(), UNREAD)] {
        let dial = dial(&address, &[], stdin);
        assert_eq!((dial.code, dial.stderr), (Some(1), format!("{NO_FLOODSUB}{unread}")));
    }
}

#[test]
fn lines_for_an_address_that_refuses_are_counted_exactly() {
    let ((_nobody, address), folder) = (nobody(), Folder::new("refused"));
    for count in [0, 1, 17, 100, 5_000] {
        let dial = dial(&address, &[], lines(&folder, count));
        let said = format!("{}error: there is no connection to {address}: refused", lost(count));
        assert!(dial.code == Some(1) && dial.stderr.starts_with(&said), "{}", dial.stderr);
    }
}

#[test]
fn lines_are_at_least_so_many_while_input_is_open() {
    let (_nobody, address) = nobody();
    for (input, said) in [
        ("one\ntwo\n", "error: at least 2 lines of stdin are lost: they were not written to the peer\n"),
        ("one\nhalf", "error: at least 1 line of stdin is lost: it was not written to the peer\n"),
        ("", "error: stdin was not read to its end, and no more of it is published\n"),
    ] {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(input.as_bytes()).unwrap();
        let dial = dial(&address, &[], reader);
        let said = format!("{said}error: there is no connection to ");
        assert!(dial.stderr.starts_with(&said), "{}", dial.stderr);
        drop(writer);
    }
}

#[test]
fn input_that_cannot_be_read_is_no_line() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let dial = dial(&listen.address(), &[], File::open(std::env::temp_dir()).unwrap());
    assert_eq!(dial.code, Some(1));
    assert!(dial.stderr.starts_with("error: stdin cannot be read: "), "{}", dial.stderr);
    assert!(!dial.stderr.contains("lost") && dial.stderr.lines().count() == 1, "{}", dial.stderr);
}

#[test]
fn a_topic_that_nobody_joins_is_given_up() {
    let mut listen = Running::start(["listen", "--floodsub", "others"]);
    let (address, folder) = (listen.address(), Folder::new("nobody-joins"));
    for count in [1, 40] {
        let dial = dial(&address, &["--timeout", "0.3"], lines(&folder, count));
        let said = "error: nobody has joined `news` within 0.3 s; check the topic's name, or raise --timeout\n";
        assert_eq!((dial.code, dial.stderr), (Some(1), format!("{said}{}", lost(count))));
    }
    // Nothing to publish waits for nobody.
    let dial = dial(&address, &["--timeout", "0.3"], Stdio::null());
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
}

#[test]
fn somebody_who_joins_in_time_gets_all_lines() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut dial = Running::start(["dial", &address, "--floodsub", "news", "--timeout", "0.2"]);
    dial.until("subscribed");
    // Its input is silent for longer than the time that somebody has to join.
    let mut other = Running::start(["dial", &address, "--ping", "1", "--hold", "0.5"]);
    other.until("disconnected");
    dial.write(b"one\ntwo\n");
    dial.end_input();
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let summary = dial.printed.last().unwrap();
    let counts = ["lines_published", "lines_lost", "messages"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 0]);
}

/// A listener publishes to those who are there. Nobody misses what it has for nobody.
#[test]
fn a_listener_that_nobody_joins_loses_nothing() {
    let folder = Folder::new("alone");
    let name = folder.file("log");
    let log = File::create(&name).unwrap();
    let mut command = json_command(&["listen", "--floodsub", "news"]);
    let listen = Process::start(command.stdin(lines(&folder, 3)).stdout(log));
    // The first line, as a script would wait for it.
    while !fs::read_to_string(&name).unwrap().contains("\"start\"") {
        std::thread::yield_now();
    }
    listen.signal("TERM");
    let listen = listen.ended();
    // It may have read none yet.
    let is_told = listen.stderr.is_empty() || listen.stderr.ends_with(" waited for somebody to join `news`\n");
    assert!(listen.code == Some(0) && is_told, "{}", listen.stderr);
}

/// They are as many as are read ahead, and one of these waits to be published.
#[test]
fn a_listener_that_nobody_joins_says_how_many_lines_have_waited() {
    const LINE: usize = 32 << 10;
    let (reader, mut writer) = pipe().unwrap();
    let (log, out) = pipe().unwrap();
    let listen = Process::start(json_command(&["listen", "--floodsub", "news"]).stdin(reader).stdout(out));
    // A pipe holds two. So 17 have been read and handed on once all of this is written, and no more than 18 are read.
    writer.write_all(&[vec![b'a'; LINE - 1], b"\n".to_vec()].concat().repeat(20)[..20 * LINE - LINE / 2]).unwrap();
    listen.signal("TERM");
    let listen = listen.ended();
    let said = "warning: at least 17 lines of stdin were not published: they waited for somebody to join `news`\n";
    assert_eq!((listen.code, listen.stderr.as_str()), (Some(0), said));
    drop(log);
}

#[test]
fn a_line_that_is_too_long_is_told_the_limit() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let folder = Folder::new("limit");
    for bytes in [1 << 20, 3 << 20] {
        let name = folder.file("long");
        fs::write(&name, [vec![b'a'; bytes], b"\n".to_vec()].concat()).unwrap();
        let address = if bytes == 1 << 20 { listen.address() } else { listen_again(&mut listen) };
        let dial = dial(&address, &[], File::open(&name).unwrap());
        let said = format!(
            "error: a line of more than 1048446 bytes is not published: the message is too large: with its topic, its author and \
             their signature it has at most 1048576 bytes; give shorter lines\n{}",
            lost(1)
        );
        assert_eq!((dial.code, dial.stderr), (Some(1), said));
    }
}

fn listen_again(listen: &mut Running) -> String {
    *listen = Running::start(["listen", "--floodsub", "news"]);
    listen.address()
}

#[test]
fn an_interrupted_dial_says_that_input_was_open() {
    // Who writes to it may end by the same signal.
    for writer_ends in [false, true] {
        let mut listen = Running::start(["listen", "--floodsub", "news"]);
        let mut dial = Running::start(["dial", &listen.address(), "--floodsub", "news"]);
        dial.until("subscribed");
        dial.write(b"one\n");
        listen.until("message");
        if writer_ends {
            // The dial is about to end for as long as its peer does not answer.
            listen.signal("STOP");
        }
        dial.signal("INT");
        if writer_ends {
            dial.until("closed_stream");
            dial.end_input();
            dial.until("disconnected");
            listen.signal("CONT");
        }
        let dial = dial.ended();
        assert_eq!(dial.code, Some(130));
        assert_eq!(dial.stderr, "interrupted by SIGINT: stdin had not ended\n");
    }
}

#[test]
fn a_chat_is_summed_up_for_people() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let folder = Folder::new("chat");
    let mut dial = std::process::Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    dial.args(["dial", &address, "-q", "--floodsub", "news"]).stdin(lines(&folder, 3));
    let dial = dial.output().unwrap();
    assert_eq!(String::from_utf8(dial.stdout).unwrap(), "3 lines published, 0 messages came\n");
    let mut nothing = std::process::Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    let nothing = nothing.args(["dial", &address, "-q", "--streams", "0"]).output().unwrap();
    assert_eq!((nothing.status.code(), nothing.stdout.len(), nothing.stderr.len()), (Some(0), 0, 0));
    let mut who = std::process::Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    let who = who.args(["dial", &address, "-q", "--identify"]).output().unwrap();
    assert!(!String::from_utf8(who.stdout).unwrap().contains("0 streams"));
}
