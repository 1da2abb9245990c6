//! [`shorten`] and [`printable`], which make the strings that a peer has chosen safe for events, the log and terminals.

use alloc::borrow::Cow;
use alloc::string::String;

/// The maximum number of bytes of a peer's string in an event, in the text of an error or in a line of the log.
///
/// No known implementation has an agent version that is longer. The names of protocols and topics in events are never cut,
/// since programs compare them with other names. The lengths of these names are bounded elsewhere.
pub const MAX_TEXT: usize = 256;

/// The character that [`shorten`] puts at the end of a string that it has cut.
pub const CUT: char = '…';

/// Shortens a string that a peer has chosen to at most [`MAX_TEXT`] bytes. The string is cut between two characters, and
/// [`CUT`] at its end marks the cut. A string that is short enough is returned unchanged. Nothing is escaped.
///
/// ```
/// use swarm_notify::text::{MAX_TEXT, shorten};
///
/// assert_eq!(shorten("go-libp2p/0.40.0"), "go-libp2p/0.40.0");
/// let long = shorten(&"a".repeat(65_536)).into_owned();
/// assert!(long.len() == MAX_TEXT && long.ends_with("a…"));
/// ```
#[must_use]
pub fn shorten(text: &str) -> Cow<'_, str> {
    shorten_to(text, MAX_TEXT)
}

/// Shortens a string to at most `most` bytes. If the string is cut, [`CUT`] at its end marks the cut. If the string has to
/// be cut and `most` is less than the length of [`CUT`], the result is empty.
#[must_use]
pub fn shorten_to(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let Some(most) = most.checked_sub(CUT.len_utf8()) else { return Cow::Borrowed("") };
    // A character has at most four bytes, so this looks at four positions at most.
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let mut short = String::from(&text[..end]);
    short.push(CUT);
    Cow::Owned(short)
}

/// Returns a text in which Rust's escapes replace the characters that may control a terminal or are invisible: control
/// characters, line and paragraph separators, and marks that change the direction of writing. Backslashes are doubled, so
/// that no text looks like the escaped form of another text.
///
/// Pass every string that a peer has chosen through this function before you print the string. [Cut](shorten) the string
/// first if its length matters: an escape is up to ten bytes long.
///
/// ```
/// use swarm_notify::text::printable;
///
/// assert_eq!(printable("it's \"fine\", señor"), "it's \"fine\", señor");
/// assert_eq!(printable("\u{1b}[2Jyour terminal is mine\n"), r"\u{1b}[2Jyour terminal is mine\n");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    // `escape_debug` also escapes quotes, which is needed only in source code.
    // `escape_debug` escapes more than C0. A terminal accepts U+009B as the beginning of a command, U+0085 and U+2028 break
    // a line of the log in two, and a mark such as U+202E shows the text behind it in the wrong order. A peer can put all of
    // these into an agent version or the name of a protocol.
    let is_plain = |character: char| matches!(character, '"' | '\'') || character.escape_debug().len() == 1;
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::new();
    for character in text.chars() {
        if is_plain(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_debug());
        }
    }
    Cow::Owned(safe)
}

/// Returns a text that a peer may have chosen in the form in which a line of the log contains it: [shortened](shorten), and
/// then made [printable].
#[cfg(feature = "swarm")]
pub(crate) fn for_log(text: &dyn core::fmt::Display) -> String {
    use alloc::string::ToString as _;
    // The text is cut before it is escaped, so that the cut cannot divide an escape, and so that a long text is not escaped
    // as a whole for one line.
    printable(&shorten(&text.to_string())).into_owned()
}

/// Returns a name, such as a path, in double quotes for a message to the user. The quotes show where the name begins and
/// ends. Escapes replace the characters that may control a terminal or are invisible, since a path can contain any
/// character.
#[cfg(feature = "keys")]
pub(crate) fn quoted(name: impl core::fmt::Display) -> String {
    use alloc::string::ToString as _;
    use core::fmt::Write as _;
    let name = name.to_string();
    let mut quoted = String::from('"');
    for character in name.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\'' => quoted.push(character),
            '\n' => quoted.push_str("\\n"),
            // Printable characters are not changed. All other characters are escaped as in JSON.
            _ if character.escape_debug().len() > 1 => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "swarm")]
    #[test]
    fn a_peers_text_in_the_log_is_short_and_commands_no_terminal() {
        let hostile = "/a\u{1b}[2J\n\u{9b}\u{85}\u{7f}\u{2028}\u{202e}\u{feff} it's \"é\"";
        let safe = for_log(&hostile);
        assert_eq!(safe, "/a\\u{1b}[2J\\n\\u{9b}\\u{85}\\u{7f}\\u{2028}\\u{202e}\\u{feff} it's \"é\"");
        assert!(for_log(&"\u{202e}".repeat(64 * 1024)).len() <= MAX_TEXT / 3 * 8 + CUT.len_utf8());
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters_and_marked() {
        for character in ['a', 'é', '語', '🦀'] {
            let long: String = core::iter::repeat_n(character, 64 * 1024).collect();
            let short = shorten(&long);
            assert!(short.len() <= MAX_TEXT && short.len() > MAX_TEXT - CUT.len_utf8() - 4, "{}", short.len());
            assert!(short.strip_suffix(CUT).is_some_and(|kept| long.starts_with(kept)));
            assert_eq!(shorten(&short), short, "it is short now");
        }
    }

    #[test]
    fn a_text_that_is_short_enough_is_unchanged() {
        let exactly = "x".repeat(MAX_TEXT);
        assert_eq!(shorten(&exactly), exactly);
        assert_eq!((shorten(""), shorten_to("abc", 3), shorten_to("abcd", 3)), ("".into(), "abc".into(), "…".into()));
        assert_eq!((shorten_to("abc", 2), shorten_to("abc", 0)), ("".into(), "".into()));
    }
}
