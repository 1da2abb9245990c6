//! The texts that tell the user why a stream ([`Call`]) has failed to open or has not ended as expected.

use super::{Awaited, Call, Wrong};
use crate::report::named;
use std::time::Duration;
use swarm_notify::lifecycle::{Failure, Side, StreamEnd};

impl Call {
    /// Returns, in words, why the stream has failed to open. `timeout` is the value of `--timeout`.
    pub(in super::super) fn why_failed(&self, reason: Failure, timeout: Duration) -> String {
        if reason == Failure::Timeout {
            return self.why_unanswered(Awaited::Protocol, timeout);
        }
        if reason == Failure::Unsupported {
            return format!("the peer does not speak {} (--identify asks it for what it does)", named(&self.protocol));
        }
        let advice = if self.has_company { " (it may allow fewer at a time: lower --concurrency)" } else { "" };
        if reason == Failure::Reset(Side::Remote) {
            format!("the peer reset it before it was open{advice}")
        } else if reason == Failure::ConnectionClosed {
            "its connection ended before it was open".to_owned()
        } else if reason == Failure::Protocol {
            "the peer broke the rules of multistream, by which protocols are agreed".to_owned()
        } else {
            format!("it could not open: {reason}")
        }
    }

    /// Returns, in words, why a stream that has ended with the reason `end` counts as failed. `timeout` is the value of
    /// `--timeout`.
    pub(in super::super) fn why_wrong(&self, end: StreamEnd, timeout: Duration) -> String {
        let Self { sent, received, bytes, protocol, .. } = self;
        if let Some(wrong) = self.wrong {
            return match wrong {
                Wrong::Byte(at) => format!("byte {} of the echo is not the one that was sent", at + 1),
                Wrong::Surplus => format!("more came back than the {sent} bytes that were sent"),
                Wrong::Unasked => format!("the peer sent bytes back, and {} sends none", named(protocol)),
            };
        }
        match self.gave_up_on {
            Some(awaited) => self.why_unanswered(awaited, timeout),
            None if self.is_short => format!("the peer ended its side when {received} of {bytes} bytes had come back"),
            None => {
                let what = if end == StreamEnd::Reset(Side::Remote) {
                    "the peer reset it".to_owned()
                } else if end == StreamEnd::ConnectionClosed {
                    "its connection ended".to_owned()
                } else {
                    format!("it ended as {end}")
                };
                let (moved, how) = match self.expects_echo {
                    true => (received, "had come back"),
                    false => (sent, "were sent"),
                };
                match self.is_complete() && !self.is_over {
                    true => format!("{what} before the peer had ended its side, though all {bytes} bytes {how}"),
                    false => format!("{what} when {moved} of {bytes} bytes {how}"),
                }
            }
        }
    }

    pub(super) fn why_unanswered(&self, awaited: Awaited, timeout: Duration) -> String {
        let Self { sent, received, bytes, protocol, .. } = self;
        let protocol = named(protocol);
        let seconds = timeout.as_secs_f64();
        let moved = self.moved_in_stretch();
        if matches!(awaited, Awaited::Room | Awaited::Echo) && moved > 0 {
            let far = match self.expects_echo {
                true => format!("{received} of {bytes} had come back"),
                false => format!("{sent} of {bytes} were sent"),
            };
            return format!(
                "it was too slow: {moved} bytes moved in {seconds} s when {far}; raise --timeout for a slow peer"
            );
        }
        match awaited {
            Awaited::Protocol => format!("it waited {seconds} s for the peer to agree on {protocol}"),
            Awaited::Room => {
                format!("it waited {seconds} s for the peer to take more when {sent} of {bytes} bytes were sent")
            }
            Awaited::Echo => {
                format!("it waited {seconds} s for the echo when {received} of {bytes} bytes had come back")
            }
            Awaited::End => format!("it waited {seconds} s for the peer to end its side"),
        }
    }
}
