//! [`Resolver`]: the cryptographic primitives that `snow` uses.
//!
//! Secrets are wiped from memory when they are dropped: the static key, the ephemeral key, and the keys that encrypt each
//! direction. Two kinds of secrets are not wiped, since we cannot reach them: the chaining key and other interim values of
//! `snow`, which stay in freed memory after the handshake; and the bytes that `ring` leaves on the stack when it works with
//! a key or a hash.
//!
//! X25519 is implemented by `x25519-dalek`, which shares its field arithmetic with the signatures of identities. The cipher
//! and the hash are implemented by `ring`. The random number generator returns the 32 bytes that it was given, once.

use crate::arithmetic::copy_front;
use alloc::boxed::Box;
use alloc::sync::Arc;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::hmac::{self, HMAC_SHA256};
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// A Diffie-Hellman key pair. The secret key is wiped from memory when the pair is dropped.
#[derive(Clone)]
pub(super) struct StaticKey {
    secret: StaticSecret,
    public: PublicKey,
}

impl StaticKey {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let secret = StaticSecret::from(*seed);
        let public = PublicKey::from(&secret);
        Self { secret, public }
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }

    pub(super) fn public(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }
}

/// The source of the cryptographic primitives for one handshake.
pub(super) struct Resolver {
    static_key: Arc<StaticKey>,
    ephemeral: StaticSecret,
}

impl Resolver {
    pub(super) fn new(static_key: Arc<StaticKey>, ephemeral_seed: &[u8; 32]) -> Self {
        Self { static_key, ephemeral: (*ephemeral_seed).into() }
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(OneSeed(Some(self.ephemeral.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519)
            .then(|| Box::new(X25519 { known: self.static_key.clone(), key: None }) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::SHA256).then(|| Box::new(Sha256(Context::new(&SHA256))) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly)
            .then(|| Box::new(ChaChaPoly(Zeroizing::new([0; 32]))) as Box<dyn Cipher>)
    }
}

/// A random number generator that returns one seed, once.
struct OneSeed(Option<StaticSecret>);

impl Random for OneSeed {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        // `snow` asks for one ephemeral key. A second request would get the same key, and is an error instead.
        let seed = self.0.take().ok_or(Error::Rng)?;
        if dest.len() != 32 {
            return Err(Error::Rng);
        }
        dest.copy_from_slice(seed.as_bytes());
        Ok(())
    }
}

/// One of the two key pairs of a handshake: the static pair, or the ephemeral pair once it has been generated.
struct X25519 {
    /// The node's static key. If this pair is the static pair, it is a copy of this key, so that the public half is not
    /// computed anew for every connection.
    known: Arc<StaticKey>,
    key: Option<StaticKey>,
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        self.key = if privkey == self.known.secret() {
            Some((*self.known).clone())
        } else {
            privkey.try_into().ok().map(StaticKey::new)
        };
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(&mut *seed)?;
        self.key = Some(StaticKey::new(&seed));
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.key.as_ref().map_or(&[], |key| key.public())
    }

    fn privkey(&self) -> &[u8] {
        self.key.as_ref().map_or(&[], |key| key.secret())
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let key = self.key.as_ref().ok_or(Error::Dh)?;
        let (Some(theirs), Some(out)) = (pubkey.first_chunk::<32>(), out.first_chunk_mut::<32>()) else {
            return Err(Error::Dh);
        };
        let shared = key.secret.diffie_hellman(&PublicKey::from(*theirs));
        // With a point of low order the secret is the same for everybody (RFC 7748, section 6.1).
        if !shared.was_contributory() {
            return Err(Error::Dh);
        }
        *out = *shared.as_bytes();
        Ok(())
    }
}

/// SHA-256 from `ring`. The implementation that `snow` offers, which also uses `ring`, would add eight more packages to the
/// dependencies.
struct Sha256(Context);

