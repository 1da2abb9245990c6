//! What the owner of an [`End`] does with its streams.

use super::*;

impl End {
    pub(in super::super) fn open(&mut self, kind: u8) {
        if self.over.is_some() || !self.is_open || self.closing || self.opened == STREAMS {
            return;
        }
        let number = self.opened * 2 + u8::from(self.is_dialer);
        let own = PROTOCOLS[usize::from(number)].clone();
        let proposals = match kind % 8 {
            0..4 => vec![own],
            4 => vec![UNKNOWN, own],
            5 => vec![UNKNOWN, ALSO_UNKNOWN, own],
            6 => vec![UNKNOWN],
            _ => vec![UNKNOWN, ALSO_UNKNOWN],
        };
        let is_spoken = kind % 8 < 6;
        let id = self.ids.begin_stream(self.id, Direction::Outbound).unwrap();
        self.streams.insert(id, Stream::outbound(&proposals).unwrap());
        let now = self.command_time();
        match self.connection.open_stream(id, &mut turn!(self, now)) {
            Ok(()) => {
                self.opened += 1;
                self.numbers.insert(number, id);
                let seen = Seen::new(Some(number), true, is_spoken, self.now);
                self.seen.insert(id, Seen { is_direct: kind % 8 < 4, ..seen });
            }
            Err(failure) => {
                assert!(failure == Failure::ConnectionClosed, "{failure} at once");
                self.streams.remove(id);
            }
        }
    }

    /// Gives permission to open a stream.
    pub(in super::super) fn confirm(&mut self, id: StreamId) {
        let seen = self.seen.get_mut(&id).unwrap();
        assert_eq!(seen.state, State::ReadyToOpen);
        (seen.state, seen.confirmed) = (State::Open, true);
        self.connection.confirm_stream(id, &mut turn!(self));
    }

    pub(in super::super) fn write(&mut self, id: StreamId, len: usize) {
        let (seen, now) = (&self.seen[&id], self.command_time());
        let (number, from) = (seen.number, seen.written);
        let data: Vec<u8> = (from..).take(len).map(|at| content(number, seen.is_outbound, at)).collect();
        let was_writable = self.streams.get(id).is_some_and(Stream::is_writable);
        let wrote = self.connection.write(id, &data, &mut turn!(self, now));
        let Some(seen) = self.seen.get_mut(&id) else { return };
        match wrote {
            Ok(n) => {
                assert!(n <= len && seen.state != State::Over && !seen.finished && was_writable || len == 0);
                seen.written += n as u64;
                seen.short |= n < len;
            }
            Err(WriteError::Blocked) => {
                assert!(!seen.finished && seen.state != State::Over);
                // What has been written to goes on once there is window, though it is not open yet.
                seen.short |= was_writable || seen.state == State::Open || seen.written > 0;
            }
            Err(WriteError::Closed) => assert!(seen.finished || self.closing),
            Err(WriteError::Ended | WriteError::Stale) => assert_eq!(seen.state, State::Over),
            Err(error) => panic!("{error}"),
        }
    }

    /// What is read is what the other end wrote. The fact is the stream's end, if that was the last of it.
    pub(in super::super) fn read(&mut self, id: StreamId, len: usize, theirs: Option<&Seen>) -> (bool, Option<Fact>) {
        let mut buffer = vec![0; len];
        let now = self.command_time();
        let read = self.connection.read(id, &mut buffer, &mut turn!(self, now));
        let Some(seen) = self.seen.get_mut(&id) else { return (false, None) };
        match read {
            Ok((0, fact)) if len > 0 => {
                let theirs = theirs.expect("who has ended has begun");
                assert!(theirs.finished, "nobody has ended it");
                assert_eq!(seen.read, theirs.written, "it is the end");
                seen.end_read = true;
                (false, fact)
            }
            Ok((n, fact)) => {
                seen.expect(&buffer[..n], theirs);
                assert_eq!(fact, None);
                (n > 0, None)
            }
            Err(ReadError::Blocked) => {
                assert!(seen.state != State::Over && !seen.closed);
                (false, None)
            }
            Err(ReadError::Closed) => {
                assert!(seen.closed);
                (false, None)
            }
            Err(ReadError::Ended | ReadError::Stale) => {
                assert_eq!(seen.state, State::Over);
                (false, None)
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(in super::super) fn finish(&mut self, id: StreamId) {
        let now = self.command_time();
        let result = self.connection.finish(id, &mut turn!(self, now));
        let Some(seen) = self.seen.get_mut(&id) else { return };
        assert_eq!(result.is_ok(), seen.state != State::Over, "{result:?}: {seen:?}");
        seen.finished |= result.is_ok();
        seen.short &= result.is_err();
    }

    pub(in super::super) fn close_stream(&mut self, id: StreamId) -> Option<Fact> {
        if self.seen.get(&id).is_none_or(|seen| seen.state != State::Open) {
            return None;
        }
        let now = self.command_time();
        let fact = self.connection.close_stream(id, &mut turn!(self, now));
        let seen = self.seen.get_mut(&id).unwrap();
        (seen.finished, seen.closed, seen.short) = (true, true, false);
        fact
    }

    pub(in super::super) fn reset(&mut self, id: StreamId) {
        let now = self.command_time();
        self.connection.reset_stream(id, &mut turn!(self, now));
        let seen = self.seen.get_mut(&id).unwrap();
        if seen.state != State::Over {
            (seen.state, seen.reset) = (State::Over, true);
        }
    }

    /// The owner takes a stream that is over out of the table; what it has of unread bytes is what was sent.
    pub(in super::super) fn forget(&mut self, id: StreamId, theirs: Option<&Seen>) {
        let seen = self.seen.get_mut(&id).unwrap();
        let Some(mut stream) = self.streams.remove(id) else { return };
        assert_eq!(seen.state, State::Over);
        self.connection.uncount(stream.bytes_held());
        let unread = stream.take_unread();
        assert!(unread.is_empty() || seen.number.is_some(), "nothing is unread of what was not agreed");
        assert!(unread.is_empty() || !seen.closed, "what was closed keeps nothing");
        seen.expect(&unread, theirs);
    }
}
