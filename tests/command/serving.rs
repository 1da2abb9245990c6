//! A peer of the command's in a thread of this process, which listens and serves as a test wants.

use crate::support::command::LIMIT;
use libp2p_identity::Keypair;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, Notifees};
use swarm_notify::swarm::{Config, Swarm};
use swarm_notify::tcp;

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const SINK: Protocol = Protocol::from_static("/sink/1.0.0");
pub(crate) const PING: Protocol = Protocol::from_static("/ipfs/ping/1.0.0");
pub(crate) const IDENTIFY: Protocol = Protocol::from_static("/ipfs/id/1.0.0");

/// A peer that listens until it is dropped.
pub(crate) struct Serving {
    pub(crate) address: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Accepts streams of these protocols. What comes of them is the notifee's business.
    #[track_caller]
    pub(crate) fn start(protocols: &[Protocol], notifee: impl Notifee<tcp::Swarm> + Send + 'static) -> Self {
        Self::with(Config::default(), protocols, notifee)
    }

    #[track_caller]
    pub(crate) fn with(
        config: Config,
        protocols: &[Protocol],
        notifee: impl Notifee<tcp::Swarm> + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, address) = channel();
        let (stopped, protocols) = (stop.clone(), protocols.to_vec());
        let thread = std::thread::spawn(move || {
            let reactor = tcp::Reactor::new().unwrap();
            let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
            let key = Keypair::ed25519_from_bytes([6; 32]).unwrap();
            let mut swarm = Swarm::with_reactor(reactor, transport, &key, [6; 32], config).unwrap();
            protocols.into_iter().for_each(|protocol| swarm.register_protocol(protocol));
            let listener = swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
            let (mut notifees, start) = (Notifees::new(), Instant::now());
            notifees.register(notifee);
            let mut has_told = false;
            while !stopped.load(Ordering::Relaxed) {
                assert!(start.elapsed() < 3 * LIMIT, "nobody stops it");
                swarm.tick(start.elapsed());
                notifees.drive(&mut swarm, start.elapsed());
                let address = swarm.listener(listener).and_then(|view| view.addresses.first());
                if let Some(address) = address.filter(|_| !has_told) {
                    has_told = true;
                    sender.send(address.to_string()).unwrap();
                }
                let due = notifees.poll_at().map(|at| at.saturating_sub(start.elapsed()));
                let most = due.unwrap_or(LIMIT).min(Duration::from_millis(20));
                swarm.wait(start.elapsed(), Some(most)).unwrap();
            }
        });
        Self { address: address.recv_timeout(LIMIT).unwrap(), stop, thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

/// Accepts streams, and neither reads nor writes.
pub(crate) struct Silent;

impl<N: 'static> Notifee<N> for Silent {
    fn interest(&self) -> Interest {
        Interest::NONE
    }
}

/// Sends back what comes on the first streams, as many as it is told, and nothing on all others. It never ends its side.
pub(crate) struct Endless {
    pub(crate) answered: usize,
    pub(crate) streams: Vec<StreamId>,
}

impl Endless {
    pub(crate) const fn answering(answered: usize) -> Self {
        Self { answered, streams: Vec::new() }
    }
}

impl Notifee<tcp::Swarm> for Endless {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        if !self.streams.contains(&stream) {
            self.streams.push(stream);
        }
        if self.streams.iter().position(|other| *other == stream) >= Some(self.answered) {
            return;
        }
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = cx.network().read(stream, &mut buffer) {
            assert_eq!(cx.network().write(stream, &buffer[..n]), Ok(n), "a test sends little");
        }
    }
}
