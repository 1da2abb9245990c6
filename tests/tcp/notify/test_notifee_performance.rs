//! `test_notifee_performance.py`: many notifees are all told, and one that is slow keeps nobody waiting. The numbers and the
//! limits are the original's own, but its clock starts when the connection is there, and ours when it is dialed.
//!
//! The limits are what is tested. A slow notifee that is registered plainly misses the second one, wherever it stands:
//! its half second passes on the thread that tells the others.

use crate::support::party::{Party, Tcp, until};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::{BlockingNotifee, ConnectionInfo, Notifee, NotifeeContext};

/// How often a `CountingNotifee` was told `connected`.
type Event = Rc<Cell<usize>>;

struct CountingNotifee(Event);

impl Notifee<Tcp> for CountingNotifee {
    fn connected(&mut self, _cx: &mut NotifeeContext<'_, Tcp>, _connection: ConnectionId) {
        self.0.set(self.0.get() + 1);
    }
}

/// It sends the connection once it has slept.
struct SlowNotifee(mpsc::Sender<ConnectionId>);

impl BlockingNotifee for SlowNotifee {
    fn connected(&mut self, connection: ConnectionInfo) {
        sleep(Duration::from_millis(500));
        self.0.send(connection.connection).unwrap();
    }
}

fn create_batch_and_listen() -> [Party; 2] {
    let mut swarms = [Party::new(1), Party::new(2)];
    swarms.iter_mut().for_each(|party| _ = party.listen());
    until(&mut swarms, |swarms| swarms.iter().all(|party| party.swarm.counters().listeners.opened == 1));
    swarms
}

fn register_counting(swarm: &mut Party, count: usize) -> Vec<Event> {
    let events: Vec<_> = (0..count).map(|_| Event::default()).collect();
    events.iter().for_each(|event| _ = swarm.notifees.register(CountingNotifee(event.clone())));
    events
}

/// Has the first swarm dial the second. Returns its connection, and the time from the dial until all events were set.
fn connect_swarm(swarms: &mut [Party; 2], events: &[Event]) -> (ConnectionId, Duration) {
    let listener = swarms[1].swarm.listeners().next().unwrap();
    let address = swarms[1].address(listener);
    let start = Instant::now();
    let connection = swarms[0].swarm.dial(address).unwrap();
    until(swarms, |_| events.iter().all(|event| event.get() > 0));
    (connection, start.elapsed())
}

#[test]
fn test_many_notifees_receive_connected_quickly() {
    let mut swarms = create_batch_and_listen();
    let events = register_counting(&mut swarms[0], 200);
    let (_, time) = connect_swarm(&mut swarms, &events);
    assert!(time < Duration::from_millis(1_500), "{time:?}");
    assert!(events.iter().all(|event| event.get() == 1), "each is told once");
}

/// The slow one comes last, as in the original.
#[test]
fn test_slow_notifee_does_not_block_others() {
    slow_notifee(false);
}

#[test]
fn a_slow_notifee_that_comes_first_does_not_block_others_either() {
    slow_notifee(true);
}

fn slow_notifee(comes_first: bool) {
    let mut swarms = create_batch_and_listen();
    let (sender, slow) = mpsc::channel();
    let (mut fast_events, mut slow_notifee) = (Vec::new(), Some(SlowNotifee(sender)));
    if comes_first {
        swarms[0].notifees.spawn(4, slow_notifee.take().unwrap()).unwrap();
    }
    fast_events.extend(register_counting(&mut swarms[0], 20));
    if let Some(slow_notifee) = slow_notifee {
        swarms[0].notifees.spawn(4, slow_notifee).unwrap();
    }
    let (connection, time) = connect_swarm(&mut swarms, &fast_events);
    assert!(time < Duration::from_millis(300), "{time:?}");
    assert!(fast_events.iter().all(|event| event.get() == 1), "each is told once");
    // And the slow one has been told, too, in its own time.
    assert_eq!(swarms[0].notifees.join(), []);
    assert_eq!(slow.try_iter().collect::<Vec<_>>(), [connection]);
}
