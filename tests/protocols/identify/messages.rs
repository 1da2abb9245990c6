//! The message: what stands on the wire, and what is made of what does not belong there.

use crate::support::services::keypair;
use crate::support::sim::A;
use swarm_notify::connection::Protocol;
use swarm_notify::protocols::identify::{
    DecodeError, Info, MAX_ADDRESS, MAX_ADDRESSES, MAX_PROTOCOLS, PeerRecord, decode, encode,
};
use swarm_notify::swarm::Multiaddr;
use swarm_notify::text::MAX_TEXT;

/// A field of bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[tag << 3 | 2, bytes.len() as u8], bytes].concat()
}

fn tcp(port: u16) -> Multiaddr {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
}

/// The same on the wire: ip4 is 4, tcp is 6.
fn tcp_bytes(port: u16) -> Vec<u8> {
    [&[4, 192, 0, 2, 1, 6][..], &port.to_be_bytes()].concat()
}

fn full() -> Info {
    let mut info = Info::default();
    info.protocol_version = Some("ipfs/0.1.0".into());
    info.agent_version = Some("test/1".into());
    info.public_key = Some(keypair(A).public());
    info.listen_addresses = vec![tcp(1), tcp(2)];
    info.observed_address = Some(tcp(3));
    info.protocols = vec![Protocol::from_static("/a"), Protocol::from_static("/b")];
    info
}

#[test]
fn every_field_has_the_number_that_the_specification_gives_it() {
    let wire = [
        field(1, &keypair(A).public().encode_protobuf()),
        field(2, &tcp_bytes(1)),
        field(2, &tcp_bytes(2)),
        field(3, b"/a"),
        field(3, b"/b"),
        field(4, &tcp_bytes(3)),
        field(5, b"ipfs/0.1.0"),
        field(6, b"test/1"),
    ]
    .concat();
    assert_eq!(encode(&full()), wire);
    assert_eq!(decode(&wire), Ok(full()));
}

#[test]
fn every_field_may_be_missing() {
    assert_eq!(decode(&[]), Ok(Info::default()));
    assert_eq!(encode(&Info::default()), b"");
}

#[test]
fn what_is_wrong_with_one_address_or_protocol_costs_that_one() {
    let wire = [
        field(2, &tcp_bytes(1)),
        field(2, &[0xff; 8]),
        field(2, &[]),
        field(2, &tcp_bytes(2)),
        field(3, b"/a"),
        field(3, b"no slash"),
        field(3, b"/new\nline"),
        field(3, &[b'/', 0xff]),
        field(3, b""),
        field(3, b"/b"),
        field(4, &[0xff; 8]),
        field(8, b"no record"),
    ]
    .concat();
    let mut expected = Info::default();
    expected.listen_addresses = full().listen_addresses;
    expected.protocols = full().protocols;
    assert_eq!(decode(&wire), Ok(expected));
}

#[test]
fn text_that_is_not_utf_8_is_mended() {
    let info = decode(&[field(5, b"a\xff"), field(6, b"\xfe\xff")].concat()).unwrap();
    assert_eq!(info.protocol_version.as_deref(), Some("a\u{fffd}"));
    assert_eq!(info.agent_version.as_deref(), Some("\u{fffd}\u{fffd}"));
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let unknown = [field(7, b"delta"), vec![9 << 3, 5], field(15, b"x")].concat();
    assert_eq!(decode(&[unknown, encode(&full())].concat()), Ok(full()));
}

#[test]
fn what_is_no_message_and_a_key_of_no_kind_are_errors() {
    for wire in [&b"\x0a"[..], &[0x0a, 5, 1], &[0xff; 20], &[5 << 3, 1], &[2 << 3, 1]] {
        assert_eq!(decode(wire), Err(DecodeError::Malformed), "{wire:?}");
    }
    assert_eq!(decode(&field(1, b"\x08\x01\x12\x01x")), Err(DecodeError::PublicKey));
}

