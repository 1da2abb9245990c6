//! [`Race`]: the attempts at several addresses of one name, which run side by side until one connects (RFC 8305, "Happy
//! Eyeballs").

use super::attempt::{Attempt, Connected};
use super::reactor::Handle;
use super::timer::Timer;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

/// The minimum time between the beginnings of two attempts (RFC 8305, section 8).
const MIN_DELAY: Duration = Duration::from_millis(10);

/// Orders addresses so that IPv4 and IPv6 addresses alternate, beginning with the family of the first address. The order
/// within a family does not change (RFC 8305, section 4).
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = VecDeque::new();
    loop {
        let before = mixed.len();
        mixed.extend(first.next());
        mixed.extend(second.next());
        if mixed.len() == before {
            return mixed;
        }
    }
}

/// The attempts to connect to the addresses of a name. Dropping the race closes the sockets of all attempts.
#[derive(Debug)]
pub(super) struct Race {
    handle: Handle,
    /// The addresses that have not been tried, the next one first.
    left: VecDeque<SocketAddr>,
    running: Vec<Attempt>,
    attempt_delay: Duration,
    /// The timer for the beginning of the next attempt. The next attempt begins earlier if a running attempt fails.
    next: Option<Timer>,
    /// The kind of the first error of an attempt, which becomes the kind of the race's own error.
    first_error: Option<io::ErrorKind>,
    /// The text of the race's own error: the host, followed by each address that has failed with its error.
    text: String,
}

impl Race {
    /// Creates a race between `addresses`, of which there has to be at least one. Nothing happens before the first poll.
    pub(super) fn new(handle: Handle, host: String, addresses: VecDeque<SocketAddr>, attempt_delay: Duration) -> Self {
        let (running, next, first_error) = (Vec::new(), None, None);
        let attempt_delay = attempt_delay.max(MIN_DELAY);
        Self { handle, left: addresses, running, attempt_delay, next, first_error, text: host }
    }

    /// Returns the first connection that an attempt makes, or an error once all attempts have failed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connected>> {
        loop {
            let mut has_failed = false;
            let mut index = 0;
            while let Some(attempt) = self.running.get_mut(index) {
                match attempt.poll(cx) {
                    Poll::Ready(Ok(socket)) => return Poll::Ready(Ok(socket)),
                    Poll::Ready(Err(error)) => {
                        let address = self.running.remove(index).address;
                        self.failed(address, &error);
                        has_failed = true;
                    }
                    Poll::Pending => index += 1,
                }
            }
            let is_time = has_failed || self.next.as_ref().is_none_or(|next| next.poll(cx).is_ready());
            match self.left.front().copied() {
                Some(address) if is_time || self.running.is_empty() => {
                    self.left.pop_front();
                    match Attempt::begin(&self.handle, address) {
                        Ok(attempt) => {
                            self.running.push(attempt);
                            self.next = Some(Timer::after(&self.handle, self.attempt_delay));
                        }
                        // The system has refused to begin this attempt, so the next attempt begins at once.
                        Err(error) => {
                            self.failed(address, &error);
                            self.next = None;
                        }
                    }
                }
                Some(_) => return Poll::Pending,
                None if self.running.is_empty() => {
                    let kind = self.first_error.unwrap_or(io::ErrorKind::HostUnreachable);
                    return Poll::Ready(Err(io::Error::new(kind, core::mem::take(&mut self.text))));
                }
                None => {
                    // No attempt is left to begin, and the timer would wake the owner for nothing.
                    self.next = None;
                    return Poll::Pending;
                }
            }
        }
    }

    /// Adds the error of an attempt, which has failed, to the error of the race.
    fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        self.text += &format!("{} {address}: {error}", if self.first_error.is_none() { ':' } else { ';' });
        self.first_error.get_or_insert(error.kind());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_from_the_first_address_on() {
        let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
        let mixed = |ips: &[&str]| interleave(ips.iter().map(|ip| address(ip)).collect());
        let expect = |ips: &[&str]| ips.iter().map(|ip| address(ip)).collect::<VecDeque<_>>();
        assert_eq!(mixed(&["::1", "::2", "::3", "1.1.1.1"]), expect(&["::1", "1.1.1.1", "::2", "::3"]));
        assert_eq!(mixed(&["1.1.1.1", "::1", "::2"]), expect(&["1.1.1.1", "::1", "::2"]));
        assert_eq!(mixed(&["::1"]), expect(&["::1"]));
        assert_eq!(mixed(&[]), expect(&[]));
    }
}
