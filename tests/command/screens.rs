//! What a person sees at a terminal: screens compared as text, at several widths, with and without colour.
//!
//! `screens.txt` has what must be seen. What differs from run to run stands there as `#`, in as many columns: digits of
//! times and ports, and the end of each peer id.

use crate::paced::Peer;
use crate::run;
use crate::support::command::Running;
use crate::support::terminal::{AtTerminal, Shown, command, plain};
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::Event;
use swarm_notify::protocols::identify::{self, Identify};
use swarm_notify::swarm::Config;

const EXPECTED: &str = include_str!("screens.txt");
const WIDTHS: [u16; 5] = [40, 60, 80, 120, 200];

/// The screen that stands in the file below `$ NAME`.
#[track_caller]
fn expected(name: &str) -> Vec<&'static str> {
    let of_name = |screen: &&'static str| screen.split('\n').next() == Some(name);
    let screen = EXPECTED.split("\n$ ").find(of_name).unwrap_or_else(|| panic!("there is no {name}"));
    screen.lines().skip(1).collect()
}

/// A row with `#` for what differs from run to run.
fn masked(row: &str) -> String {
    let mut masked: Vec<char> = row.chars().collect();
    let is_time = masked.len() > 8 && masked[4] == '.' && masked[5..8].iter().all(char::is_ascii_digit);
    if is_time {
        masked[..8].iter_mut().filter(|digit| digit.is_ascii_digit()).for_each(|digit| *digit = '#');
    }
    for start in ["12D3KooW…", "12D3KooW", "/tcp/", " time="] {
        let (is_peer, start) = (start.starts_with('1'), start.chars().collect::<Vec<_>>());
        for at in 0..masked.len().saturating_sub(start.len()) {
            if masked[at..at + start.len()] == start[..] {
                let rest = masked[at + start.len()..].iter_mut();
                rest.take_while(|one| one.is_ascii_alphanumeric() || "-:".contains(**one))
                    .filter(|one| is_peer || one.is_ascii_digit())
                    .for_each(|one| *one = '#');
            }
        }
    }
    masked.into_iter().collect()
}

#[track_caller]
fn compare(name: &str, rows: &[String]) {
    let rows: Vec<_> = rows.iter().map(|row| masked(row)).collect();
    assert!(rows == expected(name), "{name} shows:\n{}", rows.join("\n"));
}

/// The rows of each line of a log, and after the last those of no line.
fn lines(rows: &[String]) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for row in rows {
        match lines.last_mut() {
            Some(line) if row.starts_with("    ") && !masked(row).contains("#.###") => line.push(row.clone()),
            _ => lines.push(vec![row.clone()]),
        }
    }
    lines
}

/// The demo's screen, first all of one side, since the order of the two sides differs from run to run.
fn by_side(shown: &Shown) -> Vec<String> {
    let mut lines = lines(&shown.rows);
    lines.sort_by_key(|line| match line[0].split_whitespace().nth(1) {
        Some("a") => 0,
        Some("b") => 1,
        _ => 2,
    });
    lines.concat()
}

/// Only lines to copy are longer than the terminal is wide.
#[track_caller]
pub(crate) fn nothing_else_is_wrapped(shown: &Shown) {
    for row in &shown.wrapped {
        let first = (0..=*row).rev().take_while(|at| *at == *row || shown.wrapped.contains(at)).last().unwrap();
        assert!(shown.rows[first].starts_with("dial me: "), "{:#?} is wrapped", &shown.rows[first..]);
    }
}

#[test]
fn the_demo_keeps_its_columns_at_any_width() {
    for width in WIDTHS {
        let shown = AtTerminal::start(command(&["demo"]), width).ended();
        assert_eq!(shown.code, Some(0));
        nothing_else_is_wrapped(&shown);
        compare(&format!("demo at {width}"), &by_side(&shown));
    }
}

