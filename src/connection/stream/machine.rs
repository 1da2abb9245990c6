//! The state machine of a stream, from the time at which the stream gets its id until its end. A [`StreamState`] consists of
//! the stage of the stream's [`Life`] and the states of its two halves: [`LocalHalf`] is our half, [`RemoteHalf`] the half
//! of the peer. In the first table, each row is a stage of the life, and each column is a [`Trigger`]; a cell contains the
//! next stage and, after a colon, the action that follows, a [`StreamEffect`]. The second table contains the steps of the
//! two halves.
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
//! If a cell is empty, or a row is missing, nothing changes. Two actions follow only when two steps have been made, in
//! either order:
//!
//! - `SendFin` follows once our half is Finishing and the stream's life is Agreed, Open or Closing. Earlier, the FIN waits
//!   until the protocol is agreed: some peers, js-libp2p among them, reset a stream that ends before they have answered.
//! - `TellEnded` follows, and the stream's life becomes Finished, once our half is FinSent and the peer's half is EndRead.
//!
//! The following 19 states therefore occur before the end of a stream:
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
//! The tests read these tables and compare [`step`] with them, cell by cell.
//!
//! All other questions about a stream are answered from its state (`is_open`, `may_write`, …). The reports about a stream,
//! its counts and the frames sent for it follow from steps. Three things change without a step and are not part of this
//! machine:
//!
//! - The muxer has states of its own for the stream ([`yamux::Stream`](crate::connection::yamux::Stream)). The muxer is used
//!   and fuzzed without this crate's connection, and it acts on a frame before the connection sees the frame. The muxer
//!   knows the stream on the wire: the flags that have been sent and received, the window that is left, and the room for
//!   which a write waits. The muxer does not know the protocol, the reports to the owner, or whether the owner has read the
//!   end; these belong to the stream's life. Facts of the muxer are triggers here, and effects here are calls of the muxer.
//! - A half-open stream starts and stops waiting for its peer when windows open and close
//!   ([`StreamWait`](crate::connection::stream_deadlines::StreamWait)).
//! - The owner keeps its own record of the readiness that it has yet to report.

use super::error::{ReadError, WriteError};
use crate::lifecycle::{Failure, StreamEnd};

/// The state of a stream. Only [`step`] computes the next state from the current one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) struct StreamState {
    life: Life,
    local: LocalHalf,
    remote: RemoteHalf,
}

/// The stage of a stream's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Life {
    /// We begin the stream. The stream waits until yamux allows us to send its first frame.
    Queued,
    /// We began the stream. Its first frame is sent, and we propose protocols.
    Proposing,
    /// The peer began the stream. The peer has not proposed a protocol that we speak, or we have not read its proposals yet.
    Answering,
    /// We began the stream, and the peer has agreed on a protocol. The stream waits for its owner's permission to open.
    Agreed,
    /// The peer began the stream, and we speak the proposed protocol. Our confirmation waits for the owner's permission to
    /// open.
    Confirming,
    /// The stream is open, and its owner has been told.
    Open,
    /// The owner has closed the stream. Data that arrives from now on is dropped.
    Closing,
    /// The stream is over: our FIN has been sent, and the owner has read the peer's FIN.
    Finished,
    /// The stream is over: it was reset by either side, or was given up. The protocol was agreed, so data that has arrived
    /// can still be taken.
    Cut,
    /// The stream is over, and the protocol was never agreed: all bytes that arrived belonged to the negotiation.
    Failed,
}

/// The state of our half of a stream, which is the direction in which we send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum LocalHalf {
    /// The owner may write.
    Writing,
    /// The owner has finished our half. Our FIN waits until the protocol is agreed, or until it can be written to the byte
    /// pipe.
    Finishing,
    /// Our FIN has been written to the byte pipe.
    FinSent,
}

/// The state of the peer's half of a stream, which is the direction in which the peer sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum RemoteHalf {
    /// The peer's FIN has not arrived, or the owner has not read all bytes before it.
    Reading,
    /// The owner has read the peer's FIN; or the owner has closed the stream, and the FIN has arrived.
    EndRead,
}

/// Something that happens to a stream and can change its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum Trigger {
    /// The muxer has opened the stream: the first frame of the stream is in the output.
    Placed,
    /// The two sides agree on a protocol.
    Agreed,
    /// The owner refuses the agreed protocol on a stream that the peer began.
    Denied,
    /// The owner permits the stream to open.
    Permitted,
    /// The owner will write nothing more.
    Finish,
    /// The owner will neither write nor read any more.
    Close,
    /// Our FIN has been written to the byte pipe.
    FinSent,
    /// The owner has read the peer's FIN; or the FIN has arrived on a stream that the owner has closed.
    EndRead,
    /// The stream is over. If it was open, its end is reported with the [`StreamEnd`]; otherwise it is reported as failed,
    /// with the [`Failure`].
    End(StreamEnd, Failure),
}

