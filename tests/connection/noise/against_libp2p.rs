//! Both roles against `libp2p-noise`, its futures polled by hand, the bytes between cut at random places.

use super::{YAMUX, identity};
use crate::support::identities::identities;
use crate::support::pipe::{Pipe, Random, poll};
use futures::io::{AsyncReadExt, AsyncWriteExt};
use libp2p_core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use libp2p_identity::{Keypair, PeerId};
use std::task::Poll;
use swarm_notify::connection::Role;
use swarm_notify::connection::noise::{Config, Error, Handshake, MAX_PLAINTEXT, Opened, RemoteIdentity, Transport};

type Theirs = libp2p_noise::Output<Pipe>;

/// A handshake of ours with one of theirs, and what each has of it in the end. `keys`: ours, theirs.
fn shake(role: Role, keys: [&Keypair; 2], expected: Option<PeerId>, random: &mut Random) -> Result<Shaken, Error> {
    let config = Config::new(keys[0], [101; 32], &[YAMUX]).unwrap();
    let mut ours = Handshake::new(&config, role, [7; 32], expected).unwrap();
    let pipe = Pipe::default();
    let upgrade = libp2p_noise::Config::new(keys[1]).unwrap();
    let mut future = match role {
        Role::Dialer => upgrade.upgrade_inbound(pipe.clone(), "/noise"),
        Role::Listener => upgrade.upgrade_outbound(pipe.clone(), "/noise"),
    };
    let (mut to_them, mut from_them, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let mut theirs = None;
    while !(ours.is_finished() && theirs.is_some()) {
        ours.transmit(&mut to_them)?;
        pipe.give(&random.cut(&mut to_them));
        if theirs.is_none()
            && let Poll::Ready(done) = poll(&mut future)
        {
            theirs = Some(done.unwrap());
        }
        from_them.append(&mut pipe.written());
        unread.append(&mut random.cut(&mut from_them));
        let (consumed, _) = ours.receive(&unread)?;
        unread.drain(..consumed);
    }
    unread.append(&mut from_them);
    assert_eq!(unread, b"", "nothing was sent yet");
    let (transport, remote) = ours.finish()?;
    let (peer, theirs) = theirs.unwrap();
    Ok(Shaken { transport, remote, theirs, peer, pipe })
}

struct Shaken {
    transport: Transport,
    remote: RemoteIdentity,
    theirs: Theirs,
    peer: PeerId,
    pipe: Pipe,
}

/// Runs one of their futures that our side has given all it needs.
fn now<T>(future: impl Future<Output = std::io::Result<T>>) -> T {
    match poll(&mut Box::pin(future)) {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("it waits for bytes that were given"),
    }
}

fn talk(role: Role) {
    for seed in 0..8 {
        let mut random = Random(seed);
        let keys = [&identity(1), &identity(2)];
        let shaken = shake(role, keys, Some(identity(2).public().to_peer_id()), &mut random).unwrap();
        let Shaken { mut transport, remote, mut theirs, peer, pipe } = shaken;
        assert_eq!(remote.peer, identity(2).public().to_peer_id());
        assert_eq!(remote.muxer, None, "libp2p-noise sends no list");
        assert_eq!(peer, identity(1).public().to_peer_id());

        // Ours to them, the longest message among them.
        for len in [1, random.below(1_000) + 1, MAX_PLAINTEXT, MAX_PLAINTEXT + 1, 150_000] {
            let sent = random.bytes(len);
            let mut wire = Vec::new();
            transport.seal(&sent, &mut wire).unwrap();
            while !wire.is_empty() {
                pipe.give(&random.cut(&mut wire));
            }
            let mut got = vec![0; len];
            now(theirs.read_exact(&mut got));
            assert!(got == sent, "{len} bytes arrive");
        }

        // Theirs to us.
        let sent = random.bytes(150_000);
        now(theirs.write_all(&sent));
        now(theirs.flush());
        let (mut wire, mut unread, mut got) = (pipe.written(), Vec::new(), Vec::new());
        let mut plain = vec![0; MAX_PLAINTEXT];
        while !wire.is_empty() {
            unread.append(&mut random.cut(&mut wire));
            while let Opened::Message { consumed, len } = transport.open(&unread, &mut plain).unwrap() {
                got.extend_from_slice(&plain[..len]);
                unread.drain(..consumed);
            }
        }
        assert!(got == sent && unread.is_empty());
    }
}

#[test]
fn our_dialer_talks_with_their_listener() {
    talk(Role::Dialer);
}

#[test]
fn our_listener_talks_with_their_dialer() {
    talk(Role::Listener);
}

#[test]
fn they_are_not_taken_for_somebody_else() {
    for role in [Role::Dialer, Role::Listener] {
        let keys = [&identity(1), &identity(2)];
        let error = shake(role, keys, Some(identity(3).public().to_peer_id()), &mut Random(1)).err();
        assert_eq!(error, Some(Error::WrongPeer));
    }
}

#[test]
fn keys_of_every_type_prove_themselves_in_both_roles() {
    for role in [Role::Dialer, Role::Listener] {
        for (ours, our_peer) in identities() {
            for (theirs, their_peer) in identities() {
                let shaken = shake(role, [&ours, &theirs], Some(their_peer), &mut Random(1)).unwrap();
                assert_eq!((shaken.remote.peer, shaken.peer), (their_peer, our_peer));
                assert_eq!(shaken.remote.public_key, theirs.public());
            }
        }
    }
}
