//! Tests of identity keys for which anybody can make signatures, used against an honest node and against a listener on a
//! socket.

use super::*;
use crate::connection::weak_keys::{
    MIXED, MIXED_SIGNATURE, SMALL_ORDER, bytes, not_canonical, on_the_wire, small_order, universal,
};
use alloc::format;

/// Encodes a payload that contains this key and this signature.
fn payload(identity_key: Vec<u8>, identity_sig: &[u8]) -> Vec<u8> {
    HandshakePayload { identity_key, identity_sig: identity_sig.to_vec(), extensions: None }.encode_to_vec()
}

#[test]
fn a_key_of_small_order_authenticates_nobody() {
    for key in small_order().into_iter().chain((0..19).flat_map(not_canonical)) {
        let judged = judge(payload(on_the_wire(&key), &universal()));
        // Some of these byte strings do not encode a point, so they are not keys.
        assert!(matches!(judged, Err(Error::RefusedKey | Error::BadPayload)), "{key:x?}: {judged:?}");
    }
    assert_eq!(judge(payload(on_the_wire(&bytes(SMALL_ORDER[0])), &universal())), Err(Error::RefusedKey));
}

#[test]
fn a_signature_with_an_r_of_small_order_authenticates_nobody() {
    let mixed = on_the_wire(&bytes(MIXED));
    assert_eq!(judge(payload(mixed, &bytes::<64>(MIXED_SIGNATURE))), Err(Error::BadSignature));
}

#[cfg(feature = "rsa")]
#[test]
fn an_rsa_key_out_of_bounds_authenticates_nobody() {
    let key =
        Keypair::rsa_from_pkcs8(&mut include_bytes!("../../../../../tests/support/rsa-2048.pk8").clone()).unwrap();
    let honest = payload_of(&node(&key, 9));
    assert!(judge(honest.encode_to_vec()).is_ok());
    // The exponent is the last number of the key, and the key is the last part of its encoding.
    let mut identity_key = honest.identity_key;
    let last = identity_key.len() - 1;
    assert_eq!(identity_key[last - 2..], [1, 0, 1]);
    identity_key[last] = 3;
    assert_eq!(judge(payload(identity_key, &honest.identity_sig)), Err(Error::RefusedKey));
}

/// Runs the attack against a listener on a TCP socket: anybody can authenticate as the peer whose key is the neutral element
/// of the curve. The listener is a program as a user of this crate would write it.
#[cfg(feature = "tcp")]
#[test]
fn a_listener_on_a_socket_refuses_the_key_of_everybody() {
    use crate::lifecycle::Event;
    use crate::swarm::{Config as SwarmConfig, Refusal};
    use crate::tcp;
    use core::time::Duration;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::Instant;

    const NOISE: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";

    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm: tcp::Swarm =
        tcp::Swarm::with_reactor(reactor, transport, &identity(1), [1; 32], SwarmConfig::default()).unwrap();
    let listener = swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    swarm.tick(Duration::ZERO);
    let address = format!("{}", swarm.listener(listener).unwrap().addresses[0]);
    let port: u16 = address.rsplit('/').next().unwrap().parse().unwrap();

    let attacks = |config: Config| {
        std::thread::spawn(move || {
            let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).unwrap();
            let mut said = NOISE.to_vec();
            handshake.transmit(&mut said).unwrap();
            socket.write_all(&said).unwrap();
            let (mut heard, mut buffer) = (Vec::new(), [0; 1024]);
            while !handshake.is_authenticated() {
                let n = socket.read(&mut buffer).unwrap();
                assert_ne!(n, 0, "the listener answers");
                heard.extend_from_slice(&buffer[..n]);
                if let Some(message) = heard.get(NOISE.len()..) {
                    handshake.receive(message).unwrap();
                }
            }
            said.clear();
            handshake.transmit(&mut said).unwrap();
            socket.write_all(&said).unwrap();
            // The rest is up to the listener: it closes the socket, or goes on.
            socket
        })
    };
    let start = Instant::now();
    let mut goes_on_until = |is_over: &mut dyn FnMut(&mut tcp::Swarm) -> bool| {
        while !is_over(&mut swarm) {
            assert!(start.elapsed() < Duration::from_secs(60), "it hangs");
            swarm.wait(start.elapsed(), Some(Duration::from_secs(1))).unwrap();
            swarm.tick(start.elapsed());
        }
    };
    let mut connected = Vec::new();
    for (at, key) in small_order().into_iter().enumerate() {
        let attacker = attacks(forger(payload(on_the_wire(&key), &universal())));
        goes_on_until(&mut |swarm| {
            connected.extend(
                core::iter::from_fn(|| swarm.next_event()).filter(|event| matches!(event, Event::Connected { .. })),
            );
            swarm.refused(Refusal::HandshakeFailed) == at as u64 + 1 || !connected.is_empty()
        });
        assert_eq!(connected, []);
        assert_eq!(attacker.join().unwrap().read(&mut [0; 64]).unwrap_or(0), 0, "nothing more is said");
    }
    // After these attacks, an honest peer can still connect.
    let honest = attacks(honest(9));
    goes_on_until(&mut |swarm| {
        connected.extend(
            core::iter::from_fn(|| swarm.next_event()).filter(|event| matches!(event, Event::Connected { .. })),
        );
        !connected.is_empty()
    });
    drop(honest.join().unwrap());
}
