//! Signed records: by themselves, against libp2p-core's in both of its formats, and what the service makes of them.

use crate::identify::hostile::says;
use crate::identify::{identify, known, secs, told};
use crate::support::services::{Both, keypair, read};
use crate::support::sim::{A, B, Shape, everywhere};
use crate::support::weak_keys;
use libp2p_identity::Keypair;
use swarm_notify::protocols::identify::{Config, Identify, Info, MAX_ADDRESSES, PROTOCOL, PeerRecord, decode, encode};
use swarm_notify::swarm::Multiaddr;

everywhere! {
    a_record_is_sent_and_its_number_grows_with_each_change,
    what_the_peer_has_signed_is_where_it_listens,
    a_record_of_somebody_else_is_dropped,
    a_message_that_is_too_long_with_its_record_arrives_in_two,
}

fn tcp(port: u16) -> Multiaddr {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
}

#[test]
fn a_record_is_what_was_signed_and_nothing_else() {
    let record = PeerRecord::sign(&keypair(A), 7, &[tcp(1), tcp(2)]).unwrap();
    assert_eq!(PeerRecord::verify(record.envelope()), Some(record.clone()));
    assert_eq!((record.peer(), record.sequence()), (keypair(A).public().to_peer_id(), 7));
    assert_eq!(record.addresses(), [tcp(1), tcp(2)]);
    for at in 0..record.envelope().len() {
        let mut bent = record.envelope().to_vec();
        bent[at] ^= 1;
        assert_eq!(PeerRecord::verify(&bent), None, "byte {at}");
    }
}

/// Both are signed as they should be, by openssl. A signature with the exponent 2^33 - 1 takes almost four times as long to
/// verify as any that is in use.
#[cfg(feature = "rsa")]
#[test]
#[allow(clippy::disallowed_methods, reason = "it shows what others do")]
fn a_record_of_an_rsa_key_with_another_exponent_is_none() {
    let (three, large) = (
        &include_bytes!("../../support/rsa-exponent-3.record")[..],
        &include_bytes!("../../support/rsa-exponent-large.record")[..],
    );
    for record in [three, large] {
        let core = libp2p_core::SignedEnvelope::from_protobuf_encoding(record).unwrap();
        assert!(core.payload_and_signing_key("libp2p-peer-record".into(), &[3, 1]).is_ok(), "the signature is right");
        assert_eq!(PeerRecord::verify(record), None);
    }
    let key = include_bytes!("../../support/rsa-2048.pk8");
    let honest = PeerRecord::sign(&Keypair::rsa_from_pkcs8(&mut key.clone()).unwrap(), 7, &[tcp(1)]).unwrap();
    assert_eq!(PeerRecord::verify(honest.envelope()), Some(honest));
}

/// A record that everybody can make: its key is of small order.
#[test]
#[allow(clippy::disallowed_methods, reason = "it shows what others do")]
fn a_record_by_a_key_of_small_order_is_none() {
    for weak in weak_keys::small_order() {
        let payload =
            [field(1, &weak_keys::peer_id(&weak)), vec![16, 7], field(3, &field(1, &tcp(1).to_vec()))].concat();
        let envelope = [
            field(1, &weak_keys::on_the_wire(&weak)),
            field(2, &[3, 1]),
            field(3, &payload),
            field(5, &weak_keys::universal()),
        ];
        let envelope = envelope.concat();
        assert_eq!(PeerRecord::verify(&envelope), None, "{weak:x?}");
        let core = libp2p_core::SignedEnvelope::from_protobuf_encoding(&envelope).unwrap();
        let is_taken = core.payload_and_signing_key("libp2p-peer-record".into(), &[3, 1]).is_ok();
        assert!(
            is_taken || weak != weak_keys::bytes(weak_keys::SMALL_ORDER[0]),
            "libp2p-core takes the neutral element"
        );
    }
}

