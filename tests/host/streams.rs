//! A stream's ends: closed, half closed, dropped, reset, cut with its connection; and a reader that does not read.

use crate::support::hosts::{Pair, RAW, accept, both_ends, connect, log, round_trip, told};
use smol::future::poll_once;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use swarm_notify::connection::yamux::INITIAL_WINDOW;
use swarm_notify::host::{Config, Stream};
use swarm_notify::lifecycle::Side;

/// Everything to the end, or what was read before the error.
async fn read_all(stream: &mut Stream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all).await;
    (all, read.err().map(|error| error.kind()))
}

#[test]
fn a_closed_side_ends_and_the_other_goes_on() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_a = log(&mut pair.a);
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        ours.write_all(b"question").await.unwrap();
        ours.close().await.unwrap();
        ours.close().await.unwrap();
        assert_eq!(ours.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(read_all(&mut theirs).await, (b"question".to_vec(), None));
        // Long after the end has been read, the other direction is what it was.
        round_trip(&connection).await;
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0);
        theirs.write_all(b"answer").await.unwrap();
        theirs.close().await.unwrap();
        assert_eq!(read_all(&mut ours).await, (b"answer".to_vec(), None));
        told(&log_a, "closed_stream finished").await;
        // Over, and what is over stays so.
        assert_eq!(read_all(&mut ours).await, (Vec::new(), None));
        theirs.close().await.unwrap();
    });
}

#[test]
fn a_dropped_stream_is_reset_behind_what_had_arrived() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        ours.write_all(b"half a ").await.unwrap();
        round_trip(&connection).await;
        drop(ours);
        // The reset is told though nobody has read.
        assert_eq!(told(&log_b, "closed_stream reset").await, format!("closed_stream reset({})", Side::Local));
        assert_eq!(told(&log_a, "closed_stream reset").await, format!("closed_stream reset({})", Side::Remote));
        assert_eq!(read_all(&mut theirs).await, (b"half a ".to_vec(), Some(ErrorKind::ConnectionReset)));
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(theirs.write(b"?").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(theirs.flush().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(theirs.close().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_reset_wakes_a_reader_and_a_writer_that_wait() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let ours = connection.open_stream(&[RAW]).await.unwrap();
        let (mut reader, mut writer) = smol::io::split(inbound.recv().await.unwrap());
        let reading = async { reader.read(&mut [0; 8]).await.unwrap_err().kind() };
        let writing = async { writer.write_all(&vec![0; 1 << 20]).await.unwrap_err().kind() };
        let dropping = async {
            round_trip(&connection).await;
            drop(ours);
        };
        let (read, (written, ())) = smol::future::zip(reading, smol::future::zip(writing, dropping)).await;
        assert_eq!((read, written), (ErrorKind::ConnectionReset, ErrorKind::ConnectionReset));
    });
}

#[test]
fn a_stream_closed_before_it_was_dropped_is_sent_to_its_end() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = connection.open_stream(&[RAW]).await.unwrap();
        ours.write_all(&[7; 100_000]).await.unwrap();
        ours.close().await.unwrap();
        drop(ours);
        let mut theirs = inbound.recv().await.unwrap();
        assert_eq!(read_all(&mut theirs).await, (vec![7; 100_000], None));
        // What the other side still has to say is passed over; it is not told off for it.
        theirs.write_all(b"thanks").await.unwrap();
        theirs.close().await.unwrap();
        told(&log_a, "closed_stream finished").await;
        told(&log_b, "closed_stream finished").await;
    });
}

#[test]
fn what_arrived_before_the_connection_was_killed_is_read_first() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_a = log(&mut pair.a);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut cut = connection.open_stream(&[RAW]).await.unwrap();
        let mut read_cut = inbound.recv().await.unwrap();
        let mut whole = connection.open_stream(&[RAW]).await.unwrap();
        let mut read_whole = inbound.recv().await.unwrap();
        for stream in [&mut cut, &mut whole] {
            stream.write_all(&[7; 200_000]).await.unwrap();
        }
        whole.close().await.unwrap();
        round_trip(&connection).await;
        connection.abort().await;
        told(&log_a, "disconnected").await;
        let mut first = [0; 10];
        read_cut.read_exact(&mut first).await.unwrap();
        assert_eq!(read_all(&mut read_cut).await, (vec![7; 199_990], Some(ErrorKind::ConnectionAborted)));
        // All that this one had to say has come, its end too.
        assert_eq!(read_all(&mut read_whole).await, (vec![7; 200_000], None));
        assert_eq!(read_whole.write(b"?").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(read_all(&mut cut).await, (Vec::new(), Some(ErrorKind::ConnectionAborted)));
    });
}

#[test]
fn what_arrived_before_the_peer_was_killed_is_read_first() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_a = log(&mut pair.a);
    let mut theirs = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = connection.open_stream(&[RAW]).await.unwrap();
        ours.write_all(&[7; 50_000]).await.unwrap();
        round_trip(&connection).await;
        // It lives as long as its host.
        at_b.spawn(async move { drop((std::future::pending::<()>().await, ours)) }).unwrap();
        inbound.recv().await.unwrap()
    });
    let Pair { mut a, b, .. } = pair;
    drop(b);
    let read = async {
        told(&log_a, "disconnected").await;
        read_all(&mut theirs).await
    };
    let (all, error) = crate::support::hosts::wait(a.run_until(read));
    assert_eq!((all.len(), error.is_some()), (50_000, true), "{error:?}");
}

#[test]
fn a_reader_that_does_not_read_holds_the_writer_at_the_window() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    const ALL: usize = 1 << 20;
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        // Until nothing is taken any more though all has been sent that can be.
        let mut written = 0;
        let mut is_stuck = false;
        while !is_stuck {
            is_stuck = true;
            while let Some(n) = poll_once(ours.write(&[7; 10_000])).await {
                written += n.unwrap();
                is_stuck = false;
            }
            round_trip(&connection).await;
        }
        // The lines of the negotiation have come out of the same window.
        let negotiation = "\x13/multistream/1.0.0\n\x0b/raw/1.0.0\n".len();
        assert_eq!(written, INITIAL_WINDOW as usize - negotiation);
        // Reading lets it go on.
        let rest = vec![7; ALL - written];
        let writing = async {
            ours.write_all(&rest).await.unwrap();
            ours.close().await.unwrap();
        };
        let (read, ()) = smol::future::zip(read_all(&mut theirs), writing).await;
        assert_eq!(read, (vec![7; ALL], None));
    });
}

#[test]
fn a_stream_has_a_half_open_time_of_its_own() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = connection.open_stream(&[RAW]).await.unwrap();
        ours.set_half_open_timeout(Some(std::time::Duration::from_millis(20)));
        ours.close().await.unwrap();
        let theirs = inbound.recv().await.unwrap();
        assert_eq!(read_all(&mut ours).await, (Vec::new(), Some(ErrorKind::TimedOut)));
        ours.set_half_open_timeout(None);
        drop(theirs);
    });
}

#[test]
fn a_peer_that_lets_half_of_a_stream_hang_is_a_time_out() {
    let mut config = Config::default();
    config.swarm.connection.half_open_timeout = Some(std::time::Duration::from_millis(20));
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = connection.open_stream(&[RAW]).await.unwrap();
        ours.close().await.unwrap();
        let theirs = inbound.recv().await.unwrap();
        assert_eq!(read_all(&mut ours).await, (Vec::new(), Some(ErrorKind::TimedOut)));
        drop(theirs);
    });
}
