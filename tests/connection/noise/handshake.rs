//! Handshakes between two of ours.

use super::{YAMUX, config, identity, pair, shake};
use swarm_notify::connection::Role;
use swarm_notify::connection::noise::{Config, Error, Handshake};

#[test]
fn each_side_learns_who_the_other_is() {
    let (alice, bob) = (config(1, &[YAMUX]), config(2, &[YAMUX]));
    let [(_, listener), (_, dialer)] = shake(pair(&alice, &bob));
    assert_eq!(listener.peer, identity(2).public().to_peer_id());
    assert_eq!(listener.public_key, identity(2).public());
    assert_eq!(dialer.peer, identity(1).public().to_peer_id());
    assert_eq!(dialer.public_key, identity(1).public());
    assert_eq!(alice.peer(), dialer.peer);
}

#[test]
fn turns_and_knowledge_advance_message_by_message() {
    let (alice, bob) = (config(1, &[YAMUX]), config(2, &[YAMUX]));
    let (mut dialer, mut listener) = pair(&alice, &bob);
    let state = |handshake: &Handshake| {
        assert_eq!(handshake.remote().is_some(), handshake.is_authenticated());
        (handshake.is_our_turn(), handshake.is_authenticated(), handshake.is_finished())
    };
    let (ours, nothing) = ((true, false, false), (false, false, false));
    let mut wire = Vec::new();

    assert_eq!((state(&dialer), state(&listener)), (ours, nothing));
    assert_eq!(listener.transmit(&mut wire), Ok(false), "the dialer begins");
    assert_eq!(dialer.receive(b"early"), Ok((0, false)), "nothing is read out of turn");
    assert_eq!(dialer.transmit(&mut wire), Ok(true));
    assert_eq!(dialer.transmit(&mut wire), Ok(false), "once");
    assert_eq!(state(&dialer), nothing);
    assert_eq!(listener.receive(&wire), Ok((wire.len(), true)));
    assert_eq!(state(&listener), ours);

    wire.clear();
    assert_eq!(listener.transmit(&mut wire), Ok(true));
    assert_eq!(dialer.receive(&wire), Ok((wire.len(), true)));
    assert_eq!(state(&dialer), (true, true, false), "the dialer knows whom it talks to before it says who it is");
    assert_eq!(state(&listener), nothing);

    wire.clear();
    assert_eq!(dialer.transmit(&mut wire), Ok(true));
    assert_eq!(state(&dialer), (false, true, true));
    assert_eq!(dialer.transmit(&mut wire), Ok(false), "nothing more to say");
    wire.extend(b"data");
    assert_eq!(listener.receive(&wire), Ok((wire.len() - 4, true)), "what follows is for the transport");
    assert_eq!(listener.receive(b"data"), Ok((0, false)));
    assert_eq!(state(&listener), (false, true, true));
}

#[test]
fn a_handshake_cannot_be_finished_before_its_end() {
    let (alice, bob) = (config(1, &[]), config(2, &[]));
    let (mut dialer, mut listener) = pair(&alice, &bob);
    let mut wire = Vec::new();
    dialer.transmit(&mut wire).unwrap();
    listener.receive(&wire).unwrap();
    wire.clear();
    listener.transmit(&mut wire).unwrap();
    dialer.receive(&wire).unwrap();
    assert_eq!(dialer.finish().unwrap_err(), Error::NotFinished, "authenticated, but with a message to write");
    assert_eq!(listener.finish().unwrap_err(), Error::NotFinished);
}

#[test]
fn messages_may_be_cut_at_any_byte() {
    let (alice, bob) = (config(1, &[YAMUX]), config(2, &[YAMUX]));
    let (mut dialer, mut listener) = pair(&alice, &bob);
    for number in 0..3 {
        let (sender, receiver) = if number == 1 { (&mut listener, &mut dialer) } else { (&mut dialer, &mut listener) };
        let mut wire = vec![];
        sender.transmit(&mut wire).unwrap();
        for cut in 0..wire.len() {
            assert_eq!(receiver.receive(&wire[..cut]), Ok((0, false)), "message {number} cut at {cut}");
        }
        assert_eq!(receiver.receive(&wire), Ok((wire.len(), true)));
    }
    assert!(dialer.is_finished() && listener.is_finished());
}

#[test]
fn messages_are_appended_behind_what_is_there() {
    let config = config(1, &[]);
    let (mut dialer, mut listener) = pair(&config, &config);
    let mut out = b"before".to_vec();
    dialer.transmit(&mut out).unwrap();
    assert_eq!(&out[..6], b"before");
    assert_eq!(listener.receive(&out[6..]), Ok((34, true)));
}

