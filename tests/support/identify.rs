//! The fuzz target `identify`: messages and records from arbitrary bytes and from arbitrary fields. What decodes stays
//! within the bounds and is the same after it has been encoded, two messages in a row are their merge, and a record that
//! was touched is none. `cargo test` runs it over seeded input.

use arbitrary::{Arbitrary, Unstructured};
use libp2p_identity::Keypair;
use swarm_notify::connection::Protocol;
use swarm_notify::protocols::identify::{Info, MAX_ADDRESSES, MAX_PROTOCOLS, PeerRecord, decode, encode};
use swarm_notify::swarm::Multiaddr;
use swarm_notify::text::shorten;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Anything.
    Bytes(&'a [u8]),
    /// Two messages in a row.
    TwoBytes(&'a [u8], &'a [u8]),
    /// Good fields, encoded.
    Fields(Fields),
    /// Good fields, of which the message is bent here and there.
    Bent(Fields, Vec<(u16, u8)>),
    /// A good record, of which the envelope is bent.
    Record { seed: u8, sequence: u64, addresses: Vec<Address>, bend: Option<(u16, u8)> },
}

#[derive(Arbitrary, Debug)]
struct Fields {
    protocol_version: Option<String>,
    agent_version: Option<String>,
    key: Option<u8>,
    listen: Vec<Address>,
    observed: Option<Address>,
    protocols: Vec<String>,
    record: Option<(u8, u64)>,
}

#[derive(Arbitrary, Debug)]
enum Address {
    Tcp(u32, u16),
    Dns(String),
    P2p(u8),
    Raw(Vec<u8>),
}

/// One run.
pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match input {
        Input::Bytes(bytes) => drop(check(bytes)),
        Input::TwoBytes(first, second) => two(first, second),
        Input::Fields(fields) => {
            let info = fields.info();
            let decoded = check(&encode(&info)).expect("we encode what we decode");
            assert_eq!(decoded, bounded(info));
        }
        Input::Bent(fields, bends) => {
            let mut message = encode(&fields.info());
            for (at, mask) in bends {
                let len = message.len().max(1);
                if let Some(byte) = message.get_mut(usize::from(at) % len) {
                    *byte ^= mask;
                }
            }
            check(&message);
        }
        Input::Record { seed, sequence, addresses, bend } => record(seed, sequence, &addresses, bend),
    }
}

fn check(message: &[u8]) -> Option<Info> {
    let info = decode(message).ok()?;
    assert!(info.listen_addresses.len() <= MAX_ADDRESSES && info.protocols.len() <= MAX_PROTOCOLS);
    assert!(info.listen_addresses.iter().chain(&info.observed_address).all(|address| !address.is_empty()));
    let texts = info.protocol_version.iter().chain(&info.agent_version).map(String::len);
    let names = info.protocols.iter().map(|protocol| protocol.as_str().len());
    // What is not UTF-8 becomes a mark of three bytes for each byte at most.
    assert!(texts.chain(names).sum::<usize>() <= 3 * message.len(), "nothing is made up");
    if let Some(record) = &info.record {
        assert!(record.addresses().len() <= MAX_ADDRESSES);
        assert_eq!(PeerRecord::verify(record.envelope()).as_ref(), Some(record));
    }
    assert_eq!(decode(&encode(&info)).as_ref(), Ok(&info), "what decodes is the same after it has been encoded");
    Some(info)
}

fn two(first: &[u8], second: &[u8]) {
    let (Some(a), Some(b)) = (check(first), check(second)) else { return };
    let both = check(&[first, second].concat()).expect("two good messages are one");
    assert_eq!(both.protocol_version, b.protocol_version.or(a.protocol_version));
    assert_eq!(both.agent_version, b.agent_version.or(a.agent_version));
    assert_eq!(both.public_key, b.public_key.or(a.public_key));
    // A bad address in the second one stands before a good one in the first.
    assert!(both.observed_address == b.observed_address || both.observed_address == a.observed_address);
    assert!(b.observed_address.is_none() || both.observed_address == b.observed_address);
    let addresses = a.listen_addresses.into_iter().chain(b.listen_addresses).take(MAX_ADDRESSES);
    assert_eq!(both.listen_addresses, addresses.collect::<Vec<_>>());
    let protocols = a.protocols.into_iter().chain(b.protocols).take(MAX_PROTOCOLS);
    assert_eq!(both.protocols, protocols.collect::<Vec<_>>());
}

fn record(seed: u8, sequence: u64, addresses: &[Address], bend: Option<(u16, u8)>) {
    let addresses: Vec<_> = addresses.iter().filter_map(Address::multiaddr).collect();
    let record = PeerRecord::sign(&key(seed), sequence, &addresses).expect("an Ed25519 key signs");
    assert_eq!((record.peer(), record.sequence()), (key(seed).public().to_peer_id(), sequence));
    assert_eq!(record.addresses(), &addresses[..addresses.len().min(MAX_ADDRESSES)]);
    assert_eq!(PeerRecord::verify(record.envelope()).as_ref(), Some(&record));
    let Some((at, mask)) = bend.filter(|(_, mask)| *mask != 0) else { return };
    let mut envelope = record.envelope().to_vec();
    let at = usize::from(at) % envelope.len();
    envelope[at] ^= mask;
    if let Some(bent) = PeerRecord::verify(&envelope) {
        // Only what is neither the payload nor the signature can be written in another way.
        assert_eq!((bent.peer(), bent.sequence()), (record.peer(), record.sequence()));
        assert_eq!(bent.addresses(), record.addresses());
    }
}

fn key(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).expect("any 32 bytes are a secret key")
}

impl Fields {
    fn info(&self) -> Info {
        let listen_addresses: Vec<_> = self.listen.iter().filter_map(Address::multiaddr).collect();
        let mut info = Info::default();
        info.protocol_version.clone_from(&self.protocol_version);
        info.agent_version.clone_from(&self.agent_version);
        info.public_key = self.key.map(|seed| key(seed).public());
        info.observed_address = self.observed.as_ref().and_then(Address::multiaddr);
        info.protocols = self.protocols.iter().filter_map(|name| Protocol::new(name.as_str()).ok()).collect();
        info.record = self.record.map(|(seed, sequence)| {
            PeerRecord::sign(&key(seed), sequence, &listen_addresses).expect("an Ed25519 key signs")
        });
        info.listen_addresses = listen_addresses;
        info
    }
}

fn bounded(mut info: Info) -> Info {
    info.listen_addresses.truncate(MAX_ADDRESSES);
    info.protocols.truncate(MAX_PROTOCOLS);
    for text in [&mut info.protocol_version, &mut info.agent_version].into_iter().flatten() {
        *text = shorten(text).into_owned();
    }
    info
}

impl Address {
    /// None of it may be empty.
    fn multiaddr(&self) -> Option<Multiaddr> {
        let address: Multiaddr = match self {
            Self::Tcp(ip, port) => format!("/ip4/{}/tcp/{port}", std::net::Ipv4Addr::from(*ip)).parse().ok()?,
            Self::Dns(name) => format!("/dns/{name}").parse().ok()?,
            Self::P2p(seed) => format!("/p2p/{}", key(*seed).public().to_peer_id()).parse().ok()?,
            Self::Raw(bytes) => Multiaddr::try_from(bytes.clone()).ok()?,
        };
        // What is written can be read back.
        Multiaddr::try_from(address.to_vec()).ok().filter(|address| !address.is_empty())
    }
}
