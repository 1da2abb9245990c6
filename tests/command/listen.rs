//! `listen`: where it listens, who it is, and how it ends.

use crate::run;
use crate::support::command::{Folder, LIMIT, Running, told};
use crate::support::identities::identities;
use libp2p_identity::Keypair;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Instant;
use swarm_notify::lifecycle::Event;
use swarm_notify::swarm::Config;
use swarm_notify::tcp;

fn peer_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

fn ends_in_good_order_by(signal: &str) {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    assert!(address.starts_with("/ip4/127.0.0.1/tcp/") && !address.contains("/tcp/0/"), "{address}");
    let mut dial = Running::start(["dial", &address, "--hold", "1000"]);
    dial.until("closed_stream");
    listen.until("closed_stream");
    listen.signal(signal);
    let listen = listen.ended();
    assert_eq!((listen.code, listen.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        told(&listen.printed),
        [
            "listen l0.1",
            "connected c0.1 inbound",
            "opened_stream s0.1 inbound /echo/1.0.0",
            "closed_stream s0.1 finished",
            "listen_close l0.1 shutdown",
            "disconnected c0.1 shutdown",
        ]
    );
    let dial = dial.ended();
    assert_eq!(dial.code, Some(1), "its connection was not to end");
    assert_eq!(told(&dial.printed)[3..], ["disconnected c0.1 remote(go_away(0))", "summary"]);
}

#[test]
fn an_interrupt_ends_it_in_good_order() {
    ends_in_good_order_by("INT");
}

#[test]
fn a_termination_ends_it_in_good_order() {
    ends_in_good_order_by("TERM");
}

#[test]
fn one_taken_address_of_several_fails_and_the_others_serve() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("/ip4/127.0.0.1/tcp/{}", holder.local_addr().unwrap().port());
    let mut listen = Running::start(["listen", "/ip4/127.0.0.1/tcp/0", &taken, "/ip4/127.0.0.1/tcp/0"]);
    let address = listen.address();
    let failed = listen.until("listen_failed");
    assert_eq!(failed["reason"], "address_in_use");
    assert_eq!(failed["addresses"][0].as_str().unwrap(), format!("{taken}/p2p/{}", peer_of(&address)));
    let last = listen.until("listen")["addresses"][0].as_str().unwrap().to_owned();
    for address in [&address, &last] {
        assert_eq!(run(["dial", address]).code, Some(0));
    }
    listen.signal("TERM");
    let listen = listen.ended();
    let said = format!("error: one of the addresses cannot be listened on\n  {taken}: address_in_use; ");
    assert!(listen.code == Some(0) && listen.stderr.starts_with(&said), "{}", listen.stderr);
    assert!(listen.stderr.ends_with("give another port, or 0 for any free port\n"), "{}", listen.stderr);
    let told = told(&listen.printed);
    assert_eq!(told[..3], ["listen l0.1", "listen_failed l1.1 address_in_use", "listen l2.1"]);
    assert_eq!(told[told.len() - 2..], ["listen_close l0.1 shutdown", "listen_close l2.1 shutdown"]);
}

#[test]
fn a_quiet_listener_says_each_address_that_fails() {
    let holders = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let taken = holders.each_ref().map(|one| format!("/ip4/127.0.0.1/tcp/{}", one.local_addr().unwrap().port()));
    let mut listen = Running::start(["listen", "-q", &taken[0], "/ip4/127.0.0.1/tcp/0", &taken[1]]);
    let address = listen.address();
    // By then the last has failed, too.
    assert_eq!(run(["dial", &address]).code, Some(0));
    listen.signal("TERM");
    let listen = listen.ended();
    assert_eq!(listen.code, Some(0));
    assert_eq!(listen.stderr.matches("cannot be listened on\n  /ip4/").count(), 2, "{}", listen.stderr);
    assert!(taken.iter().all(|one| listen.stderr.contains(one)), "{}", listen.stderr);
}

