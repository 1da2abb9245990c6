//! [`Codec`]: requests and responses as bytes.

use crate::protocols::frames::with_length;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt::Display;

/// Writes and reads the requests and responses of a protocol. Where one message ends and the next begins is not its
/// affair: [`Framing`] says so.
///
/// A message that is decoded comes from a peer: any bytes may come, up to the length that
/// [`Config`](super::Config) allows.
///
/// ```
/// use swarm_notify::protocols::request_response::Codec;
///
/// /// A number, and its square.
/// struct Squares;
///
/// #[derive(Debug)]
/// struct NotANumber;
///
/// impl core::fmt::Display for NotANumber {
///     fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
///         f.write_str("a number has four bytes")
///     }
/// }
///
/// impl Codec for Squares {
///     type Request = u32;
///     type Response = u64;
///     type Error = NotANumber;
///
///     fn encode_request(&mut self, request: &u32, bytes: &mut Vec<u8>) -> Result<(), NotANumber> {
///         bytes.extend(request.to_be_bytes());
///         Ok(())
///     }
///
///     fn decode_request(&mut self, bytes: Vec<u8>) -> Result<u32, NotANumber> {
///         bytes.try_into().map(u32::from_be_bytes).map_err(|_| NotANumber)
///     }
///
///     fn encode_response(&mut self, response: &u64, bytes: &mut Vec<u8>) -> Result<(), NotANumber> {
///         bytes.extend(response.to_be_bytes());
///         Ok(())
///     }
///
///     fn decode_response(&mut self, bytes: Vec<u8>) -> Result<u64, NotANumber> {
///         bytes.try_into().map(u64::from_be_bytes).map_err(|_| NotANumber)
///     }
/// }
/// ```
pub trait Codec {
    /// A question.
    type Request;
    /// An answer.
    type Response;
    /// The reason for which something cannot be written, or bytes are no message. Its text goes into the log.
    type Error: Display;

    /// Adds a request to `bytes`, which are empty.
    ///
    /// # Errors
    /// It cannot be written. [`RequestResponse::request`](super::RequestResponse::request) gives the error on, and
    /// nothing is sent.
    fn encode_request(&mut self, request: &Self::Request, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Reads a request, of which these are all bytes.
    ///
    /// # Errors
    /// The bytes are no request. The stream is reset, and the owner is told nothing.
    fn decode_request(&mut self, bytes: Vec<u8>) -> Result<Self::Request, Self::Error>;

    /// Adds a response to `bytes`, which are empty.
    ///
    /// # Errors
    /// It cannot be written. [`RequestResponse::respond`](super::RequestResponse::respond) gives the error on, and the
    /// request still waits for a response.
    fn encode_response(&mut self, response: &Self::Response, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Reads a response, of which these are all bytes.
    ///
    /// # Errors
    /// The bytes are no response. The request has failed of [`Failure::Protocol`](crate::lifecycle::Failure::Protocol).
    fn decode_response(&mut self, bytes: Vec<u8>) -> Result<Self::Response, Self::Error>;
}

/// The codec of a protocol whose requests and responses are bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_structs, reason = "users write it, and it has no settings")]
pub struct Bytes;

impl Codec for Bytes {
    type Request = Vec<u8>;
    type Response = Vec<u8>;
    type Error = Infallible;

    fn encode_request(&mut self, request: &Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), Infallible> {
        bytes.extend_from_slice(request);
        Ok(())
    }

    fn decode_request(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Infallible> {
        Ok(bytes)
    }

    fn encode_response(&mut self, response: &Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), Infallible> {
        bytes.extend_from_slice(response);
        Ok(())
    }

    fn decode_response(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Infallible> {
        Ok(bytes)
    }
}

/// The form of a message on its stream. Both sides have to use the same.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Framing {
    /// A message is all that its side of the stream says, from the beginning to the end. The `cbor` and `json` protocols
    /// of rust-libp2p are of this kind.
    #[default]
    WholeSide,
    /// The length of a message stands before it, as an unsigned varint, and each side of the stream says one message.
    /// Most protocols of go and js nodes that carry protobuf are of this kind.
    LengthPrefixed,
}

impl Framing {
    /// A message as it stands on its stream.
    pub(super) fn frame(self, message: Vec<u8>) -> Vec<u8> {
        match self {
            Self::WholeSide => message,
            Self::LengthPrefixed => with_length(&message),
        }
    }
}