#[test]
fn a_listener_keeps_its_columns_and_says_how_to_dial_it() {
    for width in WIDTHS {
        let mut listen = AtTerminal::start(command(&["listen"]), width);
        let address = listen.line("dial me: swarm-notify dial ");
        let dial = Running::start(["dial", &address]).ended();
        assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
        listen.until("disconnected");
        listen.signal("INT");
        let shown = listen.ended();
        assert_eq!(shown.code, Some(0));
        nothing_else_is_wrapped(&shown);
        compare(&format!("listen at {width}"), &shown.whole_rows());
    }
}

#[test]
fn a_dial_keeps_its_columns_at_any_width() {
    for width in WIDTHS {
        let mut listen = Running::start(["listen"]);
        let address = listen.address();
        let mut dial = AtTerminal::start(command(&["dial", &address, "--hold", "1000"]), width);
        dial.until("closed_stream");
        dial.until("finished");
        dial.signal("INT");
        let mut shown = dial.ended();
        nothing_else_is_wrapped(&shown);
        // What is said at the end has tests of its own.
        let end = shown.rows.iter().position(|row| row.contains(" disconnected")).unwrap();
        shown.rows.truncate(end);
        compare(&format!("dial at {width}"), &shown.rows);
    }
}

#[test]
fn a_long_address_is_broken_between_its_parts() {
    let address = "/ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/65535";
    for width in WIDTHS {
        let mut listen = AtTerminal::start(command(&["listen", address]), width);
        listen.until("error:");
        let mut shown = listen.ended();
        assert_eq!(shown.code, Some(1));
        // The error is below the log. It has words that may be longer than a row, and stay whole.
        let end = shown.rows.iter().position(|row| row.starts_with("error:")).unwrap();
        assert!(shown.rows[end..].concat().contains(address), "{:#?}", shown.rows);
        assert!(shown.wrapped.iter().all(|row| *row > end), "{:#?}", shown.rows);
        shown.rows.truncate(end);
        compare(&format!("listen at an IPv6 address at {width}"), &shown.rows);
    }
}

#[test]
fn peer_ids_are_whole_if_that_is_wanted() {
    for width in WIDTHS {
        let shown = AtTerminal::start(command(&["demo", "--long"]), width).ended();
        nothing_else_is_wrapped(&shown);
        if width >= 120 {
            compare(&format!("demo --long at {width}"), &by_side(&shown));
        }
        // In a narrow terminal they stand in several rows.
        let text: String =
            shown.rows.iter().flat_map(|row| row.split_whitespace().filter(|word| *word != "│")).collect();
        let ids = text.split("12D3KooW").skip(1);
        assert!(ids.clone().count() == 9 && !text.contains('…'), "{text}");
        for id in ids {
            let length = id.bytes().take_while(u8::is_ascii_alphanumeric).count();
            assert!(length >= 44, "{id} in {text}");
        }
    }
}

