//! Tests of strings in a line of the log: each is cut, escaped and quoted, and can be read back.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use swarm_notify::text::MAX_TEXT;

/// Returns a line that contains first the fields that all lines of the command have, and then the given `fields`.
fn line(fields: Vec<(&'static str, Value)>) -> LogLine {
    let mut line = LogLine::default();
    line.put("t", 1.5);
    line.put("time", "2026-11-30T04:05:06.000007Z");
    line.put("event", "identified");
    line.0.extend(fields);
    line
}

/// Reads the fields of a line of text by the rules of the page `guide::command_log`.
fn read_text(text: &str) -> Vec<(String, Value)> {
    let mut rest = text.trim_start();
    let mut word = || {
        let (word, left) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = left.trim_start();
        word.to_owned()
    };
    let mut fields = vec![("t".to_owned(), word().parse::<f64>().unwrap().into())];
    fields.push(("time".to_owned(), word().into()));
    fields.push(("event".to_owned(), word().into()));
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').unwrap();
        let mut values = serde_json::Deserializer::from_str(value).into_iter::<Value>();
        let read = values.next().and_then(Result::ok);
        let end = values.byte_offset();
        // If a blank or the end of the line follows a JSON value, the field's value is that JSON value. Otherwise, the
        // field's value is a word.
        let (read, end) = match read.filter(|_| value[end..].is_empty() || value[end..].starts_with(' ')) {
            Some(read) => (read, end),
            None => {
                let end = value.find(' ').unwrap_or(value.len());
                (value[..end].into(), end)
            }
        };
        fields.push((key.to_owned(), read));
        rest = value[end..].strip_prefix(' ').unwrap_or("");
    }
    fields
}

fn owned(line: &LogLine) -> Vec<(String, Value)> {
    line.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// Generates strings that an attacker could choose. They contain separators, quotes, escapes, invisible characters, words
/// that can be read as something else, and any other characters.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        prop::sample::select(vec![
            " ",
            "=",
            "\"",
            "\\",
            "\n",
            "\u{1b}[2J",
            "\u{9b}",
            "\u{85}",
            "\u{7f}",
            "\u{2028}",
            "\u{2029}",
            "\u{202e}",
            "\u{feff}",
            "\u{e0041}",
            "…",
            "é",
            "🦀",
            "x",
            "peer=FORGED",
            "null",
            "true",
            "1",
            "-",
            ".5",
            "1e9",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "/a",
            "\\u0041",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Generates fields whose values are the strings of [`text`] and other JSON values.
pub(in crate::report) fn fields() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::collection::vec((prop::sample::select(vec!["agent", "peer", "protocols", "data"]), value()), 0..5)
}

proptest! {
    #[test]
    fn text_with_any_strings_can_be_read_back(fields in fields()) {
        let line = line(fields);
        prop_assert_eq!(read_text(&line.to_string()), owned(&line), "{}", line);
    }

    #[test]
    fn json_with_any_strings_can_be_read_back(fields in prop::collection::vec(value(), 0..4)) {
        const KEYS: [&str; 4] = ["agent", "peer", "protocols", "data"];
        let line = line(KEYS.into_iter().zip(fields).collect());
        let read: Value = serde_json::from_str(&line.to_json()).unwrap();
        prop_assert_eq!(read, Value::Object(owned(&line).into_iter().collect()));
    }

    #[test]
    fn no_invisible_character_is_written(fields in fields()) {
        let line = line(fields);
        for written in [line.to_string(), line.to_json()] {
            prop_assert!(!written.contains(is_unseen), "{written:?}");
        }
    }

    #[test]
    fn a_string_is_cut_before_it_is_escaped(text in text(), times in 0_usize..400) {
        let long = text.repeat(times);
        let mut line = LogLine::default();
        line.put("agent", long.clone());
        let read: Value = serde_json::from_str(&line.to_json()).unwrap();
        let cut = read["agent"].as_str().unwrap();
        prop_assert!(cut.len() <= MAX_TEXT);
        let is_right = if long.len() <= MAX_TEXT { cut == long } else { long.starts_with(cut.strip_suffix('…').unwrap()) };
        prop_assert!(is_right, "{cut:?}");
    }
}

