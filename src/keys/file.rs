//! [`KeyFile`]: an identity that is kept in a file.
//!
//! A new file appears [whole or not at all](new_file), and never replaces another file. If several processes start at once
//! with the same path, one of them makes the file, and all of them use the identity in that file.
//!
//! Only regular files of at most [`MAX_KEY`] bytes are read, and on Unix a read never blocks. The bytes of a key are wiped
//! from memory once the identity is made from them, except for the copies that the page of [`keys`](super) names.

use super::{Error, KeyFault, MAX_KEY, new_file};
use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use data_encoding::BASE64;
use libp2p_identity::{DecodingError, Keypair, PublicKey, ed25519};
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// The first bytes of an Ed25519 private key in libp2p's protobuf form: the key type, and the length of the data that
/// follows, which is 64 bytes (the secret and the public half of the key).
const ED25519_HEADER: [u8; 4] = [8, 1, 18, 64];

/// The maximum number of pauses after which an empty file is read again. Another process may have just [made the empty
/// file](new_file), and write the key soon.
const PAUSES: u32 = 20;
/// The length of a pause before an empty file is read again.
const PAUSE: Duration = Duration::from_millis(10);

/// An identity, and the properties of the file in which it is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyFile {
    /// The identity.
    pub key: Keypair,
    /// `true` if the file did not exist and has been made.
    pub is_new: bool,
    /// The mode (permission bits) of the file if the file is exposed, and otherwise `None`. A file is exposed if its mode
    /// allows users other than its owner to read or change it, or if its owner is neither root nor the user that runs this
    /// process. Whoever reads the key can pretend to be this node, so warn your user. The field is always `None` on systems
    /// without modes.
    pub exposed: Option<u32>,
    /// The user id of the file's owner, or `None` if the owner is the user that runs this process, or root. Root can read
    /// all files anyway.
    pub foreign_owner: Option<u32>,
}

impl KeyFile {
    /// Reads the identity in a file: a private key in libp2p's protobuf form, of any key type that the crate's features
    /// enable.
    ///
    /// Symbolic links are followed. If the file is empty, this call blocks for up to a fifth of a second. In this time,
    /// another process that has just made the file may write the key.
    ///
    /// # Errors
    /// [`Error`], if the file cannot be used. The error contains the reason, and its text also says what may help. The file
    /// is not changed.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of(path.as_ref(), false)
    }

    /// Reads the identity in a file, like [`load`](Self::load). If the file does not exist, this function makes the file
    /// with a new Ed25519 key. Only the file's owner can read it.
    ///
    /// A new file appears whole or not at all, and its bytes and its name are on the disk when this function returns. If
    /// several processes call it at once, one of them makes the file, and all get the identity in that file. The file is
    /// first written under a temporary name in the same folder (`.swarm-notify-` and 16 hexadecimal digits). If the process
    /// is killed meanwhile, the temporary file remains, which no process reads.
    ///
    /// # Errors
    /// [`Error`], if the file cannot be used or cannot be made. If it cannot be made, no new file is left in the folder.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of(path.as_ref(), true)
    }

    fn of(path: &Path, may_create: bool) -> Result<Self, Error> {
        let file = load(path, may_create, &mut || std::thread::sleep(PAUSE));
        file.map_err(|fault| Error { path: path.to_owned(), fault, may_create })
    }
}

/// Reads a key file, or makes the file if it does not exist and `may_create` is `true`. An empty file is read again after
/// each of up to [`PAUSES`] pauses, since another process may write the key soon. The function `pause` waits for the length
/// of one pause.
fn load(path: &Path, may_create: bool, pause: &mut dyn FnMut()) -> Result<KeyFile, KeyFault> {
    let mut pauses = 0;
    loop {
        match read(path) {
            Ok(Some(read)) => return Ok(read),
            Ok(None) if !may_create => return Err(KeyFault::Missing),
            Ok(None) => {
                if let Some(key) = make(path)? {
                    return Ok(KeyFile { key, is_new: true, exposed: None, foreign_owner: None });
                }
                // Another process has made the file in the meantime. The next round reads it.
            }
            Err(KeyFault::Empty) if pauses < PAUSES => {}
            Err(fault) => return Err(fault),
        }
        // The count also bounds the number of rounds in the case that a file repeatedly appears and vanishes.
        pauses += 1;
        if pauses > 2 * PAUSES {
            return Err(KeyFault::Read(ErrorKind::NotFound.into()));
        }
        pause();
    }
}

