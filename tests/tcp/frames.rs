//! The headline program, on real sockets: it ticks its swarm once a frame, drains it, sends the answers, and sleeps. No
//! progress may depend on a poll at the right moment, so that frames of any length, also irregular ones, get ten echoes
//! within 200 frames.
//!
//! `frames.sh` runs this a hundred times on a machine that has too much else to do.

use std::thread;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{Event, StreamId};
use swarm_notify::swarm::{Config, Readiness, Swarm};
use swarm_notify::tcp;

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
const ECHOES: usize = 10;
const MOST_FRAMES: usize = 200;
const LATE: Duration = Duration::from_secs(5);

/// How long frames are.
#[derive(Clone, Copy, Debug)]
enum Frames {
    Of(u64),
    /// Between nothing and 33 ms, irregularly.
    Jittered(u64),
}

const ALL_FRAMES: [Frames; 6] =
    [Frames::Of(1), Frames::Of(7), Frames::Of(16), Frames::Of(50), Frames::Jittered(1), Frames::Jittered(2)];

impl Frames {
    /// Sleeps until the next frame.
    fn sleep(&mut self) {
        let millis = match self {
            Self::Of(millis) => *millis,
            Self::Jittered(state) => {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (*state >> 33) % 34
            }
        };
        thread::sleep(Duration::from_millis(millis));
    }
}

/// The program: a swarm, and what it does when it is told of something.
struct Program {
    swarm: tcp::Swarm,
    start: Instant,
    /// How many frames it has begun.
    frames: usize,
    /// On which frame it has written and read which byte: one of its own for each echo.
    written: Vec<(u8, usize)>,
    read: Vec<(u8, usize)>,
    /// Its events, by name.
    told: Vec<&'static str>,
    address: Option<String>,
    /// It sends the bytes 0, 1, … and waits for each to come back. The other side of an echo does not.
    asks: bool,
}

impl Program {
    fn new(key: u8, asks: bool) -> Self {
        let reactor = tcp::Reactor::new().unwrap();
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
        let mut swarm = Swarm::with_reactor(reactor, transport, &identity, [key; 32], Config::default()).unwrap();
        swarm.register_protocol(ECHO);
        let (start, frames, address) = (Instant::now(), 0, None);
        Self { swarm, start, frames, written: Vec::new(), read: Vec::new(), told: Vec::new(), address, asks }
    }

    fn listening() -> Self {
        let mut this = Self::new(1, false);
        this.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        this.frame();
        assert!(this.address.is_some(), "one frame is enough to listen");
        this
    }

    fn dialing(address: &str) -> Self {
        let mut this = Self::new(2, true);
        this.swarm.dial(address.parse().unwrap()).unwrap();
        this
    }

    fn frame(&mut self) {
        self.tick();
        self.drain();
        self.flush();
    }

    fn tick(&mut self) {
        self.frames += 1;
        self.swarm.tick(self.start.elapsed());
    }

    fn drain(&mut self) {
        while let Some(event) = self.swarm.next_event() {
            self.told.push(event.name());
            if let Event::Listen { listener } = event {
                self.address = Some(self.swarm.listener(listener).unwrap().addresses[0].to_string());
            } else if let Event::Connected { connection } = event
                && self.asks
            {
                let stream = self.swarm.open_stream(connection, &[ECHO]).unwrap();
                self.write(stream, 0);
            }
        }
        while let Some(ready) = self.swarm.next_ready() {
            let Readiness::Stream { stream, .. } = ready else { panic!("{ready:?}: addresses do not change") };
            let mut buffer = [0; 256];
            while let Ok(n) = self.swarm.read(stream, &mut buffer) {
                if n == 0 {
                    self.swarm.finish(stream).unwrap();
                    break;
                }
                for byte in &buffer[..n] {
                    self.read.push((*byte, self.frames));
                    match self.asks {
                        false => self.write(stream, *byte),
                        true if self.read.len() < ECHOES => self.write(stream, byte + 1),
                        true => {}
                    }
                }
            }
        }
    }

    fn write(&mut self, stream: StreamId, byte: u8) {
        self.written.push((byte, self.frames));
        assert_eq!(self.swarm.write(stream, &[byte]), Ok(1));
    }

    fn flush(&mut self) {
        self.swarm.flush_all(self.start.elapsed());
    }

    /// Nothing has ended or failed, and no echo is missing or doubled.
    #[track_caller]
    fn assert_well(&self, case: Case) {
        let bytes: Vec<_> = self.read.iter().map(|(byte, _)| *byte).collect();
        assert_eq!(bytes, (0..ECHOES as u8).collect::<Vec<_>>(), "{case:?}: {} frames, {:?}", self.frames, self.told);
        let told = [if self.asks { &[][..] } else { &["listen"] }, &["connected", "opened_stream"]].concat();
        assert_eq!(self.told, told, "{case:?}");
        assert_eq!(case.late, None, "the owner was late");
        println!("{case:?}: {} frames", self.frames);
    }
}

/// How long frames are, and on which occasion the owner is late, if at all.
#[derive(Clone, Copy, Debug)]
struct Case {
    frames: Frames,
    late: Option<LateAt>,
}

/// When an owner does not come for 5 s, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LateAt {
    Frame(usize),
    Echo(usize),
}

impl Case {
    /// Sleeps until the next frame.
    fn sleep(&mut self, program: &Program) {
        let is_late = match self.late {
            Some(LateAt::Frame(frame)) => program.frames == frame,
            Some(LateAt::Echo(echo)) => program.read.len() == echo,
            None => false,
        };
        if is_late {
            self.late = None;
            thread::sleep(LATE);
        }
        self.frames.sleep();
    }
}

