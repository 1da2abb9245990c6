//! [`Error`]: the reason why a key file cannot be used, with a text for the user who named the file.

use crate::text::quoted;
use alloc::string::String;
use core::fmt;
use libp2p_identity::PeerId;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// The maximum length of a key file, in bytes. The longest key that a peer may have is an RSA key of 8 192 bits, and its
/// file is about 4 700 bytes long.
pub const MAX_KEY: usize = 16 * 1024;

/// The error of a key file that cannot be used, which contains the path and the reason. The text of the error also tells the
/// user what to do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Error {
    /// The path of the key file, as the caller gave it.
    pub path: PathBuf,
    /// The reason why the key file cannot be used.
    pub fault: KeyFault,
    /// `true` if the function that failed is [`load_or_create`](super::KeyFile::load_or_create), which makes the file if the
    /// file does not exist.
    pub(super) may_create: bool,
}

/// The reason why a key file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFault {
    /// The file does not exist, and the caller did not ask to make it.
    Missing,
    /// The path names something other than a regular file or a folder. The field names its type, for example `a pipe`.
    Special(&'static str),
    /// The path names a folder.
    Folder,
    /// The path names a symbolic link to this target, which does not exist.
    BrokenLink(PathBuf),
    /// The file is empty.
    Empty,
    /// The file has more than [`MAX_KEY`] bytes.
    TooLong,
    /// The content of the file is not a private key in libp2p's protobuf form. The field describes the format of the
    /// content. This variant is also returned for a key of a type that the crate's enabled features do not support.
    Foreign(String),
    /// The content begins like a private key in libp2p's protobuf form, but is incomplete or was changed.
    Damaged,
    /// The content is a private key in libp2p's protobuf form, but encoded as base64.
    Base64,
    /// The content is not a private key, but the public key of this peer.
    Public(PeerId),
    /// The system could not read the file, and reported this error.
    Read(io::Error),
    /// The file cannot be made, because the folder that should contain the file does not exist. The field is the path of
    /// this folder.
    NoFolder(PathBuf),
    /// The system could not make the file, and reported this error.
    Make(io::Error),
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.fault {
            KeyFault::Read(error) | KeyFault::Make(error) => Some(error),
            KeyFault::Missing
            | KeyFault::Special(_)
            | KeyFault::Folder
            | KeyFault::BrokenLink(_)
            | KeyFault::Empty
            | KeyFault::TooLong
            | KeyFault::Foreign(_)
            | KeyFault::Damaged
            | KeyFault::Base64
            | KeyFault::Public(_)
            | KeyFault::NoFolder(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FILE: &str = "give a file with a key in libp2p's protobuf form";
        const INSTEAD: &str =
            "give a file with a key in libp2p's protobuf form, or a name that does not exist, to have it made";
        let instead = if self.may_create { INSTEAD } else { FILE };
        write!(f, "the key file {} ", quoted(self.path.display()))?;
        match &self.fault {
            KeyFault::Missing => write!(f, "does not exist; {instead}"),
            KeyFault::Special(kind) => write!(f, "is {kind}, and is not read; {instead}"),
            KeyFault::Folder => {
                write!(f, "is a folder; give a file in it: {}", quoted(self.path.join("key").display()))
            }
            KeyFault::BrokenLink(target) => {
                write!(
                    f,
                    "is a link to {}, which does not exist; delete the link, or {instead}",
                    quoted(target.display())
                )
            }
            KeyFault::Empty if self.may_create => {
                f.write_str("is empty; delete it to have it made, or give another file")
            }
            KeyFault::Empty => write!(f, "is empty; {instead}"),
            KeyFault::TooLong => write!(f, "is longer than any key, which has at most {MAX_KEY} bytes; {instead}"),
            KeyFault::Foreign(kind) => write!(f, "holds {kind}, and no key in libp2p's protobuf form; {instead}"),
            KeyFault::Damaged => write!(
                f,
                "is damaged or cut: it begins as a key in libp2p's protobuf form; restore it from a copy, or {instead}"
            ),
            KeyFault::Base64 => {
                write!(f, "holds a key as base64; decode it with `base64 -d`, and give a file with the output")
            }
            KeyFault::Public(peer) => write!(f, "holds the public key of {peer}; give a file with the private one"),
            KeyFault::Read(error) if error.kind() == ErrorKind::WouldBlock => {
                write!(f, "has nothing to read at present; {instead}")
            }
            KeyFault::Read(error) if error.kind() == ErrorKind::PermissionDenied => {
                write!(f, "may not be read by this user: {error}; let this user read it, or give another file")
            }
            KeyFault::Read(error) if error.kind() == ErrorKind::NotADirectory => {
                f.write_str("cannot be read: a part of its path is not a folder; give a file in a folder")
            }
            KeyFault::Read(error) if is_too_long(error) => {
                f.write_str("cannot be read: its name is too long; give a file with a shorter name")
            }
            KeyFault::Read(error) if is_circle(error) => {
                f.write_str("cannot be read: its links lead in a circle; give a file, or delete one of the links")
            }
            KeyFault::Read(error) => write!(f, "cannot be read: {error}; give another file if that persists"),
            KeyFault::NoFolder(folder) => {
                write!(f, "cannot be made: the folder {} does not exist; make it, or ", quoted(folder.display()))?;
                f.write_str("give a file in another folder")
            }
            KeyFault::Make(error) => {
                write!(f, "cannot be made: {error}; correct that, or give a file in another folder")
            }
        }
    }
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
