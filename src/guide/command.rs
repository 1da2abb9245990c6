//! The command `swarm-notify` (feature `cli`): what `demo`, `listen` and `dial` do, what they bound, and how they end.
//!
//! ```text
//! cargo run --release --features cli -- demo                    two swarms in one process, all nine events
//! cargo run --release --features cli -- listen                  serves echo and sink, and prints commands to copy
//! cargo run --release --features cli -- dial ADDR --streams 1000 --concurrency 64
//! ```
//!
//! `--help` lists all options. [`command_log`](super::command_log) states the format of what is printed: each event, its fields,
//! lengths, escapes and the exit codes. With `--json` each event is one JSON object on a line of its own. What a peer says of
//! itself can neither forge a field nor command a terminal.
//!
//! # `listen`
//!
//! It serves echo and sink. It prints a command to copy for each address at which it can be dialed, `dial me: swarm-notify dial
//! /ip4/…`, with its topic if it has one, and tells addresses that come and go within 5 s.
//!
//! Each stream is two lines. So `listen` takes 4 000 streams at once and 1 000 a second of one connection, and further ones wait.
//!
//! # `dial`
//!
//! It opens streams to `listen` or to any other node, and checks what comes back. `dial ADDR --ping 3 --identify` asks a node how
//! far away it is and who it is.
//!
//! - A stream that takes more than 30 s (`--timeout`) for 1 024 bytes or the rest is given up. A stream is cut at the first byte
//!   that is wrong or too many. Stderr says which.
//! - `--bytes 1M` sends as much on each stream. At most 65 536 streams are open at the same time (`--concurrency`).
//! - At its end it sums up: streams that were right, failed or were not begun; throughput; latency, median and 99th percentile;
//!   the minimum, mean, maximum and loss of pings; and the lines and messages of a topic.
//! - `--quiet` leaves out all but the answers and the summary. A long run has a progress bar in the foreground of a terminal, also
//!   with `--quiet`, unless `TERM` is `dumb`, empty or not set.
//!
//! # Topics
//!
//! With `--floodsub TOPIC`, `listen` and `dial` publish the lines of stdin and print what others publish: `dial` all of it,
//! `listen` at most 1 000 messages a second of one peer.
//!
//! - A line of `dial` for which nobody joins within `--timeout` is lost. One of `listen` waits. At the end a warning counts those
//!   that still wait, which is no loss.
//! - `dial` gives up a peer that does not take 64 KiB of what was published within `--timeout`, and says how many lines were lost.
//! - A subscriber of `listen` that is slow loses lines itself, and holds up the others for at most 5 s.
//!
//! # Its end
//!
//! Ctrl-C ends it in good order, with 130 and what was not done. A second one ends it at once. SIGTERM, and SIGHUP on Linux, do the
//! same. A signal that comes twice within 0.1 s is one signal.
//!
//! # Its output
//!
//! At a terminal the log has columns that fit its width, at any time, and colours (`NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE` are
//! respected). Peer ids are short there, `12D3KooW…a1b2c3`, and whole with `--long`. In a pipe or a file each line is whole and
//! plain.
//!
//! A slow reader of its output delays no peer:
//!
//! - 4 096 lines or 4 MiB wait for it. `listen` counts what goes beyond in a `lagged` line, and lists all that is open in a
//!   `snapshot` behind it, in lines of 128 entries at most. `dial` waits. After a signal the reader has 5 s.
//! - Lines that are lost, of the output at the end or of `dial`'s stdin, are counted on standard error, and the command ends
//!   with 1.
//! - If the output cannot be written, as on a full disk, stderr says so and what `dial` has not done.
//! - A reader that leaves early, such as `head`, ends every command. `demo` and `listen` end with 0. `dial` ends with 0 if it had
//!   nothing left to do but `--hold`, and otherwise with 1 and what was not done.
//!
//! # Its identity
//!
//! `--key FILE` gives a node an identity that it keeps: an Ed25519, secp256k1, ECDSA or RSA key in libp2p's protobuf form, of at
//! most 16 KiB. If there is no such file, a new Ed25519 key is written there, for its owner alone (mode 600). The file appears
//! whole and on the disk, or not at all, and never in the place of another, so that processes which start at once have one
//! identity.
//!
//! A file that is no key is told for what it is. Whatever keeps a key file from being read or made ends the command with 2. A file
//! that others can read or change, or that belongs to another user, is used, with a warning on stderr and a `key_exposed` line in
//! the log.
//!
//! # Its source
//!
//! The command's own source, `src/bin/swarm-notify/`, is a larger example of an owner: its `node.rs` is one turn of an owner's
//! loop.
