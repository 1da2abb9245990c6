//! The machine of a stream, from its id to its end. A [`StreamState`] is a stage of its [`Life`], and its two halves:
//! [`LocalHalf`] is ours, [`RemoteHalf`] the peer's.
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
//! Where a cell is empty, or no line is, nothing changes. Two effects need two steps, which come in either order:
//!
//! - `SendFin` once our half is Finishing and its life is Agreed, Open or Closing. Before that the FIN waits for the word on
//!   the protocol: some peers reset a stream that ends before they have answered.
//! - `TellEnded`, and its life is Finished, once our half is FinSent and the peer's is EndRead.
//!
//! So these states occur before the end, 19 in all:
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
//! Everything else asks the state (`is_open`, `may_write`, …), and what is told of a stream, counted of it and sent for it
//! follows from a step. What moves without one is not here:
//!
//! - The muxer has states of its own for the stream ([`yamux::Stream`](crate::connection::yamux::Stream)). It is used and
//!   fuzzed without this crate's connection, and it acts on a frame before anybody has looked at it. It knows the stream on
//!   the wire: which flags have left and have come, how much window is left, and what a short write waits for. It does not
//!   know what the protocol is, what the owner was told, or whether anybody has read the end. That is the stream's life. The
//!   muxer's facts are triggers here, and effects here are calls of the muxer.
//! - A half-open stream waits for its peer or does not, as windows open and close
//!   ([`StreamWait`](crate::connection::stream_deadlines::StreamWait)).
//! - What an owner has yet to be told of readiness is its own affair.

use super::error::{ReadError, WriteError};
use crate::lifecycle::{Failure, StreamEnd};

/// A stream's state. Nothing but [`step`] makes one from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) struct StreamState {
    life: Life,
    local: LocalHalf,
    remote: RemoteHalf,
}

/// How far a stream has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Life {
    /// Ours: it waits for its place on the wire.
    Queued,
    /// Ours: it has its place, and we propose protocols.
    Proposing,
    /// The peer's: it has not yet proposed a protocol that we speak, or nobody has looked at what it proposes.
    Answering,
    /// Ours: the peer has agreed. It waits for its owner's permission to open.
    Agreed,
    /// The peer's: we speak what it proposes. Our confirmation waits for the owner's permission to open.
    Confirming,
    /// Its owner was told that it is open.
    Open,
    /// Its owner has closed it. What still comes is dropped.
    Closing,
    /// Over: our FIN is sent, and the peer's has been read.
    Finished,
    /// Over before that: reset by either side, or given up. The protocol was agreed, so what has come can still be taken.
    Cut,
    /// Over before the protocol was agreed: what has come was for the negotiation.
    Failed,
}

/// Our half of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum LocalHalf {
    /// Its owner may write.
    Writing,
    /// Its owner has finished. The FIN waits for the word on the protocol, or to be written to the byte pipe.
    Finishing,
    /// Our FIN has been written to the byte pipe.
    FinSent,
}

/// The peer's half of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum RemoteHalf {
    /// The peer's FIN has not come, or its owner has not read up to it.
    Reading,
    /// Its owner has read the peer's FIN, or has closed the stream, and the FIN has come.
    EndRead,
}

/// What can happen to a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Trigger {
    /// The muxer has a place for it.
    Placed,
    /// Both sides speak the protocol that was proposed.
    Agreed,
    /// Its owner does not want the peer to speak that protocol.
    Denied,
    /// Its owner gives permission to open.
    Permitted,
    /// Its owner writes nothing more.
    Finish,
    /// Its owner neither writes nor reads any more.
    Close,
    /// Our FIN has been written to the byte pipe.
    FinSent,
    /// Its owner has read the peer's FIN. Of a stream that is closed, the FIN has come.
    EndRead,
    /// It is over: told with the one if it was open, with the other if it was not.
    End(StreamEnd, Failure),
}

/// What a step asks for, besides the next state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum StreamEffect {
    /// Nothing that does not follow from the trigger.
    Nothing,
    /// The muxer is to send our FIN.
    SendFin,
    /// It failed to open.
    TellFailed(Failure),
    /// It was open, and has ended.
    TellEnded(StreamEnd),
}

