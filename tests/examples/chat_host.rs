//! The chat of the example `chat` on `Host`, with a handler and tasks in the place of a loop. The two speak with each other.
//!
//! ```text
//! cargo run --features host --example chat_host                # the first terminal: it prints its address
//! cargo run --features host --example chat_host -- ADDRESS     # the second one, with that address
//! ```
//!
//! It ends with its stdin (Ctrl-D) or at Ctrl-C.

use async_signal::{Signal, Signals};
use smol::channel::{Receiver, Sender, bounded};
use smol::future;
use smol::io::{self, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use smol::stream::StreamExt as _;
use std::cell::RefCell;
use std::env;
use std::error::Error;
use std::rc::Rc;
use swarm_notify::connection::Protocol;
use swarm_notify::host::{Config, Handle, Host, Stream};
use swarm_notify::keys;
use swarm_notify::text::printable;

const CHAT: Protocol = Protocol::from_static("/chat/1.0.0");

/// The longest line of a peer in bytes. A longer one is told in pieces.
const MOST: u64 = 64 * 1024;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    run(env::args().skip(1))
}

/// Listens, dials the addresses, and chats until stdin ends.
pub(crate) fn run(addresses: impl Iterator<Item = String>) -> Result<()> {
    let mut host = Host::new(&keys::generate()?, Config::default())?;
    let handle = host.handle();
    smol::block_on(host.run_until(chat(handle, addresses)))
}

async fn chat(handle: Handle, addresses: impl Iterator<Item = String>) -> Result<()> {
    let everybody = Everybody::default();
    let here = everybody.clone();
    handle.set_handler(CHAT, async move |stream| here.talk(stream).await);
    let listener = handle.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?; // `/ip4/0.0.0.0/tcp/0` for peers elsewhere
    println!("listening on {}/p2p/{}", listener.addresses()[0], handle.local_peer());
    for address in addresses {
        let stream = handle.dial(address.parse()?).await?.open_stream(&[CHAT]).await?;
        let here = everybody.clone();
        handle.spawn(async move { here.talk(stream).await })?;
    }

    // A thread of `Unblock` waits for the keyboard.
    let mut lines = BufReader::new(smol::Unblock::new(std::io::stdin())).lines();
    let mut signals = Signals::new([Signal::Int])?;
    while let Some(Ok(line)) = future::or(lines.next(), async { signals.next().await.and(None) }).await {
        everybody.say(&line);
    }
    everybody.leave(); // each talk closes its stream
    handle.shutdown().await;
    Ok(())
}

/// Where lines for each peer go.
#[derive(Clone, Default)]
struct Everybody(Rc<RefCell<Vec<Sender<String>>>>);

impl Everybody {
    /// Says a line to everybody. Who has sixteen lines unread misses it.
    fn say(&self, line: &str) {
        self.0.borrow_mut().retain(|sender| {
            let _ = sender.try_send(format!("{line}\n"));
            !sender.is_closed()
        });
    }

    fn leave(&self) {
        self.0.borrow_mut().clear();
    }

    async fn talk(&self, mut stream: Stream) {
        let (peer, (sender, lines)) = (stream.peer().to_string(), bounded(16));
        let name = &peer[peer.len() - 6..];
        self.0.borrow_mut().push(sender);
        println!("{name} has come");
        if let Err(error) = talk(&mut stream, name, &lines).await {
            println!("{name}: {error}");
        }
        println!("{name} has left");
    }
}

/// Tells what the peer says, and sends it what we say, until both have ended.
async fn talk(stream: &mut Stream, name: &str, lines: &Receiver<String>) -> io::Result<()> {
    let (reader, mut writer) = io::split(stream);
    let hear = async {
        let (mut reader, mut line) = (BufReader::new(reader), Vec::new());
        while (&mut reader).take(MOST).read_until(b'\n', &mut line).await? > 0 {
            // What a peer says commands no terminal.
            println!("{name}: {}", printable(String::from_utf8_lossy(&line).trim_end()));
            line.clear();
        }
        io::Result::Ok(())
    };
    let say = async {
        while let Ok(line) = lines.recv().await {
            writer.write_all(line.as_bytes()).await?;
        }
        writer.close().await?; // we leave; the peer's end comes now
        future::pending().await
    };
    future::or(hear, say).await?;
    let _ = writer.close().await; // without it the drop would reset the stream; a peer that has gone needs none
    Ok(())
}
