//! The state machine of a stream, from its id to its end. A [`State`] consists of a stage of the stream's [`Life`] and its
//! two halves: [`Local`] is ours, [`Remote`] the peer's.
//!
//! | life       | `Placed`  | `Agreed`   | `Denied`  | `Permitted` | `Close` | `End`                |
//! |------------|-----------|------------|-----------|-------------|---------|----------------------|
//! | Queued     | Proposing |            |           |             |         | Failed: `TellFailed` |
//! | Proposing  |           | Agreed     |           |             |         | Failed: `TellFailed` |
//! | Answering  |           | Confirming |           |             |         | Failed: `TellFailed` |
//! | Agreed     |           |            |           | Open        |         | Cut: `TellFailed`    |
//! | Confirming |           |            | Answering | Open        |         | Cut: `TellFailed`    |
//! | Open       |           |            |           |             | Closing | Cut: `TellEnded`     |
//! | Closing    |           |            |           |             |         | Cut: `TellEnded`     |
//! | Finished   |           |            |           |             |         |                      |
//! | Cut        |           |            |           |             |         |                      |
//! | Failed     |           |            |           |             |         |                      |
//!
//! | half      | trigger   | next      | while its life is                                                  |
//! |-----------|-----------|-----------|--------------------------------------------------------------------|
//! | Writing   | `Finish`  | Finishing | Queued, Proposing, Answering, Agreed, Confirming, Open, Closing    |
//! | Writing   | `Close`   | Finishing | Open                                                               |
//! | Finishing | `FinSent` | FinSent   | Agreed, Open, Closing                                              |
//! | Reading   | `EndRead` | EndRead   | Open, Closing                                                      |
//!
//! Where a cell is empty, or a row is missing, nothing changes. Two effects need two steps, which come in either order:
//!
//! - `SendFin` once our half is Finishing and its life is Agreed, Open or Closing. Before that the FIN waits until the
//!   protocol is agreed: some peers reset a stream that ends before they have answered.
//! - `TellEnded`, with the life Finished, once our half is FinSent and the peer's is EndRead.
//!
//! So these 19 states occur before the end:
//!
//! | life       | ours                        | the peer's       | but not         |
//! |------------|-----------------------------|------------------|-----------------|
//! | Queued     | Writing, Finishing          | Reading          |                 |
//! | Proposing  | Writing, Finishing          | Reading          |                 |
//! | Answering  | Writing, Finishing          | Reading          |                 |
//! | Agreed     | Writing, Finishing, FinSent | Reading          |                 |
//! | Confirming | Writing, Finishing          | Reading          |                 |
//! | Open       | Writing, Finishing, FinSent | Reading, EndRead | FinSent EndRead |
//! | Closing    | Finishing, FinSent          | Reading, EndRead | FinSent EndRead |
//!
//! The tests read these tables and hold [`step`] against them, cell by cell.
//!
//! All other questions about a stream are answered from its state (`is_open`, `may_write`, …), and what is reported of it,
//! counted of it and sent for it follows from a step. Three things change without a step and are not here:
//!
//! - The muxer has states of its own for the stream ([`yamux::Stream`](crate::connection::yamux::Stream)). It is used and
//!   fuzzed without this crate's connection, and it acts on a frame before anybody has looked at it. It knows the stream on
//!   the wire: the flags that have been sent and received, the window that is left, and the thing that a short write waits
//!   for. It does not know the protocol, the reports to the owner, or whether anybody has read the end. That is the stream's
//!   life. Facts of the muxer are triggers here, and effects here are calls of the muxer.
//! - A half-open stream waits for its peer or does not, as windows open and close
//!   ([`StreamWait`](crate::connection::stream_deadlines::StreamWait)).
//! - The owner keeps track itself of the readiness that it has yet to report.

use crate::connection::{ReadError, WriteError};
use crate::lifecycle::{Failure, StreamEnd};

/// The state of a stream. Only [`step`] makes one from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) struct State {
    life: Life,
    local: Local,
    remote: Remote,
}