#[test]
fn records_are_understood_both_ways_by_libp2p_core() {
    let ours = PeerRecord::sign(&keypair(A), 7, &[tcp(1)]).unwrap();
    let envelope = libp2p_core::SignedEnvelope::from_protobuf_encoding(ours.envelope()).unwrap();
    let theirs = libp2p_core::PeerRecord::from_signed_envelope_interop(envelope).unwrap();
    assert_eq!((theirs.peer_id(), theirs.seq(), theirs.addresses()), (ours.peer(), 7, ours.addresses()));
    for make in [libp2p_core::PeerRecord::new, libp2p_core::PeerRecord::new_interop] {
        let theirs = make(&keypair(B), vec![tcp(2)]).unwrap();
        let ours = PeerRecord::verify(&theirs.to_signed_envelope().into_protobuf_encoding()).unwrap();
        assert_eq!(
            (ours.peer(), ours.sequence(), ours.addresses()),
            (theirs.peer_id(), theirs.seq(), theirs.addresses())
        );
    }
}

#[test]
fn a_record_has_as_many_addresses_as_the_bound_says() {
    let addresses: Vec<_> = (0..MAX_ADDRESSES as u16 + 1).map(tcp).collect();
    let record = PeerRecord::sign(&keypair(A), 7, &addresses).unwrap();
    assert_eq!(record.addresses(), &addresses[..MAX_ADDRESSES]);
    let long = libp2p_core::PeerRecord::new(&keypair(A), addresses.clone()).unwrap();
    let long = PeerRecord::verify(&long.into_signed_envelope().into_protobuf_encoding()).unwrap();
    assert_eq!(long.addresses(), &addresses[..MAX_ADDRESSES]);
}

/// A field of bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

#[test]
fn the_last_occurrence_of_an_envelopes_field_counts() {
    let record = PeerRecord::sign(&keypair(A), 7, &[tcp(1)]).unwrap();
    let good = record.envelope();
    let [key, other] = [A, B].map(|name| keypair(name).public().encode_protobuf());
    let (key_type, data) = key.split_at(2);
    let key_at = good.windows(key.len()).position(|bytes| bytes == key).expect("it is in there");
    assert_eq!(key_at, 2, "the key is the first field");
    let rest = &good[key_at + key.len()..];
    let before = [field(1, &other), field(2, b"type"), field(3, b"payload"), field(5, b"signature")].concat();
    for (envelope, is_good) in [
        ([&before[..], good].concat(), true),
        ([good, &before].concat(), false),
        ([good, &field(5, &[])].concat(), false),
        // The key is a message, and put together of its parts.
        ([&field(1, key_type), rest, &field(1, data)].concat(), true),
        ([&field(1, data)[..], &field(1, key_type), rest].concat(), true),
        ([good, &field(1, &[])].concat(), true),
        ([good, &field(1, &other[2..])].concat(), false),
        ([&field(1, data), rest].concat(), false),
        // Other fields, a group among them.
        ([good, &field(4, b"x"), &[0x33, 0x08, 1, 0x34]].concat(), true),
    ] {
        let verified = PeerRecord::verify(&envelope);
        assert_eq!(verified.is_some(), is_good, "{envelope:x?}");
        if let Some(verified) = verified {
            assert_eq!(
                (verified.peer(), verified.sequence(), verified.addresses()),
                (record.peer(), 7, record.addresses())
            );
            assert_eq!(verified.envelope(), envelope, "it is handed on as it came");
        }
    }
}

