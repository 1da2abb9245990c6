//! What an operator reads who traces.

use crate::lifecycle;
use log::{LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;
use swarm_notify::lifecycle::{Direction, Failure};

thread_local! {
    /// What this thread has logged; the other tests' threads log for nobody.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn each_transition_is_traced_if_somebody_traces_and_else_none() {
    log::set_logger(&Lines).expect("no other test sets one");
    let mut lifecycle = lifecycle::<8>();
    log::set_max_level(LevelFilter::Trace);
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.opened(connection).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let other = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.fail(other, Failure::Io).unwrap();
    assert_eq!(LINES.take(), ["c0.1: Opening on Opened: Some(Open)"]);
}
