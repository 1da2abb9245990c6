//! A loop on `calloop`: the swarm's descriptor beside a timer of the program's own.

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, Mode, PostAction};
use std::error::Error;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::Event;
use swarm_notify::swarm::{Config, Readiness, Swarm};
use swarm_notify::{keys, tcp};

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
const OWN_TIMER: Duration = Duration::from_millis(5);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    // Each side has this loop. In your program the other side is elsewhere.
    let (sender, address) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || Node::listen(move |address| drop(sender.send(address)))?.run());
    let client = Node::dial(&address.recv()?, 1_000)?.run()?;
    server.join().expect("it does not panic")?;
    println!("{} echoes", client.echoes);
    Ok(())
}

/// Your program and its swarm. This one does its part of an echo, and ends when the other side has left.
pub(crate) struct Node {
    swarm: tcp::Swarm,
    start: Instant,
    /// Called with the address of the listener.
    tell: Option<Box<dyn FnOnce(String) + Send>>,
    /// How many echoes the side that dials asks for.
    wanted: Option<usize>,
    pub(crate) echoes: usize,
    /// When the current sleep ends if nothing comes.
    sleeps_until: Option<Duration>,
    /// How many sleeps lasted until that time although something had come. A correct loop has none.
    pub(crate) overslept: usize,
}

impl Node {
    /// A node that sends back what it receives. It calls `tell` with its address.
    pub(crate) fn listen(tell: impl FnOnce(String) + Send + 'static) -> Result<Self> {
        let mut node = Self::new()?;
        node.tell = Some(Box::new(tell));
        node.swarm.register_protocol(ECHO);
        node.swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
        Ok(node)
    }

    /// A node that dials, asks for so many echoes, and leaves.
    pub(crate) fn dial(address: &str, echoes: usize) -> Result<Self> {
        let mut node = Self::new()?;
        node.wanted = Some(echoes);
        node.swarm.dial(address.parse()?)?;
        Ok(node)
    }

    fn new() -> Result<Self> {
        let reactor = tcp::Reactor::new()?;
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let identity = keys::generate()?; // `keys::KeyFile` keeps one in a file
        let swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
        let start = Instant::now();
        Ok(Self { swarm, start, tell: None, wanted: None, echoes: 0, sleeps_until: None, overslept: 0 })
    }

    pub(crate) fn run(mut self) -> Result<Self> {
        // Declared after the swarm, so that its duplicate of the descriptor goes first.
        let mut event_loop: EventLoop<'_, bool> = EventLoop::try_new()?;
        let descriptor = Generic::new(self.swarm.as_fd().try_clone_to_owned()?, Interest::READ, Mode::Level);
        let is_ready = |_, _: &mut _, is_ready: &mut bool| {
            *is_ready = true;
            Ok(PostAction::Continue)
        };
        event_loop.handle().insert_source(descriptor, is_ready).map_err(|failed| failed.error)?;
        let own = |_, _: &mut (), _: &mut bool| TimeoutAction::ToDuration(OWN_TIMER);
        event_loop.handle().insert_source(Timer::from_duration(OWN_TIMER), own).map_err(|failed| failed.error)?;
        let mut is_ready = false;
        while !self.swarm.is_shut_down() {
            event_loop.dispatch(self.timeout(), &mut is_ready)?;
            let is_due = self.swarm.poll_at().is_some_and(|at| at <= self.start.elapsed());
            if std::mem::take(&mut is_ready) || is_due {
                self.turn()?;
            }
        }
        Ok(self)
    }

    /// Returns how long the loop may sleep if nothing comes; `None` is for ever.
    fn timeout(&mut self) -> Option<Duration> {
        let (now, at) = (self.start.elapsed(), self.swarm.poll_at());
        self.sleeps_until = at.filter(|at| *at > now);
        Some(at?.saturating_sub(now))
    }

    /// Hears what has come, handles it, and sends the answers.
    fn turn(&mut self) -> Result<()> {
        let now = self.start.elapsed();
        let has_slept_out = self.sleeps_until.take().is_some_and(|until| until <= now);
        let mut has_found = false;
        self.swarm.tick(now);
        while let Some(event) = self.swarm.next_event() {
            self.handle(event)?;
            has_found = true;
        }
        while let Some(ready) = self.swarm.next_ready() {
            self.read(ready);
            has_found = true;
        }
        self.swarm.flush_all(self.start.elapsed());
        self.overslept += usize::from(has_slept_out && has_found);
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Listen { listener } => {
                if let (Some(tell), Some(view)) = (self.tell.take(), self.swarm.listener(listener)) {
                    tell(view.addresses[0].to_string());
                }
            }
            Event::Connected { connection } if self.wanted.is_some() => {
                let stream = self.swarm.open_stream(connection, &[ECHO])?;
                self.swarm.write(stream, b"!")?;
            }
            Event::ListenFailed { .. } | Event::ConnectFailed { .. } => return Err(format!("{event:?}").into()),
            Event::Disconnected { .. } => self.swarm.shutdown(),
            Event::Connected { .. } | Event::ListenClose { .. } => {}
            Event::OpenedStream { .. } | Event::StreamFailed { .. } | Event::ClosedStream { .. } => {}
        }
        Ok(())
    }

    fn read(&mut self, ready: Readiness) {
        let Readiness::Stream { stream, .. } = ready else { return };
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = self.swarm.read(stream, &mut buffer) {
            self.echoes += count;
            if self.wanted.is_some_and(|wanted| self.echoes >= wanted) {
                return self.swarm.shutdown();
            }
            // The window always has room for one byte, and each side waits for the other's.
            let _ = self.swarm.write(stream, &buffer[..count]);
        }
    }
}
