//! [`Protocol`]: the name of a protocol, on which both sides of a stream agree.

use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

/// The name and version of multistream-select itself, with which both sides begin. This name is not a [`Protocol`]: nobody
/// can propose it.
pub const PROTOCOL_NAME: &str = "/multistream/1.0.0";

/// The maximum length of a protocol's name in bytes. go-multistream has the same limit.
pub const MAX_PROTOCOL: usize = 1_024;

/// The name of a protocol, such as `/ipfs/ping/1.0.0`. It begins with `/`, is at most [`MAX_PROTOCOL`] bytes long, contains
/// no newline, and is not multistream-select's own name. A clone allocates nothing.
///
/// ```
/// # use swarm_notify::connection::multistream::{InvalidProtocol, Protocol};
/// const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
/// assert_eq!(Protocol::new("/echo/1.0.0")?, ECHO);
/// assert_eq!(Protocol::new("echo"), Err(InvalidProtocol::NoSlash));
/// # Ok::<(), InvalidProtocol>(())
/// ```
#[derive(Clone)]
pub struct Protocol(ProtocolName);

#[derive(Clone)]
enum ProtocolName {
    Static(&'static str),
    /// A name that is made at run time. Because of the second `Arc`, this variant is one pointer wide, so that the type is
    /// no larger than the two words of `Static`.
    Shared(Arc<Arc<str>>),
}

// Each stream contains one.
const _: () = assert!(size_of::<Protocol>() <= 16);

/// The reason why a string is not a valid name of a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum InvalidProtocol {
    /// The name does not begin with `/`.
    NoSlash,
    /// The name is longer than [`MAX_PROTOCOL`] bytes.
    TooLong,
    /// The name contains a newline, which ends a line of multistream-select.
    Newline,
    /// The name is [`PROTOCOL_NAME`], the name of multistream-select itself, which cannot be proposed.
    Reserved,
}

const fn check(name: &[u8]) -> Result<(), InvalidProtocol> {
    // Without the slash, a protocol could have the name `na` or `ls`. rust-libp2p refuses names without it, too.
    let [b'/', ..] = name else { return Err(InvalidProtocol::NoSlash) };
    if name.len() > MAX_PROTOCOL {
        return Err(InvalidProtocol::TooLong);
    }
    let mut rest = name;
    while let [byte, others @ ..] = rest {
        if *byte == b'\n' {
            return Err(InvalidProtocol::Newline);
        }
        rest = others;
    }
    if is_same(name, PROTOCOL_NAME.as_bytes()) { Err(InvalidProtocol::Reserved) } else { Ok(()) }
}

/// Compares two names. The function exists because a `const fn` cannot use `==` on slices.
const fn is_same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, rest_of_one @ ..], [b, rest_of_other @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest_of_one, rest_of_other);
    }
    one.is_empty() && other.is_empty()
}

impl Protocol {
    /// Makes a protocol from a name that is known at compile time, for a `const`.
    ///
    /// # Panics
    /// If the name is invalid. In a `const` or a `static`, where this call belongs, the program then does not compile.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(check(name.as_bytes()).is_ok(), "not a valid protocol name");
        Self(ProtocolName::Static(name))
    }

    /// Makes a protocol from a name that is known only at run time.
    ///
    /// # Errors
    /// The reason why the name is invalid.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidProtocol> {
        let name = name.into();
        check(name.as_bytes())?;
        Ok(Self(ProtocolName::Shared(Arc::new(name))))
    }

    /// The absence of a protocol, in the memory of one: its name is empty, which is not a valid name.
    pub(in crate::connection) const NONE: Self = Self(ProtocolName::Static(""));

    /// Returns the protocol, or `None` if it is [`NONE`](Self::NONE).
    pub(in crate::connection) const fn some(&self) -> Option<&Self> {
        match self.0 {
            ProtocolName::Static(name) if name.is_empty() => None,
            ProtocolName::Static(_) | ProtocolName::Shared(_) => Some(self),
        }
    }

    /// Returns the name of the protocol.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            ProtocolName::Static(name) => name,
            ProtocolName::Shared(name) => name,
        }
    }
}

impl AsRef<str> for Protocol {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Protocol {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for Protocol {
    type Err = InvalidProtocol;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        check(name.as_bytes())?;
        Ok(Self(ProtocolName::Shared(Arc::new(name.into()))))
    }
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Protocol {}

impl PartialOrd for Protocol {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Protocol {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Protocol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for InvalidProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "a protocol's name begins with /",
            Self::TooLong => "a protocol's name is at most 1024 bytes long",
            Self::Newline => "a protocol's name has no newline",
            Self::Reserved => return write!(f, "{PROTOCOL_NAME} is not a protocol to propose"),
        })
    }
}

impl core::error::Error for InvalidProtocol {}
