//! A request and response protocol of one's own: a node that factors numbers, and one that asks it.
//!
//! ```text
//! cargo run --example request_response                      # the first terminal: it answers, and prints its address
//! cargo run --example request_response -- ADDRESS 60 97     # the second one: it asks for each number, and ends
//! ```
//!
//! The one that answers ends at Ctrl-C.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fmt;
use std::time::Instant;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle as node;
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::request_response::{Codec, Config, Event, RequestResponse};
use swarm_notify::swarm::{self, Swarm};
use swarm_notify::{keys, tcp};

#[path = "ctrl_c.rs"]
mod ctrl_c;
use ctrl_c::CtrlC;

const FACTORS: Protocol = Protocol::from_static("/factors/1.0.0");

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A number and its prime factors, four bytes each, the highest first.
struct Factors;

#[derive(Debug)]
struct NoNumbers;

impl fmt::Display for NoNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number has four bytes")
    }
}

impl Error for NoNumbers {}

impl Codec for Factors {
    type Request = u32;
    type Response = Vec<u32>;
    type Error = NoNumbers;

    fn encode_request(&mut self, number: &u32, bytes: &mut Vec<u8>) -> std::result::Result<(), NoNumbers> {
        bytes.extend(number.to_be_bytes());
        Ok(())
    }

    fn decode_request(&mut self, bytes: Vec<u8>) -> std::result::Result<u32, NoNumbers> {
        bytes.try_into().map(u32::from_be_bytes).map_err(|_| NoNumbers)
    }

    fn encode_response(&mut self, factors: &Vec<u32>, bytes: &mut Vec<u8>) -> std::result::Result<(), NoNumbers> {
        bytes.extend(factors.iter().flat_map(|factor| factor.to_be_bytes()));
        Ok(())
    }

    fn decode_response(&mut self, bytes: Vec<u8>) -> std::result::Result<Vec<u32>, NoNumbers> {
        bytes.chunks(4).map(|four| four.try_into().map(u32::from_be_bytes).map_err(|_| NoNumbers)).collect()
    }
}

fn factors_of(mut number: u32) -> Vec<u32> {
    let (mut factors, mut next) = (Vec::new(), 2);
    while number > 1 {
        if next > number / next {
            next = number; // it is prime
        }
        while number.is_multiple_of(next) {
            factors.push(next);
            number /= next;
        }
        next += 1;
    }
    factors
}

fn main() -> Result<()> {
    run(env::args().skip(1))
}

/// Answers, or asks who listens at the first word for the numbers behind it.
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> Result<()> {
    let address = args.next();
    let numbers = args.map(|word| word.parse()).collect::<std::result::Result<Vec<u32>, _>>()?;
    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm = Swarm::from_os_rng(reactor, transport, &keys::generate()?, swarm::Config::default())?;
    let mut notifees = Notifees::new();
    let id = notifees.install(&mut swarm, RequestResponse::new([FACTORS], Factors, Config::default()));
    match &address {
        Some(address) => drop(swarm.dial(address.parse()?)?),
        None => drop(swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?),
    }
    let (ctrl_c, start) = (CtrlC::new(swarm.waker())?, Instant::now());
    let (mut asked, mut outcomes, mut failed) = (BTreeMap::new(), 0, false);
    while !swarm.is_shut_down() || notifees.has_pending() {
        let now = start.elapsed();
        swarm.wait(now, notifees.poll_at().map(|at| at.saturating_sub(now)))?;
        swarm.tick(start.elapsed());
        let mut connected = None;
        notifees.drive_with(&mut swarm, start.elapsed(), |swarm, event| {
            if let node::Event::Listen { listener } = event {
                let address = swarm.listener(listener).map(|view| view.addresses[0].to_string()).unwrap_or_default();
                println!("listening on {address}/p2p/{}", swarm.local_peer());
            } else if let node::Event::Connected { connection } = event {
                connected = Some(connection);
            } else if let (node::Event::ConnectFailed { .. }, Some(_)) = (event, &address) {
                println!("{event}");
                failed = true;
                swarm.shutdown();
            }
        });

        let service = notifees.get_mut(id).ok_or("it is installed")?;
        if let Some(connection) = connected {
            for number in &numbers {
                asked.insert(service.request(connection, number)?, *number);
            }
        }
        while let Some(event) = service.next_event() {
            if let Event::Request { id, request, .. } = event {
                println!("asked for {request}");
                if let Err(error) = service.respond(id, &factors_of(request)) {
                    println!("{id}: {error}"); // its peer has gone, which ends nothing else
                }
            } else if let Event::Response { id, response, .. } = event {
                let factors: Vec<_> = response.iter().map(|factor| factor.to_string()).collect();
                println!("{} = {}", asked[&id], factors.join(" * "));
                outcomes += 1;
            } else {
                println!("{event}"); // one that was answered, or failed
                let is_ours = matches!(event, Event::OutboundFailure { .. });
                outcomes += usize::from(is_ours);
                failed |= is_ours;
            }
        }
        if ctrl_c.has_come() || address.is_some() && outcomes == numbers.len() {
            swarm.shutdown();
        }
    }
    if failed { Err("not all was answered".into()) } else { Ok(()) }
}
