//! An identity of every type that this build knows.

#[cfg(feature = "ecdsa")]
use libp2p_identity::ecdsa;
#[cfg(feature = "secp256k1")]
use libp2p_identity::secp256k1;
use libp2p_identity::{Keypair, PeerId};

/// An identity of each type, with its peer id as another program has made it of the same key (of the specification's
/// words: a key that is longer than 42 bytes is hashed).
pub(crate) fn identities() -> Vec<(Keypair, PeerId)> {
    let identities = [
        (Keypair::ed25519_from_bytes([5; 32]).unwrap(), "12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa"),
        #[cfg(feature = "ecdsa")]
        (
            ecdsa::Keypair::from(ecdsa::SecretKey::try_from_bytes([5; 32]).unwrap()).into(),
            "QmQpzz6K83qJjLVj5SZaDqXJMPmDQyoZ8HW3rfWXwTYb8Q",
        ),
        #[cfg(feature = "rsa")]
        (
            Keypair::rsa_from_pkcs8(&mut include_bytes!("rsa-2048.pk8").clone()).unwrap(),
            "QmTwZScDNXRtmRsmWz4zaXBCpmEvKufNNTNYkryuuSkeaF",
        ),
        #[cfg(feature = "secp256k1")]
        (
            secp256k1::Keypair::from(secp256k1::SecretKey::try_from_bytes([5; 32]).unwrap()).into(),
            "16Uiu2HAmKJUfVbtUB1v3BMUivfcpN6smx5u6z2jqxjQYEwwuKH9Q",
        ),
    ];
    identities.map(|(identity, peer)| (identity, peer.parse().unwrap())).into()
}