/// The stage of a stream's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Life {
    /// Our stream: it waits for yamux to allow it.
    Queued,
    /// Our stream: yamux has it, and we propose protocols.
    Proposing,
    /// The peer's stream: the peer has not proposed a protocol that we speak, or nobody has looked at its proposals yet.
    Answering,
    /// Our stream: the peer has agreed. It waits for its owner's permission to open.
    Agreed,
    /// The peer's stream: we speak the proposed protocol. Our confirmation waits for the owner's permission to open.
    Confirming,
    /// The stream is open, and its owner knows it.
    Open,
    /// The owner has closed the stream. Data that still comes is dropped.
    Closing,
    /// The stream is over: our FIN is sent, and the peer's has been read.
    Finished,
    /// The stream is over by a reset of either side, or was given up. The protocol was agreed, so data that has come can
    /// still be taken.
    Cut,
    /// The stream is over, and the protocol was never agreed: all bytes that came belonged to the negotiation.
    Failed,
}

/// Our half of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Local {
    /// The owner may write.
    Writing,
    /// The owner has finished. The FIN waits for the agreement on the protocol, or to be written to the byte pipe.
    Finishing,
    /// Our FIN has been written to the byte pipe.
    FinSent,
}

/// The peer's half of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Remote {
    /// The peer's FIN has not come, or the owner has not read up to it.
    Reading,
    /// The owner has read the peer's FIN; or it has closed the stream, and the FIN has come.
    EndRead,
}

/// An event in a stream's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Trigger {
    /// The muxer has taken the stream on.
    Placed,
    /// Both sides speak the protocol that was proposed.
    Agreed,
    /// The owner does not want the peer to speak that protocol.
    Denied,
    /// The owner gives permission to open.
    Permitted,
    /// The owner writes nothing more.
    Finish,
    /// The owner neither writes nor reads any more.
    Close,
    /// Our FIN has been written to the byte pipe.
    FinSent,
    /// The owner has read the peer's FIN; or the FIN has come on a stream that is closed.
    EndRead,
    /// The stream is over. It is reported with the first reason if it was open, with the second if it was not.
    End(StreamEnd, Failure),
}

/// The action that a step asks for, besides the next state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Effect {
    /// No action besides those that follow from the trigger.
    Nothing,
    /// The muxer is to send our FIN.
    SendFin,
    /// The owner is told that the stream failed to open.
    TellFailed(Failure),
    /// The owner is told that the open stream has ended.
    TellEnded(StreamEnd),
}

/// Takes one step of the machine, or returns `None` if nothing changes. A pure function: it uses no table, muxer or clock.
// Inlined: each caller has one trigger, so the compiler drops most of the match there. As a call, this function and the code
// around it cost 740 instructions more for each stream.
#[inline(always)]
pub(super) const fn step(state: State, trigger: Trigger) -> Option<(State, Effect)> {
    use {Effect as E, Life as L, Local as O, Remote as R, Trigger as T};
    let next = match (state.life, trigger, state.local, state.remote) {
        (L::Queued, T::Placed, ..) => State { life: L::Proposing, ..state },
        (L::Proposing, T::Agreed, ..) => State { life: L::Agreed, ..state },
        (L::Answering, T::Agreed, ..) => State { life: L::Confirming, ..state },
        (L::Confirming, T::Denied, ..) => State { life: L::Answering, ..state },
        (L::Agreed | L::Confirming, T::Permitted, ..) => State { life: L::Open, ..state },
        (L::Open, T::Close, O::Writing, _) => State { life: L::Closing, local: O::Finishing, ..state },
        (L::Open, T::Close, ..) => State { life: L::Closing, ..state },
        (L::Finished | L::Cut | L::Failed, ..) => return None,
        (_, T::Finish, O::Writing, _) => State { local: O::Finishing, ..state },
        (L::Agreed | L::Open | L::Closing, T::FinSent, O::Finishing, _) => State { local: O::FinSent, ..state },
        (L::Open | L::Closing, T::EndRead, _, R::Reading) => State { remote: R::EndRead, ..state },
        (L::Queued | L::Proposing | L::Answering, T::End(_, failure), ..) => {
            return Some((State { life: L::Failed, ..state }, E::TellFailed(failure)));
        }
        (L::Agreed | L::Confirming, T::End(_, failure), ..) => {
            return Some((State { life: L::Cut, ..state }, E::TellFailed(failure)));
        }
        (L::Open | L::Closing, T::End(end, _), ..) => {
            return Some((State { life: L::Cut, ..state }, E::TellEnded(end)));
        }
        (_, T::Placed | T::Agreed | T::Denied | T::Permitted | T::Finish | T::Close | T::FinSent | T::EndRead, ..) => {
            return None;
        }
    };
    if let (O::FinSent, R::EndRead) = (next.local, next.remote) {
        return Some((State { life: L::Finished, ..next }, E::TellEnded(StreamEnd::Finished)));
    }
    Some((next, if next.owes_fin() && !state.owes_fin() { E::SendFin } else { E::Nothing }))
}

