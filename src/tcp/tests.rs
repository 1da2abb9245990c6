//! What cannot be brought about from outside: a listening socket that breaks.

use super::Transport;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use libp2p_core::Transport as _;
use libp2p_core::transport::{ListenerId, TransportEvent};
use std::io;
use std::net::Shutdown;

#[test]
#[cfg(target_os = "linux")]
fn a_listener_whose_socket_broke_is_closed_with_the_reason_and_the_others_go_on() {
    let mut transport = Transport::default();
    let [broken, sound] = [(); 2].map(|()| {
        let id = ListenerId::next();
        transport.listen_on(id, "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        id
    });
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..2 {
        let reported = Pin::new(&mut transport).poll(cx);
        assert!(matches!(reported, Poll::Ready(TransportEvent::NewAddress { .. })));
    }
    socket2::SockRef::from(&transport.listeners[0].socket).shutdown(Shutdown::Both).unwrap();
    let Poll::Ready(TransportEvent::ListenerClosed { listener_id, reason: Err(error) }) =
        Pin::new(&mut transport).poll(cx)
    else {
        panic!("the broken listener was not reported");
    };
    assert_eq!((listener_id, error.kind()), (broken, io::ErrorKind::InvalidInput));
    assert!(Pin::new(&mut transport).poll(cx).is_pending());
    assert!(!transport.remove_listener(broken));
    assert!(transport.remove_listener(sound));
}
