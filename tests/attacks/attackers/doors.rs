//! Connections that come and go, as fast as it goes.

use super::peer::{Identity, Peer, begin_connect, wait};
use super::scene::Scene;
use rustix::event::{PollFd, PollFlags};
use std::time::{Duration, Instant};

/// The longest that one waits for its handshake.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects and closes.
pub(crate) fn connect_and_close(scene: &Scene) {
    scene.account(|| {
        while scene.goes_on() {
            match begin_connect(None, scene.target) {
                Ok(socket) => wait(&mut [PollFd::new(&socket, PollFlags::OUT)], Duration::from_millis(100)),
                Err(_) => scene.count_cut(),
            }
            scene.is_set_up();
        }
    });
}

/// Shakes hands and closes, a number at a time, each time as somebody else.
pub(crate) fn handshakes(scene: &Scene, at_a_time: usize) {
    // New ones each time would cost the attacker a signature.
    shake_hands(scene, at_a_time, &(600..632).map(Identity::new).collect::<Vec<_>>());
}

/// Shakes hands and closes, a number at a time, with a key that costs the node most.
pub(crate) fn rsa_handshakes(scene: &Scene, at_a_time: usize) {
    shake_hands(scene, at_a_time, &[Identity::rsa()]);
}

fn shake_hands(scene: &Scene, at_a_time: usize, identities: &[Identity]) {
    std::thread::scope(|scope| {
        for first in 0..at_a_time {
            scope.spawn(move || {
                scene.account(|| {
                    for who in identities.iter().cycle().skip(first).take_while(|_| scene.goes_on()) {
                        if Peer::dial(who, None, scene.target, Instant::now() + PATIENCE).is_err() {
                            scene.count_cut();
                        }
                        scene.is_set_up();
                    }
                });
            });
        }
    });
}
