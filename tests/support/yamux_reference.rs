//! The fuzz target `yamux_reference`: our yamux session against the `yamux` crate, over a pipe in memory that is cut
//! anywhere, in both roles: any openings, writes, reads, half-closes and resets on many streams must come to the same
//! bytes and the same ends. `cargo test` runs it over seeded input.

use super::input::Input;
use super::with;
use futures::io::{AsyncRead, AsyncWrite};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, ReadOutcome, Session, Stream};

/// One run: the first byte chooses our role and window, the others what happens.
pub(crate) fn run(bytes: &[u8]) {
    let Some((choice, acts)) = bytes.split_first() else { return };
    let smaller = [0, 1, 2, 3, 100, 5_000, 65_536, INITIAL_WINDOW - 1];
    let config = match choice {
        0..128 => config(),
        _ => with(config(), |config| {
            config.receive_window = smaller[usize::from(choice / 2) % smaller.len()];
            config.max_receive_window = 0;
        }),
    };
    bout(if choice % 2 == 0 { Role::Dialer } else { Role::Listener }, &config, acts);
}

/// Ours, but for the window.
pub(crate) fn config() -> Config {
    with(Config::default(), |config| config.max_output = 100_000)
}

/// A run's decisions; when they have run out, everything that is under way arrives.
struct Dice<'a>(Input<'a>);

impl Dice<'_> {
    /// A number below `bound`, from as many bytes as it needs.
    fn roll(&mut self, below: usize) -> usize {
        let low = usize::from(self.0.byte());
        let wide = if below > 256 { low << 8 | usize::from(self.0.byte()) } else { low };
        // Rarely as long as that: it need not hit every number.
        wide * below.div_ceil(1 << 16) % below
    }
}

