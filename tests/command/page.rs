//! The page of docs on the log: it says no more than the command prints. That it says no less is checked of each line
//! that any test here reads.

use crate::output::{Log, open_streams};
use crate::paced::Peer;
use crate::run;
use crate::serving::{ECHO, Serving, Silent};
use crate::support::command::{Folder, Running};
use crate::support::log_page::page;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::Event;
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::gossipsub::{self, GossipSub};
use swarm_notify::protocols::identify::{self, Identify, PUSH_PROTOCOL};
use swarm_notify::protocols::pubsub::{self, Signing};
use swarm_notify::swarm::Config;

/// Events that no run here brings about. The addresses of this machine change: `addresses.rs` has that in a network of its own.
/// Events of floodsub are lost: it takes hundreds of peers that come or go in one turn. Events of identify are lost: it takes
/// hundreds of pushes in one turn, or while the reader of `dial` rests.
const UNSEEN: [&str; 3] = ["addresses_changed", "pubsub_lagged", "identify_lagged"];
/// Fields that only a broken system brings about, a connection that ends while it waits for room, a file that root has given
/// away, or a peer that opens thousands of streams: `paced.rs` has that.
const UNSEEN_FIELDS: [(&str, &str); 4] =
    [("listen_close", "error"), ("connect_failed", "peer"), ("key_exposed", "owner"), ("disconnected", "paced")];

/// A user who waits for a line has to know for how long.
#[test]
fn the_page_says_how_often_addresses_are_looked_for() {
    let seconds = swarm_notify::tcp::Config::default().interfaces_interval.as_secs();
    let page = include_str!("../../src/guide/command_log.rs");
    assert!(page.contains(&format!("every {seconds} s ([`interfaces_interval`]")));
    let page = include_str!("../../src/guide/command.rs").replace("\n//!", "");
    assert!(page.contains(&format!("come and go within {seconds} s.")));
}

#[derive(Default)]
struct Seen(BTreeMap<String, BTreeSet<String>>);

impl Seen {
    fn add(&mut self, starts: &[Value], printed: &[Value]) {
        let command = starts[0]["command"].as_str().unwrap();
        for line in starts.iter().chain(printed) {
            let fields = line.as_object().unwrap().keys().cloned();
            self.0.entry(page().name(line["event"].as_str().unwrap(), command)).or_default().extend(fields);
        }
    }

    fn run(&mut self, args: &[&str]) {
        let ended = run(args);
        self.add(&ended.starts, &ended.printed);
    }

    fn end(&mut self, running: Running) {
        running.signal("INT");
        let ended = running.ended();
        self.add(&ended.starts, &ended.printed);
    }
}

