//! [`Error`]: the reason for which a key file cannot be used, in words for its owner.

use crate::text::quoted;
use alloc::string::String;
use core::fmt;
use libp2p_identity::PeerId;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// The most bytes of a key file. An RSA key of 8 192 bits, the longest key of a peer, takes about 4 700.
pub const MAX_KEY: usize = 16 * 1024;

/// A key file that cannot be used, and why. Its text also says what may help.
#[derive(Debug)]
#[non_exhaustive]
pub struct Error {
    /// The file, as it was given.
    pub path: PathBuf,
    /// The reason.
    pub fault: KeyFault,
    /// It would have been made.
    pub(super) may_create: bool,
}

/// The reason for which a key file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFault {
    /// There is no such file, and none was to be made.
    Missing,
    /// It is no regular file, but this: a pipe, say.
    Special(&'static str),
    /// It is a folder.
    Folder,
    /// It is a symbolic link to what is not there.
    BrokenLink(PathBuf),
    /// It has no bytes.
    Empty,
    /// It has more than [`MAX_KEY`] bytes.
    TooLong,
    /// It has a content of this kind, and no private key in libp2p's protobuf form. A type of key that is not built in is
    /// one of these, too.
    Foreign(String),
    /// It begins as a private key in libp2p's protobuf form, and is none: it was cut off, or changed.
    Damaged,
    /// It has a key in libp2p's protobuf form, encoded once more as base64.
    Base64,
    /// It has the public key of this peer.
    Public(PeerId),
    /// It cannot be read.
    Read(io::Error),
    /// It cannot be made, since this folder is not there.
    NoFolder(PathBuf),
    /// It cannot be made.
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
            "give a file with a key in libp2p's protobuf form, or a name that is free, and it is made";
        let instead = if self.may_create { INSTEAD } else { FILE };
        write!(f, "the key file {} ", quoted(self.path.display()))?;
        match &self.fault {
            KeyFault::Missing => write!(f, "is not there; {instead}"),
            KeyFault::Special(kind) => write!(f, "is {kind}, and is not read; {instead}"),
            KeyFault::Folder => {
                write!(f, "is a folder; give a file in it: {}", quoted(self.path.join("key").display()))
            }
            KeyFault::BrokenLink(target) => {
                write!(
                    f,
                    "is a link to {}, which is not there; delete the link, or {instead}",
                    quoted(target.display())
                )
            }
            KeyFault::Empty if self.may_create => f.write_str("is empty; delete it, and it is made, or give another"),
            KeyFault::Empty => write!(f, "is empty; {instead}"),
            KeyFault::TooLong => write!(f, "is longer than any key, which has at most {MAX_KEY} bytes; {instead}"),
            KeyFault::Foreign(kind) => write!(f, "holds {kind}, and no key in libp2p's protobuf form; {instead}"),
            KeyFault::Damaged => write!(
                f,
                "is damaged or cut: it begins as a key in libp2p's protobuf form; take it from a copy, or {instead}"
            ),
            KeyFault::Base64 => {
                write!(f, "holds a key as base64; decode it with `base64 -d`, and give a file with what comes out")
            }
            KeyFault::Public(peer) => write!(f, "holds the public key of {peer}; give a file with the private one"),
            KeyFault::Read(error) if error.kind() == ErrorKind::WouldBlock => {
                write!(f, "has nothing to read at present; {instead}")
            }
            KeyFault::Read(error) if error.kind() == ErrorKind::PermissionDenied => {
                write!(f, "may not be read by this user: {error}; let this user read it, or give another")
            }
            KeyFault::Read(error) if error.kind() == ErrorKind::NotADirectory => {
                f.write_str("cannot be read: a part of its path is no folder; give a file in a folder")
            }
            KeyFault::Read(error) if is_too_long(error) => {
                f.write_str("cannot be read: its name is too long; give a shorter one")
            }
            KeyFault::Read(error) if is_circle(error) => {
                f.write_str("cannot be read: its links lead in a circle; give a file, or delete one of the links")
            }
            KeyFault::Read(error) => write!(f, "cannot be read: {error}; give another if that stays so"),
            KeyFault::NoFolder(folder) => {
                write!(f, "cannot be made, since the folder {} is not there; make it, or ", quoted(folder.display()))?;
                f.write_str("give a file in another")
            }
            KeyFault::Make(error) => write!(f, "cannot be made: {error}; mend that, or give a file in another folder"),
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
