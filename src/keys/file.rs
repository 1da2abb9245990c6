//! Key files: reads the identity in a file, or makes it.
//!
//! A file that is made appears [whole or not at all](new_file), and never in the place of another: of processes that start
//! at once with the same name, one makes the file, and all use what is in it.
//!
//! Reading takes at most [`MAX_KEY`] bytes of regular files only, and on Unix it never blocks. The bytes of a key are
//! wiped once the identity is made of them, but for the copies that the page of [`keys`](super) names.

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

/// An Ed25519 key in libp2p's protobuf form begins with these bytes: its type, and the length of its two halves.
const ED25519_HEADER: [u8; 4] = [8, 1, 18, 64];

/// The pauses in which an empty file may still be filled by the process that has just [made it in place](new_file).
const PAUSES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// An identity, and what is known of the file that keeps it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyFile {
    /// The identity.
    pub key: Keypair,
    /// The file was not there, and has been made.
    pub is_new: bool,
    /// The file's mode, if others of this machine than the user that this process acts as can read or change it: by its mode,
    /// or since it is another user's. The identity is theirs, too, then: tell your user. Always `None` on systems without modes.
    pub exposed: Option<u32>,
    /// The id of the file's owner, if that is another user than the one that this process acts as, and not root, who can read
    /// all files anyway.
    pub foreign_owner: Option<u32>,
}

impl KeyFile {
    /// Reads the identity in a file: a private key in libp2p's protobuf form, of any type that is built in.
    ///
    /// A link is followed. An empty file gets a fifth of a second in which the process that has just made it may fill it;
    /// this blocks for so long.
    ///
    /// # Errors
    /// [`Error`] says why the file cannot be used, and in its text what may help. The file is left as it was.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of(path.as_ref(), false)
    }

    /// Reads the identity in a file as [`load`](Self::load) does. If there is no file, it makes one for its owner alone, with
    /// a new Ed25519 key.
    ///
    /// The file appears whole or not at all, and its bytes and its name are on the disk then. Of processes that do this at
    /// once one makes the file, and all have its identity. It is written under another name in the same folder first
    /// (`.swarm-notify-` and 16 digits); a process that is killed in between leaves that one behind, which nothing reads.
    ///
    /// # Errors
    /// [`Error`], as for `load`, or if the file cannot be made; then nothing new is in its folder.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of(path.as_ref(), true)
    }

    fn of(path: &Path, may_create: bool) -> Result<Self, Error> {
        let file = load(path, may_create, &mut || std::thread::sleep(PAUSE));
        file.map_err(|fault| Error { path: path.to_owned(), fault, may_create })
    }
}

/// Returns what is in a file. If there is no file and one may be made, it is. An empty one gets [`PAUSES`] pauses to be
/// filled.
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
                // Another process has made it in the meantime. Its identity is this one's, too.
            }
            Err(KeyFault::Empty) if pauses < PAUSES => {}
            Err(fault) => return Err(fault),
        }
        // It also bounds the rounds in which a file comes and goes.
        pauses += 1;
        if pauses > 2 * PAUSES {
            return Err(KeyFault::Read(ErrorKind::NotFound.into()));
        }
        pause();
    }
}

/// Returns what is in a file, or `None` if there is no file.
fn read(path: &Path) -> Result<Option<KeyFile>, KeyFault> {
    // Opening a device, or a pipe that nobody writes to, would do something, or wait.
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
    // It may have been replaced before it was opened.
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
    // A pipe in the place of the file that was looked at would otherwise wait for a writer.
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
    "no regular file"
}

/// Returns the mode of a file that others can read or change: others than its owner, or its owner.
#[cfg(unix)]
fn mode_for_others(metadata: &Metadata, is_foreign: bool) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    (is_foreign || mode & 0o066 != 0).then_some(mode)
}

/// Windows has no modes: a file has the access list of its folder, which is its user's own in a profile.
#[cfg(not(unix))]
fn mode_for_others(_metadata: &Metadata, _is_foreign: bool) -> Option<u32> {
    None
}

/// Returns the owner of a file that is not ours. An owner can read and change it, or give himself the right to.
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