/// Runs a program with each kind of frame.
fn with_all_frames(run: fn(Case)) {
    side_by_side(ALL_FRAMES.map(|frames| (Case { frames, late: None }, run)));
}

/// Runs each case on a thread of its own, so that all take no longer than the longest.
fn side_by_side(cases: impl IntoIterator<Item = (Case, fn(Case))>) {
    let threads: Vec<_> = cases.into_iter().map(|(case, run)| thread::spawn(move || run(case))).collect();
    let failed = threads.into_iter().map(|thread| thread.join()).filter(Result::is_err).count();
    assert_eq!(failed, 0, "their threads have said why");
}

/// Ticks both sides on this thread, one after the other, until all echoes have come back.
fn both_ticked(mut case: Case) {
    let mut server = Program::listening();
    let mut client = Program::dialing(server.address.as_deref().unwrap());
    while client.read.len() < ECHOES && client.frames < MOST_FRAMES {
        client.frame();
        server.frame();
        case.sleep(&client);
    }
    client.assert_well(case);
    server.assert_well(case);
}

#[test]
fn two_ticked_swarms_echo_with_any_frames() {
    with_all_frames(both_ticked);
}

/// Once in the handshake, and once between two echoes.
#[test]
fn an_owner_who_comes_5_s_late_loses_nothing() {
    let programs: &[fn(Case)] = &[
        both_ticked,
        #[cfg(all(feature = "cli", target_os = "linux"))]
        with_a_process::dialer_ticked,
        #[cfg(all(feature = "cli", target_os = "linux"))]
        with_a_process::listener_ticked,
    ];
    let late = [LateAt::Frame(2), LateAt::Echo(5)];
    let case = |late| Case { frames: Frames::Of(16), late: Some(late) };
    side_by_side(programs.iter().flat_map(|program| late.map(|late| (case(late), *program))));
}

/// Both are ticked, then both are drained, then both send: no byte can be read on the frame on which it was written.
#[test]
fn what_is_flushed_in_one_frame_is_read_in_the_next() {
    let mut server = Program::listening();
    let mut client = Program::dialing(server.address.as_deref().unwrap());
    server.frames = 0;
    while client.read.len() < ECHOES && client.frames < MOST_FRAMES {
        client.tick();
        server.tick();
        client.drain();
        server.drain();
        client.flush();
        server.flush();
        Frames::Of(16).sleep();
    }
    client.assert_well(Case { frames: Frames::Of(16), late: None });
    let next = |written: &[(u8, usize)]| written.iter().map(|(byte, frame)| (*byte, frame + 1)).collect::<Vec<_>>();
    // The first travels with the proposal of its stream, and is read once that has opened.
    assert_eq!(server.read, next(&client.written));
    assert_eq!(client.read, next(&server.written));
    assert_eq!(server.read, server.written, "the owner answers at once");
    assert_eq!(
        client.read[..ECHOES - 1].iter().map(|(byte, frame)| (byte + 1, *frame)).collect::<Vec<_>>(),
        client.written[1..]
    );
}

/// The other side is the command, a process of its own that sleeps on its sockets.
#[cfg(all(feature = "cli", target_os = "linux"))]
mod with_a_process {
    use super::*;
    use crate::support::command::Running;

    /// Within how many frames all echoes have to come. On a busy machine the process may not have its turn for a fifth
    /// of a second, which is all of 200 frames of 1 ms.
    fn most_frames(case: Case) -> usize {
        if matches!(case.frames, Frames::Of(1)) { 10 * MOST_FRAMES } else { MOST_FRAMES }
    }

    /// The program dials the command.
    pub(crate) fn dialer_ticked(mut case: Case) {
        let mut command = Running::start(["listen"]);
        let mut client = Program::dialing(&command.address());
        while client.read.len() < ECHOES && client.frames < most_frames(case) {
            client.frame();
            case.sleep(&client);
        }
        client.assert_well(case);
    }

    /// The command dials the program, and sends one byte on each of ten streams, one after the other.
    pub(crate) fn listener_ticked(mut case: Case) {
        let mut server = Program::listening();
        let address = server.address.clone().unwrap();
        let streams = ECHOES.to_string();
        let command = Running::start(["dial", &address, "--streams", &streams, "--bytes", "1"]);
        // It needs a while to start: the frames before it has come do not count.
        let mut waits = 0;
        while !server.told.contains(&"disconnected") && server.frames < most_frames(case) + waits {
            server.frame();
            if server.told == ["listen"] {
                waits = server.frames;
                assert!(server.start.elapsed() < Duration::from_secs(60), "the command does not come");
            }
            case.sleep(&server);
        }
        let mut told = vec!["listen", "connected"];
        told.extend(["opened_stream", "closed_stream"].repeat(ECHOES));
        told.push("disconnected");
        assert_eq!(server.told, told, "{case:?}: {} frames, {:?}", server.frames - waits, server.read);
        assert_eq!(case.late, None, "the owner was late");
        let ended = command.ended();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "all its echoes were right");
        println!("{case:?}: {} frames", server.frames - waits);
    }

    #[test]
    fn a_ticked_dialer_echoes_with_a_process() {
        with_all_frames(dialer_ticked);
    }

    #[test]
    fn a_ticked_listener_echoes_with_a_process() {
        with_all_frames(listener_ticked);
    }
}
