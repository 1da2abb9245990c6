//! The state machine of one entity, which is a listener, a connection or a stream, from its id to its last event.
//!
//! | state   | `Opened`               | `Leave`            | `Fail`                 | `End`               | `Handled`              |
//! |---------|------------------------|--------------------|------------------------|---------------------|------------------------|
//! | Opening | Open: `TellOpened`     | refused: `NotOpen` | Ended: `TellFailed`    | Ended: `TellFailed` | refused: `NotOpen`     |
//! | Open    | refused: `AlreadyOpen` | Leaving: `Nothing` | refused: `AlreadyOpen` | Ended: `TellClosed` | refused: `AlreadyOpen` |
//! | Leaving | refused: `AlreadyOpen` | Leaving: `Nothing` | refused: `AlreadyOpen` | Ended: `TellClosed` | refused: `AlreadyOpen` |
//! | Ended   | refused: `Ended`       | refused: `Ended`   | refused: `Ended`       | Ended: `Nothing`    | vacant: `Release`      |
//!
//! A cell is the next state and the action, or the reason why the input is refused. Every entity starts as Opening. The test
//! `tests::the_table_is_the_machine` reads this table and compares [`step`] with it, cell by cell.

use super::ends::Failure;
use core::fmt;

/// The state of an entity. A vacated entity has none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// The entity has its id; its first event is still to come.
    Opening,
    /// The entity is open, and its opening has been announced.
    Open,
    /// The owner closes it politely, or the peer leaves a connection: it is still open, but takes on nothing new.
    Leaving,
    /// The entity is over; its last event waits to be drained, or is being handled.
    Ended,
}

/// The reason why a transition was refused. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// There is no room for its event: drain events and report the transition again. Only openings are refused for this
    /// reason.
    NoRoom,
    /// The id is stale: its last event has been handled, or the id was not given here.
    Stale,
    /// The entity is still opening.
    NotOpen,
    /// The entity is open, so it can neither open nor fail to open.
    AlreadyOpen,
    /// The entity has ended; at most its last event is still to come.
    Ended,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "there is no room for the event until others are drained",
            Self::Stale => "no listener, connection or stream has this id any more",
            Self::NotOpen => "it is not open yet",
            Self::AlreadyOpen => "it is open already",
            Self::Ended => "it has ended",
        })
    }
}

impl core::error::Error for Refused {}

/// An input of the machine. `E` is the type of the reasons for which an entity of this kind ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transition<E> {
    /// The entity is open.
    Opened,
    /// The entity is being closed politely.
    Leave,
    /// The entity cannot open.
    Fail(Failure),
    /// The entity is over. Its event carries the first reason if it was open, the second if it was not.
    End(E, Failure),
    /// The entity's last event has been handled.
    Handled,
}

/// The action that a transition asks for, besides the next state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect<E> {
    /// There is no event.
    Nothing,
    /// The entity's first event is due; the only one that needs room.
    TellOpened,
    /// The entity's only event is due.
    TellFailed(Failure),
    /// The entity's last event is due, after those of its streams.
    TellClosed(E),
    /// The entity's slot is given back.
    Release,
}

/// Takes one step of the machine. A next state of `None` means vacant. A pure function: it uses no arena, queue or clock. It
/// has no `_` arm, so that a new state must be decided in each place.
#[inline]
pub(super) const fn step<E: Copy>(state: State, input: Transition<E>) -> Result<(Option<State>, Effect<E>), Refused> {
    use {Effect as D, State as S, Transition as I};
    Ok(match (state, input) {
        (S::Opening, I::Opened) => (Some(S::Open), D::TellOpened),
        (S::Opening, I::Fail(failure) | I::End(_, failure)) => (Some(S::Ended), D::TellFailed(failure)),
        (S::Open | S::Leaving, I::Leave) => (Some(S::Leaving), D::Nothing),
        (S::Open | S::Leaving, I::End(end, _)) => (Some(S::Ended), D::TellClosed(end)),
        (S::Ended, I::End(..)) => (Some(S::Ended), D::Nothing),
        (S::Ended, I::Handled) => (None, D::Release),
        (S::Opening, I::Leave | I::Handled) => return Err(Refused::NotOpen),
        (S::Open | S::Leaving, I::Opened | I::Fail(_) | I::Handled) => return Err(Refused::AlreadyOpen),
        (S::Ended, I::Opened | I::Leave | I::Fail(_)) => return Err(Refused::Ended),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    const STATES: [State; 4] = [State::Opening, State::Open, State::Leaving, State::Ended];
    const TRANSITIONS: [(&str, Transition<u8>); 5] = [
        ("Opened", Transition::Opened),
        ("Leave", Transition::Leave),
        ("Fail", Transition::Fail(Failure::Refused)),
        ("End", Transition::End(7, Failure::Eof)),
        ("Handled", Transition::Handled),
    ];

    /// Returns the cells of the table in this file's documentation, without their backticks.
    fn table() -> Vec<Vec<String>> {
        let rows = include_str!("machine.rs").lines().filter_map(|line| line.strip_prefix("//! |"));
        let cells = |row: &str| row.trim_end_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        rows.filter(|row| !row.starts_with('-')).map(cells).collect()
    }

    fn cell(state: State, input: Transition<u8>) -> String {
        match step(state, input) {
            Err(refused) => format!("refused: {refused:?}"),
            Ok((next, effect)) => {
                let next = next.map_or(String::from("vacant"), |next| format!("{next:?}"));
                let effect = format!("{effect:?}");
                format!("{next}: {}", effect.split('(').next().unwrap())
            }
        }
    }

    #[test]
    fn the_table_is_the_machine() {
        let table = table();
        let (head, rows) = table.split_first().expect("the documentation has a table");
        assert_eq!(head[1..], TRANSITIONS.map(|(name, _)| String::from(name)), "every input has its column");
        assert_eq!(rows.len(), STATES.len(), "every state has its row");
        for (row, state) in rows.iter().zip(STATES) {
            assert_eq!(row[0], format!("{state:?}"));
            assert_eq!(row.len(), 1 + TRANSITIONS.len(), "{state:?} has a cell for every input");
            for (documented, (name, input)) in row[1..].iter().zip(TRANSITIONS) {
                assert_eq!(*documented, cell(state, input), "{state:?} on {name}");
            }
        }
    }

    #[test]
    fn an_end_before_the_opening_is_a_failure() {
        let end = Transition::End(7, Failure::Eof);
        assert_eq!(step(State::Opening, end), Ok((Some(State::Ended), Effect::TellFailed(Failure::Eof))));
        assert_eq!(step(State::Open, end), Ok((Some(State::Ended), Effect::TellClosed(7))));
        assert_eq!(step(State::Leaving, end), Ok((Some(State::Ended), Effect::TellClosed(7))));
    }

    #[test]
    fn only_an_entity_that_has_ended_is_vacated() {
        for state in STATES {
            for (name, input) in TRANSITIONS {
                let vacated = matches!(step(state, input), Ok((None, _)));
                assert_eq!(vacated, (state, input) == (State::Ended, Transition::Handled), "{state:?} on {name}");
            }
        }
    }
}