/// Makes one attempt to read a key file. Returns `None` if the file does not exist.
fn read(path: &Path) -> Result<Option<KeyFile>, KeyFault> {
    // The type of the file is checked before the file is opened, since opening a device can have effects, and opening a pipe
    // waits for a writer.
    match fs::metadata(path) {
        Ok(metadata) => refuse_special(metadata.file_type())?,
        Err(error) if is_gone(&error) => {
            return match fs::read_link(path) {
                Ok(target) => Err(KeyFault::BrokenLink(target)),
                Err(_) => Ok(None),
            };
        }
        Err(error) => return Err(KeyFault::Read(error)),
    }
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(KeyFault::Read(error)),
    };
    // The type is checked again, on the open file, since the file may have been replaced between the check and the opening.
    let metadata = file.metadata().map_err(KeyFault::Read)?;
    refuse_special(metadata.file_type())?;
    let bytes = contents(&file).map_err(KeyFault::Read)?;
    let foreign_owner = foreign_owner(&metadata);
    let exposed = mode_for_others(&metadata, foreign_owner.is_some());
    Ok(Some(KeyFile { key: decode(&bytes)?, is_new: false, exposed, foreign_owner }))
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // If a pipe has replaced the file since the check, opening it without `NONBLOCK` would wait for a writer. If a terminal
    // has, opening it without `NOCTTY` could make it the controlling terminal of this process.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn refuse_special(kind: FileType) -> Result<(), KeyFault> {
    match kind {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(KeyFault::Folder),
        kind => Err(KeyFault::Special(special(kind))),
    }
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn special(_kind: FileType) -> &'static str {
    "not a regular file"
}

/// Returns the mode (permission bits) of a file if users other than the file's owner can read or change the file, or if
/// `is_foreign` is `true`, which means that the owner is another user. Otherwise, returns `None`.
#[cfg(unix)]
fn mode_for_others(metadata: &Metadata, is_foreign: bool) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    // Reading and writing expose a key. To execute the file, as mode 711 allows, does not. The owner of a file can change
    // the file's mode, so a file of another user is exposed whatever its mode is.
    (is_foreign || mode & 0o066 != 0).then_some(mode)
}

/// Returns `None`, since Windows has no modes. On Windows, a new file inherits the access list of its folder. For a folder
/// in a user's profile, this list grants access to that user.
#[cfg(not(unix))]
fn mode_for_others(_metadata: &Metadata, _is_foreign: bool) -> Option<u32> {
    None
}

