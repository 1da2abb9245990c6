//! The node's behaviour: opens streams that it is asked for, and hands over those that come.
//!
//! libp2p-stream would be the thing to use, but it resets whatever comes while one inbound stream waits to be taken.

use futures::channel::{mpsc, oneshot};
use libp2p::core::upgrade::UpgradeInfo;
use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::handler::{
    ConnectionEvent, ConnectionHandler, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, Stream,
    StreamProtocol, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{InboundUpgrade, Multiaddr, OutboundUpgrade, PeerId};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

/// A stream that is to be opened.
#[derive(Debug)]
pub(crate) struct Ask {
    /// In order of preference.
    pub(crate) protocols: Vec<StreamProtocol>,
    pub(crate) answer: oneshot::Sender<Result<Stream, Refused>>,
}

/// Why a stream could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    Unsupported,
    Broken,
}

pub(crate) struct Behaviour {
    supported: StreamProtocol,
    asks: VecDeque<(PeerId, Ask)>,
    inbound: mpsc::UnboundedSender<Stream>,
}

impl Behaviour {
    pub(crate) fn new(supported: StreamProtocol, inbound: mpsc::UnboundedSender<Stream>) -> Self {
        Self { supported, asks: VecDeque::new(), inbound }
    }

    pub(crate) fn open(&mut self, peer: PeerId, ask: Ask) {
        self.asks.push_back((peer, ask));
    }

    fn handler(&self) -> Handler {
        Handler { supported: self.supported.clone(), asks: VecDeque::new(), inbound: self.inbound.clone() }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.asks.pop_front() {
            Some((peer_id, event)) => {
                Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event })
            }
            None => Poll::Pending,
        }
    }
}

pub(crate) struct Handler {
    supported: StreamProtocol,
    asks: VecDeque<Ask>,
    inbound: mpsc::UnboundedSender<Stream>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Ask;
    type ToBehaviour = Infallible;
    type InboundProtocol = Protocols;
    type OutboundProtocol = Protocols;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Result<Stream, Refused>>;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocols> {
        SubstreamProtocol::new(Protocols(vec![self.supported.clone()]), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Protocols, Self::OutboundOpenInfo, Infallible>> {
        match self.asks.pop_front() {
            Some(Ask { protocols, answer }) => Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(Protocols(protocols), answer),
            }),
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, ask: Ask) {
        self.asks.push_back(ask);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Protocols, Protocols, (), Self::OutboundOpenInfo>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                // Nobody takes them any more once the test is over.
                let _ = self.inbound.unbounded_send(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                drop(info.send(Ok(protocol)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                drop(info.send(Err(match error {
                    StreamUpgradeError::NegotiationFailed => Refused::Unsupported,
                    StreamUpgradeError::Timeout | StreamUpgradeError::Apply(_) | StreamUpgradeError::Io(_) => {
                        Refused::Broken
                    }
                })));
            }
            _ => {}
        }
    }
}

/// A stream that speaks one of these.
pub(crate) struct Protocols(Vec<StreamProtocol>);

impl UpgradeInfo for Protocols {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Protocols {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

impl OutboundUpgrade<Stream> for Protocols {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}