#[test]
fn messages_in_a_row_are_one() {
    let first = field(6, b"old").into_iter().chain(field(2, &tcp_bytes(1)));
    let second = field(2, &tcp_bytes(2)).into_iter().chain(field(6, b"new"));
    let info = decode(&first.chain(second).collect::<Vec<_>>()).unwrap();
    assert_eq!(info.agent_version.as_deref(), Some("new"));
    assert_eq!(info.listen_addresses, [tcp(1), tcp(2)]);
}

#[test]
fn the_last_occurrence_of_a_field_counts_and_lists_add_up() {
    let other = keypair(crate::support::sim::B).public().encode_protobuf();
    let earlier = [
        field(1, &other),
        field(2, &tcp_bytes(1)),
        field(3, b"/a"),
        field(4, &tcp_bytes(9)),
        field(5, b"old"),
        field(6, b"old"),
        field(8, b"no record"),
    ];
    let mut rest = full();
    (rest.listen_addresses, rest.protocols) = (vec![tcp(2)], vec![Protocol::from_static("/b")]);
    assert_eq!(decode(&[&earlier.concat()[..], &encode(&rest)].concat()), Ok(full()));
    // A fault in an occurrence that does not count costs nothing, and an empty one counts.
    assert_eq!(decode(&[field(1, b"no key"), encode(&rest)].concat()), Ok(rest.clone()));
    let [key, text] = [field(1, &[]), field(6, &[])].map(|empty| decode(&[encode(&rest), empty].concat()));
    assert_eq!(key, Err(DecodeError::PublicKey));
    assert_eq!(text.unwrap().agent_version.as_deref(), Some(""));
}

#[test]
fn groups_are_passed_over() {
    let group = [0x7b, 0x08, 1, 0x7b, 0x7c, 0x7c];
    assert_eq!(decode(&[&group[..], &encode(&full())].concat()), Ok(full()));
    for wire in [&group[..5], &[0x7c], &[0x7b, 0x74]] {
        assert_eq!(decode(wire), Err(DecodeError::Malformed), "{wire:x?}");
    }
}

#[test]
fn as_many_addresses_and_protocols_are_taken_as_the_bounds_say() {
    let mut info = Info::default();
    info.listen_addresses = (0..MAX_ADDRESSES as u16 + 1).map(tcp).collect();
    info.protocols = (0..=MAX_PROTOCOLS).map(|n| Protocol::new(format!("/{n}")).unwrap()).collect();
    let decoded = decode(&encode(&info)).unwrap();
    assert_eq!(decoded.listen_addresses, info.listen_addresses[..MAX_ADDRESSES]);
    assert_eq!(decoded.protocols, info.protocols[..MAX_PROTOCOLS]);
    assert_eq!((MAX_ADDRESSES, MAX_PROTOCOLS), (decoded.listen_addresses.len(), decoded.protocols.len()));
}

#[test]
fn long_strings_are_cut_and_long_addresses_left_out() {
    let mut info = full();
    info.protocol_version = Some("é".repeat(32 * 1024));
    info.agent_version = Some("a".repeat(64 * 1024));
    let long: Multiaddr = format!("/dns/{}/tcp/1", "d".repeat(64 * 1024)).parse().unwrap();
    info.listen_addresses.insert(1, long.clone());
    info.observed_address = Some(long.clone());
    let heard = decode(&encode(&info)).unwrap();
    let cut = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() <= MAX_TEXT && text.ends_with('…'));
    assert!(cut(&heard.protocol_version) && cut(&heard.agent_version), "{heard:?}");
    assert_eq!((heard.listen_addresses, heard.observed_address), (full().listen_addresses, None));
    // What is just not too long is taken whole.
    let exactly: Multiaddr = format!("/dns/{}", "d".repeat(MAX_ADDRESS - 3)).parse().unwrap();
    assert_eq!(exactly.len(), MAX_ADDRESS);
    let record = PeerRecord::sign(&keypair(A), 1, &[long, exactly.clone()]).unwrap();
    let record = PeerRecord::verify(record.envelope()).unwrap();
    assert_eq!(record.addresses(), [exactly]);
}
