//! Lines of multistream-select on the wire: the length as a varint of one or two bytes, the text, and `\n`.

use super::{Error, MAX_PROTOCOL, PROTOCOL_NAME, Protocol};
use crate::varint;
use alloc::vec::Vec;

/// The maximum length of a line that is accepted, in bytes, with its `\n` and without its length prefix: 1 025, which is
/// room for the longest protocol name.
pub const MAX_LINE: usize = MAX_PROTOCOL + 1;

/// The header line as it is sent on the wire, which contains [`PROTOCOL_NAME`].
const HEADER_LINE: &[u8] = &header_line();

/// Makes the line that contains [`PROTOCOL_NAME`]. The name is short enough for a length prefix of one byte.
const fn header_line() -> [u8; PROTOCOL_NAME.len() + 2] {
    let mut line = [b'\n'; PROTOCOL_NAME.len() + 2];
    let [length, text @ .., _] = &mut line;
    *length = PROTOCOL_NAME.len().saturating_add(1) as u8;
    text.copy_from_slice(PROTOCOL_NAME.as_bytes());
    line
}

/// The listener's answer to a proposal that it refuses.
pub(super) const NOT_AVAILABLE: &str = "na";

/// The line with which a dialer asks for a list of protocols.
pub(super) const LIST: &str = "ls";

/// The maximum length of a list of protocols in bytes, without its own length prefix: 64 KiB.
pub const MAX_LIST: usize = 64 * 1024;

/// Returns the bytes after the header at the front of `bytes`, or `None` while the header is incomplete. A peer that speaks
/// another protocol is detected by its first wrong byte: the `G` of an HTTP `GET`, read as a length, announces a line of 71
/// bytes, and a request may be shorter than that.
pub(super) fn read_header(bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    match bytes.strip_prefix(HEADER_LINE) {
        Some(rest) => Ok(Some(rest)),
        None if HEADER_LINE.starts_with(bytes) => Ok(None),
        None => Err(Error::BadHeader),
    }
}

/// Returns the first line of `bytes`, without its `\n`, and the bytes after the line, or `None` while the line is
/// incomplete.
///
/// The length of the line is parsed here by hand: it is at most two bytes long and must be in its shortest form, and an
/// error is found at the first wrong byte. `unsigned-varint` would wait for a third byte.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(&str, &[u8])>, Error> {
    let (length, rest) = match bytes {
        [] => return Ok(None),
        [low @ ..0x80, rest @ ..] => (usize::from(*low), rest),
        [_] => return Ok(None),
        [_, 0, ..] => return Err(Error::BadLength),
        // A third byte of the varint would make the length at least 16 384, which is too long in any case.
        [low, high, rest @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, rest),
    };
    if length > MAX_LINE {
        return Err(Error::LineTooLong);
    }
    if length < 2 {
        return Err(Error::BadLine);
    }
    let Some((line, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    let Some((b'\n', text)) = line.split_last() else { return Err(Error::BadLine) };
    if text.contains(&b'\n') {
        return Err(Error::BadLine);
    }
    let text = core::str::from_utf8(text).map_err(|_| Error::BadLine)?;
    Ok(Some((text, rest)))
}

/// Finds the protocol in `supported` whose line is at the front of `bytes`. Returns the protocol's index and the bytes after
/// the line. This function is faster than [`read`], which checks each byte first. It never finds a name of 127 bytes or
/// more.
#[inline]
pub(super) fn find<'a>(bytes: &'a [u8], supported: &[Protocol]) -> Option<(usize, &'a [u8])> {
    let [length @ 2..0x80, line @ ..] = bytes else { return None };
    let (text, [b'\n', rest @ ..]) = line.split_at_checked(usize::from(*length).checked_sub(1)?)? else { return None };
    let index = supported.iter().position(|protocol| protocol.as_str().as_bytes() == text)?;
    Some((index, rest))
}

/// Appends the header line to `out`.
pub(super) fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER_LINE);
}

/// Appends a line with its length prefix to `out`.
pub(super) fn write(text: &str, out: &mut Vec<u8>) {
    varint::append(text.len().saturating_add(1), out);
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// Appends a list of these protocols to `out`, in the format of rust-libp2p: one message that contains a line for each
/// protocol, and another `\n`. If a protocol does not fit in the list, it and all protocols after it are left out.
pub(super) fn write_list(protocols: &[Protocol], out: &mut Vec<u8>) {
    varint::append(list_length(protocols), out);
    listed(protocols).for_each(|protocol| write(protocol.as_str(), out));
    out.push(b'\n');
}

/// Returns the length of a list of these protocols in bytes, without the length prefix of the list: at most [`MAX_LIST`].
pub(super) fn list_length(protocols: &[Protocol]) -> usize {
    listed(protocols).map(line_length).fold(1, usize::saturating_add)
}

/// Returns as many of the first protocols as fit in a list of [`MAX_LIST`] bytes.
fn listed(protocols: &[Protocol]) -> impl Iterator<Item = &Protocol> {
    protocols.iter().scan(1_usize, |length, protocol| {
        *length = length.saturating_add(line_length(protocol));
        (*length <= MAX_LIST).then_some(protocol)
    })
}

/// Returns the length of a protocol's line on the wire in bytes, including the length prefix.
fn line_length(protocol: &Protocol) -> usize {
    let length = protocol.as_str().len().saturating_add(1);
    length.saturating_add(if length < 0x80 { 1 } else { 2 })
}