impl State {
    /// Returns the state in which a stream of ours begins.
    pub(super) const fn outbound() -> Self {
        Self { life: Life::Queued, local: Local::Writing, remote: Remote::Reading }
    }

    /// Returns the state in which a stream of the peer's gets its id.
    pub(super) const fn inbound() -> Self {
        Self { life: Life::Answering, local: Local::Writing, remote: Remote::Reading }
    }

    /// Returns the stage of the stream's life.
    pub(in crate::connection) const fn life(self) -> Life {
        self.life
    }

    /// Returns whether the muxer has our FIN to send.
    const fn owes_fin(self) -> bool {
        matches!((self.life, self.local), (Life::Agreed | Life::Open | Life::Closing, Local::Finishing))
    }

    /// Returns whether the stream has ended, for whatever reason.
    pub(in crate::connection) const fn is_over(self) -> bool {
        matches!(self.life, Life::Finished | Life::Cut | Life::Failed)
    }

    /// Returns whether the stream was reported as open, and its end was not reported yet.
    pub(in crate::connection) const fn is_open(self) -> bool {
        matches!(self.life, Life::Open | Life::Closing)
    }

    /// Returns whether the stream waits for its owner's permission to open.
    pub(in crate::connection) const fn is_ready_to_open(self) -> bool {
        matches!(self.life, Life::Agreed | Life::Confirming)
    }

    /// Returns whether the stream is the peer's and is not open yet, so that it counts for
    /// [`inbound_backlog`](crate::connection::Config::inbound_backlog).
    pub(in crate::connection) const fn is_in_backlog(self) -> bool {
        matches!(self.life, Life::Answering | Life::Confirming)
    }

    /// Returns whether the bytes that have come are data of the protocol, and not lines of the negotiation.
    pub(super) const fn has_data(self) -> bool {
        match self.life {
            Life::Agreed | Life::Confirming | Life::Open | Life::Closing | Life::Finished | Life::Cut => true,
            Life::Queued | Life::Proposing | Life::Answering | Life::Failed => false,
        }
    }

    /// Returns whether the owner may read.
    ///
    /// # Errors
    /// The reason why it may not.
    pub(in crate::connection) const fn may_read(self) -> Result<(), ReadError> {
        match self.life {
            Life::Open => Ok(()),
            Life::Closing => Err(ReadError::Closed),
            Life::Queued | Life::Proposing | Life::Answering | Life::Agreed | Life::Confirming => {
                Err(ReadError::Blocked)
            }
            Life::Finished | Life::Cut | Life::Failed => Err(ReadError::Ended),
        }
    }

    /// Returns whether the owner may write. With `is_lazy`, we propose one protocol alone, so data may follow the proposal.
    ///
    /// # Errors
    /// The reason why it may not.
    pub(super) const fn may_write(self, is_lazy: bool) -> Result<(), WriteError> {
        match (self.life, self.local) {
            (Life::Finished | Life::Cut | Life::Failed, _) => Err(WriteError::Ended),
            (_, Local::Finishing | Local::FinSent) => Err(WriteError::Closed),
            (Life::Agreed | Life::Open | Life::Closing, Local::Writing) => Ok(()),
            (Life::Proposing, Local::Writing) if is_lazy => Ok(()),
            (Life::Queued | Life::Proposing | Life::Answering | Life::Confirming, Local::Writing) => {
                Err(WriteError::Blocked)
            }
        }
    }

    /// Returns whether the owner has yet to read the end.
    pub(super) const fn awaits_end(self) -> bool {
        matches!(self.remote, Remote::Reading)
    }

    /// Returns whether the owner has finished our half. After a reset it returns `false`.
    pub(in crate::connection) const fn is_local_finished(self) -> bool {
        !matches!((self.life, self.local), (Life::Cut | Life::Failed, _) | (_, Local::Writing))
    }

    /// Returns whether our FIN has been written to the byte pipe. After a reset it returns `false`.
    pub(in crate::connection) const fn is_fin_sent(self) -> bool {
        !matches!(self.life, Life::Cut | Life::Failed) && matches!(self.local, Local::FinSent)
    }
}

#[cfg(test)]
mod tests;
