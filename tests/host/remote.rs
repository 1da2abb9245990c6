//! A host that is used from other threads, and the events of its services as streams.

use crate::support::hosts::{ECHO, IP4, Pair, connect, host, identity, wait};
use smol::io::{self, AsyncReadExt, AsyncWriteExt};
use smol::stream::StreamExt;
use std::thread;
use swarm_notify::host::{Config, Error, Handle, Host, Remote, RemoteEvents};
use swarm_notify::notifee::{Node, Notifee, NotifeeId};
use swarm_notify::protocols::ping::{self, Ping};

const fn is_send<T: Send>() {}

const _: () = {
    is_send::<Remote>();
    is_send::<RemoteEvents<ping::Event>>();
    is_send::<NotifeeId<Ping>>();
};

#[test]
fn tasks_of_several_threads_dial_and_echo_at_the_same_time() {
    let mut pair = Pair::new();
    let remote = pair.b.remote();
    let at_a = pair.at_a.clone();
    let echoes = pair.run(async {
        let address = at_a.listen(IP4.parse().unwrap()).await.unwrap().addresses()[0].clone();
        let tasks: Vec<_> = (0..6_u8)
            .map(|n| {
                let (remote, address) = (remote.clone(), address.clone());
                smol::spawn(async move {
                    let echo = async move |handle: Handle| {
                        let connection = handle.dial(address).await?;
                        let mut stream = connection.open_stream(&[ECHO]).await?;
                        stream.write_all(&[n; 1_000]).await?;
                        stream.close().await?;
                        let mut echo = Vec::new();
                        stream.read_to_end(&mut echo).await?;
                        handle.close_connection(connection.id()).await;
                        Ok::<_, io::Error>(echo)
                    };
                    remote.run(echo).await.unwrap().unwrap()
                })
            })
            .collect();
        let mut echoes = Vec::new();
        for task in tasks {
            echoes.push(task.await);
        }
        echoes
    });
    assert!((0..6_u8).zip(echoes).all(|(n, echo)| echo == [n; 1_000]));
}

#[test]
fn a_thread_that_blocks_asks_the_swarm_and_shuts_the_host_down() {
    let mut host = host(1, Config::default());
    let remote = host.remote();
    let peer = identity(1).public().to_peer_id();
    let asks = thread::spawn(move || {
        let listening = async move |handle: Handle| handle.listen(IP4.parse().unwrap()).await.map(|l| l.id());
        let id = wait(remote.run(listening)).unwrap().unwrap();
        assert_eq!(wait(remote.with(|_, swarm| swarm.local_peer())), Ok(peer));
        assert_eq!(wait(remote.with(|_, swarm| swarm.listeners())), Ok(vec![id]));
        assert_eq!(remote.local_peer(), peer);
        wait(remote.shutdown());
        let late = wait(remote.run(async |handle: Handle| handle.listen(IP4.parse().unwrap()).await.map(|l| l.id())));
        assert!(matches!(late, Ok(Err(Error::Closing)) | Err(Error::Gone)), "{late:?}");
    });
    // It is shut down before the last question, which waits for another run.
    wait(host.run());
    wait(host.run_until(async {
        while !asks.is_finished() {
            smol::Timer::after(std::time::Duration::from_millis(1)).await;
        }
    }));
    asks.join().unwrap();
}

#[test]
fn what_is_asked_of_a_host_that_is_gone_is_told_so() {
    let mut host = host(1, Config::default());
    let remote = host.remote();
    // One that has begun, and one that has not.
    let begun = smol::spawn({
        let remote = remote.clone();
        async move { remote.run(async |_: Handle| smol::future::pending::<()>().await).await }
    });
    wait(host.run_until(remote.with(|_, _| ()))).unwrap();
    let not_begun = smol::spawn({
        let remote = remote.clone();
        async move { remote.with(|_, _| ()).await }
    });
    drop(host);
    assert_eq!((wait(begun), wait(not_begun)), (Err(Error::Gone), Err(Error::Gone)));
    assert_eq!(wait(remote.with(|_, _| ())), Err(Error::Gone));
    wait(remote.shutdown());
}

#[test]
fn a_job_that_panics_is_told_so_and_the_host_goes_on() {
    let mut host = host(1, Config::default());
    let remote = host.remote();
    let panics = |_: Handle| async { std::panic::resume_unwind(Box::new("a plan")) };
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait(host.run_until(remote.run::<(), _>(panics)))));
    // The panic leaves the run, as that of any task does, or its answer is missing.
    assert!(!matches!(panicked, Ok(Ok(()))));
    assert_eq!(wait(host.run_until(remote.with(|_, _| 7))), Ok(7));
}

/// Says when it is dropped.
struct Dropped(smol::channel::Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        // Nobody may wait any more.
        let _ = self.0.try_send(());
    }
}

