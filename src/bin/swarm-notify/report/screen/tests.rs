//! Tests of lines at a terminal: the rows fit, the columns are aligned, and no part of a line is lost.

use super::super::line::tests::fields;
use super::*;
use anstream::adapter::strip_str;
use proptest::prelude::*;
use std::num::NonZeroU16;

const PEER: &str = "12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa";
const LONG: &str =
    "/ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535/p2p/12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa";

fn line(side: Option<&'static str>, event: &str, id: Option<(&'static str, &str)>) -> LogLine {
    let mut line = LogLine::default();
    line.put("t", 1.5);
    line.put("time", "2026-11-30T04:05:06.000007Z");
    if let Some(side) = side {
        line.put("side", side);
    }
    line.put("event", event);
    if let Some((key, id)) = id {
        line.put(key, id);
    }
    line
}

/// Returns the rows of a line as a terminal with `columns` columns shows them.
fn shown(line: &LogLine, columns: usize, is_long: bool) -> Vec<String> {
    let rows = Screen { columns, id: ID, is_long }.rows(line);
    let plain: Vec<_> = rows.iter().map(|row| paint::write(row, false)).collect();
    let rows: Vec<_> = rows.iter().map(|row| paint::write(row, true)).collect();
    assert_eq!(rows.iter().map(|row| strip_str(row).to_string()).collect::<Vec<_>>(), plain, "colours change the text");
    let size = |number: usize| NonZeroU16::try_from(u16::try_from(number).unwrap()).unwrap();
    let width = size(columns).get();
    let mut terminal = vt100::Parser::new(size(rows.len() + 2), size(columns), 0);
    terminal.process((rows.join("\r\n") + "\r\n").as_bytes());
    let screen = terminal.screen();
    assert_eq!(screen.cursor_position(), (u16::try_from(rows.len()).unwrap(), 0), "a row was wrapped: {rows:#?}");
    let shown: Vec<_> = screen.rows(0, width).take(rows.len()).collect();
    let last = (0..screen.size().0.get()).filter_map(|row| screen.cell(row, width - 1));
    assert!(last.into_iter().all(|cell| !cell.has_contents()), "the last column is free: {shown:#?}");
    shown
}

/// The minimum width of a terminal, in characters, at which the fields are printed in the same row as the event, even in
/// `demo`.
const BESIDE: usize = TIME + 1 + 1 + 1 + EVENT + 1 + ID + 1 + LEAST_ROOM + 1;

proptest! {
    #[test]
    fn rows_keep_their_columns_with_any_strings(
        fields in fields(),
        columns in BESIDE..=200,
        is_long: bool,
        has_side: bool,
    ) {
        let mut line = line(has_side.then_some("a"), "disconnected", Some(("connection", "c12.1")));
        line.put("reason", "eof");
        fields.into_iter().for_each(|(key, value)| line.put(key, value));
        let gap = if columns < WIDE { 1 } else { 2 };
        let side = if has_side { 1 + gap } else { 0 };
        let event = TIME + gap + side;
        let margin = event + EVENT + gap + ID + gap;
        let shown = shown(&line, columns, is_long);
        prop_assert_eq!(&shown[0][..TIME], "   1.500");
        prop_assert_eq!(&shown[0][event - 1..event + 13], " disconnected ");
        prop_assert_eq!(&shown[0][event + EVENT + gap - 1..margin + 3], format!(" {:<1$}eof", "c12.1", ID + gap));
        for row in &shown[1..] {
            prop_assert!(row.bytes().take(margin).all(|byte| byte == b' ') && row.len() > margin, "{row:?}");
        }
        prop_assert!(is_long || shown.len() <= 5 * MAX_ROWS);
    }

    #[test]
    fn nothing_is_left_out_of_a_long_line(fields in fields(), columns in 20_usize..=200) {
        let mut line = line(None, "identified", None);
        fields.into_iter().for_each(|(key, value)| line.put(key, value));
        let rows = Screen { columns, id: ID, is_long: true }.rows(&line);
        let rows = rows.iter().map(|row| paint::write(row, false));
        let screen: String = rows.map(|row| row.trim_start().trim_start_matches(MARK).to_owned()).collect();
        let bare = |text: &str| text.split(' ').collect::<String>();
        prop_assert_eq!(bare(&screen["1.500 ".len()..]), bare(line.to_string().split("06.000007Z  ").nth(1).unwrap()));
    }

    #[test]
    fn each_row_fits_a_narrow_terminal(fields in fields(), columns in 30_usize..BESIDE) {
        let mut line = line(Some("b"), "disconnected", Some(("connection", "c12.1")));
        fields.into_iter().for_each(|(key, value)| line.put(key, value));
        shown(&line, columns, false);
    }
}

