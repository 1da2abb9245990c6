//! Requests and responses as futures: [`Handle::request`] sends a request, and [`Handle::answer`] sets a handler that
//! answers requests.

use super::command::HostCommand;
use super::error::Error;
use super::handle::Handle;
use crate::identity::PeerId;
use crate::lifecycle::Failure;
use crate::notifee::NotifeeId;
use crate::protocols::request_response::{Codec, OutboundRequestId, RequestError, RequestResponse, Target};
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt::Display;
use core::future::Future;
use smol::lock::Semaphore;

impl Handle {
    /// Sends a request to a peer, or to the peer of a connection, and waits for the response. If the target is a peer that
    /// is not connected, the request first waits for a connection. The whole call takes at most the service's
    /// [`timeout`](crate::protocols::request_response::Config::timeout). The service queues no event for the outcome.
    ///
    /// Dropping the future cancels the request.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use swarm_notify::connection::Protocol;
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    /// use swarm_notify::protocols::request_response::{self, Bytes, RequestResponse};
    ///
    /// let mut server = Host::new(&keys::generate()?, Config::default())?;
    /// let mut client = Host::new(&keys::generate()?, Config::default())?;
    /// let service = || {
    ///     RequestResponse::new([Protocol::from_static("/shout/1.0.0")], Bytes, request_response::Config::default())
    /// };
    /// let answers = server.with(|notifees, swarm| notifees.install(swarm, service()))?;
    /// let asks = client.with(|notifees, swarm| notifees.install(swarm, service()))?;
    ///
    /// let (listening, dialing) = (server.handle(), client.handle());
    /// let talk = client.run_until(async {
    ///     // `None` would refuse.
    ///     listening.answer(answers, async |_peer, request: Vec<u8>| Some(request.to_ascii_uppercase())).await?;
    ///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    ///     let connection = dialing.dial(listener.addresses()[0].clone()).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(dialing.request(asks, connection.id(), b"hello".to_vec()).await?)
    /// });
    /// assert_eq!(smol::block_on(server.run_until(talk))?, b"HELLO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Failed`] with the reason of [`OutboundFailure`](crate::protocols::request_response::Event::OutboundFailure),
    /// or with [`Failure::Protocol`] if the request is too long or the codec cannot encode it; [`Error::NotConnected`] if
    /// the target is a connection that is not open; [`Error::Limit`] at a bound of the service; [`Error::NoNotifee`] if
    /// there is no such service; [`Error::Gone`] if the host was dropped.
    pub async fn request<C: Codec + 'static>(
        &self,
        service: NotifeeId<RequestResponse<C>>,
        target: impl Into<Target>,
        request: C::Request,
    ) -> Result<C::Response, Error>
    where
        C::Request: 'static,
    {
        let target = target.into();
        let begin = self.with(move |notifees, _| {
            let service = notifees.get_mut(service).ok_or(Error::NoNotifee)?;
            let id = service.request(target, &request).map_err(refused)?;
            // In the same closure as the request: an outcome that came in between would become an event, and this future
            // would wait for ever.
            service.await_outcome(id);
            Ok::<_, Error>(id)
        });
        let id = begin.await??;
        let asked = Asked { handle: self, service, id };
        let outcome = self.wait_for(asked.service, |service| service.take_awaited(id)).await?;
        outcome.map_err(|reason| Error::Failed { reason, text: None })
    }

    /// Makes `handler` answer the requests of peers from now on, each request in a task of its own. The handler returns a
    /// response, or `None` to refuse the request. The service then no longer queues events for the requests of peers and for
    /// the outcome of responses.
    ///
    /// At most [`inbound_requests`](crate::protocols::request_response::Config::inbound_requests) handlers run at a time. A
    /// response that the handler returns after the
    /// [`inbound_timeout`](crate::protocols::request_response::Config::inbound_timeout) is not sent. If a handler panics,
    /// its request is not answered, and everything else continues.
    ///
    /// # Errors
    /// [`Error::Busy`] if the service has a handler already; [`Error::NoNotifee`] if there is no such service;
    /// [`Error::Gone`] if the host is gone. Nothing has changed.
    pub async fn answer<C, F>(
        &self,
        service: NotifeeId<RequestResponse<C>>,
        handler: impl Fn(PeerId, C::Request) -> F + 'static,
    ) -> Result<(), Error>
    where
        C: Codec + 'static,
        C::Response: 'static,
        F: Future<Output = Option<C::Response>> + 'static,
    {
        let begin = self.with(move |notifees, _| {
            notifees.get_mut(service).ok_or(Error::NoNotifee)?.have_handled().ok_or(Error::Busy)
        });
        let most = begin.await??;
        let (handle, handler) = (self.clone(), Rc::new(handler));
        self.spawn(async move {
            let places = Arc::new(Semaphore::new(most.max(1)));
            loop {
                // The place is taken before the request: a request that was taken from the service no longer counts for the
                // service's `inbound_bytes`, so it must not wait here.
                let place = places.acquire_arc().await;
                // An error means that the service was removed, or that the host is gone.
                let Ok(asked) = handle.wait_for(service, RequestResponse::next_handled).await else { return };
                let (own, handler) = (handle.clone(), handler.clone());
                let task = async move {
                    let _place = place;
                    let response = handler(asked.peer, asked.request).await;
                    let respond = own.with(move |notifees, _| {
                        let Some(service) = notifees.get_mut(service) else { return };
                        let is_sent = response.is_some_and(|response| match service.respond(asked.id, &response) {
                            Ok(()) => true,
                            Err(error) => {
                                log::debug!("{}: {error}", asked.id);
                                false
                            }
                        });
                        if !is_sent {
                            service.refuse(asked.id);
                        }
                    });
                    // An error means that the host is gone, so that there is no peer to answer.
                    let _ = respond.await;
                };
                if handle.spawn(task).is_err() {
                    return;
                }
            }
        })
    }
}

/// A request of ours that is under way. Dropping this value cancels the request.
struct Asked<'a, C: Codec + 'static> {
    handle: &'a Handle,
    service: NotifeeId<RequestResponse<C>>,
    id: OutboundRequestId,
}

impl<C: Codec + 'static> Drop for Asked<'_, C> {
    fn drop(&mut self) {
        let (service, id) = (self.service, self.id);
        self.handle.act(HostCommand::With(Box::new(move |host_swarm| {
            if let Some(service) = host_swarm.and_then(|host_swarm| host_swarm.notifees.get_mut(service)) {
                service.cancel(id);
            }
            None
        })));
    }
}

fn refused<E: Display>(error: RequestError<E>) -> Error {
    match error {
        RequestError::NotConnected => Error::NotConnected,
        RequestError::Limit => Error::Limit,
        error @ (RequestError::TooLong | RequestError::Codec(_)) => {
            Error::Failed { reason: Failure::Protocol, text: Some(error.to_string().into()) }
        }
    }
}