/// Returns the user id of a file's owner, or `None` if the owner is the user that runs this process, or root. The owner of a
/// file can always read and change the file, at least after changing the file's mode.
#[cfg(unix)]
fn foreign_owner(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    foreign(metadata.uid(), rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn foreign_owner(_metadata: &Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
fn foreign(owner: u32, us: u32) -> Option<u32> {
    const ROOT: u32 = 0;
    (owner != us && owner != ROOT).then_some(owner)
}

/// Reads at most [`MAX_KEY`] + 1 bytes of a file. If the result has that length, the file is too long.
fn contents(mut file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    // The buffer is allocated with its full length, since growing it would leave a copy in memory that is not wiped.
    let mut bytes = Zeroizing::new(vec![0; MAX_KEY + 1]);
    let mut len = 0;
    while len < bytes.len() {
        match file.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Keypair, KeyFault> {
    match bytes.len() {
        0 => return Err(KeyFault::Empty),
        len if len > MAX_KEY => return Err(KeyFault::TooLong),
        _ => {}
    }
    keypair(bytes).map_err(|error| {
        // The more precise answers come first. A public key begins like a private one, and base64 is text.
        if looks_public(bytes)
            && let Ok(public) = PublicKey::try_decode_protobuf(bytes)
        {
            return KeyFault::Public(public.to_peer_id());
        }
        if is_key_in_base64(bytes.trim_ascii()) {
            return KeyFault::Base64;
        }
        // A key whose type is not enabled also begins like a key, but is not damaged. The text of the error distinguishes
        // this case.
        if begins_as_key(bytes) && !format!("{error}").contains("not enabled") {
            return KeyFault::Damaged;
        }
        KeyFault::Foreign(kind(bytes).unwrap_or_else(|| format!("something else ({error})")))
    })
}

/// Decodes a private key in libp2p's protobuf form. The protobuf of an Ed25519 key is decoded here, because the decoder that
/// `libp2p-identity` uses, `prost`, leaves an unwiped copy of the key in memory.
fn keypair(bytes: &[u8]) -> Result<Keypair, DecodingError> {
    match bytes.strip_prefix(&ED25519_HEADER).and_then(|halves| <&[u8; 64]>::try_from(halves).ok()) {
        Some(halves) => ed25519::Keypair::try_from_bytes(&mut *Zeroizing::new(*halves)).map(Keypair::from),
        None => Keypair::from_protobuf_encoding(bytes),
    }
}

/// Returns whether `bytes` may be a public key. Without this check, a private key could be decoded as a public key, which
/// would leave an unwiped copy of the private key in memory.
fn looks_public(bytes: &[u8]) -> bool {
    /// The object id of `rsaEncryption`. A public RSA key contains this id; a private RSA key in libp2p's form does not.
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    match bytes {
        // In this order: an Ed25519 key, a compressed secp256k1 point, and a SubjectPublicKeyInfo of P-256.
        [8, 1, 18, 32, ..] | [8, 2, 18, 33, ..] | [8, 3, 18, 91, ..] => true,
        // The id is among the first bytes of a SubjectPublicKeyInfo, so the search is short.
        [8, 0, 18, rest @ ..] => rest.windows(RSA.len()).take(32).any(|name| name == RSA),
        _ => false,
    }
}

/// Returns whether a text is a private key in libp2p's protobuf form, encoded as base64.
fn is_key_in_base64(text: &[u8]) -> bool {
    let Ok(len) = BASE64.decode_len(text.len()) else { return false };
    let mut bytes = Zeroizing::new(vec![0; len]);
    match BASE64.decode_mut(text, &mut bytes) {
        Ok(len) => bytes.get(..len).is_some_and(|bytes| keypair(bytes).is_ok()),
        Err(_) => false,
    }
}

/// Returns whether `bytes` begin like a private key in libp2p's protobuf form: with a known key type and the tag of the
/// field that contains the key.
const fn begins_as_key(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 0..=3, 0x12, ..])
}

/// Returns a description of the format of `bytes`, which are not a key, or `None` if the format is unknown. The description
/// reveals no content of the bytes, which may be secret.
fn kind(bytes: &[u8]) -> Option<String> {
    let is_printable = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let text = str::from_utf8(bytes).ok().filter(|_| bytes.iter().all(is_printable)).map(str::trim_start);
    let Some(text) = text else {
        // The bytes are a DER sequence of more than 127 bytes, which all private keys in DER are.
        return matches!(bytes, [0x30, 0x81 | 0x82, ..]).then(|| "a key or certificate in DER".to_owned());
    };
    if let Some(label) = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")).map(|cut| cut.0) {
        // Anything but a plain label is not repeated, since it may be a part of a secret.
        let is_label = label.len() <= 40 && label.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ');
        return Some(if is_label { format!("PEM ({label})") } else { "PEM".to_owned() });
    }
    Some(match text.trim_end().as_bytes() {
        // A section of an INI file begins with a bracket like a JSON list, but does not end with one.
        [b'{', ..] | [b'[', .., b']'] => "JSON".to_owned(),
        [b's', b's', b'h', b'-', ..] => "a public key of SSH".to_owned(),
        _ => "text".to_owned(),
    })
}

/// Makes a key file with a new identity, and returns the identity. Returns `None` if another process has made the file in
/// the meantime.
fn make(path: &Path) -> Result<Option<Keypair>, KeyFault> {
    let folder = new_file::folder_of(path);
    // The system reports a missing folder and a missing file by the same error, of which the user could not tell what
    // to make.
    if fs::metadata(folder).is_err_and(|error| is_gone(&error)) {
        return Err(KeyFault::NoFolder(folder.to_owned()));
    }
    let (identity, bytes) = fresh().map_err(KeyFault::Make)?;
    match new_file::create(path, &bytes) {
        Ok(()) => Ok(Some(identity)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(KeyFault::Make(error)),
    }
}

/// Makes a new Ed25519 identity. Returns the identity, and its private key in libp2p's protobuf form.
fn fresh() -> io::Result<(Keypair, Zeroizing<Vec<u8>>)> {
    let pair = super::generate()?.try_into_ed25519().map_err(io::Error::other)?;
    let halves = Zeroizing::new(pair.to_bytes());
    // The encoder of `libp2p-identity` is not used, since it would leave a copy in memory that is not wiped.
    Ok((pair.into(), Zeroizing::new([&ED25519_HEADER[..], &halves[..]].concat())))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

#[cfg(test)]
mod tests;