/// A peer says of itself what looks like lines, columns, colours and the title of a window.
#[test]
fn a_hostile_agent_stays_in_its_column_and_has_no_colour() {
    let agent =
        "x\u{1b}]0;title\u{7}\u{1b}[31m peer=FORGED\r\n   0.001  connected        c0.9    FORGED\u{9b}2J 語🦀\u{202e}é";
    let mut listens = WIDTHS.map(|width| AtTerminal::start(command(&["listen"]), width));
    let addresses = listens.each_mut().map(|listen| listen.line("dial me: swarm-notify dial "));
    let (mut peer, _) = Peer::dial(&addresses[0], Config::default());
    for address in &addresses[1..] {
        peer.swarm.dial(address.parse().unwrap()).unwrap();
        peer.until(|event| matches!(event, Event::Connected { .. }));
    }
    peer.swarm.register_protocol(Protocol::new("/x peer=FORGED").unwrap());
    let mut config = identify::Config::default();
    config.agent_version = agent.into();
    let key = Keypair::ed25519_from_bytes([5; 32]).unwrap();
    let identify = peer.notifees.install(&mut peer.swarm, Identify::new(key.public(), config));
    peer.notifees.get_mut::<Identify>(identify).unwrap().push();
    while !listens.iter().all(|listen| plain(&listen.written).contains("observed=")) {
        peer.turn();
        listens.iter_mut().for_each(AtTerminal::poll);
    }
    drop(peer);
    for (listen, width) in listens.into_iter().zip(WIDTHS) {
        listen.signal("INT");
        let shown = listen.ended();
        nothing_else_is_wrapped(&shown);
        // Nothing but colours commands the terminal.
        assert!(!plain(&shown.written).contains('\u{1b}'));
        let first = shown.rows.iter().position(|row| row.contains(" identify_pushed")).unwrap();
        let line = lines(&shown.rows[first..]).swap_remove(0);
        for (row, number) in line.iter().zip(u16::try_from(first).unwrap()..) {
            // Its text is as all values are, whatever it says.
            for column in 0..width {
                let Some(cell) = shown.screen.cell(number, column) else { continue };
                let is_ours = number == u16::try_from(first).unwrap() && column < 39;
                assert!(is_ours || cell.fgcolor() == vt100::Color::Default, "{row}");
            }
        }
        compare(&format!("a hostile agent at {width}"), &line);
    }
}

#[test]
fn colours_are_where_they_are_wanted() {
    let at_terminal = |name: &str, value: &str| {
        let mut command = command(&["demo"]);
        command.env(name, value);
        AtTerminal::start(command, 80).ended()
    };
    let coloured = at_terminal("TERM", "xterm");
    let masked = |shown: &Shown| by_side(shown).iter().map(|row| masked(row)).collect::<Vec<_>>();
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", ""), ("CLICOLOR", "0")] {
        let shown = at_terminal(name, value);
        assert!(!shown.written.contains(&0x1b), "{name}={value}: {}", String::from_utf8_lossy(&shown.written));
        assert_eq!(masked(&shown), masked(&coloured), "colours change nothing else");
    }
    // What forces nothing changes nothing.
    assert!(at_terminal("CLICOLOR_FORCE", "0").written.contains(&0x1b));
    // The event that fails is red, and the one that opens green.
    for (name, color) in [("listen_failed", 1), ("connected", 2), ("disconnected", 4)] {
        let row = coloured.rows.iter().position(|row| row.split_whitespace().nth(2) == Some(name)).unwrap();
        let cell = coloured.screen.cell(row.try_into().unwrap(), 13).unwrap();
        assert_eq!(cell.fgcolor(), vt100::Color::Idx(color), "{name}");
    }
}

#[test]
fn a_pipe_gets_whole_lines_and_no_colours_but_by_force() {
    let output = |args: &[&str], force| {
        let mut command = command(args);
        // 0 and nothing force nothing.
        command.env("COLUMNS", "60").env("CLICOLOR_FORCE", force);
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = output(&["demo"], "0");
    assert!(!output(&["demo"], "").contains('\u{1b}'));
    assert!(!text.contains('\u{1b}') && !text.contains('…'), "{text}");
    assert_eq!(text.lines().count(), 2 + 14 + 1);
    assert!(text.lines().next().is_some_and(|line| line.contains("Z  a  start          format=2 version=")), "{text}");
    let forced = output(&["demo"], "1");
    assert!(forced.lines().all(|line| line.contains('\u{1b}')), "{forced}");
    let names = |text: &str| {
        let mut names: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(3).map(str::to_owned)).collect();
        names.sort();
        names
    };
    assert_eq!(names(&plain(forced.as_bytes())), names(&text), "the same lines in colour");
    let json = output(&["demo", "--json"], "1");
    assert!(!json.contains('\u{1b}') && json.lines().all(|line| line.starts_with('{')), "{json}");
}

