//! The texts that tell the user about the faults of a run of `dial`, and about the work that a signal has interrupted.

use super::{DialRun, DialServices, Services};
use crate::tally::{Tally, number};
use swarm_notify::lifecycle::{ConnectionEnd, Fault, RemoteEnd};

impl DialRun {
    /// Returns, in words, the work that was done and the work that was not done when a signal interrupted the run.
    pub(super) fn interrupted(&self, dial_services: &DialServices, services: &Services) -> String {
        let Tally { streams, begun, ok, failed, unfinished, .. } = self.tally;
        let mut parts = Vec::new();
        if self.connected.is_none() {
            parts.push("there was no connection yet".to_owned());
        }
        if streams > 0 {
            let rest = self.not_begun();
            parts.push(format!(
                "{begun} of {} begun ({ok} ok, {failed} failed, {unfinished} not finished){rest}",
                number(streams, "stream")
            ));
        }
        parts.extend(dial_services.interrupted());
        parts.extend(services.interrupted());
        match (self.is_done(), self.was_held || self.args.hold <= 0.0) {
            (true, true) => parts.push("all was done but the close of the connection".to_owned()),
            (true, false) => parts.push("the connection was not held to the end".to_owned()),
            (false, _) if parts.is_empty() => parts.push("not all was done".to_owned()),
            (false, _) => {}
        }
        parts.join("; ")
    }

    /// Returns the end of a list of counts: a comma and, in words, the number of streams that were not begun. Returns an
    /// empty text if all streams were begun.
    fn not_begun(&self) -> String {
        match self.tally.not_begun() {
            0 => String::new(),
            not_begun => format!(", {not_begun} not begun"),
        }
    }

    /// Returns, in words, the faults of the run: the first stream that failed, and the end of the connection if it ended too
    /// early.
    pub(super) fn faults(&self) -> Vec<String> {
        let Tally { streams, ok, failed, .. } = self.tally;
        let all = number(streams, "stream");
        let rest = self.not_begun();
        let mut faults = Vec::new();
        if let Some(first) = &self.tally.first_failure {
            let (stream, why) = first;
            faults.push(match streams {
                1 => format!("stream {stream} failed: {why}"),
                _ => format!("{failed} of {all} failed ({ok} ok{rest}), the first of them {stream}: {why}"),
            });
        }
        if let Some(end) = self.ended_as {
            let answered = match (ok == streams || self.tally.first_failure.is_some(), streams) {
                // All streams were answered, or the text about the first failure says already that a stream was not
                // answered.
                (true, _) => String::new(),
                (false, 1) => "; the stream was not answered".to_owned(),
                (false, _) => format!("; {ok} of {all} were answered{rest}"),
            };
            faults.push(format!("the connection ended before all was done: {}{end}{answered}", meaning(end)));
        }
        faults
    }
}

/// Returns, in words, the meaning of the reason with which a connection has ended. The text is printed in front of the
/// reason's name. The text is empty if this node has ended the connection.
const fn meaning(end: ConnectionEnd) -> &'static str {
    match end {
        ConnectionEnd::Remote(RemoteEnd::GoAway(1)) => "the peer has closed it, and says that we broke its rules, ",
        ConnectionEnd::Remote(RemoteEnd::GoAway(2)) => {
            "the peer has closed it, and says that it has an error of its own, "
        }
        ConnectionEnd::Remote(RemoteEnd::GoAway(_)) => "the peer has closed it, ",
        ConnectionEnd::Remote(RemoteEnd::Eof) => "the peer has hung up, ",
        ConnectionEnd::Failed(Fault::Reset) => "the peer or the network has cut it, ",
        ConnectionEnd::Failed(Fault::Timeout) => "the peer answers nothing any more, ",
        ConnectionEnd::Failed(Fault::Protocol) => "the peer broke the rules of libp2p, ",
        ConnectionEnd::Failed(Fault::Flood) => "the peer sent too much that costs work for nothing, ",
        ConnectionEnd::Failed(_) => "the system has cut it, ",
        ConnectionEnd::Denied => "our own rules now deny it, ",
        // This node has ended the connection, or the reason was added by a later version of the library.
        ConnectionEnd::Requested | ConnectionEnd::Idle | ConnectionEnd::Trimmed | ConnectionEnd::Shutdown | _ => "",
    }
}