/// The action that a step asks for, besides the next state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::connection) enum StreamEffect {
    /// No action follows, besides the actions that belong to the trigger itself.
    Nothing,
    /// The muxer is to send our FIN.
    SendFin,
    /// The owner is told that the stream failed to open.
    TellFailed(Failure),
    /// The owner is told that the open stream has ended.
    TellEnded(StreamEnd),
}

/// Applies `trigger` to `state`. Returns the next state and the action that follows, or `None` if nothing changes. The
/// function is pure: it uses no table, muxer or clock.
#[inline(always)]
pub(super) const fn step(state: StreamState, trigger: Trigger) -> Option<(StreamState, StreamEffect)> {
    // Inlined: each caller has one trigger, so the compiler drops most of the match there. As a call, this function and the
    // code around it cost 740 instructions more for each stream.
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
    // The two halves end in either order, so the end of the stream is looked for after the step, and not in one of its arms.
    if let (O::FinSent, R::EndRead) = (next.local, next.remote) {
        return Some((StreamState { life: L::Finished, ..next }, E::TellEnded(StreamEnd::Finished)));
    }
    Some((next, if next.owes_fin() && !state.owes_fin() { E::SendFin } else { E::Nothing }))
}

impl StreamState {
    /// Returns the state of a new stream that we begin.
    pub(super) const fn outbound() -> Self {
        Self { life: Life::Queued, local: LocalHalf::Writing, remote: RemoteHalf::Reading }
    }

    /// Returns the state of a stream that the peer began, at the time at which the stream gets its id.
    pub(super) const fn inbound() -> Self {
        Self { life: Life::Answering, local: LocalHalf::Writing, remote: RemoteHalf::Reading }
    }

    /// Returns the stage of the stream's life.
    pub(in crate::connection) const fn life(self) -> Life {
        self.life
    }

    /// Returns whether the muxer still has to send our FIN.
    const fn owes_fin(self) -> bool {
        matches!((self.life, self.local), (Life::Agreed | Life::Open | Life::Closing, LocalHalf::Finishing))
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

    /// Returns whether the stream was begun by the peer and is not open yet, so that it counts for
    /// [`inbound_backlog`](crate::connection::Config::inbound_backlog).
    pub(in crate::connection) const fn is_in_backlog(self) -> bool {
        matches!(self.life, Life::Answering | Life::Confirming)
    }

    /// Returns whether the bytes that have arrived are data of the protocol, and not lines of the negotiation.
    pub(super) const fn has_data(self) -> bool {
        match self.life {
            Life::Agreed | Life::Confirming | Life::Open | Life::Closing | Life::Finished | Life::Cut => true,
            Life::Queued | Life::Proposing | Life::Answering | Life::Failed => false,
        }
    }

    /// Returns whether the owner may read.
    ///
    /// # Errors
    /// The reason why the owner may not read.
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

    /// Returns whether the owner may write. `is_lazy` is `true` if we propose a single protocol, so that data may follow the
    /// proposal.
    ///
    /// # Errors
    /// The reason why the owner may not write.
    pub(super) const fn may_write(self, is_lazy: bool) -> Result<(), WriteError> {
        match (self.life, self.local) {
            (Life::Finished | Life::Cut | Life::Failed, _) => Err(WriteError::Ended),
            (_, LocalHalf::Finishing | LocalHalf::FinSent) => Err(WriteError::Closed),
            // The combination of Closing and Writing does not occur, since `Close` makes our half Finishing.
            (Life::Agreed | Life::Open | Life::Closing, LocalHalf::Writing) => Ok(()),
            (Life::Proposing, LocalHalf::Writing) if is_lazy => Ok(()),
            (Life::Queued | Life::Proposing | Life::Answering | Life::Confirming, LocalHalf::Writing) => {
                Err(WriteError::Blocked)
            }
        }
    }

    /// Returns whether the owner has not yet read the end of the peer's data.
    pub(super) const fn awaits_end(self) -> bool {
        matches!(self.remote, RemoteHalf::Reading)
    }

    /// Returns whether the owner has finished our half of the stream. After a reset the result is `false`.
    pub(in crate::connection) const fn is_local_finished(self) -> bool {
        !matches!((self.life, self.local), (Life::Cut | Life::Failed, _) | (_, LocalHalf::Writing))
    }

    /// Returns whether our FIN has been written to the byte pipe. After a reset the result is `false`.
    pub(in crate::connection) const fn is_fin_sent(self) -> bool {
        !matches!(self.life, Life::Cut | Life::Failed) && matches!(self.local, LocalHalf::FinSent)
    }
}

#[cfg(test)]
mod tests;
