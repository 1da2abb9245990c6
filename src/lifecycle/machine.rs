//! The machine of one entity, listener, connection or stream, from its id to its last event.
//!
//! | state   | `Opened`               | `Leave`            | `Fail`                 | `End`               | `Handled`              |
//! |---------|------------------------|--------------------|------------------------|---------------------|------------------------|
//! | Opening | Open: `TellOpened`     | refused: `NotOpen` | Ended: `TellFailed`    | Ended: `TellFailed` | refused: `NotOpen`     |
//! | Open    | refused: `AlreadyOpen` | Leaving: `Nothing` | refused: `AlreadyOpen` | Ended: `TellClosed` | refused: `AlreadyOpen` |
//! | Leaving | refused: `AlreadyOpen` | Leaving: `Nothing` | refused: `AlreadyOpen` | Ended: `TellClosed` | refused: `AlreadyOpen` |
//! | Ended   | refused: `Ended`       | refused: `Ended`   | refused: `Ended`       | Ended: `Nothing`    | vacant: `Release`      |
//!
//! A cell is the next state and what is done about it, or why the trigger is refused. Every entity starts as Opening.
//! `tests::the_table_is_the_machine` reads this table and holds [`step`] against it, cell by cell.

use super::ends::Failure;
use core::fmt;

/// Where an entity is on its way. A vacated one has no state any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a life has the four states of the machine's table")]
pub enum State {
    /// It has its id, and its first event is still to come.
    Opening,
    /// It was told to be open.
    Open,
    /// Its owner closes it politely, or the peer leaves a connection: still open, but nothing new is taken on.
    Leaving,
    /// It is over; its last event waits to be told, or is being handled.
    Ended,
}

/// Why a transition was refused. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// There is no room for its event: drain events and say it again. Only openings are ever refused so.
    NoRoom,
    /// The id names nothing that lives: its last event has been handled, or it was not given here.
    Stale,
    /// It is still opening.
    NotOpen,
    /// It is open, so that it can neither open nor fail to.
    AlreadyOpen,
    /// It has ended; at most its last event is still to come.
    Ended,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "there is no room for the event until others are drained",
            Self::Stale => "the id names nothing that lives",
            Self::NotOpen => "it is not open yet",
            Self::AlreadyOpen => "it is open already",
            Self::Ended => "it has ended",
        })
    }
}

impl core::error::Error for Refused {}

/// What can happen to an entity. `E` is the reason its kind ends for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trigger<E> {
    /// It is up.
    Opened,
    /// Its owner wants it to finish.
    Leave,
    /// It cannot open.
    Fail(Failure),
    /// It is over: told with the one if it was open, with the other if it was not.
    End(E, Failure),
    /// Its last event has been handled.
    Handled,
}

/// What a transition asks for, besides the next state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect<E> {
    /// No event.
    Nothing,
    /// Its first event; the only one that needs room.
    TellOpened,
    /// Its only event.
    TellFailed(Failure),
    /// Its last event, after those of its streams.
    TellClosed(E),
    /// Its slot is given back.
    Release,
}

/// The whole machine. Pure: no arena, queue or clock. No `_` arm: a new state must be decided everywhere. `None` is
/// vacant.
#[inline]
pub(super) const fn step<E: Copy>(state: State, trigger: Trigger<E>) -> Result<(Option<State>, Effect<E>), Refused> {
    use {Effect as D, State as S, Trigger as T};
    Ok(match (state, trigger) {
        (S::Opening, T::Opened) => (Some(S::Open), D::TellOpened),
        (S::Opening, T::Fail(failure) | T::End(_, failure)) => (Some(S::Ended), D::TellFailed(failure)),
        (S::Open | S::Leaving, T::Leave) => (Some(S::Leaving), D::Nothing),
        (S::Open | S::Leaving, T::End(end, _)) => (Some(S::Ended), D::TellClosed(end)),
        (S::Ended, T::End(..)) => (Some(S::Ended), D::Nothing),
        (S::Ended, T::Handled) => (None, D::Release),
        (S::Opening, T::Leave | T::Handled) => return Err(Refused::NotOpen),
        (S::Open | S::Leaving, T::Opened | T::Fail(_) | T::Handled) => return Err(Refused::AlreadyOpen),
        (S::Ended, T::Opened | T::Leave | T::Fail(_)) => return Err(Refused::Ended),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    const STATES: [State; 4] = [State::Opening, State::Open, State::Leaving, State::Ended];
    const TRIGGERS: [(&str, Trigger<u8>); 5] = [
        ("Opened", Trigger::Opened),
        ("Leave", Trigger::Leave),
        ("Fail", Trigger::Fail(Failure::Refused)),
        ("End", Trigger::End(7, Failure::Eof)),
        ("Handled", Trigger::Handled),
    ];

    /// The cells of the table in this file's documentation, without their backticks.
    fn table() -> Vec<Vec<String>> {
        let rows = include_str!("machine.rs").lines().filter_map(|line| line.strip_prefix("//! |"));
        let cells = |row: &str| row.trim_end_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        rows.filter(|row| !row.starts_with('-')).map(cells).collect()
    }

    fn cell(state: State, trigger: Trigger<u8>) -> String {
        match step(state, trigger) {
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
        assert_eq!(head[1..], TRIGGERS.map(|(name, _)| String::from(name)), "every trigger has its column");
        assert_eq!(rows.len(), STATES.len(), "every state has its row");
        for (row, state) in rows.iter().zip(STATES) {
            assert_eq!(row[0], format!("{state:?}"));
            assert_eq!(row.len(), 1 + TRIGGERS.len(), "{state:?} has a cell for every trigger");
            for (documented, (name, trigger)) in row[1..].iter().zip(TRIGGERS) {
                assert_eq!(*documented, cell(state, trigger), "{state:?} on {name}");
            }
        }
    }

    #[test]
    fn an_end_is_told_as_a_failure_before_it_was_open_and_with_its_reason_after() {
        let end = Trigger::End(7, Failure::Eof);
        assert_eq!(step(State::Opening, end), Ok((Some(State::Ended), Effect::TellFailed(Failure::Eof))));
        assert_eq!(step(State::Open, end), Ok((Some(State::Ended), Effect::TellClosed(7))));
        assert_eq!(step(State::Leaving, end), Ok((Some(State::Ended), Effect::TellClosed(7))));
    }

    #[test]
    fn only_what_has_ended_is_vacated() {
        for state in STATES {
            for (name, trigger) in TRIGGERS {
                let vacated = matches!(step(state, trigger), Ok((None, _)));
                assert_eq!(vacated, (state, trigger) == (State::Ended, Trigger::Handled), "{state:?} on {name}");
            }
        }
    }
}
