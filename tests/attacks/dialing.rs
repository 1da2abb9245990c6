//! Whoever dials an attacker comes to an end, says that it went wrong, and does not panic.

use crate::attackers::listeners::{FORMS, Form, Hostile};
use crate::attackers::scene::Scene;
use crate::beside::command;
use crate::node::{Node, Start};
use std::time::Duration;

/// The longest time-out of a dial, and a debug build's time.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_dial_ends_whatever_the_listener_does() {
    let dials: Vec<_> = FORMS.iter().map(|(_, form)| std::thread::spawn(|| dial(*form))).collect();
    let failed = dials.into_iter().filter_map(|dial| dial.join().err()).count();
    assert_eq!(failed, 0, "each says above what went wrong");
}

fn dial(form: Form) {
    let hostile = Hostile::bind(form).unwrap();
    let address = hostile.address().unwrap();
    let scene = Scene::new(address, true);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| hostile.serve(&scene));
        let address = format!("/ip4/127.0.0.1/tcp/{}", address.port());
        // Streams that nobody answers are given up twice, ten at a time.
        let args = ["dial", &address, "--streams", "20", "--concurrency", "10", "--timeout", "5"];
        let mut node = Node::start(&Start { command: &command(), args: &args, descriptors: None });
        let ended = node.ended(LIMIT);
        scene.end();
        ended.map(|ended| (ended, node.told().count("summary"), node.has_panicked()))
    });
    let (ended, summaries, has_panicked) = ended.unwrap_or_else(|| panic!("{form:?}: it does not end"));
    assert_eq!((ended.code, summaries, has_panicked), (Some(1), 1, false), "{form:?}: {}", ended.stderr);
    assert!(ended.stderr.contains(said(form)), "{form:?}: {}", ended.stderr);
}

/// The words that a user reads of it, among others.
fn said(form: Form) -> &'static str {
    match form {
        Form::Silent => "it connected, but nobody spoke libp2p there within 10 s",
        Form::Garbage => "the other side does not begin with multistream-select",
        Form::Endless => "a multistream-select line is too long",
        Form::Resets | Form::Pings => "the peer sent too much that costs work for nothing, failed(flood)",
        Form::Refuses => "20 of 20 streams failed (0 ok), the first of them s0.1: the peer reset it before it was open",
        Form::Mute | Form::NeverReads => {
            "20 of 20 streams failed (0 ok), the first of them s0.1: it waited 5 s for the peer to agree on /echo/1.0.0"
        }
        Form::Lingers => "the connection ended before all was done: the peer has closed it, remote(go_away(0))",
    }
}
