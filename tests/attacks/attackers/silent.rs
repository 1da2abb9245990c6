//! Sockets that take a place for a handshake, and do not shake hands.

use super::peer::{Identity, NOISE_LINES, begin_connect};
use super::scene::{Scene, one_of_many};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

/// The time between two looks at all sockets.
const LOOK: Duration = Duration::from_millis(100);

/// What such a socket says.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Nothing,
    /// A byte of its proposal each second.
    Slowly,
    /// Its proposal and Noise's first message, and nothing more.
    FirstMessage,
}

struct Socket {
    socket: TcpStream,
    words: Vec<u8>,
    said: usize,
    /// The bytes of the words that may have been said by now.
    may: usize,
}

/// Holds so many sockets of one address, and opens another for each that is closed.
pub(crate) fn silent(scene: &Scene, sockets: usize, form: Form) {
    scene.account(|| hold(scene, sockets, form, |_| None));
}

/// The same with an address for each socket.
pub(crate) fn silent_of_many(scene: &Scene, sockets: usize, form: Form) {
    scene.account(|| hold(scene, sockets, form, |number| Some(one_of_many(number % (4 * sockets)))));
}

fn hold(scene: &Scene, count: usize, form: Form, address: impl Fn(usize) -> Option<IpAddr>) {
    let (who, mut connected) = (Identity::new(500), 0);
    let mut sockets: Vec<Socket> = Vec::new();
    let (start, mut looked) = (Instant::now(), Instant::now());
    while scene.goes_on() {
        while sockets.len() < count && scene.goes_on() {
            connected += 1;
            let Ok(socket) = begin_connect(address(connected), scene.target) else {
                scene.count_cut();
                break;
            };
            let (words, may) = match form {
                Form::Nothing => (Vec::new(), 0),
                Form::Slowly => (NOISE_LINES.to_vec(), 1),
                Form::FirstMessage => (who.first_words(), usize::MAX),
            };
            sockets.push(Socket { socket, words, said: 0, may });
        }
        if sockets.len() == count {
            scene.is_set_up();
        }
        let before = sockets.len();
        sockets.retain_mut(Socket::is_open);
        (sockets.len()..before).for_each(|_| scene.count_cut());
        if let Form::Slowly = form
            && looked.elapsed() >= Duration::from_secs(1)
        {
            looked = Instant::now();
            sockets.iter_mut().for_each(|socket| socket.may += 1);
        }
        // However the set-up went, this is all that it does.
        if start.elapsed() > Duration::from_secs(10) {
            scene.is_set_up();
        }
        std::thread::sleep(LOOK);
    }
}

impl Socket {
    /// Says what is to be said. `false`: the other side has closed it.
    fn is_open(&mut self) -> bool {
        let end = self.words.len().min(self.may);
        if self.said < end {
            match self.socket.write(&self.words[self.said..end]) {
                Ok(n) => self.said += n,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
                Err(_) => return false,
            }
        }
        match self.socket.read(&mut [0; 256]) {
            Ok(n) => n > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected),
        }
    }
}
