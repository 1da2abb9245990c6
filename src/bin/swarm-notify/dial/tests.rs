//! Tests of the limit on the number of streams that `dial` begins in one turn of the loop.

use super::*;
use crate::args::{Args, Command};
use crate::listen::{ECHO, Server};
use crate::report::LogForm;
use clap::Parser as _;
use libp2p_identity::Keypair;

/// No turn may take long, since the loop handles signals only between turns.
#[test]
fn a_turn_begins_a_bounded_number_of_streams() {
    const STREAMS: u64 = 5_000;
    const MOST: u64 = 1_024;
    let node = |config| Node::new(&Keypair::generate_ed25519(), config, Reporter::new(LogForm::Json, true)).unwrap();
    let mut config = Config::default();
    config.limits.streams_per_connection = STREAMS as u32;
    config.limits.streams = STREAMS as u32;
    let (mut peer, mut node) = (node(config.clone()), node(config));
    peer.world.swarm.register_protocol(ECHO);
    peer.notifees.register(Server::new(usize::MAX));
    let listener = peer.world.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = loop {
        peer.turn();
        if let Some(address) = peer.world.swarm.listener(listener).unwrap().addresses.first() {
            break address.to_string();
        }
    };
    let streams = STREAMS.to_string();
    let args = ["swarm-notify", "dial", &address, "--bytes", "0", "--streams", &streams, "--concurrency", &streams];
    let Command::Dial(args) = Args::try_parse_from(args).unwrap().command else { panic!("it is a dial") };
    let connection = node.world.swarm.dial(args.address.clone()).unwrap();
    let caller = node.notifees.register(DialRun::new(args, connection, 7));
    let mut turns = 0;
    loop {
        let before = node.notifees.get::<DialRun>(caller).unwrap().tally.begun;
        let happened = node.turn() | peer.turn();
        let tally = &node.notifees.get::<DialRun>(caller).unwrap().tally;
        assert!(tally.begun - before <= MOST, "{} in one turn", tally.begun - before);
        turns += u32::from(tally.begun > before);
        if tally.begun == STREAMS {
            break;
        }
        if !happened {
            node.sleep(Some(Duration::from_millis(1))).unwrap();
            peer.sleep(Some(Duration::from_millis(1))).unwrap();
        }
    }
    assert!(u64::from(turns) >= STREAMS.div_ceil(MOST), "{turns}");
}
