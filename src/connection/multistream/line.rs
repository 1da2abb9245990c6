//! Lines on the wire: a varint of one or two bytes, text, `\n`.

use super::{Error, MAX_PROTOCOL};
use alloc::vec::Vec;

/// The longest line that is read, with its `\n` and without its length: 1 025 bytes, room for the longest protocol.
pub const MAX_LINE: usize = MAX_PROTOCOL + 1;

/// What both sides begin with.
pub(super) const HEADER: &str = "/multistream/1.0.0";

/// The header as it is on the wire.
const HEADER_LINE: &[u8] = b"\x13/multistream/1.0.0\n";

/// How a listener refuses a proposal.
pub(super) const NOT_AVAILABLE: &str = "na";

/// How many bytes the header at the front of `bytes` takes up; `None` while it is incomplete. What speaks something
/// else is found out by its first wrong byte: an HTTP request says of itself that it is a line of 71 bytes, and ends
/// sooner.
pub(super) fn read_header(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let have = bytes.len().min(HEADER_LINE.len());
    if bytes[..have] != HEADER_LINE[..have] {
        return Err(Error::BadHeader);
    }
    Ok((have == HEADER_LINE.len()).then_some(have))
}

/// The first line of `bytes`, without its `\n`, and how many bytes it takes up; `None` while it is incomplete.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(&str, usize)>, Error> {
    let (length, prefix) = match *bytes {
        [] => return Ok(None),
        [low, ..] if low < 0x80 => (usize::from(low), 1),
        [_] => return Ok(None),
        [_, 0, ..] => return Err(Error::BadLength),
        // That of a third byte counts as 16 384, which is too long.
        [low, high, ..] => (usize::from(low & 0x7f) | usize::from(high) << 7, 2),
    };
    if length > MAX_LINE {
        return Err(Error::LineTooLong);
    }
    if length < 2 {
        return Err(Error::BadLine);
    }
    let Some(line) = bytes.get(prefix..prefix + length) else { return Ok(None) };
    let Some((b'\n', text)) = line.split_last() else { return Err(Error::BadLine) };
    if text.contains(&b'\n') {
        return Err(Error::BadLine);
    }
    let text = core::str::from_utf8(text).map_err(|_| Error::BadLine)?;
    Ok(Some((text, prefix + length)))
}

/// Appends a line. `text` is at most [`MAX_PROTOCOL`] bytes, so that its length fits in a varint of two.
pub(super) fn write(text: &str, out: &mut Vec<u8>) {
    let length = text.len() + 1;
    if length < 0x80 {
        out.push(length as u8);
    } else {
        out.extend([length as u8 | 0x80, (length >> 7) as u8]);
    }
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}
