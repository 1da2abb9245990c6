//! Out of descriptors: a listener reports it, rests, spares the others, and accepts again when there are some. Each
//! test runs in a process of its own that is allowed few descriptors: this test binary, started again.

use super::{Count, Seen, Turned, listen, next, next_incoming, poll};
use crate::support::with;
use futures_lite::AsyncReadExt as _;
use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;
use swarm_notify::tcp::Config;

/// Set in the processes that run a `child_…` test for its parent.
const MARK: &str = "SWARM_NOTIFY_FEW_DESCRIPTORS";

/// EMFILE on every Unix that we know of; it has no `io::ErrorKind`.
const TOO_MANY_OPEN_FILES: i32 = 24;

/// Runs the ignored test `name` of this binary in a process that may have 40 descriptors.
fn run_with_few_descriptors(name: &str) {
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -n 40 && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("transport::descriptors::{name}"), "--exact", "--ignored", "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// Opens files until no descriptor is left.
fn take_all_descriptors() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(TOO_MANY_OPEN_FILES));
                return files;
            }
        }
    }
}

#[test]
fn a_listener_without_descriptors_rests_while_others_go_on() {
    run_with_few_descriptors("child_one_rests_while_the_other_goes_on");
}

#[test]
#[ignore = "run by its parent"]
fn child_one_rests_while_the_other_goes_on() {
    const CONNECTIONS: usize = 10;
    if std::env::var_os(MARK).is_none() {
        return;
    }
    // The rest is longer than any run: what happens from here on happens during it.
    let mut transport = Turned::new(with(Config::default(), |config| config.accept_pause = Duration::from_secs(3600)));
    let (lacking, lacking_address) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let (other, other_address) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let _waiting = TcpStream::connect(lacking_address).unwrap();
    let files = take_all_descriptors();
    match next(&mut transport) {
        Seen::Error(id, error) => {
            assert_eq!((id, error.raw_os_error()), (lacking, Some(TOO_MANY_OPEN_FILES)));
        }
        unexpected @ (Seen::Address(..) | Seen::Incoming { .. } | Seen::Expired(..) | Seen::Closed(..)) => {
            panic!("{unexpected:?}")
        }
    }
    drop(files);
    let (mut polls, mut accepted) = (0, Vec::new());
    for _ in 0..CONNECTIONS {
        let client = TcpStream::connect(other_address).unwrap();
        let seen = transport.run(|transport, cx| {
            polls += 1;
            poll(transport, cx)
        });
        assert!(matches!(seen, Seen::Incoming { listener, .. } if listener == other), "{seen:?} instead");
        accepted.push((client, seen));
    }
    assert!(polls <= 4 * CONNECTIONS, "{polls} polls for {CONNECTIONS} connections: someone spins");
    let count = Arc::new(Count::default());
    assert!(poll(&mut transport, &mut Context::from_waker(&Waker::from(count.clone()))).is_pending());
    assert_eq!(count.0.load(Ordering::SeqCst), 0, "a listener that rests wakes nobody");
    // A socket that closes may have given back what was missing.
    accepted.pop();
    assert_eq!(count.0.load(Ordering::SeqCst), 1, "it tries again at once");
    let seen = next(&mut transport);
    assert!(matches!(seen, Seen::Incoming { listener, .. } if listener == lacking), "{seen:?} instead");
    let _waiting = TcpStream::connect(lacking_address).unwrap();
    let files = take_all_descriptors();
    assert!(matches!(next(&mut transport), Seen::Error(id, _) if id == lacking));
    drop(files);
    // It can be closed in the middle of its rest.
    assert!(libp2p_core::Transport::remove_listener(&mut *transport, lacking));
    assert!(matches!(next(&mut transport), Seen::Closed(id, Ok(())) if id == lacking));
}

#[test]
fn a_listener_accepts_again_when_descriptors_return() {
    run_with_few_descriptors("child_accepts_again_when_descriptors_return");
}

#[test]
#[ignore = "run by its parent"]
fn child_accepts_again_when_descriptors_return() {
    const ATTEMPTS: usize = 5;
    if std::env::var_os(MARK).is_none() {
        return;
    }
    let mut transport = Turned::new(with(Config::default(), |config| config.accept_pause = Duration::from_millis(5)));
    let (listener, address) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let mut clients = [(); 3].map(|()| TcpStream::connect(address).unwrap());
    let files = take_all_descriptors();
    let mut polls = 0;
    for _ in 0..ATTEMPTS {
        let seen = transport.run(|transport, cx| {
            polls += 1;
            poll(transport, cx)
        });
        match seen {
            Seen::Error(id, error) => {
                assert_eq!((id, error.raw_os_error()), (listener, Some(TOO_MANY_OPEN_FILES)));
            }
            unexpected @ (Seen::Address(..) | Seen::Incoming { .. } | Seen::Expired(..) | Seen::Closed(..)) => {
                panic!("{unexpected:?}")
            }
        }
    }
    assert!(polls <= 3 * ATTEMPTS, "{polls} polls for {ATTEMPTS} errors: someone spins");
    drop(files);
    for client in &mut clients {
        client.write_all(b"here").unwrap();
        let (id, mut stream) = next_incoming(&mut transport);
        assert_eq!(id, listener);
        let mut read = [0; 4];
        transport.block_on(stream.read_exact(&mut read)).unwrap();
        assert_eq!(&read, b"here");
    }
    let _client = TcpStream::connect(address).unwrap();
    assert_eq!(next_incoming(&mut transport).0, listener);
}
