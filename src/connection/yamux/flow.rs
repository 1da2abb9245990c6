//! The making of frames: data within the window, flags that are sent with other frames, window grants, and writes that wait.

use super::frame::{ACK, FrameType, Header, SYN};
use super::pressure::{OUTPUT_UNDER_PRESSURE, Pressure};
use super::session::Session;
use super::stream::{Stream, SynState, WaitsFor};
use super::window::PROBE;
use super::{INITIAL_WINDOW, Streams};
use crate::arithmetic::Count;

impl<K: Copy> Session<K> {
    /// Makes data frames of `data`, which must fit in the send window. If the last frame in the output belongs to this
    /// stream and can grow, this frame is extended first.
    pub(super) fn push_data(&mut self, stream: &mut Stream, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        // The announcement comes before the data, since it has to be in the first frame, which carries SYN or ACK.
        self.widen(stream);
        let max_frame = self.config.max_frame.max(1) as usize;
        let grown = self.output.grow(stream.id, data, max_frame);
        if grown > 0 {
            self.ride(stream);
        }
        for payload in data.get(grown..).unwrap_or_default().chunks(max_frame) {
            let flags = self.take_flags(stream);
            self.output.push_data(flags, stream.id, payload);
        }
        // Callers pass no more data than the send window, which is a `u32`, so the cast loses nothing.
        stream.send_window.lower(data.len() as u32);
        self.costs.sent(data.len());
    }

    /// Returns the number of bytes of data for which the output has room; at least 1 if the output contains no data.
    pub(super) fn room(&self) -> usize {
        let most = match self.pressure {
            Pressure::None => self.config.max_output,
            Pressure::Output | Pressure::All => self.config.max_output.min(OUTPUT_UNDER_PRESSURE),
        };
        most.max(1).saturating_sub(self.output.data())
    }

    /// Returns the flag that the stream's next frame has to carry, and marks this flag as sent.
    pub(super) fn take_flags(&mut self, stream: &mut Stream) -> u16 {
        match stream.opening {
            SynState::SynDue => {
                stream.opening = SynState::SynSent;
                SYN
            }
            SynState::AckDue => {
                stream.opening = SynState::Open;
                ACK
            }
            SynState::SynSent | SynState::Withheld | SynState::Open => 0,
        }
    }

    /// Sets a pending ACK on the last frame in the output, if that frame belongs to this stream.
    pub(super) fn ride(&mut self, stream: &mut Stream) {
        if stream.opening == SynState::AckDue && self.output.add_ack(stream.id) {
            stream.opening = SynState::Open;
        }
    }

    /// If the receive window is greater than the window that every peer assumes, announces the difference in the stream's
    /// first frame.
    pub(super) fn widen(&mut self, stream: &mut Stream) {
        if self.config.receive_window <= INITIAL_WINDOW || !stream.receiving.is_open() {
            return;
        }
        match stream.opening {
            SynState::SynDue | SynState::AckDue if self.pressure == Pressure::All => self.withhold(stream),
            SynState::SynDue | SynState::AckDue => {
                let delta = stream.window.grant_all(stream.unread().len());
                self.update(stream, delta);
            }
            SynState::SynSent | SynState::Withheld | SynState::Open => {}
        }
    }

    /// Grants the peer window for data that has been read, if at least half of the window has been read, so that the grant
    /// is worth a frame, and if the peer can still send on the stream.
    pub(super) fn grant(&mut self, stream: &mut Stream) {
        let unread = stream.unread().len();
        // A grant for each read would cost a frame of 12 bytes each time. A grant only at the end of the window would stop
        // the sender for a round trip. After its FIN or RST a peer needs no window.
        if !stream.receiving.is_open() || !stream.window.is_worth_a_frame(unread) {
            return;
        }
        // Discarded data takes no memory, so its window is granted under pressure, too.
        if self.pressure == Pressure::All && !stream.discarding {
            return self.withhold(stream);
        }
        // A grant for discarded data does not count for the growth of the window, since nobody waits for that data. A grant
        // at the beginning of a stream does not count either, since nothing has been read.
        let begins_greater = self.config.receive_window > INITIAL_WINDOW && !stream.opening.is_told();
        let counts = !stream.discarding && !begins_greater;
        let pings = counts && self.growth.on_grant(&mut stream.window, &mut stream.round, &self.config);
        let delta = stream.window.grant_all(unread);
        self.update(stream, delta);
        if pings {
            // The ping counts as an answer, since the peer causes it. If the ping counted as data, it would take room from
            // the write that often follows a read.
            self.costs.pinged();
            self.output.answer(Header::new(FrameType::Ping, SYN, 0, PROBE));
        }
    }

