//! The promises of this crate, P1 to P13, each with the tests that hold it.
//!
//! Everything follows from one principle: **a transition that cannot be announced does not happen yet.** The event queue is
//! bounded. While it is full, nothing becomes open, and nothing is dropped.
//!
//! Nine events tell of three kinds of things. Every id gets exactly one event of the first two columns. If that was the first
//! column, it gets exactly one of the third, too.
//!
//! |            | opened         | failed to open   | closed         |
//! |------------|----------------|------------------|----------------|
//! | listener   | `Listen`       | `ListenFailed`   | `ListenClose`  |
//! | connection | `Connected`    | `ConnectFailed`  | `Disconnected` |
//! | stream     | `OpenedStream` | `StreamFailed`   | `ClosedStream` |
//!
//! # The thirteen promises
//!
//! The right column names files of the crate's sources. A test checks that each of them exists and has tests.
//!
//! | promise | in words | tests |
//! |---|---|---|
//! | **P1 Once** | Each id gets exactly one outcome, and exactly one close if it opened. This holds on every path: requested, remote, failed, timed out, shut down, peer killed. | `tests/lifecycle/once.rs`, `tests/tcp/sockets/processes.rs`, `tests/chaos/main.rs` |
//! | **P2 Nested** | `Connected` comes before every event of its streams. The last events of all its streams come before `Disconnected`. | `tests/lifecycle/nested.rs`, `tests/swarm/simulated/connections.rs` |
//! | **P3 In order** | Events are drained in the order in which the transitions took place. | `tests/lifecycle/order.rs`, `tests/lifecycle/random.rs` |
//! | **P4 Bounded** | At most `EVENTS` events are queued, and 1 is a legal capacity. A full queue delays openings and nothing else: data, resets, pongs and window updates flow on, and the deadlines of what waits stand still. | `tests/lifecycle/bounded.rs`, `tests/swarm/simulated/full_queue.rs`, `tests/tcp/sockets/full.rs` |
//! | **P5 It ends** | A close costs O(1) at once, and O(what is closed) in all. `shutdown` finishes as long as the owner drains, whatever the peers do: a deadline cuts a close that a peer drags out. | `tests/lifecycle/ends.rs`, `tests/swarm/simulated/shutdown.rs`, `tests/tcp/sockets/shutdown.rs` |
//! | **P6 No stale handle** | An id that has ended is refused and never comes back. What a closing event names can be looked up until `next_event` is called again, and `take_unread` hands over the bytes that arrived before the end. | `tests/lifecycle/stale.rs`, `tests/swarm/simulated/stale.rs`, `tests/swarm/simulated/streams.rs` |
//! | **P7 No allocation** | Nothing is allocated on the path from a transition to a notifee, once the arenas have reached their high-water mark. | `tests/allocations/transitions.rs` |
//! | **P8 Re-entrant** | While it is told of an event, a notifee may give any command, and may register and unregister notifees, itself too. The consequences are told later. | `tests/notifee/registry/inside.rs`, `tests/swarm/simulated/reentrant.rs` |
//! | **P9 Isolated** | A slow or dead subscriber delays nobody. It learns exactly how many events it missed, and then gets a snapshot of what is open, in its place in the order. | `tests/notifee/subscription/basics.rs`, `tests/notifee/subscription/random.rs` |
//! | **P10 Proportional** | A turn costs what is ready, not what exists. Between their deadlines, 10 000 idle connections cost nothing. | `tests/proportional/main.rs`, `tests/swarm/simulated/idle.rs` |
//! | **P11 True** | An event is true at the moment in which it is told: see below. | `tests/tcp/sockets/listeners.rs`, `tests/tcp/sockets/connections.rs`, `tests/tcp/sockets/streams.rs` |
//! | **P12 Heard** | A tick hears all that has come since the last one, whether it comes early, late or with jitter. No progress depends on extra calls, or on another thread. | `tests/tcp/frames.rs`, `tests/loops/main.rs`, `tests/swarm/simulated/waking.rs` |
//! | **P13 Fair** | Beside peers that do their worst, an honest peer's connections open and its streams move within a stated amount of work. At a bound the greediest holder pays, not the newcomer. | `tests/lifecycle/fair.rs`, `tests/swarm/simulated/fair.rs`, `tests/swarm/simulated/shares/floods.rs` |
//!
//! Three more tests hold many of them at once, with everything going wrong that can: `tests/swarm/soak.rs` (up to seven swarms on a
//! simulated network), `tests/swarm/simulated/random.rs` (two owners, inside notifications, too) and `tests/swarm/script.rs` (the
//! body of the fuzz target `swarm`).
//!
//! # P1: when an id begins
//!
//! - A listener, a dial and a stream of ours have their ids from the command on.
//! - An accepted socket has an id once its peer is authenticated and admitted.
//! - A stream of a peer has one once its first whole proposal has been read, whether the protocol is supported or not.
//!
//! What ends earlier has no id and no event. It is counted: [`Counts::without_id`](crate::lifecycle::Counts::without_id),
//! [`Swarm::refused`](crate::swarm::Swarm::refused). What ends while it waits to open has failed. The nine events are never
//! coalesced.
//!
//! # P11: what each event says
//!
//! | event | from now on |
//! |---|---|
//! | `Listen` | A connect to its addresses succeeds. |
//! | `ListenClose` | The socket is closed, and the same port can be bound at once. |
//! | `Connected` | The peer is authenticated and the muxer is agreed. On the dialer, our last handshake message is written; a peer that refuses after that is told as `Disconnected`. |
//! | `Disconnected` | The socket is closed. |
//! | `OpenedStream` | Both sides have agreed on the protocol, and it has a name. |
//! | `ClosedStream` | Both directions are over. `Finished`: our FIN is sent, and the owner has read the peer's FIN. A reset, or the end of the connection, is told when it arrives, whether or not anyone reads. It is never mistaken for a clean end. |
//!
//! `Listen` and `ListenClose` are exact for this crate's TCP; of another transport they are as exact as its reports.
//!
//! What a reason can say of a peer depends on the peer: [How peers end](crate::guide#how-peers-end).
//!
//! # Numbers that a peer chooses
//!
//! No number that a peer chooses wraps or makes a node panic, in whatever profile. In `connection` and `protocols` clippy refuses
//! each operator that could overflow and each index that could be out of bounds. Such a number ends the connection, or stops at
//! the end of its type. Each exception has its proof beside it.
//!
//! The command, and whatever else is built of this package itself, has `overflow-checks` on top of that: a count of our own that
//! is wrong ends it, instead of wrapping. A program that depends on the crate is built with its own profile, which has no such
//! checks by default. These two lines in its `Cargo.toml` turn them on for this crate:
//!
//! ```toml
//! [profile.release.package.swarm-notify]
//! overflow-checks = true
//! ```
//!
//! # A machine that lacks something
//!
//! Where the system runs out of descriptors, the oldest handshakes make way for newcomers, and a few connections without a
//! stream, so that somebody always comes in. Where it runs out of ephemeral ports or memory, when an interface goes, and when a
//! clock jumps, a swarm tells what has failed and goes on (`tests/tcp/sockets/lack.rs`, `tests/tcp/sockets/machine.rs`).
