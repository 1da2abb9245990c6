//! Listeners that do their worst to whoever dials them.

use super::peer::{Identity, Peer, wait};
use super::raw_frames::{ACK, DATA, Frame, PING, RST, SYN, UPDATE, data, frame, go_away};
use super::scene::Scene;
use rustix::event::{PollFd, PollFlags};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The proposal of a stream of pings.
const PING_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x11/ipfs/ping/1.0.0\n";

/// The time between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// What a listener does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// Accepts, and says nothing.
    Silent,
    /// Says bytes that are nothing.
    Garbage,
    /// Never comes to the end of a line of multistream.
    Endless,
    /// Shakes hands, and opens streams that it resets.
    Resets,
    /// Shakes hands, and pings.
    Pings,
    /// Shakes hands, and resets every stream.
    Refuses,
    /// Shakes hands, and answers nothing.
    Mute,
    /// Shakes hands, and reads nothing from its socket any more.
    NeverReads,
    /// Shakes hands, takes its leave by a go-away, and stays with a stream of its own on which it never ends to ping.
    Lingers,
}

/// All forms, with the names of their attacks.
pub(crate) const FORMS: [(&str, Form); 9] = [
    ("dial_silent", Form::Silent),
    ("dial_garbage", Form::Garbage),
    ("dial_endless", Form::Endless),
    ("dial_resets", Form::Resets),
    ("dial_pings", Form::Pings),
    ("dial_refuses", Form::Refuses),
    ("dial_mute", Form::Mute),
    ("dial_never_reads", Form::NeverReads),
    ("dial_lingers", Form::Lingers),
];

/// A listener that is bound, and accepts once it [serves](Self::serve).
pub(crate) struct Hostile {
    listener: TcpListener,
    form: Form,
}

impl Hostile {
    pub(crate) fn bind(form: Form) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, form })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the scene is over.
    pub(crate) fn serve(&self, scene: &Scene) {
        std::thread::scope(|scope| {
            while scene.goes_on() {
                wait(&mut [PollFd::new(&self.listener, PollFlags::IN)], LOOK);
                if let Ok((socket, _)) = self.listener.accept() {
                    scope.spawn(move || {
                        // Its end is what the dialer is asked for.
                        let _ = scene.account(|| self.form.serve(scene, socket));
                    });
                }
            }
        });
    }
}

impl Form {
    /// Says what it does.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Silent => "the listener says nothing",
            Self::Garbage => "it says bytes that are nothing",
            Self::Endless => "it never comes to the end of a line",
            Self::Resets => "it opens streams and resets them",
            Self::Pings => "it pings as fast as it goes",
            Self::Refuses => "it resets every stream",
            Self::Mute => "it shakes hands and answers nothing",
            Self::NeverReads => "it shakes hands and reads nothing",
            Self::Lingers => "it takes its leave and stays",
        }
    }

    fn serve(self, scene: &Scene, mut socket: TcpStream) -> io::Result<()> {
        let words: Vec<u8> = match self {
            Self::Silent => {
                while scene.goes_on() {
                    std::thread::sleep(LOOK);
                }
                return Ok(());
            }
            Self::Garbage => (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
            Self::Endless => [b"\x13/multistream/1.0.0\n".to_vec(), vec![0xff; 60_000]].concat(),
            Self::Resets | Self::Pings | Self::Refuses | Self::Mute | Self::NeverReads | Self::Lingers => {
                let limit = Instant::now() + Duration::from_secs(5);
                return self.misbehave(scene, Peer::accept(&Identity::new(900), socket, limit)?);
            }
        };
        while scene.goes_on() {
            socket.write_all(&words)?;
        }
        Ok(())
    }

    fn misbehave(self, scene: &Scene, mut peer: Peer) -> io::Result<()> {
        let mut next = 2;
        if self == Self::Lingers {
            peer.seal(&[data(SYN, 2, PING_LINES), go_away()].concat())?;
        }
        while scene.goes_on() {
            let mut out = Vec::new();
            if self == Self::Lingers && peer.is_written() {
                out.extend(data(0, 2, &[0; 32]));
            }
            let mut read = 0;
            if self != Self::NeverReads {
                read = peer.hear(|heard| self.answer(&heard, &mut out))?;
            }
            if peer.is_written() && matches!(self, Self::Resets | Self::Pings) {
                for _ in 0..1_000 {
                    match self == Self::Resets {
                        true => out.extend([frame(UPDATE, SYN, next, 0), frame(DATA, RST, next, 0)].concat()),
                        false => out.extend(frame(PING, SYN, 0, next)),
                    }
                    next = next.wrapping_add(2);
                }
            }
            peer.seal(&out)?;
            let is_idle = peer.flush()? + read == 0;
            if self == Self::Lingers {
                std::thread::sleep(LOOK);
            } else if is_idle {
                if self == Self::NeverReads {
                    std::thread::sleep(LOOK);
                } else {
                    peer.wait(LOOK);
                }
            }
        }
        Ok(())
    }

    fn answer(self, heard: &Frame, out: &mut Vec<u8>) {
        if self == Self::Refuses && heard.flags & SYN != 0 && heard.kind != PING {
            out.extend(frame(UPDATE, ACK | RST, heard.id, 0));
        }
    }
}
