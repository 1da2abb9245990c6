//! Tests that each field with a secret is of a type that wipes itself from memory, and that derived keys are the same as
//! those of `snow`.

use super::*;
use zeroize::ZeroizeOnDrop;

/// Compiles only for a value that wipes itself from memory when it is dropped.
fn wiped(_: &impl ZeroizeOnDrop) {}

#[test]
fn each_secret_is_of_a_type_that_wipes_itself() {
    // Each pattern names all fields, so that a new field fails to compile here until it is classified.
    let StaticKey { secret, public: _ } = StaticKey::new(&[1; 32]);
    wiped(&secret);
    let known = Arc::new(StaticKey::new(&[1; 32]));
    let Resolver { static_key: _, ephemeral } = Resolver::new(known.clone(), &[2; 32]);
    wiped(&ephemeral);
    let OneSeed(Some(seed)) = OneSeed(Some(ephemeral)) else { unreachable!("it was given one") };
    wiped(&seed);
    // `X25519` consists of static keys.
    let X25519 { known: _, key: _ } = X25519 { known, key: None };
    let ChaChaPoly(key) = ChaChaPoly(Zeroizing::new([3; 32]));
    wiped(&key);
    // `dh` and `generate` keep their secrets in these types.
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<x25519_dalek::SharedSecret>();
    is_wiped::<Zeroizing<[u8; 32]>>();
}

/// A hash that is SHA-256 and derives keys with the default method of `snow`'s `Hash` trait.
struct Plain(Sha256);

impl Hash for Plain {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn block_len(&self) -> usize {
        self.0.block_len()
    }

    fn hash_len(&self) -> usize {
        self.0.hash_len()
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.input(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        self.0.result(out);
    }
}

#[test]
fn keys_are_derived_as_snow_does() {
    let hash = || Sha256(Context::new(&SHA256));
    let (chaining_key, material) = ([7; 32], [8; 32]);
    for material in [&material[..], &[]] {
        for outputs in 1..=3 {
            let derive = |hash: &mut dyn Hash| {
                // `snow` hands in buffers of 64 bytes.
                let [mut out1, mut out2, mut out3] = [[0; 64]; 3];
                hash.hkdf(&chaining_key, material, outputs, &mut out1, &mut out2, &mut out3);
                [out1, out2, out3]
            };
            assert_eq!(derive(&mut hash()), derive(&mut Plain(hash())), "{outputs}");
        }
    }
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
