//! A chat on the raw swarm, in a loop of its own: each line of stdin goes to all peers, and their lines are printed.
//!
//! ```text
//! cargo run --example chat                # the first terminal: it prints its address
//! cargo run --example chat -- ADDRESS     # the second one, with that address
//! ```
//!
//! It ends with its stdin (Ctrl-D) or at Ctrl-C, and speaks with the example `chat_host` and with py-libp2p's chat
//! (`chat-demo -d ADDRESS`). The side that dials opens one stream, on which both write their lines, each with a line feed at
//! its end.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::stdin;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::task::Waker;
use std::thread;
use std::time::Instant;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{Direction, Event, StreamId};
use swarm_notify::swarm::{Config, ProtocolLimits, Readiness, Swarm};
use swarm_notify::text::printable;
use swarm_notify::{keys, tcp};

#[path = "ctrl_c.rs"]
mod ctrl_c;
use ctrl_c::CtrlC;

const CHAT: Protocol = Protocol::from_static("/chat/1.0.0");

/// The most bytes that wait for a peer, and the longest line of a peer.
const MOST: usize = 64 * 1024;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    run(env::args().skip(1))
}

/// Listens, dials the addresses, and chats until stdin ends.
pub(crate) fn run(addresses: impl Iterator<Item = String>) -> Result<()> {
    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm = Swarm::from_os_rng(reactor, transport, &keys::generate()?, Config::default())?;
    swarm.register_protocol(CHAT);
    swarm.limit_protocol(&CHAT, ProtocolLimits::new().with_per_peer(4).with_total(256)); // so that nobody takes all memory
    swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?; // `/ip4/0.0.0.0/tcp/0` for peers elsewhere
    for address in addresses {
        swarm.dial(address.parse()?)?;
    }
    let (lines, ctrl_c) = (lines_of_stdin(swarm.waker()), CtrlC::new(swarm.waker())?);
    let mut chat = Chat { swarm, talks: BTreeMap::new() };
    let start = Instant::now();
    while !chat.swarm.is_shut_down() {
        chat.swarm.wait(start.elapsed(), None)?;
        chat.swarm.tick(start.elapsed());
        while let Some(event) = chat.swarm.next_event() {
            chat.handle(event)?;
        }
        while let Some(ready) = chat.swarm.next_ready() {
            let Readiness::Stream { stream, readable, writable } = ready else { continue };
            if readable {
                chat.hear(stream);
            }
            if writable {
                chat.send(stream);
            }
        }
        // Behind the tick, which takes the waker's call as heard.
        loop {
            match lines.try_recv() {
                Ok(line) => chat.say(&line),
                Err(TryRecvError::Empty) if !ctrl_c.has_come() => break,
                Err(_) => {
                    chat.leave();
                    break;
                }
            }
        }
        chat.swarm.flush_all(start.elapsed());
    }
    Ok(())
}

/// The lines of stdin. A thread reads them, so that the loop never waits for the keyboard, and wakes the loop.
fn lines_of_stdin(swarm: Waker) -> Receiver<String> {
    let (sender, lines) = sync_channel(16);
    thread::spawn(move || {
        for line in stdin().lines().map_while(|line| line.ok()) {
            if sender.send(line).is_err() {
                return;
            }
            swarm.wake_by_ref();
        }
        drop(sender);
        swarm.wake(); // for the end, too
    });
    lines
}

struct Chat {
    swarm: tcp::Swarm,
    talks: BTreeMap<StreamId, Talk>,
}

/// What is under way on a stream.
struct Talk {
    /// The end of the peer's id.
    name: String,
    /// What the peer has said of a line that is not whole.
    heard: Vec<u8>,
    /// What the stream has not taken yet.
    unsent: Vec<u8>,
}

impl Chat {
    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Listen { listener } => {
                let view = self.swarm.listener(listener).ok_or("it has just opened")?;
                println!("listening on {}/p2p/{}", view.addresses[0], self.swarm.local_peer());
            }
            Event::Connected { connection } => {
                let view = self.swarm.connection(connection);
                if view.is_some_and(|view| view.direction == Direction::Outbound)
                    && let Err(error) = self.swarm.open_stream(connection, &[CHAT])
                {
                    println!("{connection}: {error}"); // it may have ended by now
                }
            }
            Event::OpenedStream { connection, stream } => {
                let peer = self.swarm.connection(connection).and_then(|view| view.peer).ok_or("it is open")?;
                let name = name(&peer.to_string());
                println!("{name} has come");
                self.talks.insert(stream, Talk { name, heard: Vec::new(), unsent: Vec::new() });
            }
            Event::ClosedStream { stream, .. } => {
                let rest = self.swarm.take_unread(stream); // the last bytes may come with the end
                if let Some(mut talk) = self.talks.remove(&stream) {
                    talk.hear(&rest);
                    println!("{} has left", talk.name);
                }
            }
            Event::StreamFailed { stream, .. } => {
                let view = self.swarm.stream(stream);
                if view.is_some_and(|view| view.direction == Direction::Outbound) {
                    println!("{event}"); // a peer's own attempt at another protocol is no news
                }
            }
            Event::ListenFailed { .. } | Event::ConnectFailed { .. } => println!("{event}"),
            Event::ListenClose { .. } | Event::Disconnected { .. } => {}
        }
        Ok(())
    }

    /// Reads what has come, and answers the peer's end with ours.
    fn hear(&mut self, stream: StreamId) {
        let mut buffer = [0; 4096];
        while let (Some(talk), Ok(n)) = (self.talks.get_mut(&stream), self.swarm.read(stream, &mut buffer)) {
            talk.hear(&buffer[..n]);
            if n == 0 {
                let _ = self.swarm.finish(stream); // it may have ended meanwhile, and is told as closed then
                return;
            }
            if talk.heard.len() > MOST {
                let _ = self.swarm.reset(stream);
            }
        }
    }

    /// Says a line to everybody.
    fn say(&mut self, line: &str) {
        for (stream, talk) in &mut self.talks {
            if talk.unsent.len() + line.len() < MOST {
                talk.unsent.extend_from_slice(line.as_bytes());
                talk.unsent.push(b'\n');
                talk.send(&mut self.swarm, *stream);
            } else {
                println!("{} does not read, and misses a line", talk.name);
            }
        }
    }

    /// Ends our side of each stream, so that the peers know that nothing was cut, and then everything else. What was
    /// written is still sent.
    fn leave(&mut self) {
        for stream in self.talks.keys() {
            let _ = self.swarm.finish(*stream);
        }
        self.swarm.shutdown();
    }

    /// Goes on with what the stream had no place for.
    fn send(&mut self, stream: StreamId) {
        if let Some(talk) = self.talks.get_mut(&stream) {
            talk.send(&mut self.swarm, stream);
        }
    }
}

impl Talk {
    fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            // What a peer says commands no terminal.
            println!("{}: {}", self.name, printable(String::from_utf8_lossy(&line).trim_end()));
        }
    }

    fn send(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        // Blocked: the stream will be told as writable.
        if let Ok(n) = swarm.write(stream, &self.unsent) {
            self.unsent.drain(..n);
        }
    }
}

/// A short name of a peer.
fn name(peer: &str) -> String {
    peer[peer.len() - 6..].to_owned()
}
