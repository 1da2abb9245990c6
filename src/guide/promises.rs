//! The promises of this crate, P1 to P13, each with the tests that check it.
//!
//! All promises follow from one principle: **a transition that cannot be announced does not happen yet.** The event queue is
//! bounded. While it is full, no listener, connection or stream becomes open, and no event is dropped.
//!
//! Nine events tell of listeners, connections and streams. Every id gets exactly one event of the first two columns. If the
//! id has opened, it also gets exactly one event of the third column.
//!
//! |            | opened         | failed to open   | closed         |
//! |------------|----------------|------------------|----------------|
//! | listener   | `Listen`       | `ListenFailed`   | `ListenClose`  |
//! | connection | `Connected`    | `ConnectFailed`  | `Disconnected` |
//! | stream     | `OpenedStream` | `StreamFailed`   | `ClosedStream` |
//!
//! # The thirteen promises
//!
//! The right column names files in the crate's sources. A test checks that each of these files exists and contains tests.
//!
//! | promise | in words | tests |
//! |---|---|---|
//! | **P1 Once** | Each id gets exactly one outcome, and exactly one close if it opened. This holds on every path: requested, remote, failed, timed out, shut down, peer killed. | `tests/lifecycle/once.rs`, `tests/tcp/sockets/processes.rs`, `tests/chaos/main.rs` |
//! | **P2 Nested** | `Connected` comes before every event of its streams. The last events of all its streams come before `Disconnected`. | `tests/lifecycle/nested.rs`, `tests/swarm/simulated/connections.rs` |
//! | **P3 In order** | Events are drained in the order in which the transitions took place. | `tests/lifecycle/order.rs`, `tests/lifecycle/random.rs` |
//! | **P4 Bounded** | At most `EVENTS` events are queued, and 1 is a legal capacity. A full queue delays openings and nothing else: data, resets, pongs and window updates go on, and the deadlines of everything that waits to open stop. | `tests/lifecycle/bounded.rs`, `tests/swarm/simulated/full_queue.rs`, `tests/tcp/sockets/full.rs` |
//! | **P5 It ends** | A close costs O(1) at once, and in all O(n) for n closed streams and connections. `shutdown` finishes as long as the owner drains events, whatever the peers do: a deadline ends a close that a peer delays. | `tests/lifecycle/ends.rs`, `tests/swarm/simulated/shutdown.rs`, `tests/tcp/sockets/shutdown.rs` |
//! | **P6 No stale handle** | An id that has ended is refused, and is never used again. The listener, connection or stream of a closing event can be looked up until `next_event` is called again, and `take_unread` returns the bytes that arrived before the end of a stream. | `tests/lifecycle/stale.rs`, `tests/swarm/simulated/stale.rs`, `tests/swarm/simulated/streams.rs` |
//! | **P7 No allocation** | Nothing is allocated on the path from a transition to a notifee, once the tables of listeners, connections and streams have reached their largest size. | `tests/allocations/transitions.rs` |
//! | **P8 Re-entrant** | While a notifee is told of an event, it may give any command, and may register and unregister notifees, including itself. The consequences are told later. | `tests/notifee/registry/inside.rs`, `tests/swarm/simulated/reentrant.rs` |
//! | **P9 Isolated** | A slow or dead subscriber delays nobody. It learns the exact number of events that it has missed, and then gets a snapshot of everything that is open at this place in the order of events. | `tests/notifee/subscription/basics.rs`, `tests/notifee/subscription/random.rs` |
//! | **P10 Proportional** | The work of a turn is proportional to what is ready, and not to what exists. Between their deadlines, 10 000 idle connections cost nothing. | `tests/proportional/main.rs`, `tests/swarm/simulated/idle.rs` |
//! | **P11 True** | What an event says is true when the event is told: see below. | `tests/tcp/sockets/listeners.rs`, `tests/tcp/sockets/connections.rs`, `tests/tcp/sockets/streams.rs` |
//! | **P12 Heard** | A tick handles everything that has arrived since the last tick, whether the ticks are early, late or irregular. No progress depends on extra calls, or on another thread. | `tests/tcp/frames.rs`, `tests/loops/main.rs`, `tests/swarm/simulated/waking.rs` |
//! | **P13 Fair** | Beside peers that do their worst, an honest peer's connections open and its streams make progress within a stated amount of work. When a bound is reached, the holder of the most places loses one, and not the newcomer. | `tests/lifecycle/fair.rs`, `tests/swarm/simulated/fair.rs`, `tests/swarm/simulated/shares/floods.rs` |
//!
//! Three more tests check many promises at once while everything goes wrong that can: `tests/swarm/soak.rs` (up to seven
//! swarms on a simulated network), `tests/swarm/simulated/random.rs` (two owners, which also give commands inside
//! notifications) and `tests/swarm/script.rs` (the body of the fuzz target `swarm`).
//!
//! # P1: when an id begins
//!
//! - A listener, a dial, and a stream that we open have their ids from the command on.
//! - An accepted socket has an id once its peer is authenticated and admitted.
//! - A stream of a peer has an id once its first whole proposal has been read, whether the protocol is supported or not.
//!
//! A socket or stream that ends earlier has no id and no event. It is counted in
//! [`Counts::without_id`](crate::lifecycle::Counts::without_id) and [`Swarm::refused`](crate::swarm::Swarm::refused).
//! Something that has an id and ends while it waits to open has failed. The nine events are never coalesced.
//!
//! # P11: what each event says
//!
//! | event | from now on |
//! |---|---|
//! | `Listen` | A connect to its addresses succeeds. |
//! | `ListenClose` | The socket is closed, and the same port can be bound at once. |
//! | `Connected` | The peer is authenticated and both sides have agreed on the muxer. If we have dialed, our last handshake message is written. If the peer refuses the connection after that, `Disconnected` is told. |
//! | `Disconnected` | The socket is closed. |
//! | `OpenedStream` | Both sides have agreed on the protocol, and it has a name. |
//! | `ClosedStream` | Both directions have ended. `Finished` means that our FIN is sent, and that the owner has read the peer's FIN. A reset, or the end of the connection, is told when it arrives, whether the owner reads or not. Neither is ever mistaken for a clean end. |
//!
//! `Listen` and `ListenClose` are exact for this crate's TCP. For another transport, they are as exact as its reports.
//!
//! How much a reason tells of a peer depends on the peer's implementation: see [How peers end](crate::guide#how-peers-end).
//!
//! # Numbers that a peer chooses
//!
//! No number that a peer chooses overflows or makes a node panic, whatever the profile of the build. In `connection` and
//! `protocols`, clippy refuses each operator that could overflow and each index that could be out of bounds. A number that
//! is too large ends the connection, or stays at the maximum of its type. Each exception from these lints has a proof beside
//! it.
//!
//! The command, and everything else that is built from this package itself, is also built with `overflow-checks`: if a count
//! of our own is wrong, the process ends instead of going on with the wrong count. A program that depends on the crate is
//! built with its own profile, which has no such checks by default. These two lines in the program's `Cargo.toml` enable
//! them for this crate:
//!
//! ```toml
//! [profile.release.package.swarm-notify]
//! overflow-checks = true
//! ```
//!
//! # A machine that lacks something
//!
//! If the system runs out of descriptors, the oldest handshakes and a few connections without a stream are closed for
//! newcomers, so that somebody can always connect. If the system runs out of ephemeral ports or memory, if an interface
//! disappears, or if a clock jumps, a swarm tells what has failed and goes on (`tests/tcp/sockets/lack.rs`,
//! `tests/tcp/sockets/machine.rs`).
