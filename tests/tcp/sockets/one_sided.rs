//! Only the opener of a stream closes it: what each end is told, in order and with which reasons, when the connection
//! ends then, and when it does not.

use crate::support::net::{IP4, Node, Reading, both, both_told, connect, open, shut_down};
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::swarm::Config;

/// The opener's way to close its stream.
#[derive(Clone, Copy, Debug)]
enum Closing {
    Finish,
    Close,
}

/// Which end of the connection ends it, and how.
#[derive(Clone, Copy, Debug)]
enum End {
    OpenerCloses,
    OtherCloses,
    OpenerAborts,
    OtherAborts,
}

impl End {
    /// The reasons of the connection's end at the opener and at the other end.
    const fn reasons(self) -> [&'static str; 2] {
        match self {
            Self::OpenerCloses => ["requested", "remote(go_away(0))"],
            Self::OtherCloses => ["remote(go_away(0))", "requested"],
            Self::OpenerAborts => ["requested", "remote(eof)"],
            Self::OtherAborts => ["remote(eof)", "requested"],
        }
    }
}

impl Closing {
    fn close(self, opener: &mut Node, stream: StreamId) {
        match self {
            Self::Finish => opener.swarm.finish(stream).unwrap(),
            Self::Close => opener.swarm.close_stream(stream).unwrap(),
        }
    }
}

fn pair(of_opener: Config) -> (Node, Node) {
    (Node::new(1, Config::default()), Node::new(2, of_opener))
}

#[test]
fn a_stream_closed_only_by_its_opener_ends_with_its_connection() {
    for closing in [Closing::Finish, Closing::Close] {
        for end in [End::OpenerCloses, End::OtherCloses, End::OpenerAborts, End::OtherAborts] {
            for reading in [Reading::Keep, Reading::Leave] {
                println!("{closing:?}, {end:?}, {reading:?}");
                let (mut a, mut b) = pair(Config::default());
                a.reading = reading;
                let connections = connect(&mut a, &mut b, IP4);
                let (at_a, at_b) = open(&mut a, &mut b, connections);
                closing.close(&mut b, at_b);
                // The other end knows, and does not close its side.
                both(&mut a, &mut b, |a, _| match reading {
                    Reading::Keep => a.ended.contains(&at_a),
                    Reading::Leave | Reading::Echo => a.swarm.stream(at_a).unwrap().is_remote_finished,
                });
                assert_eq!((a.log.len(), b.log.len()), (3, 2), "nothing has ended");
                match end {
                    End::OpenerCloses => b.swarm.close_connection(connections.1).unwrap(),
                    End::OtherCloses => a.swarm.close_connection(connections.0).unwrap(),
                    End::OpenerAborts => b.swarm.abort_connection(connections.1).unwrap(),
                    End::OtherAborts => a.swarm.abort_connection(connections.0).unwrap(),
                }
                both_told(&mut a, &mut b, 5, 4);
                shut_down(&mut a, &mut b);
                let [at_opener, at_other] = end.reasons().map(|reason| format!("disconnected c0.1 {reason}"));
                a.assert_log([
                    "listen l0.1",
                    "connected c0.1 inbound",
                    "opened_stream s0.1 inbound /echo/1.0.0",
                    "closed_stream s0.1 connection_closed",
                    &at_other,
                    "listen_close l0.1 shutdown",
                ]);
                b.assert_log([
                    "connected c0.1 outbound",
                    "opened_stream s0.1 outbound /echo/1.0.0",
                    "closed_stream s0.1 connection_closed",
                    &at_opener,
                ]);
            }
        }
    }
}

#[test]
fn a_stream_closed_only_by_its_opener_times_out_alone() {
    for closing in [Closing::Finish, Closing::Close] {
        let mut config = Config::default();
        config.connection.half_open_timeout = Some(config.connection.close_timeout);
        let time = config.connection.close_timeout;
        let (mut a, mut b) = pair(config);
        let connections = connect(&mut a, &mut b, IP4);
        let (at_a, at_b) = open(&mut a, &mut b, connections);
        closing.close(&mut b, at_b);
        both(&mut a, &mut b, |a, _| a.ended.contains(&at_a));
        b.skip(time - Duration::from_secs(1));
        // Something comes and goes beside it, and its own time runs on.
        let (other_a, other_b) = open(&mut a, &mut b, connections);
        b.swarm.reset(other_b).unwrap();
        both_told(&mut a, &mut b, 5, 4);
        b.skip(Duration::from_secs(1));
        both_told(&mut a, &mut b, 6, 5);
        shut_down(&mut a, &mut b);
        a.assert_log([
            "listen l0.1",
            "connected c0.1 inbound",
            "opened_stream s0.1 inbound /echo/1.0.0",
            &format!("opened_stream {other_a} inbound /echo/1.0.0"),
            &format!("closed_stream {other_a} reset(remote)"),
            "closed_stream s0.1 reset(remote)",
            "disconnected c0.1 remote(go_away(0))",
            "listen_close l0.1 shutdown",
        ]);
        b.assert_log([
            "connected c0.1 outbound",
            "opened_stream s0.1 outbound /echo/1.0.0",
            &format!("opened_stream {other_b} outbound /echo/1.0.0"),
            &format!("closed_stream {other_b} reset(local)"),
            "closed_stream s0.1 timeout",
            "disconnected c0.1 shutdown",
        ]);
    }
}
