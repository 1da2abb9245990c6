//! The summary of `dial`: numbers that fit each other, and sentences that say the same.

use crate::run;
use crate::serving::{Endless, PING, Serving, Silent};
use crate::support::command::{Process, Running, json_command};
use serde_json::Value;
use std::io::Read as _;
use std::io::pipe;
use std::net::TcpListener;
use std::process::Command;

fn number(summary: &Value, key: &str) -> f64 {
    summary[key].as_f64().unwrap_or_else(|| panic!("no {key} in {summary}"))
}

#[track_caller]
fn assert_rising(summary: &Value, keys: &[&str]) {
    let numbers: Vec<_> = keys.iter().map(|key| number(summary, key)).collect();
    assert!(numbers[0] > 0.0 && numbers.is_sorted(), "{keys:?} {numbers:?}");
}

#[test]
fn the_numbers_fit_each_other() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let args = ["dial", &address, "--streams", "200", "--concurrency", "8", "--bytes", "3k", "--ping", "5"];
    let dial = run(args);
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let summary = dial.printed.last().unwrap();
    let counts = ["streams", "ok", "failed", "unanswered", "unfinished", "not_begun", "bytes"];
    assert_eq!(counts.map(|key| summary[key].as_u64().unwrap()), [200, 200, 0, 0, 0, 0, 200 * 3000]);
    let latency = ["min", "median", "p99", "max"].map(|name| format!("latency_{name}_seconds"));
    assert_rising(summary, &latency.each_ref().map(String::as_str));
    assert_rising(summary, &["ping_min_seconds", "ping_mean_seconds", "ping_max_seconds"]);
    assert!(number(summary, "latency_max_seconds") <= number(summary, "seconds"));
    // Eight at a time are not all over before an eighth of them could be, one after the other, at the least each takes.
    assert!(number(summary, "seconds") >= 200.0 / 8.0 * number(summary, "latency_min_seconds"));
    let throughput = number(summary, "bytes") / number(summary, "seconds");
    assert!((number(summary, "bytes_per_second") / throughput - 1.0).abs() < 0.01, "{summary}");
    let pings = ["pings", "pings_answered", "pings_lost"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!((pings, number(summary, "ping_loss_percent")), ([5, 5, 0], 0.0));
    // The bounds are those of the lines.
    let lines = dial.printed.iter().filter(|line| line["event"] == "ping");
    let times: Vec<_> = lines.map(|line| line["seconds"].as_f64().unwrap()).collect();
    let bounds = (times.iter().copied().fold(f64::MAX, f64::min), times.iter().copied().fold(0.0, f64::max));
    assert_eq!((number(summary, "ping_min_seconds"), number(summary, "ping_max_seconds")), bounds);
    let mean = times.iter().sum::<f64>() / 5.0;
    assert!((number(summary, "ping_mean_seconds") - mean).abs() < 2e-6, "{summary} for {times:?}");
}

#[test]
fn what_was_not_measured_is_not_told() {
    let mut listen = Running::start(["listen"]);
    let dial = run(["dial", &listen.address(), "--streams", "0"]);
    let keys: Vec<_> = dial.printed.last().unwrap().as_object().unwrap().keys().cloned().collect();
    let counts = ["streams", "ok", "failed", "unanswered", "unfinished", "not_begun", "bytes", "seconds"];
    assert_eq!(keys[3..], counts);
}

#[test]
fn some_lost_pings_are_a_part_of_all() {
    let peer = Serving::start(&[PING], Endless::answering(3));
    let dial = run(["dial", &peer.address, "--ping", "4", "--timeout", "2"]);
    let said = "error: 1 of 4 pings was not answered (no answer within 2 s)\n";
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(1), said));
    let summary = dial.printed.last().unwrap();
    let pings = ["pings", "pings_answered", "pings_lost"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!((pings, number(summary, "ping_loss_percent")), ([4, 3, 1], 25.0));
    // This peer ends no stream of its own accord, which costs the time of a polite close and no more.
    let mut ends: Vec<_> = dial.printed.iter().filter(|line| line["event"] == "closed_stream").collect();
    ends.sort_by_key(|line| line["reason"].to_string());
    let ends: Vec<_> = ends.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(ends, ["reset(local)", "timeout", "timeout", "timeout"]);
}

