//! The log of the command `swarm-notify`: its format, each event, each field, and the exit codes.
//!
//! The command prints one line for each event on stdout. With `--json` nothing else is there; text has sentences, too: the
//! `dial me: …` of `listen`, and the summary at the end of `dial` and `demo`. The command's own errors and what `RUST_LOG` asks
//! for are on stderr. This page states **version 2** of the format. A new event or a new field does not change the
//! version: pass over those that you do not know. A field that changes its name, its type or its meaning, or is gone, does.
//! In version 1 a `snapshot` was one line, however much was open.
//!
//! ```text
//! $ swarm-notify dial /ip4/127.0.0.1/tcp/4001 --json
//! {"t":0.000712,"time":"2026-11-30T04:05:06.000007Z","event":"start","format":2,"version":"0.1.0","command":"dial","peer":"12D3KooW…"}
//! {"t":0.004018,"time":"2026-11-30T04:05:06.003313Z","event":"connected","connection":"c0.1","remote":"/ip4/127.0.0.1/tcp/4001","peer":"12D3KooW…","direction":"outbound"}
//! ```
//!
//! # Lines
//!
//! - **`--json`**: each line is one JSON object, UTF-8, and ends with a newline. Fields come in the order of the tables
//!   below, and those of an object in another line, such as those of a `snapshot`, by name; do not rely on it.
//! - **Without it**, each line is text: `t`, `time`, the side in `demo`, the event, and then each other field as
//!   `name=value`, with blanks between, and before a `t` that has less than 9 characters. A value is JSON, but for strings that read as nothing else: those that consist of
//!   ASCII letters, digits and `/.:_-+()%`, and are neither empty, `null`, `true`, `false` nor a number (`nan` and `inf`
//!   among these), stand without quotes. So a
//!   value with a blank or an `=` in it is quoted, and what a peer says of itself forges no field. To read a value, take
//!   JSON if it begins with `"`, `[` or `{`, and everything up to the next blank otherwise: a number, one of the three
//!   words, or a string.
//! - **At a terminal**, lines without `--json` have another form, for people: see below.
//! - **Escapes.** In both forms, characters of the Unicode categories Cc, Cf, Zl and Zp are written as `\uXXXX`, as two of
//!   these beyond U+FFFF, and a newline as `\n`: controls, marks that change the direction of text, and separators of
//!   lines. Nothing else is escaped but `"` and `\`.
//! - **Lengths.** Strings are cut at 256 bytes of UTF-8 ([`MAX_TEXT`](crate::text::MAX_TEXT)), and `data` at 4 096, before
//!   anything is escaped, between two characters. What was cut ends with `…`. A list has at most as many strings as
//!   identify takes: 512 protocols, 128 addresses.
//! - **Numbers** are exact in JavaScript, too: a count begins at 0 in each run, and none gets to 2^53 within ten days
//!   of 10 GB/s. Whatever may be larger is a string of digits.
//! - **Times.** `t` never goes back from one line to the next. `time` is the system's clock, which may.
//!
//! # At a terminal
//!
//! Where stdout is a terminal, lines without `--json` are in columns: the seconds since the start, the side in `demo`, the
//! event, the id of what it is about, and the other fields. They are for people, and may change. A script reads the plain
//! lines, by a pipe, or JSON.
//!
//! ```text
//! $ swarm-notify listen
//!    0.001  start                           time=2026-11-30T04:05:06Z version=0.1.0 peer=12D3KooW…a1b2c3
//!    0.001  listen                l0.1      /ip4/127.0.0.1/tcp/4001
//! dial me: swarm-notify dial /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…
//!    7.310  connected             c0.1      /ip4/127.0.0.1/tcp/39928 peer=12D3KooW…d4e5f6 inbound
//! ```
//!
//! - In a terminal of at least 40 columns, no line is longer than it is wide as the line is printed: what is left goes on
//!   below, in the last column. In a narrower one, some rows are wrapped by the terminal. Where there are less than about 74
//!   columns, all other fields stand below. Only the line to copy, `dial me: …`, is wrapped by the terminal itself, so that a
//!   copy of it is whole.
//! - A row that goes on in the middle of a value begins with `│` in the last column, and has nothing but that value. So a
//!   row without it begins with a field of ours, whatever bytes a peer has chosen. Records of `RUST_LOG` go on behind a `│` at
//!   the left margin. Rows that were printed before a terminal is made narrower are broken anew by the terminal, unmarked.
//! - Peer ids have their first 8 and their last 6 characters, and a field has at most 6 rows, with `…` in the place of the rest
//!   and what closes it behind that. These 14 characters tell your own nodes apart, and prove nothing: anybody can make keys
//!   until one has an id with the same characters. To trust a peer, compare whole ids, which `--long` shows.
//! - Values are quoted and escaped as in plain lines. Names are left out where a value says what it is: addresses of ours, the
//!   remote address, ids, direction, protocol and reason. So are the `seconds` of a `ping`, which stand in milliseconds,
//!   `0.323 ms`. The reason `remote(go_away(0))` reads `peer said goodbye`, but for
//!   `--long`.
//! - There are colours, unless `NO_COLOR` is set and not empty, `CLICOLOR` is 0, or `TERM` is `dumb`, empty or not set. Another
//!   `CLICOLOR`, or any `CI`, brings them where `TERM` is `dumb` or not set. `CLICOLOR_FORCE=1` brings them into pipes, too, and
//!   0 or nothing forces nothing; `NO_COLOR` is stronger. What has failed is red, but for `stream_failed … unsupported inbound`, which is faint: a
//!   peer has tried a protocol that we do not speak, as a node with floodsub does at each peer. That is no fault of either.
//!
//! In both forms of text `listen` prints `dial me: swarm-notify dial ADDRESS`, with no time before it, for each of its
//! addresses: of `0.0.0.0` or `::`, for those of this machine's interfaces, also for one that comes later. It looks for these
//! every 5 s ([`interfaces_interval`](crate::tcp::Config::interfaces_interval)). The line is a command to
//! copy into a shell, and joins the topic of `--floodsub` if there is one. A topic with characters that are escaped in the log
//! stands there as `$'…'`, with an octal escape for each byte of these: bash, zsh and ksh read that, and a plain `sh` may not.
//! JSON has no such line.
//!
//! # Events
//!
//! With `--quiet` the log has only `start` (with `--json`), `listen` and `addresses_changed` of `listen` with the commands to
//! copy, `identified`, `message`, what is missing of these (`lagged`, `snapshot`, `identify_lagged`, `pubsub_lagged`, and
//! `skipped` of `message`), and `summary`. A long run of `dial` has its progress bar all the same, if stderr is a terminal, `TERM` is not
//! `dumb`, empty or not set, and JSON does not go to a terminal; `2>/dev/null` is without. Before there is a connection the bar's
//! place has `connecting, 3 s`, and during `--hold` it has `held, 11 s left`.
//!
//! Each line has `t`, `time` and `event`, and in `demo` all but its `summary` have a `side`. A field with `?` is there only
//! if there is something to say.
//!
//! | event | it says | fields |
//! |---|---|---|
//! | `start` | The command begins: the first line of a run, in `demo` of each side. | `format`, `version`, `command`, `peer` |
//! | `key_exposed` | Others of this machine can read or change the key file, which is used all the same: by its mode, or since it belongs to another user, whose id is `owner`. | `file`, `mode`, `owner`? |
//! | `listen` | A listener is open. | `listener`, `addresses` |
//! | `listen_failed` | A listener could not open. | `listener`, `reason`, `addresses`, `error`? |
//! | `listen_close` | A listener that was open is closed. | `listener`, `reason`, `addresses`, `error`?, `refused`? |
//! | `addresses_changed` | The addresses of a listener that is open have changed, as those of this machine have, within the last 5 s. | `listener`, `addresses`, `added`, `removed` |
//! | `connected` | A connection is open, and its peer is authenticated. | `connection`, `remote`, `peer`, `direction` |
//! | `connect_failed` | A connection could not open. | `connection`, `reason`, `remote`, `peer`?, `direction`, `error`? |
//! | `disconnected` | A connection that was open is closed; its streams have ended before. Lines of services about it and its peer may follow: see below. | `connection`, `reason`, `remote`, `peer`, `direction`, `error`?, `refused`?, `paced`? |
//! | `opened_stream` | A stream is open, and its protocol is agreed. | `connection`, `stream`, `direction`, `protocol` |
//! | `stream_failed` | A stream could not open. | `connection`, `stream`, `reason`, `direction`, `protocol`? |
//! | `closed_stream` | A stream that was open has ended. | `connection`, `stream`, `reason`, `direction`, `protocol` |
//! | `refused` | A peer was refused something, or something of it was over before it had an id: at most once a second for each listener or connection and kind. | `listener`?, `remote`?, `connection`?, `peer`?, `kind`, `count`, `total` |
//! | `skipped` | Lines of one kind were left out in the last second, since one peer's went beyond a limit: in `listen` 1 000 of `message`, and 10 of the others of pub/sub. `dial` prints all messages. | `peer`?, `what`, `lines` |
//! | `ping` | A ping was answered. | `connection`, `peer`, `seconds` |
//! | `ping_failed` | A ping was not answered. | `connection`, `peer`, `reason` |
//! | `identified` | A peer has answered who it is. | `peer`, `agent`, `protocols`, `addresses`, `observed` |
//! | `identify_pushed` | A peer has said anew who it is, without being asked. | `peer`, `agent`, `protocols`, `addresses`, `observed` |
//! | `identify_failed` | A peer did not answer who it is. | `peer`, `reason` |
//! | `identify_push_failed` | A peer began to say anew who it is, and what it said came to nothing. | `peer`, `reason` |
//! | `identify_lagged` | Events of identify were lost, the oldest, since too many came while stdout's reader was too slow. | `missed` |
//! | `peer_added` | A peer speaks floodsub. | `peer` |
//! | `peer_gone` | A peer of floodsub has left. | `peer` |
//! | `subscribed` | A peer subscribes to a topic. | `peer`, `topic` |
//! | `unsubscribed` | A peer has left a topic. | `peer`, `topic` |
//! | `message` | A message was published on our topic. | `topic`, `from`, `seqno`, `data`?, `data_base64`?, `length`?, `via` |
//! | `pubsub_lagged` | Events of floodsub were lost, since too many came at once. There is at most one such line in 0.1 s, with all that were lost since the last one. | `missed` |
//! | `lagged` | Lines of `listen` were left out, since stdout's reader is too slow. A `snapshot` follows. | `missed` |
//! | `snapshot` | One part of what was open as its first part was printed. | `part`, `more`, `listeners`, `connections`, `streams` |
//! | `unanswered` | `dial` gives up a stream that took longer than `--timeout` to agree on its protocol, or for 1 024 bytes or a shorter rest. Its `closed_stream` follows; its `stream_failed` stands before. | `connection`, `stream`, `awaited`, `seconds` |
//! | `summary` of `dial` | Its streams, its pings and what it published, at its end. Without `--json` these are sentences for people, of what was asked for; none if nothing was. | `streams`, `ok`, `failed`, `unanswered`, `unfinished`, `not_begun`, `bytes`, `seconds`, `bytes_per_second`?, `latency_min_seconds`?, `latency_median_seconds`?, `latency_p99_seconds`?, `latency_max_seconds`?, `ping_min_seconds`?, `ping_mean_seconds`?, `ping_max_seconds`?, `pings`?, `pings_answered`?, `pings_lost`?, `pings_not_finished`?, `pings_not_sent`?, `ping_loss_percent`?, `lines_published`?, `lines_lost`?, `messages`?, `interrupted`? |
//! | `summary` of `demo` | Its events, at its end. Without `--json` this is a sentence: `14 of 14 events, as promised`. | `shown`, `promised`, `as_promised` |
//!
//! Of the nine events from `listen` to `closed_stream` each id has exactly one that opens it or fails, and, if it opened,
//! exactly one that closes it. Only `lagged` may stand in the place of some: the ids in the `snapshot` behind it are those
//! that were opened and not closed.
//!
//! The lines of services are those of ping, identify and floodsub, from `ping` to `pubsub_lagged`. A service learns of an event
//! once that is printed, and what a service tells is printed after the events that were due at the same time. So none of its
//! lines comes before the `connected` of its connection, and some come behind the `disconnected`: `peer_gone`, and the
//! `ping_failed` or `identify_failed` of a question that it has cut off, which are its consequences, and a `message` or an answer
//! that came just before it. A program that keeps something for each connection or peer has to expect them after that.
//!
//! A snapshot has as many parts as it needs, each with at most 128 entries, so that no peer waits while one is made. Lines go
//! on between the parts. To know what is open, forget all at a part whose `part` is 1, add what each part lists, and go by the
//! lines of the nine events as always. What opens after the first part has its line, and no part lists it. So you know of
//! everything before it ends: if something that no part has listed yet ends, a part that lists it stands right before the line
//! of its end. You know of a connection before anything names a stream on it: by its `connected`, by a part before that, or by
//! the same part. Other lines, such as `refused`, may name what only a later part lists. If lines are left out between the
//! parts, the snapshot goes on with what is still open, and behind its last part stand the next `lagged` and a snapshot that
//! begins anew.
//!
//! `dial` and `demo` leave out no line because its reader is slow (what is beyond a limit of lines a second and peer is left
//! out all the same, and counted in `skipped`): they wait for a slow reader of stdout. Meanwhile the connection of `dial`
//! stays, since Yamux's pings are answered; streams that the peer opens, among them libp2p's ping, get their answer after that.
//! The wait counts against no stream's `--timeout`. Latency, throughput and round trips have it in them: to measure, read
//! stdout as it comes, or use `--quiet`.
//!
//! # Bounds of `dial`
//!
//! Whatever its peer does, `dial` comes to an end, with 1 and a sentence on stderr that says which bound was passed and how
//! many streams were answered:
//!
//! - TCP and the handshake together have 10 s.
//! - A stream has `--timeout` (30 s) to agree on its protocol, and then for each 1 024 bytes, those sent and those that come
//!   back together. A shorter rest has it, too; the end of the peer's side counts as the last byte. So a stream of B bytes is
//!   given up after B / 512 + 4 times `--timeout` at the latest, however its peer drips: 3 minutes for 1 024 bytes and 30 s.
//! - A stream is reset at the first byte that is not the echo of its own, or that is more than was sent. A sink's is at its
//!   first byte.
//! - A ping, and the answer to `--identify`, have `--timeout` as a whole. A ping's stream is closed behind the answer, and the
//!   peer has 5 s to end its side, too.
//! - Lines of `--floodsub` have `--timeout` for somebody to join, and for the peer to take 64 KiB of them or the rest; the part
//!   on exit codes says what is counted.
//! - The close of the connection has 5 s.
//!
//! Each stream and each ping has its time to itself: of 100 streams one after the other that nobody answers, `dial` gives up
//! each after 30 s. `timeout 60 swarm-notify dial …` bounds the whole; the summary then counts what was not finished.
//!
//! # Fields
//!
//! `event.field` is a field of one event whose name means something else at others.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `t` | number | Seconds since the start, to the microsecond. |
//! | `time` | string | The time of day, in UTC, as RFC 3339 has it, to the microsecond. |
//! | `side` | string | `a` or `b`: which of the two swarms of `demo`. |
//! | `event` | string | The name of the event. |
//! | `format` | number | The version of this format. |
//! | `version` | string | The version of the command. |
//! | `command` | string | `demo`, `listen` or `dial`. |
//! | `file` | string | The name of the key file, as `--key` has it. |
//! | `mode` | string | Its mode in octal, such as `644`. |
//! | `owner` | number | The id of the user whose file it is, if he is neither the one that the command runs as, nor root. |
//! | `peer` | string | The peer id of the other side; in `start`, our own. |
//! | `listener` | string | The id of a listener: `l`, its slot, `.`, its generation. No id comes twice in a run. |
//! | `connection` | string | The id of a connection, with a `c`. |
//! | `stream` | string | The id of a stream, with an `s`. |
//! | `addresses` | strings | The addresses of a listener, with our peer id; those that it was asked for if it is not open. In `identified` and `identify_pushed`, where the peer says that it listens. |
//! | `added` | strings | The addresses of a listener that are new since the last line of it, with our peer id. |
//! | `removed` | strings | The addresses of a listener that are gone since then. |
//! | `remote` | string | The address of the other side. |
//! | `refused.remote` | string | The address that was refused last, of those that `count` has. |
//! | `refused.peer` | string | The peer of the connection; at a listener the one behind `remote`, if it was authenticated by then. |
//! | `direction` | string | `inbound` if the other side began it, `outbound` if we did. |
//! | `protocol` | string | The protocol of a stream; the one that we proposed if it failed, or that we denied to its peer. |
//! | `reason` | string | Why it has failed or ended, in one of the words below. |
//! | `error` | string | The text of the error, or of our rule by which it was `denied` or `trimmed`. It is for people, and may change. Of a dial that failed as `wrong_peer` it names both peers: `expected …, found …`. |
//! | `refused` | object | How much the peer was refused in all, for each `kind`. |
//! | `paced` | number | How many streams of the peer have waited for their turn, since it opened more than its rate. |
//! | `kind` | string | What was refused, as [`Refusal`](crate::swarm::Refusal) has it: `stream_limit` and so on. |
//! | `count` | number | Refusals since the last line of this kind. |
//! | `total` | number | Refusals of this kind since the connection or the listener opened. |
//! | `what` | string | The event whose lines were left out. |
//! | `lines` | number | Lines that were left out. |
//! | `seconds` | number | The time from question to answer; in `unanswered`, the time without one; in `summary`, from the connection to the end of the last stream. |
//! | `awaited` | string | What the stream has waited for: `protocol`, the peer's word on it; `room`, for bytes that the peer does not take; `echo`, the rest of it; `end`, that of the peer's side. |
//! | `agent` | string or null | The peer's implementation, in its own words. |
//! | `protocols` | strings | The protocols that the peer says it speaks. |
//! | `observed` | string or null | Our address, as the peer says that it sees it. |
//! | `topic` | string | The name of the topic. |
//! | `from` | string or null | The peer id of a message's author; `null` if it names none. |
//! | `seqno` | digits or null | The number that the author gave the message, up to 2^64 - 1. |
//! | `data` | string | The message, if it is UTF-8. |
//! | `data_base64` | string | The message in Base64, if it is not; of its first 3 072 bytes. |
//! | `length` | number | The bytes of the whole message, if it was cut. |
//! | `via` | string | The peer id of the neighbour that has sent us the message. |
//! | `missed` | number | Lines that were left out, or events that were lost. |
//! | `part` | number | The number of a part of a snapshot, from 1. |
//! | `more` | boolean | Other parts of the snapshot follow. |
//! | `listeners` | objects | Listeners that are open, each with the fields of its `listen` but for `t`, `time` and `event`. |
//! | `connections` | objects | Connections that are open, likewise with those of `connected`. |
//! | `snapshot.streams` | objects | Streams that are open, likewise with those of `opened_stream`. |
//! | `summary.streams` | number | Streams that were asked for: the sum of `ok`, `failed`, `unfinished` and `not_begun`. |
//! | `ok` | number | Streams that ended as they should, with the right bytes. |
//! | `failed` | number | Streams that could not open, or ended otherwise. |
//! | `unanswered` | number | Of `failed`, those that got no answer in time. |
//! | `unfinished` | number | Streams that were under way as a signal came. |
//! | `not_begun` | number | Streams that were not begun, since the connection ended or was never there, a signal came, or stdout could not be written. |
//! | `bytes` | number | Bytes that came back right, or went to a sink, on the streams that are `ok`. |
//! | `bytes_per_second` | number | `bytes` by `seconds`, rounded down. A byte that goes out and comes back counts once. |
//! | `latency_min_seconds` | number | The shortest time from the begin to the end of a stream that is `ok`. |
//! | `latency_median_seconds` | number | The time that half of these streams did not exceed: exact, or at most 0.1 % more. |
//! | `latency_p99_seconds` | number | The time that 99 of 100 of them did not exceed, likewise. |
//! | `latency_max_seconds` | number | The longest of them. |
//! | `ping_min_seconds` | number | The shortest round trip of a ping. |
//! | `ping_mean_seconds` | number | The mean of the round trips. |
//! | `ping_max_seconds` | number | The longest round trip. |
//! | `pings` | number | Pings that were asked for. |
//! | `pings_answered` | number | Pings that were answered. |
//! | `pings_lost` | number | Pings that were sent and not answered, but for one that a signal cut off. |
//! | `pings_not_finished` | number | Pings that were under way as a signal came. |
//! | `pings_not_sent` | number | Pings that were not sent, since there was no connection, or its end or a signal came before. |
//! | `ping_loss_percent` | number | `pings_lost`, in percent of it and `pings_answered` together. It is left out if both are 0: then nothing is known. |
//! | `lines_published` | number | Lines of stdin that were published and written to the peer. |
//! | `lines_lost` | number | Lines of stdin that were read and not written to the peer, those that floodsub has dropped among them, and those that were under way as a stream ended: the peer may have some of these. There may be more if stdin was not read to its end, as stderr says. |
//! | `messages` | number | Messages that others have published and that came, also those whose lines were left out. |
//! | `interrupted` | string | The signal that ended the run: `SIGINT`, `SIGTERM` or `SIGHUP`. |
//! | `shown` | number | Events that came as promised, of both sides. |
//! | `promised` | number | Events that had to come. |
//! | `as_promised` | boolean | All of them came, in order and no others, and the echo was right. |
//!
//! # Reasons
//!
//! - A listener ends as `requested`, `shutdown` or `failed(…)`.
//! - A connection ends as `requested`, `remote(go_away(CODE))`, `remote(eof)`, `idle`, `trimmed`, `denied`, `shutdown` or
//!   `failed(…)`. The peer's `CODE` is 0 if it has ended the connection in good order, as a node does that shuts down or wants
//!   no more of it, 1 if we have broken Yamux's protocol, as it sees it, and 2 if something is wrong on its side.
//! - A stream ends as `finished`, `reset(local)`, `reset(remote)`, `connection_closed`, `timeout`, `limit` or `denied`.
//! - In the brackets of `failed(…)` stands `reset`, `timeout`, `protocol`, `flood` or `io`.
//! - What cannot open, and what is not answered, fails as `refused`, `unreachable`, `timeout`, `wrong_peer`, `local_peer`,
//!   `unsupported`, `limit`, `denied`, `address_in_use`, `address_not_available`, `permission_denied`, `reset(local)`,
//!   `reset(remote)`, `eof`, `protocol`, `requested`, `connection_closed`, `shutdown` or `io`.
//!
//! [`Failure`](crate::lifecycle::Failure), [`ListenerEnd`](crate::lifecycle::ListenerEnd),
//! [`ConnectionEnd`](crate::lifecycle::ConnectionEnd) and [`StreamEnd`](crate::lifecycle::StreamEnd) say what each means.
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | All was right. `demo`: it has shown what it promises, and all lines were written or stdout's reader has left. `listen`: a signal ended it, or stdout's reader has left. `dial`: every stream, ping and question was answered right, and the connection was there to the end, or stdout's reader left when nothing but `--hold` was left to do. |
//! | 1 | Something was wrong: the peer, the network, what came back, or lines of stdout or stdin are lost. stderr says what. If stdout's reader has left, only `dial` ends so, if it had more to do: stderr says what was not done. Lines of `listen` for which nobody has joined are no loss: it publishes to those who are there. |
//! | 2 | The command line or the topic is wrong, or the key file cannot be used: it cannot be read or made, whatever the reason, or is none. stderr says what, stdout has nothing, and nothing was started. |
//! | 130 | `dial`: SIGINT (Ctrl-C) came before all was done. It has closed its connection; stderr and the `summary` say what was begun and what was not. |
//! | 143 | `dial`: the same after SIGTERM. |
//! | 129 | `dial`: the same after SIGHUP, on Linux. |
//!
//! A second signal ends `dial` and `listen` at once, with 130, 143 or 129: lines that were not written yet are lost. The same
//! signal within 100 ms of the first is no second one, since `timeout` sends it to its child and to the child's group. A
//! SIGHUP that is ignored at the start, as by `nohup`, stays so; on systems other than Linux it does what it does by default.
//!
//! What stderr says meanwhile has no place among the lines of stdout, which another thread writes. But its last word, why the
//! command ends, stands behind all of them at a terminal, and where both lead to one file or pipe, as with `2>&1`, as long as
//! somebody reads that.
//!
//! Where stdout cannot be written, as on a full disk, `listen` and `dial` end there. stderr says why, that `at least` so many
//! lines are lost, since the rest of the work would have had some, and what `dial` has not done.
//!
//! A stream is two lines. So that no peer makes the log grow as fast as it likes, `listen` takes 4 000 streams at once and 1 000
//! a second of each connection ([`openings`](crate::connection::Config::openings)). Further ones wait: their `opened_stream` comes
//! later, none is lost while at most 256 are under way, and the `disconnected` of the connection has their number in `paced`.
//! `dial` opens no more than 256 before the first of them is open.
//!
//! A thread writes the log. Up to 4 096 lines or 4 MiB wait in the command until stdout's reader takes them, and up to twice as
//! much after a signal to `dial`:
//!
//! - After a signal the reader has 5 s ([`close_timeout`](crate::connection::Config::close_timeout)), counted from the signal,
//!   however slowly it reads, and at least 1 s after the last line was printed. Then the command ends. stderr says how many
//!   lines are lost, and the exit code is 1 in the place of 0.
//! - Without a signal `dial` and `demo` wait at their end as long as the reader takes some bytes every 5 s.
//! - A process that is killed says nothing: the lines that wait are lost, and the last one of the log may be cut. SIGKILL kills
//!   it, and so do the system when memory runs out, a second signal, and any signal to `demo`. A log without `--quiet` was cut
//!   short if something is still open at its end.
//!
//! `dial --floodsub` ends with 1 when lines have waited for `--timeout` and its peer has not joined the topic, or has taken
//! less than 64 KiB of what was published meanwhile, or, at the end, not the rest: whether it grants no window, resets our
//! streams or answers none. The wait for stdout's reader does not count. stderr says how many lines were lost: never
//! too few where stdin was read to its end, and `at least` so many where it was open and silent for 0.2 s, or went on for longer
//! than 1 s. If no line was lost then, stderr says that `stdin was not read to its end`, or `had not ended` as a signal came. A line is written to the peer when the system has it. A peer that resets the stream after that may not have read it.
//! Where our stream or the connection ends before all is written, the lines that were under way count as lost, though the peer
//! may have some of them: 256 KiB and one line of each stream at most. stderr then says that they `may have come`. Otherwise no
//! line that was written counts.
//!
//! `listen --floodsub` publishes its lines as fast as subscribers take them. One for whom 1 MiB waits holds up the others for
//! at most 5 s, until half of that is written. After that nobody waits for it until it has caught up. What is beyond its 4
//! MiB is dropped for it alone, and counted at it in `refused` lines (`message_dropped`). Whatever subscribers do, 512 KiB of
//! lines go out in each 5 s to those who take them. At its end `listen` says on stderr how many messages were dropped for
//! subscribers that were behind, how many waited for such still, and, if nobody had joined the topic, how many lines have waited
//! for that: `at least` so many if it had not read all of stdin. None of these is an error.
//!
//! Of messages that come, `listen` remembers 131 072 for 120 s each, and `dial` 1 048 576, so that none is printed twice. Of one
//! author half as many are taken, and of one peer four fifths. Further ones are refused: they are neither printed nor passed on,
//! and are counted in `refused` lines (`message_refused`) at the peer that has sent them, who need not be to blame. stderr says
//! at the end how many that were, which is no error.
//!
//! A line of stdin with more bytes than a message has room for, 1 048 450 less those of the topic's name for an Ed25519 key and
//! a name of less than 128 bytes, is dropped whole and told on stderr as soon as it has passed that, whether or not it ends.
//! What follows in it is read at 16 MB/s at most. 16 lines are read ahead of those that wait for somebody to join; what is
//! behind them is not looked at.
//!
//! `listen` says on stderr which of several addresses cannot be listened on, and after 1 s which have to be waited for.
//!
//! A command that is started with a closed stdout (`>&-`) cannot tell it from `/dev/null`: Rust's runtime opens that in its
//! place, to be read and written, as Python's `subprocess.DEVNULL` and others do on purpose. So nothing counts as lost.
