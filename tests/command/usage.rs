//! Wrong command lines: exit code 2, nothing on stdout, and a message that says what is wrong and what to do.

use crate::run;
use std::process::Command;

/// Each row is a command line behind `$ `, and the message that it gets; `''` is an empty argument, and `\x1b` and `\x0a` are
/// an escape and a newline.
const ROWS: &str = include_str!("usage.txt");
const ENDING: &str = "\nFor more information, try '--help'.\n";

#[test]
fn each_wrong_command_line_gets_its_message() {
    let rows: Vec<_> = ROWS.split("$ ").skip(1).map(|row| row.split_once('\n').unwrap()).collect();
    assert!(rows.len() > 40);
    for (line, message) in rows {
        let line = line.replace("\\x1b", "\u{1b}").replace("\\x0a", "\n");
        let args = line.split(' ').map(|arg| if arg == "''" { "" } else { arg });
        let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify")).args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{line}");
        assert_eq!(stderr, format!("{message}{ENDING}"), "{line}");
    }
}

/// What a message proposes is right: it is run.
#[test]
fn an_address_that_a_message_proposes_is_one() {
    let proposed = ROWS.lines().filter_map(|line| line.split("did you mean ").nth(1)?.split(['?', ',']).next());
    let proposed: Vec<_> = proposed.collect();
    assert!(proposed.len() > 10, "{proposed:?}");
    for address in proposed {
        // Another option is wrong, and the only one that is told of.
        let ended = run(["dial", address, "--hold", "x"]);
        let (dials, listens) = (ended.stderr.contains("'--hold <SECONDS>'"), address.contains("0.0.0.0"));
        assert!(dials || listens, "{address}: {}", ended.stderr);
    }
}

#[test]
fn without_a_command_there_is_help() {
    let ended = run::<&str>([]);
    assert_eq!((ended.code, ended.printed.len(), ended.starts.len()), (Some(2), 0, 0));
    assert!(ended.stderr.contains("Usage: swarm-notify [OPTIONS] <COMMAND>"), "{}", ended.stderr);
}

#[test]
fn the_help_says_how_many_streams_a_listener_takes() {
    let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify")).args(["dial", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let most = swarm_notify::swarm::Config::default().limits.streams_per_connection;
    let words: Vec<_> = help.split_whitespace().collect();
    assert!(words.join(" ").contains(&format!("`listen` takes {most}")), "{help}");
}

#[test]
fn help_wraps_at_words_in_any_width() {
    for (columns, most) in [("60", 60), ("80", 80), ("200", 100)] {
        for args in [&["--help"][..], &["dial", "--help"], &["listen", "--help"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
            let output = command.args(args).env("COLUMNS", columns).output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            let longest = help.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= most, "{longest} in {columns}: {help}");
        }
    }
}

/// Each meaning has a column of its own, and no sentence is broken but where it does not fit.
#[test]
fn the_end_of_help_fits_its_columns() {
    for columns in [60, 80, 200] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
        let output = command.arg("--help").env("COLUMNS", columns.to_string()).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let (_, end) = help.split_once("\nExit codes:\n").unwrap();
        let (codes, rest) = end.split_once("\n\n").unwrap();
        let starts = ["  0    ", "  1    ", "  2    ", "  130  "];
        for start in starts {
            assert_eq!(codes.lines().filter(|line| line.starts_with(start)).count(), 1, "{help}");
        }
        let goes_on = |line: &&str| !starts.iter().any(|start| line.starts_with(start));
        assert!(
            codes.lines().filter(goes_on).all(|line| line.starts_with("       ") && !line.starts_with("        ")),
            "{help}"
        );
        // The first word of a line had no place in the one before.
        for text in [codes, rest] {
            for (line, next) in text.lines().zip(text.lines().skip(1)) {
                let word = next.trim_start().split(' ').next().unwrap();
                let is_new = line.is_empty() || next.is_empty() || starts.iter().any(|start| next.starts_with(start));
                let width = line.chars().count() + 1 + word.chars().count();
                assert!(is_new || width > columns.min(100), "{line}|{next}");
            }
        }
    }
}

#[test]
fn help_has_the_options_of_every_command_apart() {
    for command in ["demo", "listen", "dial"] {
        let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify")).args([command, "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let (own, all) = help.split_once("\nOptions of every command:\n").unwrap_or_else(|| panic!("{help}"));
        for option in ["--json", "--long", "--quiet"] {
            assert!(!own.contains(option) && all.contains(option), "{help}");
        }
        assert!(command != "dial" || (own.contains("--reset") && !all.contains("--reset")), "{help}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_an_error() {
    for args in [&["--help"][..], &["dial", "--help"], &["--version"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
        let output = command.args(args).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains("No space left on device"), "{stderr}");
    }
}