#[test]
fn each_event_and_field_of_the_page_is_printed() {
    let mut seen = Seen::default();
    seen.run(&["demo"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    seen.run(&["listen", &format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port())]);
    dialed(&mut seen);
    visited(&mut seen);
    flooded(&mut seen);
    without_services(&mut seen);
    without_an_answer(&mut seen);
    pushed_half(&mut seen);
    with_an_exposed_key(&mut seen);
    lagging(&mut seen);
    meshed(&mut seen);
    for (event, fields) in &page().events {
        let Some(printed) = seen.0.get(event) else {
            assert!(UNSEEN.contains(&event.as_str()), "{event} is never printed");
            continue;
        };
        assert!(!UNSEEN.contains(&event.as_str()), "{event} is printed");
        for field in fields.keys() {
            let is_unseen = UNSEEN_FIELDS.contains(&(event.as_str(), field));
            assert!(
                printed.contains(*field) != is_unseen,
                "{event}.{field}: it is printed, or said to be: {is_unseen}"
            );
        }
    }
}

/// Two commands ask each other all there is to ask.
fn dialed(seen: &mut Seen) {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut dial =
        Running::start(["dial", &address, "--floodsub", "news", "--identify", "--ping", "1", "--streams", "1"]);
    dial.until("subscribed");
    listen.until("subscribed");
    dial.write(&[b"text\n".as_slice(), &[0xff, b'\n'], &[b'x'; 5_000], b"\n"].concat());
    while listen.until("message")["length"].is_null() {}
    dial.end_input();
    let dial = dial.ended();
    assert_eq!(dial.code, Some(0), "{}", dial.stderr);
    seen.add(&dial.starts, &dial.printed);
    seen.end(listen);
}

/// A peer joins a topic with a mesh, and leaves it.
fn meshed(seen: &mut Seen) {
    let mut listen = Running::start(["listen", "--gossipsub", "news"]);
    let (mut peer, _) = Peer::dial(&listen.address(), Config::default());
    let key = Keypair::ed25519_from_bytes([5; 32]).unwrap();
    let service =
        GossipSub::new(Signing::strict_sign(key, 1), pubsub::Config::default(), gossipsub::Config::default(), [5; 32]);
    let service = peer.notifees.install(&mut peer.swarm, service);
    peer.notifees.get_mut(service).unwrap().subscribe(&mut peer.swarm, "news").unwrap();
    let us = peer.swarm.local_peer();
    while peer.notifees.get(service).unwrap().mesh_peers("news").next().is_none() {
        peer.turn();
    }
    let mesh = listen.until("mesh");
    assert_eq!((&mesh["topic"], &mesh["peers"]), (&"news".into(), &vec![us.to_string()].into()));
    peer.notifees.get_mut(service).unwrap().unsubscribe(&mut peer.swarm, "news");
    (0..3).for_each(|_| peer.turn());
    assert_eq!(listen.until("prune")["peer"], us.to_string());
    assert_eq!(listen.until("mesh")["peers"], Value::Array(Vec::new()));
    drop(peer);
    listen.until("peer_gone");
    seen.end(listen);
}

/// Somebody knocks with garbage. A peer opens more streams than it may, and resets more than its budget is.
fn visited(seen: &mut Seen) {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap().write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    listen.until("refused");
    let mut config = Config::default();
    config.limits.streams_per_connection = 2_000;
    let (mut peer, connection) = Peer::dial(&address, config);
    peer.open_streams(connection, 1_100);
    listen.until("refused");
    for stream in peer.swarm.streams_of(connection).collect::<Vec<_>>() {
        peer.swarm.reset(stream).unwrap();
    }
    peer.until(|event| matches!(event, Event::Disconnected { .. }));
    assert_eq!(listen.until("disconnected")["reason"], "failed(flood)");
    seen.end(listen);
}

/// A peer says who it is without being asked, and comes and goes at a topic faster than lines are printed.
fn flooded(seen: &mut Seen) {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let (mut peer, connection) = Peer::dial(&listen.address(), Config::default());
    let key = Keypair::ed25519_from_bytes([5; 32]).unwrap();
    peer.push(connection, Identify::new(key.public(), identify::Config::default()));
    let floodsub = FloodSub::new(Signing::strict_sign(key, 1), pubsub::Config::default());
    let floodsub = peer.notifees.install(&mut peer.swarm, floodsub);
    let mut heard = 0;
    while heard < 30 {
        let service = peer.notifees.get_mut::<FloodSub>(floodsub).unwrap();
        let is_linked = service.peers_of("news").next().is_some();
        if is_linked {
            heard += 1;
            service.subscribe(&mut peer.swarm, "t").unwrap();
            peer.turn();
            peer.notifees.get_mut::<FloodSub>(floodsub).unwrap().unsubscribe(&mut peer.swarm, "t");
        }
        peer.turn();
    }
    listen.until("skipped");
    drop(peer);
    listen.until("peer_gone");
    seen.end(listen);
}

/// A peer that speaks neither ping nor identify.
fn without_services(seen: &mut Seen) {
    let peer = Serving::start(&[], Silent);
    seen.run(&["dial", &peer.address, "--ping", "1", "--identify"]);
}

/// A peer that answers nothing, and a signal.
fn without_an_answer(seen: &mut Seen) {
    let peer = Serving::start(&[ECHO], Silent);
    seen.run(&["dial", &peer.address, "--timeout", "0.1"]);
    let mut dial = Running::start(["dial", &peer.address]);
    dial.until("opened_stream");
    seen.end(dial);
}

/// A peer begins to say who it is without being asked, and hangs up.
fn pushed_half(seen: &mut Seen) {
    let mut listen = Running::start(["listen"]);
    let (mut peer, connection) = Peer::dial(&listen.address(), Config::default());
    let stream = peer.swarm.open_stream(connection, &[PUSH_PROTOCOL]).unwrap();
    peer.until(|event| matches!(event, Event::OpenedStream { .. }));
    peer.swarm.reset(stream).unwrap();
    peer.turn();
    let failed = listen.until("identify_push_failed");
    let us = peer.swarm.local_peer().to_string();
    assert_eq!((&failed["peer"], &failed["reason"]), (&us.into(), &"reset(remote)".into()));
    drop(peer);
    listen.until("disconnected");
    seen.end(listen);
}

/// Others may read the key file of a command that ends at once.
fn with_an_exposed_key(seen: &mut Seen) {
    let folder = Folder::new("page");
    let file = folder.file("key");
    fs::write(&file, Keypair::ed25519_from_bytes([7; 32]).unwrap().to_protobuf_encoding().unwrap()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    seen.run(&["dial", "/ip4/127.0.0.1/tcp/1", "--key", &file]);
}

/// The reader of a listener stops while much is told, and a stream is open as it goes on.
fn lagging(seen: &mut Seen) {
    let (listen, mut log) = Log::of(&["listen"]);
    let address = log.address();
    open_streams(&address, 10_000);
    let (mut peer, connection) = Peer::dial(&address, Config::default());
    peer.open_streams(connection, 1);
    let snapshot = log.until("snapshot");
    for (kind, key) in [("listeners", "listener"), ("connections", "connection"), ("streams", "stream")] {
        let open = snapshot[kind].as_array().unwrap();
        assert!(open.len() == 1 && open[0][key].is_string(), "{snapshot}");
    }
    drop(peer);
    log.until("disconnected");
    listen.signal("TERM");
    let (starts, printed) = log.rest();
    seen.add(&starts, &printed);
    assert_eq!(listen.ended().code, Some(0));
}
