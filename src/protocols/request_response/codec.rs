//! [`Codec`]: the conversion between messages and bytes. [`Framing`]: the form of a message on its stream.

use crate::protocols::frames::with_length;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt::Display;

/// The conversion of a protocol's requests and responses to bytes and back. A codec does not mark where a message ends:
/// [`Framing`] does.
///
/// The bytes to decode come from a peer. They may be any bytes, up to the length that [`Config`](super::Config) allows.
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
    /// The type of a request.
    type Request;
    /// The type of a response.
    type Response;
    /// The reason for which a message cannot be encoded, or bytes cannot be decoded. Its text is logged.
    type Error: Display;

    /// Appends the bytes of a request to `bytes`, which is empty.
    ///
    /// # Errors
    /// The request cannot be encoded. [`RequestResponse::request`](super::RequestResponse::request) returns the error,
    /// and nothing is sent.
    fn encode_request(&mut self, request: &Self::Request, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Decodes a request from all of its bytes.
    ///
    /// # Errors
    /// The bytes are no request. The stream is reset, and the owner is told nothing.
    fn decode_request(&mut self, bytes: Vec<u8>) -> Result<Self::Request, Self::Error>;

    /// Appends the bytes of a response to `bytes`, which is empty.
    ///
    /// # Errors
    /// The response cannot be encoded. [`RequestResponse::respond`](super::RequestResponse::respond) returns the error,
    /// and the request still waits for a response.
    fn encode_response(&mut self, response: &Self::Response, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Decodes a response from all of its bytes.
    ///
    /// # Errors
    /// The bytes are no response. The request fails with [`Failure::Protocol`](crate::lifecycle::Failure::Protocol).
    fn decode_response(&mut self, bytes: Vec<u8>) -> Result<Self::Response, Self::Error>;
}

/// A codec whose requests and responses are plain bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
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

/// The form of a message on its stream. Both sides have to use the same form.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Framing {
    /// All bytes of a side of the stream, from its beginning to its end, are one message. The `cbor` and `json` protocols
    /// of rust-libp2p have this form.
    #[default]
    WholeSide,
    /// The message follows its length, which is an unsigned varint. Each side of the stream has one message. Most
    /// protocols of go and js nodes that carry protobuf have this form.
    LengthPrefixed,
}

impl Framing {
    /// Returns the bytes of a message on its stream.
    pub(super) fn frame(self, message: Vec<u8>) -> Vec<u8> {
        match self {
            Self::WholeSide => message,
            Self::LengthPrefixed => with_length(&message),
        }
    }
}