/// Returns what a file holds, up to one byte more than a key may have.
fn contents(mut file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    // It never grows, since growing would leave a copy behind that is not wiped.
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
        if looks_public(bytes)
            && let Ok(public) = PublicKey::try_decode_protobuf(bytes)
        {
            return KeyFault::Public(public.to_peer_id());
        }
        if is_key_in_base64(bytes.trim_ascii()) {
            return KeyFault::Base64;
        }
        // A key of a type that is not built in is whole.
        if begins_as_key(bytes) && !format!("{error}").contains("not enabled") {
            return KeyFault::Damaged;
        }
        KeyFault::Foreign(kind(bytes).unwrap_or_else(|| format!("something else ({error})")))
    })
}

/// Decodes a private key in libp2p's protobuf form. One of Ed25519 is decoded here: `libp2p-identity` has protobuf decoded by
/// `prost`, which leaves a copy of each field of bytes behind.
fn keypair(bytes: &[u8]) -> Result<Keypair, DecodingError> {
    match bytes.strip_prefix(&ED25519_HEADER).and_then(|halves| <&[u8; 64]>::try_from(halves).ok()) {
        Some(halves) => ed25519::Keypair::try_from_bytes(&mut *Zeroizing::new(*halves)).map(Keypair::from),
        None => Keypair::from_protobuf_encoding(bytes),
    }
}

/// Returns whether a content may be a public key. A private key is not decoded as one, since that would leave a copy of it
/// behind that is not wiped.
fn looks_public(bytes: &[u8]) -> bool {
    /// An RSA key in public form names its algorithm, `rsaEncryption`. In the private form of libp2p it does not.
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    match bytes {
        // An Ed25519 key, a compressed point, a SubjectPublicKeyInfo of P-256.
        [8, 1, 18, 32, ..] | [8, 2, 18, 33, ..] | [8, 3, 18, 91, ..] => true,
        [8, 0, 18, rest @ ..] => rest.windows(RSA.len()).take(32).any(|name| name == RSA),
        _ => false,
    }
}

/// Returns whether a content is a private key that is encoded once more as base64.
fn is_key_in_base64(text: &[u8]) -> bool {
    let Ok(len) = BASE64.decode_len(text.len()) else { return false };
    let mut bytes = Zeroizing::new(vec![0; len]);
    match BASE64.decode_mut(text, &mut bytes) {
        Ok(len) => bytes.get(..len).is_some_and(|bytes| keypair(bytes).is_ok()),
        Err(_) => false,
    }
}

/// Returns whether a content begins as a private key in libp2p's protobuf form: with a type that there is, and then the tag of
/// the key itself.
const fn begins_as_key(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 0..=3, 0x12, ..])
}

/// Returns what a content that is no key seems to be. It tells nothing of the content, which may be secret.
fn kind(bytes: &[u8]) -> Option<String> {
    let is_printable = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let text = str::from_utf8(bytes).ok().filter(|_| bytes.iter().all(is_printable)).map(str::trim_start);
    let Some(text) = text else {
        // A sequence of more than 127 bytes, as all private keys in DER are.
        return matches!(bytes, [0x30, 0x81 | 0x82, ..]).then(|| "a key or certificate in DER".to_owned());
    };
    if let Some(label) = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")).map(|cut| cut.0) {
        let is_label = label.len() <= 40 && label.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ');
        return Some(if is_label { format!("PEM ({label})") } else { "PEM".to_owned() });
    }
    Some(match text.trim_end().as_bytes() {
        // A section of an INI file begins like a list, and does not end so.
        [b'{', ..] | [b'[', .., b']'] => "JSON".to_owned(),
        [b's', b's', b'h', b'-', ..] => "a public key of SSH".to_owned(),
        _ => "text".to_owned(),
    })
}

/// Makes a key file. `None`: there is one by now, which another process has made.
fn make(path: &Path) -> Result<Option<Keypair>, KeyFault> {
    let folder = new_file::folder_of(path);
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

/// Returns a new identity, and its bytes in libp2p's protobuf form.
fn fresh() -> io::Result<(Keypair, Zeroizing<Vec<u8>>)> {
    let pair = super::generate()?.try_into_ed25519().map_err(io::Error::other)?;
    let halves = Zeroizing::new(pair.to_bytes());
    // The encoder of `libp2p-identity` would leave a copy behind that is not wiped.
    Ok((pair.into(), Zeroizing::new([&ED25519_HEADER[..], &halves[..]].concat())))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

#[cfg(test)]
mod tests;