/// The whole machine. Pure: no table, muxer or clock. `None`: nothing changes.
// Each caller has one trigger, so that little of it is left there. As a call it and what is around it cost 740 instructions
// a stream more.
#[inline(always)]
pub(super) const fn step(state: StreamState, trigger: Trigger) -> Option<(StreamState, StreamEffect)> {
    use {Life as L, LocalHalf as O, RemoteHalf as R, StreamEffect as E, Trigger as T};
    let next = match (state.life, trigger, state.local, state.remote) {
        (L::Queued, T::Placed, ..) => StreamState { life: L::Proposing, ..state },
        (L::Proposing, T::Agreed, ..) => StreamState { life: L::Agreed, ..state },
        (L::Answering, T::Agreed, ..) => StreamState { life: L::Confirming, ..state },
        (L::Confirming, T::Denied, ..) => StreamState { life: L::Answering, ..state },
        (L::Agreed | L::Confirming, T::Permitted, ..) => StreamState { life: L::Open, ..state },
        (L::Open, T::Close, O::Writing, _) => StreamState { life: L::Closing, local: O::Finishing, ..state },
        (L::Open, T::Close, ..) => StreamState { life: L::Closing, ..state },
        (L::Finished | L::Cut | L::Failed, ..) => return None,
        (_, T::Finish, O::Writing, _) => StreamState { local: O::Finishing, ..state },
        (L::Agreed | L::Open | L::Closing, T::FinSent, O::Finishing, _) => StreamState { local: O::FinSent, ..state },
        (L::Open | L::Closing, T::EndRead, _, R::Reading) => StreamState { remote: R::EndRead, ..state },
        (L::Queued | L::Proposing | L::Answering, T::End(_, failure), ..) => {
            return Some((StreamState { life: L::Failed, ..state }, E::TellFailed(failure)));
        }
        (L::Agreed | L::Confirming, T::End(_, failure), ..) => {
            return Some((StreamState { life: L::Cut, ..state }, E::TellFailed(failure)));
        }
        (L::Open | L::Closing, T::End(end, _), ..) => {
            return Some((StreamState { life: L::Cut, ..state }, E::TellEnded(end)));
        }
        (_, T::Placed | T::Agreed | T::Denied | T::Permitted | T::Finish | T::Close | T::FinSent | T::EndRead, ..) => {
            return None;
        }
    };
    if let (O::FinSent, R::EndRead) = (next.local, next.remote) {
        return Some((StreamState { life: L::Finished, ..next }, E::TellEnded(StreamEnd::Finished)));
    }
    Some((next, if next.owes_fin() && !state.owes_fin() { E::SendFin } else { E::Nothing }))
}

impl StreamState {
    /// Returns the state of a stream of ours at its beginning.
    pub(super) const fn outbound() -> Self {
        Self { life: Life::Queued, local: LocalHalf::Writing, remote: RemoteHalf::Reading }
    }

    /// Returns the state of a stream of the peer's once it has an id.
    pub(super) const fn inbound() -> Self {
        Self { life: Life::Answering, local: LocalHalf::Writing, remote: RemoteHalf::Reading }
    }

    /// Returns how far it has come.
    pub(in crate::connection) const fn life(self) -> Life {
        self.life
    }

    /// Whether the muxer has our FIN to send.
    const fn owes_fin(self) -> bool {
        matches!((self.life, self.local), (Life::Agreed | Life::Open | Life::Closing, LocalHalf::Finishing))
    }

    /// Whether the stream has ended, however.
    pub(in crate::connection) const fn is_over(self) -> bool {
        matches!(self.life, Life::Finished | Life::Cut | Life::Failed)
    }

    /// Whether its owner was told that it is open, and not yet that it has ended.
    pub(in crate::connection) const fn is_open(self) -> bool {
        matches!(self.life, Life::Open | Life::Closing)
    }

    /// Whether it waits for its owner's permission to open.
    pub(in crate::connection) const fn is_ready_to_open(self) -> bool {
        matches!(self.life, Life::Agreed | Life::Confirming)
    }

    /// Whether it is the peer's and not open yet, so that it counts for
    /// [`inbound_backlog`](crate::connection::Config::inbound_backlog).
    pub(in crate::connection) const fn is_in_backlog(self) -> bool {
        matches!(self.life, Life::Answering | Life::Confirming)
    }

    /// Whether what has come is data of the protocol, and not lines of the negotiation.
    pub(super) const fn has_data(self) -> bool {
        match self.life {
            Life::Agreed | Life::Confirming | Life::Open | Life::Closing | Life::Finished | Life::Cut => true,
            Life::Queued | Life::Proposing | Life::Answering | Life::Failed => false,
        }
    }

    /// Whether its owner may read.
    ///
    /// # Errors
    /// Why not.
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

    /// Whether its owner may write. `is_lazy`: we propose one protocol alone, so that data may follow the proposal.
    ///
    /// # Errors
    /// Why not.
    pub(super) const fn may_write(self, is_lazy: bool) -> Result<(), WriteError> {
        match (self.life, self.local) {
            (Life::Finished | Life::Cut | Life::Failed, _) => Err(WriteError::Ended),
            (_, LocalHalf::Finishing | LocalHalf::FinSent) => Err(WriteError::Closed),
            (Life::Agreed | Life::Open | Life::Closing, LocalHalf::Writing) => Ok(()),
            (Life::Proposing, LocalHalf::Writing) if is_lazy => Ok(()),
            (Life::Queued | Life::Proposing | Life::Answering | Life::Confirming, LocalHalf::Writing) => {
                Err(WriteError::Blocked)
            }
        }
    }

    /// Whether the owner has yet to read the end.
    pub(super) const fn awaits_end(self) -> bool {
        matches!(self.remote, RemoteHalf::Reading)
    }

    /// Whether its owner has finished our half. A reset undoes it.
    pub(in crate::connection) const fn is_local_finished(self) -> bool {
        !matches!((self.life, self.local), (Life::Cut | Life::Failed, _) | (_, LocalHalf::Writing))
    }

    /// Whether our FIN has been written to the byte pipe. A reset undoes it.
    pub(in crate::connection) const fn is_fin_sent(self) -> bool {
        !matches!(self.life, Life::Cut | Life::Failed) && matches!(self.local, LocalHalf::FinSent)
    }
}

#[cfg(test)]
mod tests;