#[test]
fn a_stream_takes_one_row_if_its_fields_stand_beside() {
    let mut line = line(Some("a"), "opened_stream", Some(("connection", "c1.1")));
    line.put("stream", "s0.1");
    line.put("direction", "outbound");
    line.put("protocol", "/a/1");
    let expected = ["   1.500 a opened_stream", "    c1.1 outbound /a/1"];
    assert_eq!(BESIDE, 76);
    assert_eq!(shown(&line, 75, false), [expected[0].to_owned() + " s0.1", expected[1].to_owned()]);
    assert_eq!(shown(&line, 76, false), ["   1.500 a opened_stream        s0.1     c1.1 outbound /a/1"]);
    assert_eq!(shown(&line, 100, false), ["   1.500  a  opened_stream         s0.1      c1.1 outbound /a/1"]);
}

#[test]
fn peer_ids_are_short_unless_long_is_given() {
    let mut line = line(None, "connected", Some(("connection", "c1.1")));
    line.put("remote", LONG);
    line.put("peer", PEER);
    line.put("direction", "inbound");
    let expected = "   1.500  connected             c1.1      \
        /ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535 peer=12D3KooW…6wQGfa inbound";
    assert_eq!(shown(&line, 130, false), [expected]);
    let expected = [
        "   1.500 connected c1.1",
        "    /ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535",
        "    peer=12D3KooW…6wQGfa inbound",
    ];
    assert_eq!(shown(&line, 60, false), expected);
    let expected = [
        "   1.500  connected             c1.1      /ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535",
        "                                          peer=12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa inbound",
    ];
    assert_eq!(shown(&line, 120, true), expected);
}

#[test]
fn an_address_is_broken_between_its_parts() {
    let mut line = line(None, "listen_failed", Some(("listener", "l0.1")));
    line.put("addresses", vec![LONG]);
    let margin = " ".repeat(42);
    let expected = [
        "   1.500  listen_failed         l0.1      /ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535".to_owned(),
        format!("{margin}│ /p2p/{PEER}"),
    ];
    assert_eq!(shown(&line, 120, true), expected);
    let expected = [
        "   1.500  listen_failed         l0.1      /ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535".to_owned(),
        format!("{margin}│ /p2p/12D3KooW…6wQGfa"),
    ];
    assert_eq!(shown(&line, 100, false), expected);
    // An IPv6 address that is longer than a row is broken between its groups.
    let expected = [
        "   1.500 listen_failed        l0.1     /ip6/2001:db8:1111:2222:3333:4444:5555:".to_owned(),
        " ".repeat(39) + "│ 6666/tcp/65535/p2p/12D3KooW…6wQGfa",
    ];
    assert_eq!(shown(&line, 80, false), expected);
}

/// An address of a listener is printed without our own peer id, which the line `start` contains. The peer id is printed only
/// if the listener was asked for an address with another peer id.
#[test]
fn our_own_id_is_left_out_of_addresses_that_fail() {
    for (reason, address) in
        [("address_in_use", "/ip4/1.2.3.4/tcp/1"), ("wrong_peer", "/ip4/1.2.3.4/tcp/1/p2p/12D3KooW…6wQGfa")]
    {
        let mut line = line(None, "listen_failed", Some(("listener", "l0.1")));
        line.put("reason", reason);
        line.put("addresses", vec![format!("/ip4/1.2.3.4/tcp/1/p2p/{PEER}")]);
        let expected = [format!("   1.500  listen_failed         l0.1      {reason} {address}")];
        assert_eq!(shown(&line, 120, false), expected);
    }
}

#[test]
fn a_goodbye_is_in_words_unless_long_is_given() {
    for (reason, is_long, expected) in [
        ("remote(go_away(0))", false, "peer said goodbye"),
        ("remote(go_away(0))", true, "remote(go_away(0))"),
        ("remote(go_away(1))", false, "remote(go_away(1))"),
    ] {
        let mut line = line(None, "disconnected", Some(("connection", "c0.1")));
        line.put("reason", reason);
        assert_eq!(shown(&line, 120, is_long), [format!("   1.500  disconnected          c0.1      {expected}")]);
    }
}

#[test]
fn an_agent_forges_neither_a_column_nor_a_colour() {
    let mut line = line(None, "identified", None);
    line.put("peer", PEER);
    line.put("agent", "x peer=FORGED\n   1.600  connected        c1.1    \u{1b}[31mrefused\u{9b}2J 語🦀");
    let margin = " ".repeat(39);
    let expected = [
        "   1.500 identified                    peer=12D3KooW…6wQGfa".to_owned(),
        format!("{margin}agent=\"x peer=FORGED\\n   1.600  "),
        format!("{margin}│ connected        c1.1    "),
        format!("{margin}│ \\u001b[31mrefused\\u009b2J 語🦀\""),
    ];
    assert_eq!(shown(&line, 80, false), expected);
}

