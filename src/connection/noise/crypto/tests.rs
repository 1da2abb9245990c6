//! Each field that is secret is of a type that wipes itself.

use super::*;
use zeroize::ZeroizeOnDrop;

/// Takes what wipes itself when it is dropped, and nothing else.
fn wiped(_: &impl ZeroizeOnDrop) {}

#[test]
fn each_secret_is_of_a_type_that_wipes_itself() {
    // Each pattern names all fields, so that a new one is looked at here.
    let StaticKey { secret, public: _ } = StaticKey::new(&[1; 32]);
    wiped(&secret);
    let known = Arc::new(StaticKey::new(&[1; 32]));
    let Resolver { static_key: _, ephemeral } = Resolver::new(known.clone(), &[2; 32]);
    wiped(&ephemeral);
    let OneSeed(Some(seed)) = OneSeed(Some(ephemeral)) else { unreachable!("it was given one") };
    wiped(&seed);
    // It consists of static keys.
    let X25519 { known: _, key: _ } = X25519 { known, key: None };
    let ChaChaPoly(key) = ChaChaPoly(Zeroizing::new([3; 32]));
    wiped(&key);
    // `dh` and `generate` keep theirs in these.
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<x25519_dalek::SharedSecret>();
    is_wiped::<Zeroizing<[u8; 32]>>();
}

#[cfg(target_os = "linux")]
#[test]
fn the_key_of_a_session_is_not_left_in_memory() {
    use crate::connection::memory_scan::Secret;
    let secret = Secret::new(1);
    let resolver = Resolver::new(Arc::new(StaticKey::new(&[1; 32])), &[2; 32]);
    let mut cipher = resolver.resolve_cipher(&CipherChoice::ChaChaPoly).unwrap();
    cipher.set(&secret.bytes());
    let mut sealed = [0; 20];
    assert_eq!(cipher.encrypt(0, &[], b"data", &mut sealed), 20);
    assert!(secret.count() > 0, "the search finds it");
    drop(cipher);
    assert_eq!(secret.count(), 0);
}
