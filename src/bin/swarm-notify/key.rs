//! Key files: reads the identity that `--key` names, or makes it.
//!
//! A file that is made appears [whole or not at all](new_file), and never in the place of another: of processes that start
//! at once with the same name, one makes the file, and all use what is in it.
//!
//! Reading takes at most [`MAX_KEY`] bytes of regular files only, and on Unix it never blocks. The bytes of a key are
//! wiped once the identity is made of them.

use crate::new_file;
use crate::output::warn;
use crate::report::{Reporter, named};
use data_encoding::BASE64;
use libp2p_identity::{Keypair, PeerId, PublicKey, ed25519};
use std::fmt;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The most bytes of a key file. An RSA key of 8 192 bits, the longest key of a peer, takes about 4 700.
const MAX_KEY: usize = 16 * 1024;

/// An Ed25519 key in libp2p's protobuf form begins with these bytes: its type, and the length of its two halves.
const ED25519_HEADER: [u8; 4] = [8, 1, 18, 64];

/// The pauses in which an empty file may still be filled by the process that has just [made it in place](new_file).
const PAUSES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// A key file that cannot be used, and why.
#[derive(Debug)]
pub(crate) struct Error {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    /// It is no regular file, but this.
    Special(&'static str),
    Folder,
    /// It is a symbolic link to what is not there.
    BrokenLink(PathBuf),
    Empty,
    TooLong,
    /// It has a content of this kind, and no key in libp2p's protobuf form.
    Foreign(String),
    /// It has a key in libp2p's protobuf form, encoded once more as base64.
    Base64,
    Public(PeerId),
    /// It cannot be read.
    Read(io::Error),
    /// It cannot be made, since its folder is not there.
    NoFolder(PathBuf),
    /// It cannot be made.
    Make(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INSTEAD: &str =
            "give a file with a key in libp2p's protobuf form, or a name that is free, and it is made";
        write!(f, "the key file {} ", named(self.path.display()))?;
        match &self.fault {
            Fault::Special(kind) => write!(f, "is {kind}, and is not read; {INSTEAD}"),
            Fault::Folder => write!(f, "is a folder; give a file in it: {}", named(self.path.join("key").display())),
            Fault::BrokenLink(target) => {
                write!(f, "is a link to {}, which is not there; delete the link, or {INSTEAD}", named(target.display()))
            }
            Fault::Empty => write!(f, "is empty; delete it, and it is made, or give another"),
            Fault::TooLong => write!(f, "is longer than any key, which has at most {MAX_KEY} bytes; {INSTEAD}"),
            Fault::Foreign(kind) => write!(f, "holds {kind}, and no key in libp2p's protobuf form; {INSTEAD}"),
            Fault::Base64 => {
                write!(f, "holds a key as base64; decode it with `base64 -d`, and give a file with what comes out")
            }
            Fault::Public(peer) => write!(f, "holds the public key of {peer}; give a file with the private one"),
            Fault::Read(error) if error.kind() == ErrorKind::WouldBlock => {
                write!(f, "has nothing to read at present; {INSTEAD}")
            }
            Fault::Read(error) if error.kind() == ErrorKind::PermissionDenied => {
                write!(f, "may not be read by this user: {error}; let this user read it, or give another")
            }
            Fault::Read(error) if error.kind() == ErrorKind::NotADirectory => {
                f.write_str("cannot be read: a part of its path is no folder; give a file in a folder")
            }
            Fault::Read(error) if is_too_long(error) => {
                f.write_str("cannot be read: its name is too long; give a shorter one")
            }
            Fault::Read(error) if is_circle(error) => {
                f.write_str("cannot be read: its links lead in a circle; give a file, or delete one of the links")
            }
            Fault::Read(error) => write!(f, "cannot be read: {error}; give another if that stays so"),
            Fault::NoFolder(folder) => {
                write!(f, "cannot be made, since the folder {} is not there; make it, or ", named(folder.display()))?;
                f.write_str("give a file in another")
            }
            Fault::Make(error) => write!(f, "cannot be made: {error}; mend that, or give a file in another folder"),
        }
    }
}

/// A key file that others of this machine can read or change.
#[derive(Debug)]
pub(crate) struct Exposed {
    file: String,
    mode: u32,
}

impl Exposed {
    /// Prints the line of the log.
    pub(crate) fn print(&self, reporter: &Reporter) {
        let mut line = reporter.line("key_exposed");
        line.put("file", self.file.as_str());
        line.put("mode", format!("{:03o}", self.mode));
        reporter.print(&line);
    }
}

/// Returns the identity in a file, which is made if it is not there, or a fresh one without a file. It warns on stderr of a
/// file that others can read or change, and returns what the log has to say of it once it has begun.
pub(crate) fn identity(path: Option<&Path>) -> Result<(Keypair, Option<Exposed>), Error> {
    let Some(path) = path else { return Ok((Keypair::generate_ed25519(), None)) };
    let key = key(path, &mut || std::thread::sleep(PAUSE));
    let (identity, mode) = key.map_err(|fault| Error { path: path.to_owned(), fault })?;
    let exposed = mode.map(|mode| Exposed { file: path.display().to_string(), mode });
    if let Some(Exposed { file, mode }) = &exposed {
        let file = named(file);
        warn(format_args!(
            "the key file {file} can be read or changed by others of this machine (mode {mode:03o}); run `chmod 600` \
             on it"
        ));
    }
    Ok((identity, exposed))
}

/// Returns the identity in a file, and the file's mode if others have a part in it. If there is no file, it is made. An
/// empty one gets [`PAUSES`] pauses to be filled.
fn key(path: &Path, pause: &mut dyn FnMut()) -> Result<(Keypair, Option<u32>), Fault> {
    let mut pauses = 0;
    loop {
        match read(path) {
            Ok(Some(read)) => return Ok(read),
            Ok(None) => {
                if let Some(identity) = make(path)? {
                    return Ok((identity, None));
                }
                // Another process has made it in the meantime. Its identity is this one's, too.
            }
            Err(Fault::Empty) if pauses < PAUSES => {}
            Err(fault) => return Err(fault),
        }
        // It also bounds the rounds in which a file comes and goes.
        pauses += 1;
        if pauses > 2 * PAUSES {
            return Err(Fault::Read(ErrorKind::NotFound.into()));
        }
        pause();
    }
}

/// Returns what is in a file like [`key`], or `None` if there is no file.
fn read(path: &Path) -> Result<Option<(Keypair, Option<u32>)>, Fault> {
    // Opening a device, or a pipe that nobody writes to, would do something, or wait.
    match fs::metadata(path) {
        Ok(metadata) => refuse_special(metadata.file_type())?,
        Err(error) if is_gone(&error) => {
            return match fs::read_link(path) {
                Ok(target) => Err(Fault::BrokenLink(target)),
                Err(_) => Ok(None),
            };
        }
        Err(error) => return Err(Fault::Read(error)),
    }
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(Fault::Read(error)),
    };
    // It may have been replaced before it was opened.
    let metadata = file.metadata().map_err(Fault::Read)?;
    refuse_special(metadata.file_type())?;
    let bytes = contents(&file).map_err(Fault::Read)?;
    Ok(Some((decode(&bytes)?, mode_for_others(&metadata))))
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

fn refuse_special(kind: FileType) -> Result<(), Fault> {
    match kind {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(Fault::Folder),
        kind => Err(Fault::Special(special(kind))),
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

/// Returns the mode of a file that others than its owner can read or change.
#[cfg(unix)]
fn mode_for_others(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o066 != 0).then_some(mode)
}

/// Windows has no modes: a file has the access list of its folder, which is its user's own in a profile.
#[cfg(not(unix))]
fn mode_for_others(_metadata: &Metadata) -> Option<u32> {
    None
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

fn decode(bytes: &[u8]) -> Result<Keypair, Fault> {
    match bytes.len() {
        0 => return Err(Fault::Empty),
        len if len > MAX_KEY => return Err(Fault::TooLong),
        _ => {}
    }
    Keypair::from_protobuf_encoding(bytes).map_err(|error| {
        if let Ok(public) = PublicKey::try_decode_protobuf(bytes) {
            return Fault::Public(public.to_peer_id());
        }
        let decoded = BASE64.decode(bytes.trim_ascii()).map(Zeroizing::new);
        if decoded.is_ok_and(|decoded| Keypair::from_protobuf_encoding(&decoded).is_ok()) {
            return Fault::Base64;
        }
        Fault::Foreign(kind(bytes).unwrap_or_else(|| format!("something else ({error})")))
    })
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
fn make(path: &Path) -> Result<Option<Keypair>, Fault> {
    let folder = new_file::folder_of(path);
    if fs::metadata(folder).is_err_and(|error| is_gone(&error)) {
        return Err(Fault::NoFolder(folder.to_owned()));
    }
    let (identity, bytes) = fresh();
    match new_file::create(path, &bytes) {
        Ok(()) => Ok(Some(identity)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(Fault::Make(error)),
    }
}

/// Returns a new identity, and its bytes in libp2p's protobuf form.
fn fresh() -> (Keypair, Zeroizing<Vec<u8>>) {
    let pair = ed25519::Keypair::generate();
    let halves = Zeroizing::new(pair.to_bytes());
    // The encoder of `libp2p-identity` would leave a copy behind that is not wiped.
    (pair.into(), Zeroizing::new([&ED25519_HEADER[..], &halves[..]].concat()))
}

#[cfg(unix)]
fn is_circle(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

#[cfg(not(unix))]
fn is_circle(_error: &io::Error) -> bool {
    false
}

fn is_too_long(error: &io::Error) -> bool {
    error.kind() == ErrorKind::InvalidFilename
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path of a file that is not there, in the system's folder for such.
    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("swarm-notify-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_new_key_is_in_the_protobuf_form_of_libp2p() {
        let (identity, bytes) = fresh();
        assert_eq!(*bytes, identity.to_protobuf_encoding().unwrap());
    }

    #[test]
    fn an_empty_file_that_is_filled_in_a_pause_is_used() {
        let path = path("filled");
        File::create(&path).unwrap();
        let (identity, bytes) = fresh();
        let mut pauses = 0;
        let read = key(&path, &mut || {
            pauses += 1;
            if pauses == PAUSES {
                fs::write(&path, &bytes).unwrap();
            }
        });
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap().0.public(), identity.public());
    }

    #[test]
    fn an_empty_file_that_stays_empty_is_told() {
        let path = path("empty");
        File::create(&path).unwrap();
        let mut pauses = 0;
        let read = key(&path, &mut || pauses += 1);
        fs::remove_file(&path).unwrap();
        assert!(matches!(read, Err(Fault::Empty)));
        assert_eq!(pauses, PAUSES);
    }

    #[test]
    fn a_file_that_may_not_be_read_is_told_for_that() {
        let unreadable = Error { path: "k".into(), fault: Fault::Read(ErrorKind::PermissionDenied.into()) };
        assert!(unreadable.to_string().contains("may not be read by this user"), "{unreadable}");
    }
}