#[test]
fn with_nothing_left_to_listen_on_it_ends() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = run(["listen", &format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port())]);
    assert_eq!(told(&ended.printed), ["listen_failed l0.1 address_in_use"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("another program listens there: end it"), "it says what to do: {:?}", ended.stderr);
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_used_again() {
    let folder = Folder::new("key");
    let file = folder.file("key");
    let peers = [(); 2].map(|()| {
        let mut listen = Running::start(["listen", "--key", &file]);
        let address = listen.address();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        listen.signal("TERM");
        assert_eq!(listen.ended().code, Some(0));
        peer_of(&address).to_owned()
    });
    assert_eq!(peers[0], peers[1]);
    // libp2p's protobuf form of an Ed25519 key: its type, and both halves.
    let bytes = fs::read(&file).unwrap();
    assert_eq!((bytes.len(), &bytes[..4]), (68, &[8, 1, 18, 64][..]));
    // Without a file it is another each time.
    let mut listen = Running::start(["listen"]);
    assert_ne!(peer_of(&listen.address()), peers[0]);
}

#[test]
fn a_key_that_cannot_be_used_is_a_matter_of_usage() {
    let folder = Folder::new("bad-key");
    let garbage = folder.file("garbage");
    fs::write(&garbage, "this is no key").unwrap();
    let empty = folder.file("empty");
    fs::write(&empty, "").unwrap();
    for file in [&garbage, &empty, &folder.file("no/such/folder"), &folder.file(".")] {
        let ended = run(["listen", "--key", file]);
        assert_eq!((ended.code, ended.printed.len()), (Some(2), 0), "{file}");
        assert!(ended.stderr.contains(file.as_str()) && ended.stderr.contains("give "), "{}", ended.stderr);
    }
    assert_eq!(fs::read(&garbage).unwrap(), b"this is no key", "it is left as it was");
}

#[test]
fn a_connect_succeeds_after_listen_and_fails_after_listen_close() {
    let mut listen = Running::start(["listen", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0"]);
    let ports = [(); 2].map(|()| {
        let address = listen.address();
        let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        port
    });
    listen.signal("INT");
    listen.until("listen_close");
    assert!(TcpStream::connect(("127.0.0.1", ports[0])).is_err());
    assert_eq!(listen.ended().code, Some(0));
}

#[test]
fn a_listen_address_shows_its_peer_id_once() {
    let folder = Folder::new("peer-id");
    let key = folder.file("key");
    let mut listen = Running::start(["listen", "--key", &key]);
    let address = listen.address();
    let peer = peer_of(&address).to_owned();
    // The port is taken, and the address is shown as it was given, with or without a peer id.
    for given in [address.as_str(), address.split("/p2p/").next().unwrap()] {
        let failed = run(["listen", "--key", &key, given]);
        assert_eq!(told(&failed.printed), ["listen_failed l0.1 address_in_use"]);
        assert_eq!(failed.printed[0]["addresses"], serde_json::json!([address]));
    }
    let mut ours = Running::start(["listen", "--key", &key, &format!("/ip4/127.0.0.1/tcp/0/p2p/{peer}")]);
    let address = ours.address();
    assert_eq!((address.matches("/p2p/").count(), peer_of(&address)), (1, peer.as_str()));
}

#[test]
fn a_listen_address_of_another_peer_fails() {
    let given = "/ip4/127.0.0.1/tcp/0/p2p/12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa";
    let failed = run(["listen", given]);
    assert_eq!(told(&failed.printed), ["listen_failed l0.1 wrong_peer"]);
    assert_eq!(failed.printed[0]["addresses"], serde_json::json!([given]));
    assert_eq!(failed.printed[0]["error"], "the address names another peer");
    assert!(failed.stderr.contains(given) && failed.stderr.contains("leave /p2p/… out"), "{}", failed.stderr);
}

/// The event that a dial by this identity comes to.
fn dial_as(identity: &Keypair, address: &str) -> Event {
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm = tcp::Swarm::with_events::<1>(reactor, transport, identity, [1; 32], Config::default()).unwrap();
    swarm.dial(address.parse().unwrap()).unwrap();
    let began = Instant::now();
    loop {
        swarm.tick(began.elapsed());
        if let Some(event) = swarm.next_event() {
            return event;
        }
        assert!(began.elapsed() < LIMIT, "it takes too long");
        swarm.wait(began.elapsed(), Some(LIMIT)).unwrap();
    }
}

#[test]
fn peers_with_keys_of_every_type_are_served() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let identities = identities();
    assert_eq!(identities.len(), 4);
    for (identity, peer) in identities {
        let event = dial_as(&identity, &address);
        assert!(matches!(event, Event::Connected { .. }), "{peer}: {event:?}");
        assert_eq!(listen.until("connected")["peer"], peer.to_string());
    }
}

#[test]
fn a_key_file_may_hold_another_type_of_identity_than_ed25519() {
    let folder = Folder::new("types");
    for (identity, peer) in identities() {
        // An RSA key has no such form.
        let Ok(bytes) = identity.to_protobuf_encoding() else { continue };
        let key = folder.file(&peer.to_string());
        fs::write(&key, bytes).unwrap();
        let mut listen = Running::start(["listen", "--key", &key]);
        let address = listen.address();
        assert_eq!(peer_of(&address), peer.to_string());
        assert_eq!(run(["dial", &address]).code, Some(0));
    }
}

#[test]
fn a_refused_handshake_says_from_where() {
    use std::io::Write as _;
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
    let mut knock = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    knock.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let refused = listen.until("refused");
    assert_eq!(refused["kind"], "handshake_failed");
    assert_eq!(refused["remote"], format!("/ip4/127.0.0.1/tcp/{}", knock.local_addr().unwrap().port()));
}

/// Everything takes a descriptor: sockets, signals, and the wait for both.
#[test]
fn few_descriptors_are_told_for_that() {
    // With fewer a program is not even loaded.
    for most in 5..=17 {
        for args in ["listen", "dial /ip4/127.0.0.1/tcp/1"] {
            let script = format!(r#"ulimit -n {most}; exec "$0" --json {args}"#);
            let ended = Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_swarm-notify")]).output().unwrap();
            let (stdout, stderr) = (ended.stdout, String::from_utf8(ended.stderr).unwrap());
            assert_eq!((ended.status.code(), stderr.lines().count()), (Some(1), 1), "{most}: {stderr}");
            assert!(stderr.starts_with("error: ") && stderr.contains("`ulimit -n`"), "{most}: {stderr}");
            // The log has begun.
            assert!(stdout.is_empty() || !stderr.contains("nothing was started"), "{most}: {stderr}");
        }
    }
}