#[test]
fn a_peers_agent_and_protocols_cannot_control_a_terminal() {
    let mut line = line(Vec::new());
    line.put("agent", "go\u{1b}[2J\n 0.1 connected \u{9b}\u{7f}é");
    line.put("protocols", vec!["/a\u{2028}\n\u{e0041}".to_owned()]);
    let expected = concat!(
        " 1.500000  2026-11-30T04:05:06.000007Z  identified    ",
        r#" agent="go\u001b[2J\n 0.1 connected \u009b\u007fé" protocols=["/a\u2028\n\udb40\udc41"]"#
    );
    assert_eq!(line.to_string(), expected);
}

#[test]
fn an_agent_forges_no_field() {
    let mut line = line(Vec::new());
    line.put("agent", "x peer=FORGED");
    line.put("peer", "12D3KooW");
    assert!(line.to_string().ends_with(r#" agent="x peer=FORGED" peer=12D3KooW"#), "{line}");
}

#[test]
fn only_unambiguous_words_stand_without_quotes() {
    for word in ["/ip4/127.0.0.1/tcp/4001", "remote(go_away(0))", "12D3KooWHFd1", "go-libp2p/0.40.0", "c0.1", "0.1.0"] {
        assert!(is_word(word), "{word}");
    }
    for no_word in
        ["", "null", "true", "false", "1", "-1.5e+9", "nan", "a b", "a=b", "[]", "{", "\"", "\\", "é", "\n", "a,b"]
    {
        assert!(!is_word(no_word), "{no_word}");
    }
}

/// Exactly two kinds of characters are escaped: those of the categories Cc, Cf, Zl and Zp, and those that JSON has to
/// escape.
#[test]
fn exactly_the_invisible_characters_are_escaped() {
    let escaped: Vec<_> = ('\0'..=char::MAX).filter(|character| is_unseen(*character)).collect();
    assert!(escaped.iter().filter(|character| character.is_control()).count() == 65, "all of Cc");
    for unseen in ['\u{ad}', '\u{61c}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0001}'] {
        assert!(escaped.contains(&unseen), "{unseen:?} is of Cf");
    }
    assert!(escaped.contains(&'\u{2028}') && escaped.contains(&'\u{2029}'), "Zl and Zp");
    for character in '\0'..=char::MAX {
        let mut json = String::new();
        quote(&mut json, character.encode_utf8(&mut [0; 4]));
        let is_escaped = json.starts_with("\"\\");
        assert_eq!(is_escaped, is_unseen(character) || "\"\\".contains(character), "{character:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), String::from(character));
    }
}

#[test]
fn binary_data_is_in_base64_and_can_be_decoded_if_cut() {
    for (length, is_cut) in [(0, false), (1, false), (3_072, false), (3_073, true), (100_000, true)] {
        let data = vec![0xff; length];
        let mut line = LogLine::default();
        line.put_data(&data);
        let read: Value = serde_json::from_str(&line.to_json()).unwrap();
        let decoded = match read.get("data_base64") {
            Some(base64) => BASE64.decode(base64.as_str().unwrap().as_bytes()).unwrap(),
            None => read["data"].as_str().unwrap().as_bytes().to_vec(),
        };
        assert_eq!(decoded, data[..length.min(3_072)]);
        assert_eq!(read.get("length"), is_cut.then(|| json!(length)).as_ref());
    }
}

#[test]
fn strings_of_64_kib_are_cut_in_a_line() {
    let mut line = LogLine::default();
    line.put("agent", "a".repeat(64 * 1024));
    line.put("protocols", vec!["é".repeat(32 * 1024); 2]);
    line.put("inner", json!({"text": "b".repeat(64 * 1024)}));
    line.put_data(&[b'd'; 64 * 1024]);
    let text = line.to_string();
    assert!(text.len() < 4 * (MAX_TEXT + 24) + MAX_DATA + 40, "{}", text.len());
    assert!(text.contains("a…\" protocols=[\"éé") && text.ends_with("d…\" length=65536"), "{text}");
}
