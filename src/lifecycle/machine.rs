//! The state machine of one entity, which is a listener, a connection or a stream. It begins when the entity gets its id,
//! and ends when the entity's last event has been handled. In the following table, each row is a [`State`], and each column
//! is a [`Trigger`], which is an input of the machine:
//!
//! | state   | `Opened`               | `Leave`            | `Fail`                 | `End`               | `Handled`              |
//! |---------|------------------------|--------------------|------------------------|---------------------|------------------------|
//! | Opening | Open: `TellOpened`     | refused: `NotOpen` | Ended: `TellFailed`    | Ended: `TellFailed` | refused: `NotOpen`     |
//! | Open    | refused: `AlreadyOpen` | Leaving: `Nothing` | refused: `AlreadyOpen` | Ended: `TellClosed` | refused: `AlreadyOpen` |
//! | Leaving | refused: `AlreadyOpen` | Leaving: `Nothing` | refused: `AlreadyOpen` | Ended: `TellClosed` | refused: `AlreadyOpen` |
//! | Ended   | refused: `Ended`       | refused: `Ended`   | refused: `Ended`       | Ended: `Nothing`    | vacant: `Release`      |
//!
//! Each cell contains the next state and, after the colon, the action that follows, an [`Effect`]. A cell with `refused`
//! contains the reason why the trigger is refused in this state; nothing changes then. The word `vacant` means that the
//! entity has no state any more, and that its slot is free for another entity. Every entity starts in the state Opening.
//! `tests::the_table_is_the_machine` reads this table and compares it with [`step`], cell by cell.

use super::ends::Failure;
use core::fmt;

/// The state of a listener, connection or stream. After its last event has been handled, it has no state any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a life has the four states of the machine's table")]
pub enum State {
    /// The listener, connection or stream has an id, but has neither opened nor failed yet.
    Opening,
    /// The listener, connection or stream is open, and its opening event has been queued.
    Open,
    /// The listener, connection or stream is still open, but its owner is closing it politely, or the peer is leaving the
    /// connection. We open no new streams on a connection in this state.
    Leaving,
    /// The listener, connection or stream has ended. Its last event waits to be drained, or is being handled.
    Ended,
}

/// The reason why a transition was refused. A refused transition changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// The event queue has no room for the event of the transition: drain events and report the transition again. Only
    /// openings are refused for this reason.
    NoRoom,
    /// The id is stale: its last event has been handled, or another lifecycle made the id.
    Stale,
    /// The listener, connection or stream is not open yet.
    NotOpen,
    /// The listener, connection or stream is open already, so it can neither open nor fail to open.
    AlreadyOpen,
    /// The listener, connection or stream has ended; at most its last event is still to be drained.
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

/// An input of the state machine. `E` is the type of the reasons for which an open listener, connection or stream ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trigger<E> {
    /// The listener, connection or stream has opened.
    Opened,
    /// The listener, connection or stream is being closed politely.
    Leave,
    /// The listener, connection or stream could not open, for this reason.
    Fail(Failure),
    /// The listener, connection or stream has ended. Its last event reports the first reason if it was open, and the second
    /// reason if it was not.
    End(E, Failure),
    /// The last event of the listener, connection or stream has been handled.
    Handled,
}

/// The action that belongs to a transition, besides the change of the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect<E> {
    /// Do nothing else: queue no event, and free no slot.
    Nothing,
    /// Queue the opening event. Only this action needs room in the event queue.
    TellOpened,
    /// Queue the event of the failure, or owe it if the queue is full. It is the only event of its id.
    TellFailed(Failure),
    /// Queue the closing event, or owe it if the queue is full. The closing event of a connection comes after the last
    /// events of its streams.
    TellClosed(E),
    /// Free the slot of the listener, connection or stream.
    Release,
}

/// Returns the next state and the action for a trigger in a state, or the reason why the trigger is refused. A next state of
/// `None` means that the slot becomes vacant. The function is pure: it uses no arena, queue or clock. Its `match` has no `_`
/// arm, so that each new state has to be handled explicitly.
#[inline]
pub(super) const fn step<E: Copy>(state: State, trigger: Trigger<E>) -> Result<(Option<State>, Effect<E>), Refused> {
    use {Effect as D, State as S, Trigger as T};
    Ok(match (state, trigger) {
        (S::Opening, T::Opened) => (Some(S::Open), D::TellOpened),
        // Every end before the opening is a failure: no observer is told that something closed of which it never heard that
        // it opened.
        (S::Opening, T::Fail(failure) | T::End(_, failure)) => (Some(S::Ended), D::TellFailed(failure)),
        (S::Open | S::Leaving, T::Leave) => (Some(S::Leaving), D::Nothing),
        (S::Open | S::Leaving, T::End(end, _)) => (Some(S::Ended), D::TellClosed(end)),
        // Both sides may end something at the same moment, and an owner may close what has ended: the first end counts, and
        // a further one is not an error. py-libp2p 0.8.1 tells `closed_stream` once for each of two closes and a reset.
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

    /// Returns the cells of the table in this file's documentation, by rows, without backticks.
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
    fn an_end_before_the_opening_is_a_failure() {
        let end = Trigger::End(7, Failure::Eof);
        assert_eq!(step(State::Opening, end), Ok((Some(State::Ended), Effect::TellFailed(Failure::Eof))));
        assert_eq!(step(State::Open, end), Ok((Some(State::Ended), Effect::TellClosed(7))));
        assert_eq!(step(State::Leaving, end), Ok((Some(State::Ended), Effect::TellClosed(7))));
    }

    #[test]
    fn only_an_entity_that_has_ended_is_vacated() {
        for state in STATES {
            for (name, trigger) in TRIGGERS {
                let vacated = matches!(step(state, trigger), Ok((None, _)));
                assert_eq!(vacated, (state, trigger) == (State::Ended, Trigger::Handled), "{state:?} on {name}");
            }
        }
    }
}
