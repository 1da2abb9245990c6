//! [`Codec`]: the conversion between messages and bytes. [`Framing`]: the form of a message on its stream.

use crate::protocols::frames::with_length;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt::Display;

/// The conversion of a protocol's requests and responses to bytes and back. A codec does not mark where a message ends;
/// [`Framing`] does that.
///
/// The bytes to decode are from a peer. They may be any bytes, up to the length that [`Config`](super::Config) allows.
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

    /// Appends the encoded bytes of a request to `bytes`, which is empty before the call.
    ///
    /// # Errors
    /// The error of the codec if the request cannot be encoded.
    /// [`RequestResponse::request`](super::RequestResponse::request) returns it, and nothing is sent.
    fn encode_request(&mut self, request: &Self::Request, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Decodes a request. `bytes` contains the whole encoded request.
    ///
    /// # Errors
    /// The error of the codec if the bytes are not a request. The stream is then reset, and the owner is told nothing.
    fn decode_request(&mut self, bytes: Vec<u8>) -> Result<Self::Request, Self::Error>;

    /// Appends the encoded bytes of a response to `bytes`, which is empty before the call.
    ///
    /// # Errors
    /// The error of the codec if the response cannot be encoded.
    /// [`RequestResponse::respond`](super::RequestResponse::respond) returns it, and the request still waits for a response.
    fn encode_response(&mut self, response: &Self::Response, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Decodes a response. `bytes` contains the whole encoded response.
    ///
    /// # Errors
    /// The error of the codec if the bytes are not a response. The request then fails with
    /// [`Failure::Protocol`](crate::lifecycle::Failure::Protocol).
    fn decode_response(&mut self, bytes: Vec<u8>) -> Result<Self::Response, Self::Error>;
}

/// A codec whose requests and responses are plain byte vectors.
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

/// The form in which a message is sent on its stream, which tells the receiver where the message ends. Both sides have to
/// use the same form.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Framing {
    /// All bytes that one side sends on the stream, until it finishes its side, are one message. The `cbor` and `json`
    /// protocols of rust-libp2p have this form.
    #[default]
    WholeSide,
    /// The message follows its length in bytes, an unsigned varint. Each side of the stream sends one message. Most
    /// protocols of go and js nodes that carry protobuf have this form.
    LengthPrefixed,
}

impl Framing {
    /// Returns the bytes that are sent on the stream for a message.
    pub(super) fn frame(self, message: Vec<u8>) -> Vec<u8> {
        match self {
            Self::WholeSide => message,
            Self::LengthPrefixed => with_length(&message),
        }
    }
}
