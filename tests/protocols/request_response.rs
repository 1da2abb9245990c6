//! Requests and responses on a simulated pair in virtual time: with itself, and with peers that do it wrong, at every size
//! of the event queue, however the byte stream is cut.

mod answered;
mod failing;
mod held;
mod hostile;

mod shares;

use crate::support::services::{Both, Host};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::notifee::NotifeeId;
use swarm_notify::protocols::request_response::{
    Bytes, Config, Event, Framing, InboundRequestId, OutboundRequestId, RequestResponse, Target,
};

const SHOUT: Protocol = Protocol::from_static("/shout/1.0.0");

/// One way through the simulated network takes 10 ms.
const ONE_WAY: Duration = millis(10);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

type Shout = RequestResponse<Bytes>;

fn shout(config: Config) -> Shout {
    Shout::new([SHOUT], Bytes, config)
}

/// Two hosts that have the service, with these bounds.
fn installed<const EVENTS: usize>(both: &mut Both<EVENTS>, config: &Config) -> (NotifeeId<Shout>, NotifeeId<Shout>) {
    (both.a.install(shout(config.clone())), both.b.install(shout(config.clone())))
}

#[track_caller]
fn ask<const EVENTS: usize>(
    host: &mut Host<EVENTS>,
    id: NotifeeId<Shout>,
    target: impl Into<Target>,
    request: &[u8],
) -> OutboundRequestId {
    host.service(id).request(target, &request.to_vec()).expect("there is place")
}

/// The requests that have come. Nothing else has.
#[track_caller]
fn asked<const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<Shout>) -> Vec<(InboundRequestId, Vec<u8>)> {
    let service: &mut Shout = host.service(id);
    std::iter::from_fn(|| service.next_event())
        .map(|event| {
            let text = event.to_string();
            let Event::Request { id, request, .. } = event else { panic!("{text}") };
            (id, request)
        })
        .collect()
}

#[track_caller]
fn respond<const EVENTS: usize>(
    host: &mut Host<EVENTS>,
    id: NotifeeId<Shout>,
    request: InboundRequestId,
    response: &[u8],
) {
    host.service(id).respond(request, &response.to_vec()).expect("it waits");
}

/// What a service tells, and forgets.
fn told<const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<Shout>) -> Vec<String> {
    let service: &mut Shout = host.service(id);
    std::iter::from_fn(|| service.next_event())
        .map(|event| match event {
            Event::Request { id, request, .. } => format!("{id}: {}", text(&request)),
            Event::Response { id, response, .. } => format!("{id}: {}", text(&response)),
            Event::OutboundFailure { id, reason, .. } => format!("{id}: failed, {reason}"),
            Event::InboundFailure { id, reason, .. } => format!("{id}: failed, {reason}"),
            Event::ResponseSent { id, .. } => format!("{id}: sent"),
            other => panic!("{other}"),
        })
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const fn framings() -> [Framing; 2] {
    [Framing::WholeSide, Framing::LengthPrefixed]
}