/// The crate's end of the pipe.
#[derive(Clone, Default)]
pub(crate) struct Socket {
    pub(crate) to_crate: Rc<RefCell<Vec<u8>>>,
    pub(crate) from_crate: Rc<RefCell<Vec<u8>>>,
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut bytes = self.to_crate.borrow_mut();
        if bytes.is_empty() {
            return Poll::Pending;
        }
        let n = buf.len().min(bytes.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        bytes.drain(..n);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.from_crate.borrow_mut().extend(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What both sides of a stream have done and seen.
#[derive(Default, Debug)]
pub(crate) struct Account {
    /// Our key, once we know of the stream.
    key: Option<u32>,
    pub(crate) we_sent: u64,
    pub(crate) we_got: u64,
    /// What our window updates have granted beyond what every peer assumes.
    we_granted: u64,
    we_finished: bool,
    we_reset: bool,
    we_saw_end: bool,
    we_saw_reset: bool,
    pub(crate) crate_sent: u64,
    pub(crate) crate_got: u64,
    crate_closed: bool,
    crate_dropped: bool,
    crate_saw_end: bool,
}

/// The byte at a place of one direction: different for each.
fn content(id: u32, ours: bool, at: u64) -> u8 {
    (at.wrapping_mul(31) >> 2) as u8 ^ (id * 2 + u32::from(ours)) as u8
}

fn bytes(id: u32, ours: bool, from: u64, n: usize) -> Vec<u8> {
    (from..).take(n).map(|at| content(id, ours, at)).collect()
}

pub(crate) struct Bout<'a> {
    dice: Dice<'a>,
    config: Config,
    session: Session<u32>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    wire: Vec<u8>,
    socket: Socket,
    connection: yamux::Connection<Socket>,
    theirs: BTreeMap<u32, yamux::Stream>,
    /// By wire id.
    pub(crate) accounts: BTreeMap<u32, Account>,
    pub(crate) fins: usize,
    sent: usize,
}

/// How many streams each side opens.
const STREAMS: usize = 30;
/// Who sends so much on a stream needs window updates; more is not sent.
pub(crate) const ENOUGH: u64 = 700_000;
/// Nor is more on all of them: a run is to be short.
const IN_ALL: usize = 4 << 20;

impl<'a> Bout<'a> {
    pub(crate) fn new(role: Role, config: &Config, acts: &'a [u8]) -> Self {
        let mode = match role {
            Role::Dialer => yamux::Mode::Server,
            Role::Listener => yamux::Mode::Client,
        };
        let socket = Socket::default();
        Self {
            dice: Dice(Input(acts)),
            config: *config,
            session: Session::new(role, config),
            streams: BTreeMap::new(),
            wire: Vec::new(),
            connection: yamux::Connection::new(socket.clone(), yamux::Config::default(), mode),
            socket,
            theirs: BTreeMap::new(),
            accounts: BTreeMap::new(),
            fins: 0,
            sent: 0,
        }
    }

    /// Both machines, and bytes through the pipe, cut where the dice say. Whether anything moved.
    pub(crate) fn pump(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let mut moved = !self.session.output().is_empty();
        self.count_grants();
        self.session.take_output(&mut self.wire);
        while let Some(fact) = self.session.written(&mut self.streams) {
            self.fins += usize::from(matches!(fact, Fact::FinSent(_)));
        }
        let n = if self.dice.roll(3) == 0 { self.wire.len() } else { self.dice.roll(self.wire.len() + 1) };
        moved |= !self.wire.is_empty();
        self.socket.to_crate.borrow_mut().extend(self.wire.drain(..n));
        while let Poll::Ready(inbound) = self.connection.poll_next_inbound(&mut cx) {
            let stream = inbound.expect("the connection goes on").expect("nobody breaks the protocol");
            assert!(self.theirs.insert(stream.id().to_string().parse().unwrap(), stream).is_none());
            moved = true;
        }
        let part: Vec<u8> = {
            let mut bytes = self.socket.from_crate.borrow_mut();
            moved |= !bytes.is_empty();
            let n = if self.dice.roll(3) == 0 { bytes.len() } else { self.dice.roll(bytes.len() + 1) };
            bytes.drain(..n).collect()
        };
        let mut rest = &part[..];
        while !rest.is_empty() {
            let (n, fact) = self.session.receive(&mut self.streams, rest).expect("nobody breaks the protocol");
            rest = &rest[n..];
            match fact {
                Some(Fact::Inbound) => {
                    let key = self.streams.len() as u32;
                    let stream = self.session.accept(key).unwrap();
                    let account = self.accounts.get_mut(&stream.wire_id()).expect("the crate has opened it");
                    assert_eq!(account.key.replace(key), None, "once");
                    self.streams.insert(key, stream);
                }
                Some(Fact::Reset(key)) => {
                    let account = self.accounts.get_mut(&self.streams[&key].wire_id()).unwrap();
                    assert!(account.crate_dropped, "the crate has reset it");
                    account.we_saw_reset = true;
                }
                Some(Fact::Pong(_) | Fact::GoAway(_)) => panic!("{fact:?} was not asked for"),
                Some(
                    Fact::Readable(_) | Fact::Writable(_) | Fact::Window(_) | Fact::FinSent(_) | Fact::Acknowledged(_),
                ) => {}
                Some(Fact::Heard) | None => {}
            }
        }
        moved
    }

    /// What we grant in what waits to be sent; and where no window grows, that what is outstanding, unread or still to
    /// be sent, is within the window, or within what is left of the one that every peer assumes.
    fn count_grants(&mut self) {
        let mut rest = self.session.output();
        while let Some((header, behind)) = rest.split_first_chunk::<12>() {
            let [kind, id, length] = [1, 4, 8].map(|at| match at {
                1 => u32::from(header[1]),
                at => u32::from_be_bytes(header[at..at + 4].try_into().unwrap()),
            });
            if let (1, Some(account)) = (kind, self.accounts.get_mut(&id)) {
                account.we_granted += u64::from(length);
            }
            rest = &behind[if kind == 0 { length as usize } else { 0 }..];
        }
        if self.config.max_receive_window > 0 {
            return;
        }
        let (initial, window) = (u64::from(INITIAL_WINDOW), u64::from(self.config.receive_window.max(1)));
        for account in self.accounts.values() {
            let outstanding = initial + account.we_granted - account.we_got;
            assert!(outstanding <= window.max(initial.saturating_sub(account.we_got)), "{outstanding} of {window}");
        }
    }

    pub(crate) fn open(&mut self) {
        let key = self.streams.len() as u32;
        let stream = self.session.open(key).unwrap();
        self.accounts.insert(stream.wire_id(), Account { key: Some(key), ..Account::default() });
        self.streams.insert(key, stream);
    }

    fn crate_opens(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(stream) = self.connection.poll_new_outbound(&mut cx) else { return };
        let stream = stream.unwrap();
        let id = stream.id().to_string().parse().unwrap();
        self.theirs.insert(id, stream);
        self.accounts.insert(id, Account::default());
    }

    /// Something happens on our end of a stream.
    pub(crate) fn we_act(&mut self, id: u32, act: usize) -> bool {
        let account = self.accounts.get_mut(&id).unwrap();
        let Some(key) = account.key else { return false };
        let stream = self.streams.get_mut(&key).unwrap();
        match act {
            0..40 => {
                if account.we_sent > ENOUGH || self.sent > IN_ALL || account.we_finished {
                    return false;
                }
                let n = self.dice.roll(60_000) / (1 + self.dice.roll(100));
                let n = self.session.write(stream, &bytes(id, true, account.we_sent, n));
                account.we_sent += n as u64;
                self.sent += n;
                n > 0
            }
            40..90 => {
                let mut buf = vec![0; 100_000 - self.dice.roll(100_000)];
                match self.session.read(stream, &mut buf) {
                    ReadOutcome::Bytes(n) => {
                        assert_eq!(buf[..n], bytes(id, false, account.we_got, n), "the crate's bytes");
                        account.we_got += n as u64;
                        return true;
                    }
                    ReadOutcome::Blocked => {}
                    ReadOutcome::End => {
                        // A crate's stream that is dropped after our FIN has come to it ends by FIN.
                        assert!(account.crate_closed || account.crate_dropped && account.we_finished);
                        assert_eq!(account.we_got, account.crate_sent, "it is the end");
                        account.we_saw_end = true;
                    }
                    ReadOutcome::Reset => assert!(account.we_reset || account.we_saw_reset),
                }
                false
            }
            90..96 => {
                self.session.acknowledge(stream);
                self.session.flush(stream);
                false
            }
            96..98 => {
                let may = stream.may_write();
                account.we_finished |= may;
                self.session.finish(stream);
                may
            }
            _ => {
                account.we_reset |= !stream.is_over();
                self.session.reset(stream);
                false
            }
        }
    }

    /// Something happens on the crate's end.
    pub(crate) fn crate_acts(&mut self, id: u32, act: usize) -> bool {
        let account = self.accounts.get_mut(&id).unwrap();
        let Some(stream) = self.theirs.get_mut(&id) else { return false };
        let mut cx = Context::from_waker(Waker::noop());
        match act {
            0..40 => {
                if account.crate_sent > ENOUGH || self.sent > IN_ALL || account.crate_closed {
                    return false;
                }
                let n = self.dice.roll(60_000) / (1 + self.dice.roll(100)) + 1;
                let data = bytes(id, false, account.crate_sent, n);
                match Pin::new(stream).poll_write(&mut cx, &data) {
                    Poll::Ready(Ok(n)) => {
                        account.crate_sent += n as u64;
                        self.sent += n;
                        return true;
                    }
                    Poll::Ready(Err(_)) => assert!(account.we_reset, "only a reset ends its writing"),
                    Poll::Pending => {}
                }
                false
            }
            40..96 => {
                let mut buf = vec![0; 100_000 - self.dice.roll(100_000)];
                let Poll::Ready(read) = Pin::new(stream).poll_read(&mut cx, &mut buf) else { return false };
                match read {
                    Ok(0) => {
                        // It does not tell a reset from an end.
                        assert!(account.we_reset || account.we_finished);
                        assert_eq!(account.crate_got, account.we_sent, "it has all that we sent");
                        account.crate_saw_end = true;
                        false
                    }
                    Ok(n) => {
                        assert_eq!(buf[..n], bytes(id, true, account.crate_got, n), "our bytes");
                        account.crate_got += n as u64;
                        true
                    }
                    Err(_) => false,
                }
            }
            96..98 => {
                // It sends FIN without SYN, if it has not sent anything.
                if account.crate_closed || account.crate_sent == 0 && account.key.is_none() {
                    return false;
                }
                account.crate_closed = Pin::new(stream).poll_close(&mut cx).is_ready();
                true
            }
            _ => {
                // Once it has sent FIN, it drops without a word; then nobody can know.
                if !account.crate_closed {
                    account.crate_dropped = true;
                    self.theirs.remove(&id);
                }
                false
            }
        }
    }

    /// Everything is finished and read until nothing moves.
    pub(crate) fn settle(&mut self) {
        let ids: Vec<u32> = self.accounts.keys().copied().collect();
        let mut still = 0;
        while still < 20 {
            let mut moved = false;
            for id in &ids {
                for act in [90, 96, 40] {
                    moved |= self.we_act(*id, act);
                }
                for act in [96, 40] {
                    moved |= self.crate_acts(*id, act);
                }
            }
            moved |= self.pump();
            still = if moved { 0 } else { still + 1 };
        }
    }

    pub(crate) fn check(&self) {
        for (id, account) in &self.accounts {
            let Some(key) = account.key else {
                assert_eq!(account.crate_sent, 0, "{id}: it was never announced");
                continue;
            };
            if account.we_reset {
                assert!(account.we_got <= account.crate_sent);
            } else {
                assert_eq!(account.we_got, account.crate_sent, "{id}: {account:?}");
                assert!(account.we_saw_end != account.we_saw_reset, "{id}: it ended in one way: {account:?}");
                assert_eq!(account.we_saw_end, account.crate_closed || !account.we_saw_reset);
            }
            if !account.crate_dropped && (account.we_sent > 0 || !account.we_reset) {
                assert!(account.crate_saw_end, "{id}: {account:?}");
                assert_eq!(account.crate_got, account.we_sent);
            }
            assert!(self.streams[&key].is_over());
        }
        assert_eq!((self.session.live(), self.session.unacknowledged()), (0, 0));
    }
}

fn bout(role: Role, config: &Config, acts: &[u8]) {
    let mut bout = Bout::new(role, config, acts);
    let mut acts = 0;
    while !bout.dice.0.is_empty() && acts < 3000 {
        acts += 1;
        match bout.dice.roll(20) {
            0 if bout.streams.len() < STREAMS && bout.session.can_open().is_ok() => bout.open(),
            1 if bout.theirs.len() < STREAMS => bout.crate_opens(),
            2..4 => drop(bout.pump()),
            _ => {
                let ids: Vec<u32> = bout.accounts.keys().copied().collect();
                if ids.is_empty() {
                    continue;
                }
                let (id, act) = (ids[bout.dice.roll(ids.len())], bout.dice.roll(200));
                if act < 100 {
                    bout.we_act(id, act)
                } else {
                    bout.crate_acts(id, act - 100)
                };
            }
        }
    }
    bout.settle();
    bout.check();
}