#[test]
fn a_future_that_is_dropped_gives_its_job_up() {
    let mut host = host(1, Config::default());
    let remote = host.remote();
    let (said, dropped) = smol::channel::unbounded();
    let (begin, begun) = smol::channel::unbounded();
    let task = smol::spawn({
        let remote = remote.clone();
        async move {
            remote
                .run(async move |_: Handle| {
                    let held = Dropped(said);
                    begin.send(()).await.unwrap();
                    smol::future::pending::<()>().await;
                    drop(held);
                })
                .await
        }
    });
    // It has begun once it says so.
    wait(host.run_until(begun.recv())).unwrap();
    assert!(dropped.is_empty());
    wait(host.run_until(async {
        assert!(task.cancel().await.is_none(), "it goes on for ever");
        dropped.recv().await.unwrap();
    }));
}

#[test]
fn so_many_jobs_run_and_so_many_wait_and_all_have_their_turn() {
    let mut config = Config::default();
    config.remote_jobs = 2;
    let mut host = Host::new(&identity(1), config).unwrap();
    let remote = host.remote();
    let (begin, begun) = smol::channel::unbounded();
    let (release, may_end) = smol::channel::unbounded::<()>();
    let tasks: Vec<_> = (0..9)
        .map(|n| {
            let (remote, begin, may_end) = (remote.clone(), begin.clone(), may_end.clone());
            smol::spawn(async move {
                let job = async move |_: Handle| {
                    begin.send(n).await.unwrap();
                    may_end.recv().await.unwrap();
                };
                remote.run(job).await.unwrap();
            })
        })
        .collect();
    wait(host.run_until(async {
        begun.recv().await.unwrap();
        begun.recv().await.unwrap();
        for _ in 0..7 {
            // A third one has to wait, however often the host turns.
            for _ in 0..50 {
                smol::future::yield_now().await;
            }
            assert!(begun.is_empty(), "two at a time");
            release.send(()).await.unwrap();
            begun.recv().await.unwrap();
        }
        release.send(()).await.unwrap();
        release.send(()).await.unwrap();
        for task in tasks {
            task.await;
        }
    }));
}

/// Ping on both hosts, the second of which asks every millisecond.
fn pinging() -> (Pair, NotifeeId<Ping>) {
    let mut pair = Pair::new();
    let mut config = ping::Config::default();
    config.interval = Some(std::time::Duration::from_millis(1));
    pair.a.with(|notifees, swarm| notifees.install(swarm, Ping::new([1; 32], ping::Config::default()))).unwrap();
    let id = pair.b.with(|notifees, swarm| notifees.install(swarm, Ping::new([2; 32], config))).unwrap();
    (pair, id)
}

#[test]
fn events_of_a_service_are_a_stream_that_ends_with_it() {
    let (mut pair, id) = pinging();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        connect(&at_a, &at_b).await;
        let mut events = at_b.events(id);
        for _ in 0..3 {
            assert!(matches!(events.next().await, Some(ping::Event::Pong { .. })));
        }
        at_b.with(move |notifees, swarm| assert!(notifees.uninstall(swarm, id))).await.unwrap();
        assert_eq!(events.next().await, None);
        assert_eq!(events.next().await, None);
    });
}

#[test]
fn events_reach_another_thread_and_end_with_the_host() {
    let (mut pair, id) = pinging();
    let remote = pair.b.remote();
    let mut events = remote.events(id, 4);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (enough, has_enough) = smol::channel::bounded(1);
    let reader = thread::spawn(move || {
        for _ in 0..10 {
            assert!(matches!(wait(events.next()), Some(ping::Event::Pong { .. })));
        }
        enough.try_send(()).unwrap();
        // Those that were on their way come first.
        while wait(events.next()).is_some() {}
    });
    pair.run(async {
        connect(&at_a, &at_b).await;
        has_enough.recv().await.unwrap();
    });
    drop(pair);
    reader.join().unwrap();
}

#[test]
fn a_reader_that_is_dropped_leaves_the_events_to_others() {
    let (mut pair, id) = pinging();
    let remote = pair.b.remote();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        connect(&at_a, &at_b).await;
        let mut first = remote.events(id, 1);
        assert!(first.next().await.is_some());
        drop(first);
        let mut second = at_b.events(id);
        for _ in 0..10 {
            assert!(second.next().await.is_some());
        }
    });
}

#[test]
fn a_job_registers_a_notifee_of_its_own_type() {
    struct Quiet;
    impl<N> Notifee<N> for Quiet {}
    let mut host = host(1, Config::default());
    let remote = host.remote();
    let task = smol::spawn(async move {
        let id = remote.with(|notifees, _| notifees.register(Quiet)).await?;
        remote.with(move |notifees, _| notifees.get(id).is_some()).await
    });
    assert_eq!(wait(host.run_until(task)), Ok(true));
}
