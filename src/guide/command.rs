//! The command `swarm-notify` (feature `cli`): what `demo`, `listen` and `dial` do, which bounds they have, and how they
//! end.
//!
//! ```text
//! cargo run --release --features cli -- demo                    two swarms in one process, all nine events
//! cargo run --release --features cli -- listen                  serves echo and sink, and prints commands to copy
//! cargo run --release --features cli -- dial ADDR --streams 1000 --concurrency 64
//! ```
//!
//! `--help` lists all options. The page [`command_log`](super::command_log) specifies the printed lines: each event, its
//! fields, their lengths and escapes, and the exit codes. With `--json`, each event is one JSON object on a line of its own.
//! The text of a peer can neither forge a field nor control a terminal.
//!
//! # `listen`
//!
//! `listen` serves the protocols `/echo/1.0.0` and `/sink/1.0.0`. For each of its addresses it prints a command to copy,
//! `dial me: swarm-notify dial /ip4/…`, with the topic if it has joined one. Later it looks for addresses of this machine
//! every few seconds, and tells of those that come and go within 5 s.
//!
//! Each stream causes two lines. So `listen` accepts 4 000 streams at once and 1 000 a second on one connection, and further
//! streams wait.
//!
//! # `dial`
//!
//! `dial` opens streams to a `listen` or to any other node, and checks the bytes that come back. `dial ADDR --ping 3
//! --identify` measures the round-trip time to a node and asks who it is.
//!
//! - A stream that needs more than 30 s (`--timeout`) for 1 024 bytes, or for the rest if that is less, is given up. A
//!   stream is reset at the first byte that is wrong or that was not asked for. stderr says which stream it was.
//! - `--bytes 1M` sends 1 000 000 bytes on each stream. `--concurrency` sets how many streams are open at the same time, at
//!   most 65 536.
//! - The summary at the end counts the streams that were right, that failed, and that were not begun. It contains the
//!   throughput, the median and 99th percentile of the latency, the minimum, mean, maximum and loss of pings, and the number
//!   of lines and messages of a topic.
//! - `--quiet` leaves out everything except the answers and the summary. A long run has a progress bar, also with `--quiet`,
//!   if it is in the foreground of a terminal and `TERM` is not `dumb`, empty or missing.
//!
//! # Topics
//!
//! With `--floodsub TOPIC`, `listen` and `dial` publish the lines of stdin and print the messages of others. `dial` prints
//! all of them, and `listen` at most 1 000 a second from one peer. `--gossipsub TOPIC` does the same by gossipsub, and also
//! with peers that speak only floodsub. The log then tells who enters and leaves our mesh of the topic, so that several
//! `listen --gossipsub` and the nodes that dial them are a mesh of strangers.
//!
//! - A line of `dial` is lost if nobody joins the topic within `--timeout`. A line of `listen` waits until somebody joins.
//!   At the end, a warning counts the lines that still wait, which are not lost.
//! - `dial` stops publishing to a peer that does not accept 64 KiB of the lines within `--timeout`, and says how many lines
//!   were lost.
//! - A slow subscriber of `listen` delays the others for at most 5 s, and then loses lines itself.
//!
//! # Its end
//!
//! Ctrl-C ends `listen` and `dial` in good order: connections are closed, and everything that was printed before is written.
//! If `dial` was not done yet, stderr says what was not done, and the exit code is 130. A second Ctrl-C ends the command at
//! once. SIGTERM, and SIGHUP on Linux, have the same effect, with exit codes of their own. A signal that arrives twice
//! within 0.1 s counts as one.
//!
//! # Its output
//!
//! At a terminal the log has columns, which fit the present width of the terminal, and colours (`NO_COLOR`, `CLICOLOR` and
//! `CLICOLOR_FORCE` are respected). Peer ids are shortened there, `12D3KooW…a1b2c3`, unless `--long` is given. In a pipe or
//! a file, each line is whole and plain.
//!
//! A slow reader of the output delays no peer:
//!
//! - Up to 4 096 lines or 4 MiB wait for the reader. `listen` drops further lines, counts them in a `lagged` line, and then
//!   lists everything that is open in `snapshot` lines of at most 128 entries each. `dial` waits for its reader instead.
//!   After a signal, the reader has 5 s to read the rest.
//! - Lines of output that are lost at the end, and lines of `dial`'s stdin that are lost, are counted on stderr, and the
//!   exit code is 1.
//! - If the output cannot be written, for example on a full disk, stderr says that, and what `dial` has not done.
//! - A reader that leaves early, such as `head`, ends every command. The exit code of `demo` and `listen` is 0 then. That of
//!   `dial` is 0 if only the time of `--hold` was left, and otherwise 1, and stderr says what was not done.
//!
//! # Its identity
//!
//! `--key FILE` names the file with the node's identity, which stays the same in each run: an Ed25519, secp256k1, ECDSA or
//! RSA key in libp2p's protobuf form, of at most 16 KiB. If the file does not exist, a new Ed25519 key is written to it,
//! which only its owner can read (mode 600). The file appears complete and on the disk, or not at all, and never replaces
//! another file. So processes that start at the same time get the same identity.
//!
//! If the file is no key, the error says what it seems to be. If the key file cannot be read or made, whatever the reason,
//! the exit code is 2. A file that other users can read or change, or that belongs to another user, is used, but stderr has
//! a warning and the log a line `key_exposed`.
//!
//! # Its source
//!
//! The source of the command, `src/bin/swarm-notify/`, is a larger example of an owner. Its `node.rs` contains the loop.