#[test]
fn a_dialer_accepts_only_whom_it_dialed() {
    let (alice, bob, eve) = (config(1, &[]), config(2, &[]), config(3, &[]));
    for (listener, expected) in [(&bob, None), (&eve, Some(Error::WrongPeer))] {
        let mut dialer = Handshake::new(&alice, Role::Dialer, [7; 32], Some(bob.peer())).unwrap();
        let mut listener = Handshake::new(listener, Role::Listener, [8; 32], None).unwrap();
        let mut wire = Vec::new();
        dialer.transmit(&mut wire).unwrap();
        listener.receive(&wire).unwrap();
        wire.clear();
        listener.transmit(&mut wire).unwrap();
        assert_eq!(dialer.wrong_peer(), None);
        assert_eq!(dialer.receive(&wire).err(), expected);
        wire.clear();
        assert_eq!(dialer.transmit(&mut wire).err(), expected);
        assert_eq!(dialer.wrong_peer(), expected.map(|_| eve.peer()), "who has answered instead");
        assert_eq!(dialer.is_authenticated(), expected.is_none());
        assert_eq!(wire.is_empty(), expected.is_some(), "a stranger does not learn who we are");
    }
}

#[test]
fn a_listener_accepts_only_whom_it_expects() {
    let (alice, bob) = (config(1, &[]), config(2, &[]));
    for (expected, error) in [(alice.peer(), None), (bob.peer(), Some(Error::WrongPeer))] {
        let mut dialer = Handshake::new(&alice, Role::Dialer, [7; 32], None).unwrap();
        let mut listener = Handshake::new(&bob, Role::Listener, [8; 32], Some(expected)).unwrap();
        let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
        dialer.transmit(&mut first).unwrap();
        listener.receive(&first).unwrap();
        listener.transmit(&mut second).unwrap();
        dialer.receive(&second).unwrap();
        dialer.transmit(&mut third).unwrap();
        assert_eq!(listener.receive(&third).err(), error);
        assert_eq!(listener.is_finished(), error.is_none());
        assert_eq!(listener.wrong_peer(), error.map(|_| alice.peer()));
    }
}

#[test]
fn the_muxer_is_settled_where_both_sides_offer_it() {
    let cases: [(&[&str], &[&str], Option<&str>); 4] =
        [(&[YAMUX], &[YAMUX], Some(YAMUX)), (&[YAMUX], &[], None), (&[], &[YAMUX], None), (&[], &[], None)];
    for (dialer, listener, expected) in cases {
        for (_, remote) in shake(pair(&config(1, dialer), &config(2, listener))) {
            assert_eq!(remote.muxer.as_deref(), expected, "{dialer:?} with {listener:?}");
        }
    }
}

#[test]
fn a_muxer_that_is_not_spoken_cannot_be_offered() {
    for muxers in [&["/mplex/6.7.0"][..], &[YAMUX, "/mplex/6.7.0"], &["/yamux/1.0.1"], &["yamux"], &[""]] {
        let refused = Config::new(&identity(1), [2; 32], muxers).unwrap_err();
        assert_eq!(refused, Error::UnknownMuxer, "{muxers:?}");
    }
    assert!(Config::new(&identity(1), [2; 32], &[YAMUX, YAMUX]).is_ok(), "said twice it is the same");
}

#[test]
fn the_same_seeds_give_the_same_bytes() {
    let log = |ephemeral: u8, static_seed: u8| {
        let alice = Config::new(&identity(1), [static_seed; 32], &[YAMUX]).unwrap();
        let bob = config(2, &[YAMUX]);
        let mut dialer = Handshake::new(&alice, Role::Dialer, [ephemeral; 32], None).unwrap();
        let mut listener = Handshake::new(&bob, Role::Listener, [8; 32], None).unwrap();
        let mut log = Vec::new();
        for number in 0..3 {
            let (sender, receiver) =
                if number == 1 { (&mut listener, &mut dialer) } else { (&mut dialer, &mut listener) };
            let start = log.len();
            sender.transmit(&mut log).unwrap();
            receiver.receive(&log[start..]).unwrap();
        }
        for mut transport in [dialer.finish().unwrap().0, listener.finish().unwrap().0] {
            transport.seal(b"replayed", &mut log).unwrap();
        }
        log
    };
    assert_eq!(log(7, 3), log(7, 3));
    assert_ne!(log(7, 3), log(6, 3));
    assert_ne!(log(7, 3), log(7, 4));
}

#[test]
fn secrets_are_not_shown() {
    let config = config(1, &[YAMUX]);
    let (dialer, _) = pair(&config, &config);
    let [(transport, _), _] = shake(pair(&config, &config));
    for shown in [format!("{config:?}"), format!("{dialer:?}"), format!("{transport:?}")] {
        assert!(!shown.contains("101, 101") && !shown.contains("7, 7") && shown.len() < 200, "{shown}");
    }
}