/// Texts with which a hostile peer could try to forge a field or a line, by placing them at the start of a row.
const FORGERIES: [&str; 6] = [
    "peer=12D3KooW…Honest",
    "via=12D3KooW…Honest inbound",
    "addresses=/ip4/192.0.2.7/tcp/4001",
    "/ip4/192.0.2.7/tcp/4001 peer=12D3KooW…Honest",
    "   1.600  connected             c0.1      /ip4/192.0.2.7/tcp/4001",
    "error: there is no disk left",
];

#[test]
fn no_row_of_a_peers_text_looks_like_a_field() {
    for (text, key) in FORGERIES.into_iter().zip(["agent", "data", "topic", "observed"].into_iter().cycle()) {
        for columns in 40..=200_usize {
            let edges = [5, 39, 42].map(|margin| columns.saturating_sub(margin));
            for padding in (0..columns + 20).step_by(11).chain(edges) {
                // A value without a blank is printed without quotes, or may be broken anywhere.
                for value in [format!("{} {text}", "x".repeat(padding)), "x".repeat(padding) + text] {
                    let mut line = line(None, "identified", None);
                    line.put("peer", PEER);
                    line.put(key, value);
                    line.put("reason", "eof");
                    let rows = Screen { columns, id: ID, is_long: false }.rows(&line);
                    for row in &rows[1..] {
                        let row = paint::write(row, false);
                        let begin = row.trim_start();
                        let is_ours = ["peer=12D3KooW…6wQGfa", "eof"].iter().any(|field| begin.starts_with(field));
                        let has_name = begin.strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
                        assert!(begin.starts_with(MARK) || is_ours || has_name, "{columns} {padding}: {row}");
                    }
                }
            }
        }
    }
}

/// If a row could contain both the end of a peer's value and another field, a reader could not tell where the value ends.
#[test]
fn a_row_of_a_broken_value_has_no_other_field() {
    let mut line = line(None, "identify_pushed", None);
    line.put("agent", "x peer=FORGED ".repeat(3));
    line.put("reason", "eof");
    let expected =
        ["   1.500 identify_pushed", "    agent=\"x peer=FORGED x peer=FORGED ", "    │ x peer=FORGED \"", "    eof"];
    assert_eq!(shown(&line, 40, false), expected);
}

#[test]
fn an_endless_field_is_cut_and_hides_no_other() {
    let mut line = line(None, "message", None);
    line.put_data(&[b'x'; 4_000]);
    line.put("via", PEER);
    for columns in [40, 60, 80, 200] {
        let shown = shown(&line, columns, false);
        assert!(shown[..shown.len() - 1].last().unwrap().ends_with("x…"), "{shown:#?}");
        assert!(shown.last().unwrap().ends_with("via=12D3KooW…6wQGfa"), "{shown:#?}");
    }
}

#[test]
fn a_message_shows_its_author_once() {
    let mut line = line(None, "message", None);
    line.put("topic", "news");
    line.put("from", PEER);
    line.put("seqno", "1796014153000007001");
    line.put_data(b"it rains");
    line.put("via", PEER);
    let expected = "   1.500  message                         topic=news from=12D3KooW…6wQGfa data=\"it rains\"";
    assert_eq!(shown(&line, 120, false), [expected]);
    let long = shown(&line, 200, true).concat();
    assert!(long.contains("seqno=\"1796014153000007001\"") && long.contains("via="), "{long}");
}

#[test]
fn a_narrow_terminal_has_the_other_fields_below() {
    let mut line = line(Some("b"), "disconnected", Some(("connection", "c1.1")));
    line.put("reason", "remote(go_away(0))");
    line.put("peer", PEER);
    let expected = ["   1.500 b disconnected c1.1", "    peer said goodbye", "    peer=12D3KooW…6wQGfa"];
    assert_eq!(shown(&line, 40, false), expected);
}

#[test]
fn the_time_keeps_its_columns_for_years() {
    for (seconds, expected) in [
        (0.000_4, "   0.000"),
        (9_999.999, "9999.999"),
        (9_999.999_9, "10000.00"),
        (123_456.78, "123456.8"),
        (99e6, "99000000"),
    ] {
        assert_eq!(time(seconds), expected);
    }
}