#[test]
fn the_last_occurrence_of_a_records_field_counts() {
    let [peer, other] = [A, B].map(|name| keypair(name).public().to_peer_id().to_bytes());
    let address = |port| field(1, &tcp(port).to_vec());
    let record = |payload: Vec<u8>| {
        let (domain, kind) = ("libp2p-peer-record".into(), vec![3, 1]);
        let envelope = libp2p_core::SignedEnvelope::new(&keypair(A), domain, kind, payload).unwrap();
        PeerRecord::verify(&envelope.into_protobuf_encoding())
    };
    let twice = [
        field(1, &other),
        vec![2 << 3, 5],
        field(3, &[address(1), address(2)].concat()),
        field(1, &peer),
        vec![2 << 3, 7],
        field(3, &address(3)),
    ];
    let verified = record(twice.concat()).unwrap();
    assert_eq!((verified.sequence(), verified.addresses()), (7, &[tcp(2), tcp(3)][..]));
    assert_eq!(record([field(1, &peer), field(1, &other)].concat()), None, "it is of somebody else");
}

fn a_record_is_sent_and_its_number_grows_with_each_change<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    let b = Identify::new(keypair(B).public(), Config::default()).with_signed_record(keypair(B), 100);
    let b = both.b.install(b);
    let (ca, _) = both.connect(shape);
    both.settle();
    let info = known(&mut both, a, ca);
    let record = info.record.expect("it was sent");
    assert_eq!((record.sequence(), record.addresses()), (100, &info.listen_addresses[..]));
    both.b.service::<Identify>(b).add_external_address(tcp(1));
    both.wait(secs(1));
    let info = known(&mut both, a, ca);
    let record = info.record.expect("it was pushed");
    assert_eq!(record.sequence(), 101);
    assert_eq!((record.addresses().last(), record.addresses()), (Some(&tcp(1)), &info.listen_addresses[..]));
    both.end();
}

fn what_the_peer_has_signed_is_where_it_listens<const EVENTS: usize>(shape: Shape) {
    let mut info = Info::default();
    info.listen_addresses = vec![tcp(1)];
    info.record = Some(PeerRecord::sign(&keypair(B), 7, &[tcp(2), tcp(3)]).unwrap());
    let (mut both, a, ca) = says::<EVENTS>(shape, &encode(&info));
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    assert_eq!(known(&mut both, a, ca).listen_addresses, [tcp(2), tcp(3)]);
    both.end();
}

fn a_record_of_somebody_else_is_dropped<const EVENTS: usize>(shape: Shape) {
    let mut info = Info::default();
    info.listen_addresses = vec![tcp(1)];
    info.record = Some(PeerRecord::sign(&keypair(A), 7, &[tcp(2)]).unwrap());
    let (mut both, a, ca) = says::<EVENTS>(shape, &encode(&info));
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    let known = known(&mut both, a, ca);
    assert_eq!((known.listen_addresses, known.record), (vec![tcp(1)], None));
    both.end();
}

fn a_message_that_is_too_long_with_its_record_arrives_in_two<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    let mut b = Identify::new(keypair(B).public(), Config::default()).with_signed_record(keypair(B), 1);
    let long = |n| format!("/dns/{n}.{}.example/tcp/4001", "long-name".repeat(6)).parse::<Multiaddr>().unwrap();
    (0..50).map(long).for_each(|address| b.add_external_address(address));
    both.b.install(b);
    let (ca, _) = both.connect(shape);
    both.settle();
    let info = known(&mut both, a, ca);
    let record = info.record.clone().expect("it came in the second message");
    assert_eq!((record.addresses().last(), record.addresses()), (Some(&long(49)), &info.listen_addresses[..]));
    // As the wire has it: the first has all but the record, and is short enough for everybody.
    let stream = both.a.swarm.open_stream(ca, &[PROTOCOL]).unwrap();
    both.settle();
    let (bytes, _) = read(&mut both.a.swarm, stream);
    let first = usize::from(bytes[0] & 0x7f) | usize::from(bytes[1]) << 7;
    assert!(first <= 4_096 && bytes.len() > 4_096, "{first} of {}", bytes.len());
    let mut said = decode(&bytes[2..2 + first]).unwrap();
    assert_eq!((said.record.take(), &said.listen_addresses), (None, &info.listen_addresses));
    both.end();
}
