//! For notifees that do one thing whatever they are told: the nine methods, each as `self.told(cx, event)`; and the kind
//! of an event.

use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::Interest;

/// The methods of a `Notifee<$network>`.
macro_rules! each_event {
    ($network:ty) => {
        each_event! { $network:
            listen(listener: ListenerId) => Listen,
            listen_failed(listener: ListenerId, reason: Failure) => ListenFailed,
            listen_close(listener: ListenerId, reason: ListenerEnd) => ListenClose,
            connected(connection: ConnectionId) => Connected,
            connect_failed(connection: ConnectionId, reason: Failure) => ConnectFailed,
            disconnected(connection: ConnectionId, reason: ConnectionEnd) => Disconnected,
            opened_stream(connection: ConnectionId, stream: StreamId) => OpenedStream,
            stream_failed(connection: ConnectionId, stream: StreamId, reason: Failure) => StreamFailed,
            closed_stream(connection: ConnectionId, stream: StreamId, reason: StreamEnd) => ClosedStream,
        }
    };
    ($network:ty: $($method:ident($($arg:ident: $type:ident),*) => $event:ident,)*) => {
        $(fn $method(
            &mut self,
            cx: &mut ::swarm_notify::notifee::NotifeeContext<'_, $network>,
            $($arg: ::swarm_notify::lifecycle::$type),*
        ) {
            self.told(cx, ::swarm_notify::lifecycle::Event::$event { $($arg),* });
        })*
    };
}

pub(crate) use each_event;

/// The kind of an event.
pub(crate) fn kind(event: Event) -> Interest {
    match event {
        Event::Listen { .. } => Interest::LISTEN,
        Event::ListenFailed { .. } => Interest::LISTEN_FAILED,
        Event::ListenClose { .. } => Interest::LISTEN_CLOSE,
        Event::Connected { .. } => Interest::CONNECTED,
        Event::ConnectFailed { .. } => Interest::CONNECT_FAILED,
        Event::Disconnected { .. } => Interest::DISCONNECTED,
        Event::OpenedStream { .. } => Interest::OPENED_STREAM,
        Event::StreamFailed { .. } => Interest::STREAM_FAILED,
        Event::ClosedStream { .. } => Interest::CLOSED_STREAM,
    }
}
