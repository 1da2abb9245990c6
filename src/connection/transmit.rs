//! The output of a connection. It is first pending, then transmitted, then written to the byte pipe.

use super::environment::Environment;
use super::error::Error;
use super::fact::Fact;
use super::unnamed::AllStreams;
use super::{Connection, Phase};
use alloc::vec::Vec;
use core::time::Duration;

impl Connection {
    /// Returns whether output is pending, so that [`transmit`](Self::transmit) would append something.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.gathers() || self.is_part_taken()
    }

    /// Returns whether there is pending output of which [`transmit`](Self::transmit) has not appended any part yet.
    pub(crate) fn gathers(&self) -> bool {
        let said = match &self.phase {
            Phase::Open(open) => !open.session.output().is_empty(),
            Phase::Handshake(_) | Phase::Over { .. } => false,
        };
        said || !self.out.is_empty()
    }

    /// Returns whether [`transmit`](Self::transmit) has appended only the beginning of a run of frames that does not fit in
    /// one Noise message. Until the end of the run has been written, [`written`](Self::written) reports nothing.
    #[must_use]
    pub fn is_part_taken(&self) -> bool {
        match &self.phase {
            Phase::Open(open) => open.is_part_sealed(),
            Phase::Handshake(_) | Phase::Over { .. } => false,
        }
    }

    /// Appends pending output to `out`: the rest of the handshake, and at most one Noise message (64 KiB). Afterwards,
    /// [`is_due`](Self::is_due) returns whether more output is pending.
    ///
    /// Once the bytes have been written to the byte pipe, call [`written`](Self::written). While [a
    /// part](Self::is_part_taken) of a longer run of frames is left, `written` reports nothing.
    ///
    /// # Errors
    /// The error that broke the connection. The connection is over, and no [`Fact::Failed`] follows.
    pub fn transmit(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.out.is_empty() {
            out.append(&mut self.out);
            // The memory is freed, since an open connection never uses it.
            self.out = Vec::new();
        }
        if let Phase::Open(open) = &mut self.phase
            && let Err(error) = open.seal(out)
        {
            self.fail(error.into());
            return Err(error.into());
        }
        Ok(())
    }

    /// Records that all transmitted bytes have been written to the byte pipe, and returns the facts that follow, one for
    /// each call. Call this method until it returns `None`.
    #[must_use]
    pub fn written(&mut self, env: &mut Environment<'_>) -> Option<Fact> {
        if self.is_part_taken() {
            return None;
        }
        match &mut self.phase {
            Phase::Handshake(handshake) => handshake.written().then(|| {
                self.timers.pause(env.now.or_never());
                Fact::ReadyToOpen
            }),
            Phase::Open(_) => loop {
                let Phase::Open(open) = &mut self.phase else { return None };
                let streams = &mut AllStreams { ids: env.streams, unnamed: &mut self.unnamed };
                let Some(said) = open.session.written(streams) else {
                    // Streams have waited for the output while it was full of answers that the peer did not read.
                    self.open_queued(env);
                    if let Phase::Open(open) = &mut self.phase {
                        self.has_data_due &= !open.session.output().is_empty();
                        open.session.give_output(&mut env.scratch.output);
                    }
                    return None;
                };
                if let Some(fact) = self.handle_muxer_fact(said, env) {
                    return Some(fact);
                }
            },
            Phase::Over { .. } => None,
        }
    }

    /// Records that the byte pipe has accepted some of the transmitted bytes, but perhaps not all of them. If data of a
    /// stream is among these bytes, the call postpones [`Fact::CloseTimeout`] after the peer's go-away. During the
    /// handshake, the [round trip](Self::round_trip) is measured from this call.
    pub fn part_written(&mut self, now: Duration) {
        if self.has_data_due {
            self.note_activity(now.into());
        } else if matches!(self.phase, Phase::Handshake(_)) {
            self.round_trip.ask(now);
        }
    }
}
