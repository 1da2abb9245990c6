use super::*;
use alloc::string::String;
use alloc::vec;
use prost::Message as _;

/// The control message of the specifications, as prost decodes it.
#[derive(Clone, PartialEq, prost::Message)]
struct ControlMessage {
    #[prost(message, repeated, tag = "1")]
    ihave: Vec<TopicIds>,
    #[prost(message, repeated, tag = "2")]
    iwant: Vec<PlainIds>,
    #[prost(message, repeated, tag = "3")]
    graft: Vec<TopicIds>,
    #[prost(message, repeated, tag = "4")]
    prune: Vec<Prune>,
    #[prost(message, repeated, tag = "5")]
    idontwant: Vec<PlainIds>,
    #[prost(message, optional, tag = "6")]
    extensions: Option<Extensions>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TopicIds {
    #[prost(string, optional, tag = "1")]
    topic: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    ids: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PlainIds {
    #[prost(bytes = "vec", repeated, tag = "1")]
    ids: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Prune {
    #[prost(string, optional, tag = "1")]
    topic: Option<String>,
    #[prost(message, repeated, tag = "2")]
    peers: Vec<PeerInfo>,
    #[prost(uint64, optional, tag = "3")]
    backoff: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PeerInfo {
    #[prost(bytes = "vec", optional, tag = "1")]
    peer: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    record: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Extensions {
    #[prost(bool, optional, tag = "6492434")]
    test: Option<bool>,
}

fn topic(name: &str, ids: &[&str]) -> TopicIds {
    TopicIds { topic: Some(name.into()), ids: ids.iter().map(|id| id.as_bytes().to_vec()).collect() }
}

fn plain(ids: &[&str]) -> PlainIds {
    PlainIds { ids: topic("", ids).ids }
}

fn whole() -> ControlMessage {
    let info = |peer: &[u8], record: &[u8]| PeerInfo { peer: Some(peer.into()), record: Some(record.into()) };
    ControlMessage {
        ihave: vec![topic("news", &["a", "bc"])],
        iwant: vec![plain(&["d"])],
        graft: vec![topic("news", &[])],
        prune: vec![Prune {
            topic: Some("t".into()),
            peers: vec![info(b"p", b"r"), info(b"q", b"")],
            backoff: Some(60),
        }],
        idontwant: vec![plain(&["e", ""])],
        extensions: Some(Extensions { test: Some(true) }),
    }
}

fn encoded() -> Vec<u8> {
    let mut out = Vec::new();
    encode::ihave("news", [&b"a"[..], b"bc"].into_iter(), &mut out);
    encode::ids(2, [&b"d"[..]].into_iter(), &mut out);
    encode::graft("news", &mut out);
    encode::prune("t", Some(60), &[(b"p".to_vec(), b"r".to_vec()), (b"q".to_vec(), vec![])], &mut out);
    encode::ids(5, [&b"e"[..], b""].into_iter(), &mut out);
    encode::extensions(true, &mut out);
    out
}

fn entries(control: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut at = 0;
    core::iter::from_fn(|| next_entry(control, &mut at)).collect()
}

#[test]
fn the_bytes_are_those_that_prost_writes() {
    assert_eq!(encoded(), whole().encode_to_vec());
}

#[test]
fn entries_are_decoded_as_they_were_written() {
    let bytes = whole().encode_to_vec();
    let entries = entries(&bytes);
    let decoded: Vec<_> = entries.iter().map(|(number, body)| Control::decode(*number, body).unwrap()).collect();
    let [Control::IHave { topic: "news", ids }, Control::IWant { ids: wanted }, Control::Graft { topic: "news" }, ..] =
        decoded[..]
    else {
        panic!("{decoded:?}");
    };
    assert_eq!((ids.collect::<Vec<_>>(), wanted.collect::<Vec<_>>()), (vec![&b"a"[..], b"bc"], vec![&b"d"[..]]));
    let [Control::Prune { topic: "t", backoff: Some(60), peers }, Control::IDontWant { ids }, extensions] =
        decoded[3..]
    else {
        panic!("{decoded:?}");
    };
    assert_eq!(peers.collect::<Vec<_>>(), [(&b"p"[..], Some(&b"r"[..])), (b"q", Some(b""))]);
    assert_eq!((ids.collect::<Vec<_>>(), extensions), (vec![&b"e"[..], b""], Control::Extensions { test: true }));
}

#[test]
fn every_entry_and_id_is_counted_before_it_is_decoded() {
    // 6 entries; their fields: a topic and 2 ids, 1 id, a topic, a topic and 2 peers and a backoff, 2 ids, 1 extension.
    assert_eq!(count(&whole().encode_to_vec()), Ok(6 + 3 + 1 + 1 + 4 + 2 + 1));
    assert_eq!(count(&[0x0a, 2, 0x12, 5]), Err(Malformed), "an id that is longer than its entry");
    assert_eq!(count(&[0x0a, 9]), Err(Malformed), "an entry that is longer than the message");
}

#[test]
fn unknown_fields_and_topics_that_are_no_text_are_skipped() {
    let mut bytes = vec![0x3a, 1, 7, 0x40, 5];
    bytes.extend(encoded());
    assert_eq!(entries(&bytes), entries(&encoded()));
    assert_eq!(Control::decode(3, &[0x0a, 1, 0xff]), None);
    assert_eq!(Control::decode(7, &[]), None);
    assert_eq!(Control::decode(6, &[]), Some(Control::Extensions { test: false }));
}