#[test]
fn pings_that_were_not_sent_are_not_lost() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", nobody.local_addr().unwrap().port());
    drop(nobody);
    let dial = run(["dial", &address, "--ping", "3"]);
    let summary = dial.printed.last().unwrap();
    let pings = ["pings", "pings_answered", "pings_lost", "pings_not_sent"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!((dial.code, pings), (Some(1), [3, 0, 0, 3]));
    // None is known of a peer that was not reached.
    assert_eq!((summary.get("ping_loss_percent"), &summary["pings_not_finished"]), (None, &0.into()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    let output = command.args(["dial", &address, "-q", "--ping", "1", "--half-close"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 ping: 0 answered, 1 not sent\n");
}

#[test]
fn a_ping_that_a_signal_cuts_off_is_not_finished() {
    let peer = Serving::start(&[PING], Silent);
    let mut dial = Running::start(["dial", &peer.address, "--ping", "2"]);
    dial.until("opened_stream");
    dial.signal("INT");
    let dial = dial.ended();
    let summary = dial.printed.last().unwrap();
    let keys = ["pings", "pings_answered", "pings_lost", "pings_not_finished", "pings_not_sent"];
    assert_eq!((dial.code, keys.map(|key| summary[key].as_u64().unwrap())), (Some(130), [2, 0, 0, 1, 1]));
    assert_eq!(summary.get("ping_loss_percent"), None);
}

#[test]
fn the_end_of_a_connection_leaves_streams_unbegun() {
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--streams", "1000000", "--bytes", "0"]);
    dial.until("closed_stream");
    listen.kill();
    let dial = dial.ended();
    let summary = dial.printed.last().unwrap();
    let [ok, failed, not_begun] = ["ok", "failed", "not_begun"].map(|key| summary[key].as_u64().unwrap());
    assert!(ok > 0 && not_begun > 0 && ok + failed + not_begun == 1_000_000, "{summary}");
    assert_eq!(dial.code, Some(1));
    // Bytes that a killed process has not read make a reset of its end.
    let reason = dial.printed[dial.printed.len() - 2]["reason"].as_str().unwrap();
    assert!(["remote(eof)", "failed(reset)"].contains(&reason), "{reason}");
    let counts = format!("{ok} of 1000000 streams were answered, {not_begun} not begun");
    let counts = if failed == 0 { format!("; {counts}") } else { String::new() };
    let by_whom =
        if reason == "remote(eof)" { "the peer has hung up, " } else { "the peer or the network has cut it, " };
    let rest = format!("the connection ended before all was done: {by_whom}{reason}{counts}\n");
    assert!(dial.stderr.ends_with(&rest), "{}", dial.stderr);
}

/// A script that wants one number, as the page of the log has it.
#[test]
fn a_script_reads_the_throughput() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let (mut reader, writer) = pipe().unwrap();
    let dial =
        Process::start(json_command(&["-q", "dial", &address, "--bytes", "1M", "--streams", "4"]).stdout(writer));
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    assert_eq!(dial.ended().code, Some(0));
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [start, summary] = &lines[..] else { panic!("{log}") };
    assert_eq!((&start["event"], &start["format"]), (&"start".into(), &2.into()));
    assert!(summary["bytes_per_second"].as_u64().unwrap() > 0);
}

#[test]
fn people_get_sentences() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    let args = ["dial", &address, "--streams", "3", "--bytes", "1M", "--ping", "2"];
    let output = command.args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let sentences: Vec<_> = text.lines().skip_while(|line| !line.contains(" disconnected ")).skip(1).collect();
    // What was measured differs from run to run.
    let plain: Vec<_> = sentences
        .iter()
        .map(|line| {
            let words = line.split(' ').map(|word| {
                let (number, rest) =
                    word.split_at(word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len()));
                if number.contains('.') { format!("N{rest}") } else { word.to_owned() }
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(plain[..1], ["3 streams: 3 ok, 0 failed"]);
    assert!(plain[1].starts_with("N MB echoed in N ") && plain[1].ends_with("B/s each way"), "{text}");
    assert!(plain[2].starts_with("latency of a stream: N ") && plain[2].ends_with(" in all"), "{text}");
    assert_eq!(plain[3..], ["2 pings: 2 answered", "round trip: N ms (minimum), N ms (mean), N ms (maximum)"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
