//! What has arrived on streams that were cut, and waits for handlers that have not begun to read, is bounded.

use crate::support::hosts::{IP4, RAW, host, log, round_trip, told, wait};
use smol::channel::{Receiver, Sender, unbounded};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use swarm_notify::host::{Config, Connection, Handle, Stream};
use swarm_notify::identity::PeerId;

const KIB: usize = 1_024;

/// What a handler has read: of whom, how many bytes, and its error.
type Heard = (PeerId, usize, Option<ErrorKind>);

/// Has handlers read all once something is sent for each.
fn read_late(handle: &Handle) -> (Sender<()>, Receiver<Heard>) {
    let ((go, may_go), (heard, hears)) = (unbounded(), unbounded());
    handle.set_handler(RAW, async move |mut stream: Stream| {
        may_go.recv().await.unwrap();
        let mut all = Vec::new();
        let error = stream.read_to_end(&mut all).await.err().map(|error| error.kind());
        heard.send((stream.peer(), all.len(), error)).await.unwrap();
    });
    (go, hears)
}

/// Writes so much on a new stream; its drop resets it.
async fn written(connection: &Connection, bytes: usize) -> Stream {
    let mut stream = connection.open_stream(&[RAW]).await.unwrap();
    stream.write_all(&vec![7; bytes]).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

#[test]
fn bytes_of_reset_streams_are_bounded_by_peer_and_in_all() {
    let mut config = Config::default();
    config.unread_bytes = 1_024 * KIB;
    config.unread_bytes_per_peer = 768 * KIB;
    let (mut a, mut b, mut c) = (host(1, config), host(2, Config::default()), host(3, Config::default()));
    let log_a = log(&mut a);
    let (at_a, at_b, at_c) = (a.handle(), b.handle(), c.handle());
    let (go, hears) = read_late(&at_a);
    let heard: Vec<Heard> = wait(a.run_until(b.run_until(c.run_until(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();
        let modest = at_c.dial(address.clone()).await.unwrap();
        for _ in 0..4 {
            drop(written(&modest, 100 * KIB).await);
            told(&log_a, "closed_stream").await;
        }
        let greedy = at_b.dial(address).await.unwrap();
        for _ in 0..40 {
            drop(written(&greedy, 100 * KIB).await);
            told(&log_a, "closed_stream").await;
        }
        let mut heard = Vec::new();
        for _ in 0..44 {
            go.send(()).await.unwrap();
            heard.push(hears.recv().await.unwrap());
        }
        heard
    }))));
    let (modest, greedy) = (at_c.local_peer(), at_b.local_peer());
    let of = |peer| heard.iter().filter(move |heard| heard.0 == peer);
    assert!(of(modest).all(|(_, bytes, _)| *bytes == 100 * KIB), "who has little keeps it: {heard:?}");
    let kept = of(greedy).map(|(_, bytes, _)| bytes).sum::<usize>();
    assert!((400 * KIB..=624 * KIB).contains(&kept), "{kept}");
    assert!(heard.iter().all(|(_, _, error)| *error == Some(ErrorKind::ConnectionReset)), "{heard:?}");
}

#[test]
fn what_is_not_kept_of_a_finished_stream_is_an_error_and_no_end() {
    for (most, expected) in [(0, (0, Some(ErrorKind::ConnectionAborted))), (1_024 * KIB, (100 * KIB, None))] {
        let mut config = Config::default();
        config.unread_bytes = most;
        let (mut a, mut b) = (host(1, config), host(2, Config::default()));
        let log_a = log(&mut a);
        let (at_a, at_b) = (a.handle(), b.handle());
        let (go, hears) = read_late(&at_a);
        let (_, bytes, error) = wait(a.run_until(b.run_until(async {
            let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
            let connection = at_b.dial(listener.addresses()[0].clone()).await.unwrap();
            let mut stream = written(&connection, 100 * KIB).await;
            stream.close().await.unwrap();
            // The end has arrived, too, then.
            round_trip(&connection).await;
            connection.abort().await;
            told(&log_a, "disconnected").await;
            go.send(()).await.unwrap();
            hears.recv().await.unwrap()
        })));
        assert_eq!((bytes, error), expected);
    }
}