    /// Records that window is withheld on a stream, so that it is granted once the session grants window again.
    fn withhold(&mut self, stream: &mut Stream) {
        let Some(key) = self.wire_ids.get(stream.id).filter(|_| !stream.is_withheld) else { return };
        // A window bounds one stream, and nothing in yamux bounds their sum: 1 020 streams on each of 12 connections, whose
        // peer read no echo, once made a node hold 3.6 GB. A window cannot be taken back, but no more of it need be granted.
        stream.is_withheld = true;
        self.withheld.push((stream.id, key), self.wire_ids.len(), |(id, _)| self.wire_ids.contains(*id));
    }

    /// Grants the window that was withheld. These grants do not count for the growth of windows, since the owner caused the
    /// delay, which therefore does not measure the peer's speed.
    pub(super) fn grant_withheld(&mut self, streams: &mut impl Streams<K>) {
        for (id, key) in core::mem::take(&mut *self.withheld) {
            let Some(stream) = streams.stream_mut(key).filter(|stream| stream.id == id) else { continue };
            let unread = stream.unread().len();
            let is_due = core::mem::take(&mut stream.is_withheld) && stream.receiving.is_open();
            if is_due && stream.window.is_worth_a_frame(unread) {
                let delta = stream.window.grant_all(unread);
                self.update(stream, delta);
            }
        }
    }

    /// Sends a window update of `delta` bytes, or adds `delta` to the last frame in the output if that frame is a window
    /// update of this stream.
    fn update(&mut self, stream: &mut Stream, delta: u32) {
        let flags = self.take_flags(stream);
        if flags == 0 && self.output.add_delta(stream.id, delta) {
            return;
        }
        self.output.answer(Header::new(FrameType::WindowUpdate, flags, stream.id, delta));
    }

    /// Records that a write accepted only a part of its data: the stream waits for window or for room in the output.
    pub(super) fn wait_to_write(&mut self, stream: &mut Stream) {
        // A stream that waits already keeps its place in the queue.
        if stream.write_waits_for == WaitsFor::Output {
            return;
        }
        if stream.send_window == 0 {
            stream.write_waits_for = WaitsFor::Window;
        } else if let Some(key) = self.wire_ids.get(stream.id) {
            stream.write_waits_for = WaitsFor::Output;
            self.write_queue.push((stream.id, key), self.wire_ids.len(), |(id, _)| self.wire_ids.contains(*id));
        }
    }

    /// Handles a window grant of the peer. Returns `true` if a short write of the stream, which accepted only a part of its
    /// data, can continue now. Returns `false` if no write was short, or if the write waits for room in the output.
    pub(super) fn window_raised(&mut self, stream: &mut Stream) -> bool {
        if stream.write_waits_for != WaitsFor::Window || stream.send_window == 0 {
            return false;
        }
        stream.write_waits_for = WaitsFor::Nothing;
        let goes_on = self.room() > 0;
        if !goes_on {
            self.wait_to_write(stream);
        }
        goes_on
    }

    /// Returns the next stream in the queue for room in the output whose write can continue, or `None` while the output has
    /// no room.
    pub(super) fn next_in_line(&mut self, streams: &mut impl Streams<K>) -> Option<K> {
        while self.room() > 0 {
            let (id, key) = self.write_queue.pop_front()?;
            match streams.stream_mut(key).filter(|stream| stream.id == id && stream.write_waits_for == WaitsFor::Output)
            {
                // The stream has used up its window in the meantime.
                Some(stream) if stream.send_window == 0 => stream.write_waits_for = WaitsFor::Window,
                Some(stream) => {
                    stream.write_waits_for = WaitsFor::Nothing;
                    return Some(key);
                }
                None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Role;
    use crate::connection::yamux::Config;
    use alloc::vec::Vec;

    #[test]
    fn the_write_queue_is_at_most_twice_as_long_as_the_live_streams() {
        let mut session =
            Session::new(Role::Dialer, &Config { max_output: 1, early_streams: u32::MAX, ..Config::default() });
        let waiting = |session: &mut Session<u32>, key| {
            let mut stream = session.open(key).unwrap();
            session.write(&mut stream, b"there is no room");
            assert!(session.write_queue.len() <= 2 * session.wire_ids.len() + 1, "{}", session.write_queue.len());
            stream
        };
        let mut first: Vec<_> = (0..10).map(|key| waiting(&mut session, key)).collect();
        assert_eq!(session.write_queue.len(), 10);
        for stream in &mut first[1..] {
            session.reset(stream);
        }
        for key in 10..100 {
            let mut stream = waiting(&mut session, key);
            session.reset(&mut stream);
        }
    }
}