#[test]
fn no_name_of_an_event_is_cut() {
    for name in crate_events() {
        let line = line(Some("a"), name, Some(("connection", "c1.1")));
        for columns in 40..=200 {
            let shown = shown(&line, columns, false);
            assert!(shown[0].contains(&format!(" {name} ")), "{columns}: {shown:#?}");
        }
    }
}

/// Returns the names of the events in the table of the page `guide::command_log`.
fn crate_events() -> impl Iterator<Item = &'static str> {
    let page = include_str!("../../../../guide/command_log.rs");
    let events = page.split("# Events").nth(1).unwrap().split("# Fields").next().unwrap();
    let names = events.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    assert!(names.clone().any(|name| name == "identify_push_failed"));
    names
}

#[test]
fn no_time_address_or_short_id_is_broken_at_any_width() {
    let whole = ["2026-11-30T04:05:06Z", "/ip4/255.255.255.255", "/tcp/65535", "12D3KooW…6wQGfa"];
    let mut start = line(Some("a"), "start", None);
    start.put("version", "0.1.0");
    start.put("peer", PEER);
    let mut connected = line(Some("a"), "connected", Some(("connection", "c12.1")));
    connected.put("remote", "/ip4/255.255.255.255/tcp/65535");
    connected.put("peer", PEER);
    let mut changed = line(Some("a"), "addresses_changed", Some(("listener", "l0.1")));
    let address = format!("/ip4/255.255.255.255/tcp/65535/p2p/{PEER}");
    changed.put("addresses", vec![address.clone()]);
    changed.put("removed", vec![address.clone()]);
    let mut identified = line(Some("a"), "identified", None);
    identified.put("addresses", vec![address.clone(); 3]);
    identified.put("observed", address);
    for columns in 40..=200 {
        for (line, parts) in [(&start, 2), (&connected, 3), (&changed, 2), (&identified, 12)] {
            let text = shown(line, columns, false).join("\n");
            let found: usize = whole.iter().map(|part| text.matches(part).count()).sum();
            assert_eq!(found, parts, "{columns}:\n{text}");
        }
    }
}

#[test]
fn a_value_that_is_cut_is_closed() {
    for (value, end) in [
        (Value::from("a b".repeat(300)), "…\""),
        (Value::from(vec!["a b"; 300]), "]"),
        (Value::from(vec!["a b".repeat(300)]), "…\"]"),
    ] {
        let mut line = line(None, "identified", None);
        line.put("agent", value);
        for columns in 40..=200 {
            let shown = shown(&line, columns, false);
            assert!(shown.concat().contains('…') && shown.last().unwrap().ends_with(end), "{columns}: {shown:#?}");
        }
    }
}

#[test]
fn no_escape_is_broken() {
    for value in ["\u{200d}".repeat(80), "\u{e0001}x".repeat(60), "\"\\\n".repeat(60), "a\u{1b}é".repeat(60)] {
        let mut line = line(None, "identified", None);
        line.put("agent", value);
        for columns in 40..=200 {
            for row in shown(&line, columns, false) {
                // If a row contains only whole escapes, it can be read as JSON by itself.
                let text = row.trim_start().trim_start_matches(|one: char| one != '"' && one != '\\' && one != 'é');
                let text = text.trim_matches('"').replace("…", "").replace('é', "");
                let text = if row.ends_with("\\\"") && text.ends_with('\\') { text + "\"" } else { text };
                let read = serde_json::from_str::<String>(&format!("\"{text}\""));
                assert!(read.is_ok(), "{columns}: {row} is {read:?}");
            }
        }
    }
}

#[test]
fn ids_keep_their_columns_up_to_99999() {
    let at = |id: &str| {
        let mut line = line(None, "closed_stream", Some(("stream", id)));
        line.put("connection", "c0.1");
        shown(&line, 80, false)[0].find("c0.1").unwrap()
    };
    assert_eq!([at("s0.1"), at("s0.1000"), at("s0.99999")], [at("s0.9"); 3]);
}

/// If a peer tries a protocol that we do not speak, that is not a failure of this node.
#[test]
fn an_unsupported_stream_of_a_peer_is_not_red() {
    for (direction, reason, style) in [
        ("inbound", "unsupported", paint::FAINT),
        ("inbound", "protocol", paint::BAD),
        ("outbound", "unsupported", paint::BAD),
    ] {
        let mut line = line(None, "stream_failed", Some(("stream", "s0.1")));
        line.put("direction", direction);
        line.put("reason", reason);
        let rows = Screen { columns: 80, id: ID, is_long: false }.rows(&line);
        let name = rows[0].iter().find(|span| span.text == "stream_failed").unwrap();
        assert_eq!(name.style, style, "{direction} {reason}");
    }
}
