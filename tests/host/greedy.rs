//! A peer that keeps its streams open and says nothing on them: each has a handler that waits for it.

use crate::support::hosts::{ECHO, IP4, host, wait};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use swarm_notify::host::Config;
use swarm_notify::notifee::Node as _;
use swarm_notify::swarm::ProtocolLimits;

#[test]
fn a_limit_for_each_peer_leaves_handlers_to_others() {
    let (mut a, mut b, mut c) = (host(1, Config::default()), host(2, Config::default()), host(3, Config::default()));
    let limits = ProtocolLimits { per_peer: 64, ..ProtocolLimits::default() };
    a.with(|_, swarm| swarm.limit_protocol(&ECHO, limits)).unwrap();
    let (at_a, at_b, at_c) = (a.handle(), b.handle(), c.handle());
    let echo = wait(a.run_until(b.run_until(c.run_until(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();
        let greedy = at_b.dial(address.clone()).await.unwrap();
        let mut idle = Vec::new();
        for _ in 0..Config::default().handlers {
            // Beyond the limit it fails.
            idle.push(greedy.open_stream(&[ECHO]).await);
        }
        let honest = at_c.dial(address).await.unwrap();
        let mut stream = honest.open_stream(&[ECHO]).await.unwrap();
        stream.write_all(b"!").await.unwrap();
        stream.close().await.unwrap();
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo).await.map(|_| echo)
    }))));
    assert_eq!(echo.unwrap(), b"!");
}
