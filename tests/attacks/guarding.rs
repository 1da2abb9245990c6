//! The program of the page `guide::enemy`, under attack: it tells what the page says, and holds no more than it states.

use crate::attackers::catalogue::ATTACKS;
use crate::attackers::scene::Scene;
use crate::guarded::{Guarded, server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Nothing takes as long; it is the price of a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the program beside an attack until it has printed a line of each kind.
#[track_caller]
fn prints(attack: &str, wanted: &[&str]) {
    let (sender, lines) = channel();
    let node = Guarded::listen(server(), "/ip4/127.0.0.1/tcp/0", move |line| drop(sender.send(line)));
    let mut node = node.unwrap();
    let attack = ATTACKS.iter().find(|other| other.name == attack).unwrap();
    let mut scene = None;
    let (mut printed, start) = (Vec::<String>::new(), Instant::now());
    let mut missing = wanted.to_vec();
    while !missing.is_empty() {
        assert!(start.elapsed() < LIMIT, "without {missing:?}: {printed:#?}");
        node.turn().unwrap();
        for line in take(&lines) {
            missing.retain(|wanted| !line.contains(wanted));
            printed.push(line);
        }
        if scene.is_none()
            && let Some(target) = printed.iter().find_map(|line| target(line))
        {
            let attacked = Arc::new(Scene::new(target, true));
            let run = attack.run;
            let thread = std::thread::spawn({
                let scene = attacked.clone();
                move || run(&scene)
            });
            scene = Some((attacked, thread));
        }
    }
    let (scene, thread) = scene.expect("it listens");
    scene.end();
    while !thread.is_finished() {
        assert!(start.elapsed() < LIMIT, "the attackers stay");
        node.turn().unwrap();
        printed.extend(take(&lines));
    }
    thread.join().unwrap();
    for line in printed.iter().filter(|line| line.starts_with("now ")) {
        let held: usize = line.split("held=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
        assert!(held <= server().held_bytes / 4 * 5, "{line}");
    }
}

fn take(lines: &Receiver<String>) -> impl Iterator<Item = String> {
    lines.try_iter()
}

/// The address in the line that says where it listens.
fn target(line: &str) -> Option<SocketAddr> {
    let port = line.strip_prefix("listen /ip4/127.0.0.1/tcp/")?;
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

#[test]
fn the_guarded_program_tells_of_resets() {
    prints(
        "resets",
        &[
            "now connections=",
            "disconnected /ip4/127.0.0.1/tcp/",
            " stream_unproposed=",
            "too many streams that it resets",
        ],
    );
}

#[test]
fn the_guarded_program_tells_of_silent_sockets() {
    prints("silent", &["refused handshake_evicted", " from /ip4/127.0.0.1/tcp/", "handshake_evicted="]);
}

#[test]
fn the_guarded_program_tells_of_shares() {
    let share = "the peer has its share of connections (connections_per_peer)";
    prints("idle_66", &["refused connection_limit", "refused stream_limit", share, "stream_limit="]);
}

#[test]
fn the_guarded_program_allows_less_while_much_is_held() {
    prints("unread_64", &["limit 4 streams a peer"]);
}
