//! A client that stays connected through its server's restarts: `AddressBook::keep` dials it again, after longer and longer
//! waits.
//!
//! ```text
//! cargo run --example reconnecting -- server.key 4001     # the first terminal: a server with an identity and a port
//! cargo run --example reconnecting -- ADDRESS             # the second one: a client, with the address that it prints
//! ```
//!
//! Both end at Ctrl-C. Start the server again and again.

use std::env;
use std::error::Error;
use std::time::Instant;
use swarm_notify::keys::{self, KeyFile};
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::address_book::{AddressBook, Config};
use swarm_notify::swarm::multiaddr::Protocol;
use swarm_notify::swarm::{self, Multiaddr, Swarm};
use swarm_notify::tcp;

#[path = "ctrl_c.rs"]
mod ctrl_c;
use ctrl_c::CtrlC;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    run(&env::args().skip(1).collect::<Vec<_>>())
}

/// Serves with the key of a file and a port, or stays connected with who listens at an address.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (identity, port, server) = match args {
        // The address has the identity in it, so the next start needs the same one, as it needs the port.
        [key_file, port] => (KeyFile::load_or_create(key_file)?.key, Some(port), None),
        [address] => {
            let address: Multiaddr = address.parse()?;
            let Some(Protocol::P2p(peer)) = address.iter().last() else {
                return Err("the address names no peer".into());
            };
            (keys::generate()?, None, Some((peer, address)))
        }
        _ => return Err("a key file and a port, or an address".into()),
    };
    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, swarm::Config::default())?;
    let mut book = AddressBook::new(swarm.local_peer(), keys::seed()?, Config::default());
    if let Some(port) = port {
        swarm.listen(format!("/ip4/127.0.0.1/tcp/{port}").parse()?)?;
    }
    if let Some((peer, address)) = server {
        book.add_address(peer, address)?;
        book.keep(peer)?;
    }
    let mut notifees = Notifees::new();
    let book = notifees.register(book);
    let (ctrl_c, start) = (CtrlC::new(swarm.waker())?, Instant::now());
    while !swarm.is_shut_down() || notifees.has_pending() {
        let now = start.elapsed();
        swarm.wait(now, notifees.poll_at().map(|at| at.saturating_sub(now)))?;
        swarm.tick(start.elapsed());
        let mut failed = None;
        notifees.drive_with(&mut swarm, start.elapsed(), |swarm, event| {
            if let Event::Listen { listener } = event {
                let address = swarm.listener(listener).map(|view| view.addresses[0].to_string()).unwrap_or_default();
                println!("listening on {address}/p2p/{}", swarm.local_peer());
            } else if let Event::ListenFailed { reason, .. } = event {
                failed = Some(reason);
            } else {
                println!("{event}");
            }
        });
        while let Some(event) = notifees.get_mut(book).and_then(AddressBook::next_event) {
            println!("{event}"); // connected, or why not, and when it tries again
        }
        if let Some(reason) = failed {
            return Err(format!("it cannot listen there: {reason}").into());
        }
        if ctrl_c.has_come() {
            swarm.shutdown();
        }
    }
    Ok(())
}