#[test]
fn json_at_a_terminal_is_json() {
    let mut command = command(&["demo", "--json"]);
    command.env("CLICOLOR_FORCE", "1");
    let written = AtTerminal::start(command, 60).ended().written;
    let lines = String::from_utf8(written).unwrap();
    assert_eq!(lines.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count(), 17);
}

#[test]
fn a_resized_terminal_gets_its_width_from_the_next_line_on() {
    let mut listen = AtTerminal::start(command(&["listen"]), 120);
    let address = listen.line("dial me: swarm-notify dial ");
    assert_eq!(run(["dial", &address]).code, Some(0));
    listen.until("disconnected");
    let before = listen.until("disconnected").lines().count();
    listen.resize(60);
    assert_eq!(run(["dial", &address]).code, Some(0));
    listen.until("c0.2 finished");
    listen.signal("INT");
    let shown = listen.ended();
    let wide = masked(&shown.rows[before - 1]);
    assert!(wide.contains("disconnected          c0.1      "), "{wide}");
    let narrow = [before, before + 1].map(|row| masked(&shown.rows[row]));
    assert_eq!(narrow, ["   #.### connected c0.2", "    /ip4/127.0.0.1/tcp/##### peer=12D3KooW…###### inbound"]);
    assert!(shown.wrapped.iter().all(|row| *row < before), "{:#?}", shown.rows);
}

#[test]
fn ids_that_grow_stay_in_their_column() {
    let mut listen = Running::start(["listen"]);
    let args = ["dial", &listen.address(), "--streams", "3000", "--bytes", "0"];
    // It has no bar.
    let mut command = command(&args);
    command.env("TERM", "dumb");
    let shown = AtTerminal::start(command, 80).ended();
    assert_eq!(shown.code, Some(0));
    let text = plain(&shown.written);
    let mut longest = 6;
    for row in text.lines().filter(|row| row.contains("_stream ")) {
        let id = row.split_whitespace().nth(2).unwrap();
        longest = longest.max(id.len());
        // A carriage return, the time, the event and the blanks between stand before it.
        assert_eq!(row.find("c0.1"), Some(1 + 8 + 1 + 20 + 1 + 8 + 1), "{row}");
    }
    assert!(longest > 6);
    let last = text.lines().rfind(|row| row.contains(" disconnected ")).unwrap();
    assert_eq!(last.find("requested"), Some(1 + 8 + 1 + 20 + 1 + 8 + 1), "{last}");
}

/// The terminal shows `^C`, and what was typed, wherever the cursor is.
#[test]
fn typed_keys_shift_no_column() {
    for name in ["TERM", "NO_COLOR"] {
        let mut command = command(&["listen"]);
        command.env(name, "xterm");
        let mut listen = AtTerminal::start(command, 60);
        listen.line("dial me: swarm-notify dial ");
        listen.keys(b"half a line");
        listen.until("half a line");
        listen.keys(b"^C");
        listen.until("^C");
        listen.signal("INT");
        let shown = listen.ended();
        nothing_else_is_wrapped(&shown);
        let last = &shown.rows[shown.rows.len() - 2..];
        assert_eq!(masked(&last[0]), "   #.### listen_close l0.1", "{name}");
        assert_eq!(masked(&last[1]), "    shutdown /ip4/127.0.0.1/tcp/#####", "{name}");
    }
}

/// What clap says in a pipe has colours by force only, too.
#[test]
fn a_usage_error_in_a_pipe_has_colours_by_force_only() {
    for (value, has_colour) in [("0", false), ("", false), ("1", true)] {
        for args in [&["dail"][..], &["--help"]] {
            let output = command(args).env("CLICOLOR_FORCE", value).output().unwrap();
            let written = [output.stdout, output.stderr].concat();
            assert_eq!(written.contains(&0x1b), has_colour, "{args:?} {value:?}");
        }
    }
}
