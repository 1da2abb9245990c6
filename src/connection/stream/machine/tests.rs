//! Tests that compare the tables in the machine's documentation with the machine.

use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const END: Trigger = Trigger::End(StreamEnd::Timeout, Failure::Timeout);
const TRIGGERS: [Trigger; 9] = [
    Trigger::Placed,
    Trigger::Agreed,
    Trigger::Denied,
    Trigger::Permitted,
    Trigger::Finish,
    Trigger::Close,
    Trigger::FinSent,
    Trigger::EndRead,
    END,
];
const LIVES: [Life; 10] = [
    Life::Queued,
    Life::Proposing,
    Life::Answering,
    Life::Agreed,
    Life::Confirming,
    Life::Open,
    Life::Closing,
    Life::Finished,
    Life::Cut,
    Life::Failed,
];

/// Returns the head and the rows of the documentation's table whose head begins with the cells `first` and `second`.
/// Backticks are removed from all cells.
fn table(first: &str, second: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let cells = |line: &str| -> Option<Vec<String>> {
        let row = line.strip_prefix("//! |")?.trim_end().strip_suffix('|')?;
        Some(row.split('|').map(|cell| cell.trim().replace('`', "")).collect())
    };
    let mut lines = include_str!("../machine.rs").lines().map(cells);
    let head = lines.find_map(|row| row.filter(|row| row[0] == first && row[1] == second));
    let rows = lines.map_while(|row| row).filter(|row| !row[0].starts_with('-'));
    (head.expect("the page has this table"), rows.collect())
}

fn list(cell: &str) -> Vec<String> {
    cell.split(',').map(|name| name.trim().to_string()).filter(|name| !name.is_empty()).collect()
}

/// Returns the name of the variant of an enum's value, without its fields.
fn name(value: impl core::fmt::Debug) -> String {
    let name = format!("{value:?}");
    name.split('(').next().unwrap().to_string()
}

/// Returns all states that the machine can reach.
fn reachable() -> Vec<StreamState> {
    let mut found = alloc::vec![StreamState::outbound(), StreamState::inbound()];
    let mut next = 0;
    while let Some(state) = found.get(next).copied() {
        for (after, _) in TRIGGERS.iter().filter_map(|trigger| step(state, *trigger)) {
            if !found.contains(&after) {
                found.push(after);
            }
        }
        next += 1;
    }
    found
}

#[test]
fn the_table_of_lives_is_the_machine() {
    let (head, rows) = table("life", "Placed");
    let columns: Vec<_> =
        head[1..].iter().map(|name| *TRIGGERS.iter().find(|t| self::name(t) == *name).unwrap()).collect();
    assert_eq!(rows.len(), LIVES.len(), "each life has its row");
    for state in reachable() {
        let row = rows.iter().find(|row| row[0] == name(state.life)).expect("it has a row");
        assert_eq!(row.len(), head.len());
        for trigger in TRIGGERS {
            let Some(column) = columns.iter().position(|column| *column == trigger) else {
                // This trigger changes the state of a half. It changes the life only if both halves have ended, which ends
                // the stream.
                let after = step(state, trigger).map_or(state, |(after, _)| after);
                assert!(after.life == state.life || after.life == Life::Finished, "{state:?} on {trigger:?}");
                continue;
            };
            let stepped = step(state, trigger).map_or(String::new(), |(after, effect)| match effect {
                StreamEffect::Nothing | StreamEffect::SendFin => name(after.life),
                StreamEffect::TellFailed(_) | StreamEffect::TellEnded(_) => {
                    format!("{}: {}", name(after.life), name(effect))
                }
            });
            assert_eq!(row[1 + column], stepped, "{state:?} on {trigger:?}");
        }
    }
}

#[test]
fn the_table_of_halves_is_the_machine() {
    let (_, rows) = table("half", "trigger");
    let moves = |half: String, state: StreamState, trigger| {
        let row = rows.iter().find(|row| row[0] == half && row[1] == name(trigger));
        row.filter(|row| list(&row[3]).contains(&name(state.life))).map_or(half, |row| row[2].clone())
    };
    for state in reachable() {
        for trigger in TRIGGERS {
            let after = step(state, trigger).map_or(state, |(after, _)| after);
            let halves = [moves(name(state.local), state, trigger), moves(name(state.remote), state, trigger)];
            assert_eq!([name(after.local), name(after.remote)], halves, "{state:?} on {trigger:?}");
        }
    }
}

#[test]
fn the_table_of_states_lists_all_that_occur() {
    let (_, rows) = table("life", "ours");
    let mut listed = Vec::new();
    for row in &rows {
        for ours in list(&row[1]) {
            for theirs in list(&row[2]).into_iter().filter(|theirs| row[3] != format!("{ours} {theirs}")) {
                listed.push([row[0].clone(), ours.clone(), theirs]);
            }
        }
    }
    let reachable = reachable().into_iter().filter(|state| !state.is_over());
    let mut occurring: Vec<_> =
        reachable.map(|state| [name(state.life), name(state.local), name(state.remote)]).collect();
    assert_eq!(occurring.len(), 19, "as the page says");
    listed.sort();
    occurring.sort();
    assert_eq!(listed, occurring);
}

#[test]
fn the_fin_is_sent_once_when_both_its_conditions_hold() {
    for state in reachable() {
        for trigger in TRIGGERS {
            let Some((after, effect)) = step(state, trigger) else { continue };
            let is_due = |state: StreamState| {
                state.local == LocalHalf::Finishing && matches!(state.life, Life::Agreed | Life::Open | Life::Closing)
            };
            assert_eq!(effect == StreamEffect::SendFin, is_due(after) && !is_due(state), "{state:?} on {trigger:?}");
        }
    }
}

#[test]
fn a_stream_has_finished_when_both_halves_are_over() {
    for state in reachable() {
        let is_over = (state.local, state.remote) == (LocalHalf::FinSent, RemoteHalf::EndRead);
        assert_eq!(state.life == Life::Finished, is_over, "{state:?}");
        for trigger in TRIGGERS {
            let Some((after, effect)) = step(state, trigger) else { continue };
            let told = effect == StreamEffect::TellEnded(StreamEnd::Finished);
            assert_eq!(after.life == Life::Finished, told, "{state:?} on {trigger:?}");
        }
    }
}

#[test]
fn a_stream_that_is_over_does_not_change() {
    for state in reachable().into_iter().filter(|state| state.is_over()) {
        for trigger in TRIGGERS {
            assert_eq!(step(state, trigger), None, "{state:?} on {trigger:?}");
        }
    }
}