impl Hash for Sha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Context::new(&SHA256);
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`snow` hands in buffers of 64 bytes, for the longest hash that it knows"
    )]
    fn result(&mut self, out: &mut [u8]) {
        out[..32].copy_from_slice(self.0.clone().finish().as_ref());
    }

    /// Derives keys with the same result as the trait's own method (Noise, section 4.3), but with fewer hashes: the key of
    /// all outputs is hashed once. That saves 8 blocks of SHA-256 in each side's handshake.
    fn hkdf(
        &mut self,
        chaining_key: &[u8],
        input_key_material: &[u8],
        outputs: usize,
        out1: &mut [u8],
        out2: &mut [u8],
        out3: &mut [u8],
    ) {
        let key = hmac::Key::new(HMAC_SHA256, chaining_key);
        let key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, input_key_material).as_ref());
        let mut text = Zeroizing::new([0; 33]);
        let mut before: &[u8] = &[];
        for (number, out) in (1..).zip([out1, out2, out3]).take(outputs) {
            // Each output is computed from the output before it, followed by the number of the new output.
            copy_front(before, &mut *text);
            if let Some(last) = text.get_mut(before.len()) {
                *last = number;
            }
            let input = text.get(..=before.len()).unwrap_or_default();
            copy_front(hmac::sign(&key, input).as_ref(), out);
            before = out.get(..32).unwrap_or_default();
        }
    }
}

/// The cipher ChaCha20-Poly1305 with its bare key. The key object of `ring` also has room for the tables of AES: half a
/// kilobyte in each direction of every idle connection. To make that object anew for each message costs a copy of 32 bytes.
struct ChaChaPoly(Zeroizing<[u8; 32]>);

impl ChaChaPoly {
    fn key(&self) -> Result<LessSafeKey, ring::error::Unspecified> {
        UnboundKey::new(&CHACHA20_POLY1305, &*self.0).map(LessSafeKey::new)
    }
}

/// Returns the nonce of the message with this number: 32 zero bits, then the number in little-endian order (Noise, section
/// 12.3).
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Copies `from` to `to` in pieces of 1 KiB. A copy in one piece took 15 % of the time of a bulk transfer; in pieces it
/// takes 2.4 % (perf, on an AMD Zen). glibc copies longer texts with `rep movsb`, which is up to ten times slower there if
/// both addresses have almost the same offset in their pages (sourceware bug 30994).
fn copy(from: &[u8], to: &mut [u8]) {
    const PIECE: usize = 1024;
    for (from, to) in from.chunks(PIECE).zip(to.chunks_mut(PIECE)) {
        to.copy_from_slice(from);
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0.copy_from_slice(key);
    }

    /// Encrypts `plaintext` into the front of `out`, followed by the tag.
    ///
    /// # Panics
    /// If `out` is shorter than `plaintext` and a tag. `snow` checks this length before it calls. The method of the trait
    /// cannot return an error, and to continue would send the plaintext unencrypted.
    fn encrypt(&self, counter: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (text, rest) = out.split_at_mut(plaintext.len());
        copy(plaintext, text);
        let sealed = self
            .key()
            .and_then(|key| key.seal_in_place_separate_tag(nonce(counter), Aad::from(authtext), text))
            // A key of 32 bytes is always valid, and no message comes near the 256 GiB that the cipher can encrypt.
            .expect("32 bytes are a key, and a message is short");
        let (tag, _) = rest.split_at_mut(sealed.as_ref().len());
        tag.copy_from_slice(sealed.as_ref());
        plaintext.len().saturating_add(tag.len())
    }

    fn decrypt(&self, counter: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (text, tag) = ciphertext.split_last_chunk::<16>().ok_or(Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
        copy(text, out);
        self.key()
            .and_then(|key| {
                key.open_in_place_separate_tag(nonce(counter), Aad::from(authtext), (*tag).into(), out, 0..)
                    .map(|plaintext| plaintext.len())
            })
            .map_err(|_| Error::Decrypt)
    }
}

#[cfg(test)]
mod tests;
