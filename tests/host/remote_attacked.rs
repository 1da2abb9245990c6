//! Handles for other threads where a host ends, is full, or its jobs wait for each other.

use crate::support::hosts::{host, wait};
use smol::future::FutureExt;
use smol::stream::StreamExt;
use std::future::Future;
use std::thread;
use std::time::Duration;
use swarm_notify::host::{Config, Error, Handle};
use swarm_notify::protocols::ping::{self, Ping};

/// What a future gives within some seconds.
async fn soon<T>(future: impl Future<Output = T>) -> Option<T> {
    let late = async {
        smol::Timer::after(Duration::from_secs(5)).await;
        None
    };
    async { Some(future.await) }.or(late).await
}

#[test]
fn a_shutdown_from_another_thread_ends_while_the_host_lives_on() {
    let mut host = host(1, Config::default());
    let remote = host.remote();
    let shuts_down = thread::spawn(move || wait(soon(remote.shutdown())));
    wait(host.run());
    assert_eq!(shuts_down.join().unwrap(), Some(()), "everything has ended");
    drop(host);
}

#[test]
fn two_shutdowns_are_over_and_a_late_one_is_at_once() {
    let mut host = host(1, Config::default());
    let remote = host.remote();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let remote = remote.clone();
            thread::spawn(move || wait(soon(remote.shutdown())))
        })
        .collect();
    wait(host.run());
    let ended: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
    assert_eq!(ended, [Some(()), Some(())]);
    assert_eq!(wait(soon(remote.shutdown())), Some(()), "it is shut down");
}

#[test]
fn readers_of_events_take_no_place_of_jobs() {
    let mut config = Config::default();
    config.remote_jobs = 1;
    let mut host = host(1, config);
    let ping = host.with(|n, swarm| n.install(swarm, Ping::new([1; 32], ping::Config::default()))).unwrap();
    let remote = host.remote();
    let mut events = remote.events(ping, 1);
    let done = wait(host.run_until(async {
        // It waits for the first event; nobody is connected.
        let none = smol::future::poll_once(events.next()).await;
        assert!(none.is_none());
        smol::Timer::after(Duration::from_millis(20)).await;
        soon(remote.with(|_, _| 7)).await
    }));
    assert_eq!(done, Some(Ok(7)), "a reader of events holds up everything else");
}

#[test]
fn a_shutdown_waits_for_no_job() {
    let mut config = Config::default();
    config.remote_jobs = 1;
    let mut host = host(1, config);
    let remote = host.remote();
    let hangs = {
        let remote = remote.clone();
        smol::spawn(async move { remote.run(async |_: Handle| smol::future::pending::<()>().await).await })
    };
    let shuts_down = thread::spawn(move || wait(soon(remote.shutdown())));
    let ended = wait(soon(host.run()));
    assert_eq!((ended, shuts_down.join().unwrap()), (Some(()), Some(())));
    drop(host);
    assert_eq!(wait(hangs), Err(Error::Gone));
}
