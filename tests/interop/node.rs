//! A node of ours for the interop tests: it does one thing for each line of standard input, and its notifee prints what it
//! is told, one JSON object a line. A command acts on the newest stream, on the only connection and on the oldest listener.

use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead as _, Read as _};
use std::sync::mpsc;
use std::time::Instant;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, ListenerEnd, ListenerId, StreamEnd, StreamId};
use swarm_notify::notifee::{HasNode, Notifee, NotifeeContext, NotifeeId, Notifees};
use swarm_notify::swarm::{Config, Swarm};
use swarm_notify::tcp;

/// Nobody answers on it unasked.
const HOLD: Protocol = Protocol::from_static("/hold/1.0.0");
const NOT_SPOKEN: Protocol = Protocol::from_static("/not-spoken/1.0.0");

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let (mut key, mut seed) = ([0; 32], [0; 32]);
    let mut randomness = File::open("/dev/urandom")?;
    randomness.read_exact(&mut key)?;
    randomness.read_exact(&mut seed)?;
    let identity = Keypair::ed25519_from_bytes(key)?;
    let mut swarm = Swarm::with_reactor(reactor, transport, &identity, seed, Config::default())?;
    swarm.register_protocol(HOLD);
    let mut notifees = Notifees::new();
    let teller = notifees.register(Teller { start: Instant::now(), listeners: vec![], connection: None, stream: None });
    let start = Instant::now();
    let lines = lines(&swarm);
    while !swarm.is_shut_down() {
        let now = start.elapsed();
        let next = [swarm.poll_at(), notifees.poll_at()].into_iter().flatten().min();
        swarm.wait(now, next.map(|next| next.saturating_sub(now)))?;
        swarm.tick(start.elapsed());
        notifees.drive(&mut swarm, start.elapsed());
        // After the turn, which takes the waker's call as heard.
        for line in lines.try_iter() {
            obey(&line, &mut swarm, &mut notifees, teller)?;
        }
        swarm.flush_all(start.elapsed());
    }
    Ok(())
}

/// The lines of standard input. Its end is a `shutdown`.
fn lines(swarm: &tcp::Swarm) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let waker = swarm.waker();
    std::thread::spawn(move || {
        let input = io::stdin().lock().lines().map_while(io::Result::ok);
        for line in input.chain(["shutdown".to_owned()]) {
            let _ = sender.send(line);
            waker.wake_by_ref();
        }
    });
    lines
}

fn obey(
    line: &str,
    swarm: &mut tcp::Swarm,
    notifees: &mut Notifees<tcp::Swarm>,
    teller: NotifeeId<Teller>,
) -> Result<()> {
    let teller = notifees.get_mut(teller).ok_or("it is never unregistered")?;
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "step" => teller.print("step", json!({ "number": rest.parse::<u32>()? })),
        "listen" => drop(swarm.listen(rest.parse()?)?),
        "close_listener" => swarm.close_listener(teller.listeners.remove(0))?,
        "dial" => drop(swarm.dial(rest.parse()?)?),
        "close_connection" => swarm.close_connection(teller.connection.ok_or("no connection")?)?,
        "open" => drop(swarm.open_stream(teller.connection.ok_or("no connection")?, &[HOLD])?),
        "open_unspoken" => drop(swarm.open_stream(teller.connection.ok_or("no connection")?, &[NOT_SPOKEN])?),
        "finish" => swarm.finish(teller.stream.ok_or("no stream")?)?,
        "close_stream" => swarm.close_stream(teller.stream.ok_or("no stream")?)?,
        "reset" => swarm.reset(teller.stream.ok_or("no stream")?)?,
        "shutdown" => swarm.shutdown(),
        _ => return Err(format!("unknown command {line:?}").into()),
    }
    Ok(())
}

/// Prints each of the nine events, and reads whatever comes on streams.
struct Teller {
    start: Instant,
    listeners: Vec<ListenerId>,
    connection: Option<ConnectionId>,
    stream: Option<StreamId>,
}

impl Teller {
    fn print(&self, event: &str, fields: Value) {
        let mut line = json!({ "t": self.start.elapsed().as_secs_f64(), "event": event });
        if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
            line.extend(fields);
        }
        println!("{line}");
    }

    fn stream(&self, event: &str, connection: ConnectionId, stream: StreamId, more: (&str, String)) {
        let fields = json!({ "connection": connection.to_string(), "stream": stream.to_string(), more.0: more.1 });
        self.print(event, fields);
    }
}

impl<N: HasNode> Notifee<N> for Teller {
    fn listen(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
        self.listeners.push(listener);
        let node = cx.network().node();
        let peer = node.local_peer();
        let addresses = node.listener(listener).map(|view| view.addresses.to_vec()).unwrap_or_default();
        let addresses: Vec<_> = addresses.iter().map(|address| format!("{address}/p2p/{peer}")).collect();
        self.print("listen", json!({ "listener": listener.to_string(), "addresses": addresses }));
    }

    fn listen_failed(&mut self, _cx: &mut NotifeeContext<'_, N>, listener: ListenerId, reason: Failure) {
        self.print("listen_failed", json!({ "listener": listener.to_string(), "reason": reason.to_string() }));
    }

    fn listen_close(&mut self, _cx: &mut NotifeeContext<'_, N>, listener: ListenerId, reason: ListenerEnd) {
        self.print("listen_close", json!({ "listener": listener.to_string(), "reason": reason.to_string() }));
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
        self.connection = Some(connection);
        let Some(view) = cx.network().node().connection(connection) else { return };
        let peer = view.peer.map(|peer| peer.to_string());
        let (remote, direction) = (view.remote.to_string(), view.direction.to_string());
        let connection = connection.to_string();
        let fields = json!({ "connection": connection, "remote": remote, "peer": peer, "direction": direction });
        self.print("connected", fields);
    }

    fn connect_failed(&mut self, _cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: Failure) {
        self.print("connect_failed", json!({ "connection": connection.to_string(), "reason": reason.to_string() }));
    }

    fn disconnected(&mut self, _cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        self.print("disconnected", json!({ "connection": connection.to_string(), "reason": reason.to_string() }));
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId, stream: StreamId) {
        self.stream = Some(stream);
        let Some(view) = cx.network().node().stream(stream) else { return };
        let mut fields = json!({ "connection": connection.to_string(), "stream": stream.to_string() });
        fields["direction"] = view.direction.to_string().into();
        fields["protocol"] = view.protocol.map(ToString::to_string).into();
        self.print("opened_stream", fields);
    }

    fn stream_failed(
        &mut self,
        _cx: &mut NotifeeContext<'_, N>,
        connection: ConnectionId,
        stream: StreamId,
        reason: Failure,
    ) {
        self.stream("stream_failed", connection, stream, ("reason", reason.to_string()));
    }

    fn closed_stream(
        &mut self,
        _cx: &mut NotifeeContext<'_, N>,
        connection: ConnectionId,
        stream: StreamId,
        reason: StreamEnd,
    ) {
        self.stream("closed_stream", connection, stream, ("reason", reason.to_string()));
    }

    /// The peer's end is noted when it is read, beside what is told: it is no event.
    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, _readable: bool, _writable: bool) {
        loop {
            match cx.network().node_mut().read(stream, &mut [0; 1024]) {
                Ok(0) => return self.print("read_end", json!({ "stream": stream.to_string() })),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}
