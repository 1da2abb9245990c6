//! Ctrl-C as a flag that a loop looks at.

use async_signal::{Signal, Signals};
use smol::stream::StreamExt as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// Says whether somebody has asked the program to end.
pub(crate) struct CtrlC(Arc<AtomicBool>);

impl CtrlC {
    /// Listens for Ctrl-C from now on, in a thread of its own, which wakes the swarm's owner.
    pub(crate) fn new(swarm: Waker) -> io::Result<Self> {
        let mut signals = Signals::new([Signal::Int])?;
        let has_come = Arc::new(AtomicBool::new(false));
        let flag = has_come.clone();
        std::thread::spawn(move || {
            smol::block_on(signals.next());
            flag.store(true, Ordering::Release);
            swarm.wake();
        });
        Ok(Self(has_come))
    }

    pub(crate) fn has_come(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
