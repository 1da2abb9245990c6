//! Lines on the wire: a varint of one or two bytes, text, `\n`.

use super::{Error, MAX_PROTOCOL, Protocol};
use crate::varint;
use alloc::vec::Vec;

/// The longest line that is read, with its `\n` and without its length: 1 025 bytes, room for the longest protocol.
pub const MAX_LINE: usize = MAX_PROTOCOL + 1;

/// What both sides begin with.
pub(super) const HEADER: &str = "/multistream/1.0.0";

/// The header as it is on the wire.
const HEADER_LINE: &[u8] = b"\x13/multistream/1.0.0\n";

/// How a listener refuses a proposal.
pub(super) const NOT_AVAILABLE: &str = "na";

/// The line by which a dialer asks for a list of protocols.
pub(super) const LIST: &str = "ls";

/// The most bytes of a list of protocols, without its own length: 64 KiB.
pub const MAX_LIST: usize = 64 * 1024;

/// Returns what is behind the header at the front of `bytes`; `None` while it is incomplete. What speaks something
/// else is found out by its first wrong byte: an HTTP request says of itself that it is a line of 71 bytes, and ends
/// sooner.
pub(super) fn read_header(bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    match bytes.strip_prefix(HEADER_LINE) {
        Some(rest) => Ok(Some(rest)),
        None if HEADER_LINE.starts_with(bytes) => Ok(None),
        None => Err(Error::BadHeader),
    }
}

/// The first line of `bytes`, without its `\n`, and what is behind it; `None` while it is incomplete.
///
/// Its length is read by hand: it has two bytes at most and is not longer than it need be, and what is wrong is found out by
/// the first wrong byte. `unsigned-varint` waits for a third one.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(&str, &[u8])>, Error> {
    let (length, rest) = match bytes {
        [] => return Ok(None),
        [low @ ..0x80, rest @ ..] => (usize::from(*low), rest),
        [_] => return Ok(None),
        [_, 0, ..] => return Err(Error::BadLength),
        // That of a third byte counts as 16 384, which is too long.
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

/// Finds the protocol of `supported` whose line `bytes` begin with. Gives its index, and what is behind the line.
/// It looks at the bytes once, where [`read`] has to check each of them first; it passes over names of 127 bytes and more.
#[inline]
pub(super) fn find<'a>(bytes: &'a [u8], supported: &[Protocol]) -> Option<(usize, &'a [u8])> {
    let [length @ 2..0x80, line @ ..] = bytes else { return None };
    let (text, [b'\n', rest @ ..]) = line.split_at_checked(usize::from(*length).checked_sub(1)?)? else { return None };
    let index = supported.iter().position(|protocol| protocol.as_str().as_bytes() == text)?;
    Some((index, rest))
}

/// Appends the header.
pub(super) fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER_LINE);
}

/// Appends a line.
pub(super) fn write(text: &str, out: &mut Vec<u8>) {
    varint::append(text.len().saturating_add(1), out);
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// Appends the list of these protocols, as rust-libp2p has it: one message of a line for each, and another `\n`. The
/// first protocol that does not fit, and those behind it, are left out.
pub(super) fn write_list(protocols: &[Protocol], out: &mut Vec<u8>) {
    varint::append(list_length(protocols), out);
    listed(protocols).for_each(|protocol| write(protocol.as_str(), out));
    out.push(b'\n');
}

/// Returns the length of a list, without its own length: at most [`MAX_LIST`].
pub(super) fn list_length(protocols: &[Protocol]) -> usize {
    listed(protocols).map(line_length).fold(1, usize::saturating_add)
}

/// The protocols for which a list has room.
fn listed(protocols: &[Protocol]) -> impl Iterator<Item = &Protocol> {
    protocols.iter().scan(1_usize, |length, protocol| {
        *length = length.saturating_add(line_length(protocol));
        (*length <= MAX_LIST).then_some(protocol)
    })
}

/// The bytes of a protocol's line on the wire.
fn line_length(protocol: &Protocol) -> usize {
    let length = protocol.as_str().len().saturating_add(1);
    length.saturating_add(if length < 0x80 { 1 } else { 2 })
}
