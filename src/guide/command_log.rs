//! The log of the command `swarm-notify`: its format, its events and their fields, and the exit codes.
//!
//! The command prints one line for each event on stdout. With `--json`, stdout contains nothing else. Without it, stdout
//! also contains sentences: the `dial me: …` of `listen`, and the summary at the end of `dial` and `demo`. Errors of the
//! command and the records that `RUST_LOG` asks for are printed on stderr. This page specifies **version 2** of the format.
//! A new event or a new field does not change the version, so a program has to ignore events and fields that it does not
//! know. The version changes if a field is removed or changes its name, type or meaning. In version 1 a `snapshot` was one
//! line, however much was open.
//!
//! ```text
//! $ swarm-notify dial /ip4/127.0.0.1/tcp/4001 --json
//! {"t":0.000712,"time":"2026-11-30T04:05:06.000007Z","event":"start","format":2,"version":"0.1.0","command":"dial","peer":"12D3KooW…"}
//! {"t":0.004018,"time":"2026-11-30T04:05:06.003313Z","event":"connected","connection":"c0.1","remote":"/ip4/127.0.0.1/tcp/4001","peer":"12D3KooW…","direction":"outbound"}
//! ```
//!
//! # Lines
//!
//! - **With `--json`**, each line is one JSON object in UTF-8, followed by a newline. Fields are printed in the order of the
//!   tables below, and the fields of an object inside a line, for example in a `snapshot`, in the order of their names. Do
//!   not rely on the order.
//! - **Without `--json`**, each line is text: `t`, `time`, the side in `demo`, the event, and then each other field as
//!   `name=value`, separated by blanks. Blanks in front of `t` fill it to 9 characters. A value is JSON, except that some
//!   strings have no quotes: those which consist of ASCII letters, digits and `/.:_-+()%`, and which are neither empty, nor
//!   `null`, `true` or `false`, nor a number (including `nan` and `inf`). A value that contains a blank or an `=` is quoted,
//!   so that the text of a peer cannot forge a field. To read a value, read JSON if it begins with `"`, `[` or `{`.
//!   Otherwise the value ends before the next blank, and is a number, one of the three words, or a string.
//! - **At a terminal**, lines without `--json` have another form, for people, which is described below.
//! - **Escapes.** In both forms, characters of the Unicode categories Cc, Cf, Zl and Zp are written as `\uXXXX`, or as two
//!   such escapes beyond U+FFFF, and a newline as `\n`. These categories contain controls, marks that change the direction
//!   of text, and separators of lines. The only other escaped characters are `"` and `\`.
//! - **Lengths.** Strings are cut to at most 256 bytes of UTF-8 ([`MAX_TEXT`](crate::text::MAX_TEXT)), and `data` to at most
//!   4 096 bytes, between two characters and before anything is escaped. A string that was cut ends with `…`. A list has at
//!   most as many strings as identify accepts: 512 protocols, 128 addresses.
//! - **Numbers** are exact in JavaScript, too: a count begins at 0 in each run, and even a count of bytes does not reach
//!   2^53 within ten days at 10 GB/s. A number that may be larger is printed as a string of digits.
//! - **Times.** `t` never goes back from one line to the next. `time` is the time of the system's clock, which may go back.
//!
//! # At a terminal
//!
//! If stdout is a terminal, lines without `--json` are printed in columns: the seconds since the start, the side in `demo`,
//! the event, the id of its listener, connection or stream, and the other fields. This form is for people, and may change. A
//! script should read the plain lines from a pipe, or JSON.
//!
//! ```text
//! $ swarm-notify listen
//!    0.001  start                           time=2026-11-30T04:05:06Z version=0.1.0 peer=12D3KooW…a1b2c3
//!    0.001  listen                l0.1      /ip4/127.0.0.1/tcp/4001
//! dial me: swarm-notify dial /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…
//!    7.310  connected             c0.1      /ip4/127.0.0.1/tcp/39928 peer=12D3KooW…d4e5f6 inbound
//! ```
//!
//! - In a terminal of at least 40 columns, no row is wider than the terminal at the time when it is printed: the rest of a
//!   line is printed in rows below, in the last column. A terminal that is narrower wraps some rows itself. In a terminal
//!   with less than about 74 columns, the last column begins in the row below the first one. Only the line to copy, `dial
//!   me: …`, is always wrapped by the terminal, so that a user copies it whole.
//! - A row that continues a value begins with `│` in the last column, and contains nothing but the rest of this value. So a
//!   row without `│` begins with a field that the command has written, whatever bytes a peer has chosen. Rows that continue
//!   a record of `RUST_LOG` begin with `│` at the left margin. If a terminal is made narrower, it breaks the rows that were
//!   printed before, without such marks.
//! - A peer id is shortened to its first 8 and its last 6 characters. A field has at most 6 rows: the rest is replaced by
//!   `…` and the quotes and brackets that close the value. The 14 characters of an id are enough to tell your own nodes
//!   apart, and prove nothing: anybody can make keys until one has an id with the same characters. To trust a peer, compare
//!   whole ids, which `--long` shows.
//! - Values are quoted and escaped as in plain lines. The name of a field is left out if the value is clear without it: our
//!   addresses, the remote address, ids, direction, protocol and reason. The `seconds` of a `ping` are printed in
//!   milliseconds, `0.323 ms`, also without a name. The reason `remote(go_away(0))` is printed as `peer said goodbye`,
//!   unless `--long` is given.
//! - Lines have colours, unless `NO_COLOR` is set and not empty, `CLICOLOR` is 0, or `TERM` is `dumb`, empty or not set. If
//!   `TERM` is `dumb` or not set, another value of `CLICOLOR`, or any value of `CI`, enables colours. `CLICOLOR_FORCE=1`
//!   enables colours in pipes, too, while 0 or an empty value has no effect. `NO_COLOR` overrides all of these. Failures are
//!   red, except for `stream_failed … unsupported inbound`, which is faint: a peer has tried a protocol that we do not
//!   speak, as a node with floodsub does at each peer. That is no fault of either side.
//!
//! In both forms of text, `listen` prints `dial me: swarm-notify dial ADDRESS`, without a time, for each of its addresses.
//! If it listens on `0.0.0.0` or `::`, these are the addresses of this machine's interfaces, including those that are added
//! later: it looks for them every 5 s ([`interfaces_interval`](crate::tcp::Config::interfaces_interval)). The line is a
//! command to copy into a shell, and the command joins the topic of `--floodsub` or `--gossipsub` if there is one. A topic with characters
//! that are escaped in the log is written as `$'…'`, with an octal escape for each byte of these characters. bash, zsh and
//! ksh understand this form, and a plain `sh` may not. With `--json` there is no such line.
//!
//! # Events
//!
//! With `--quiet` the log contains only these lines: `start` (with `--json`); `listen` and `addresses_changed` of the
//! command `listen`, with the commands to copy; `identified`; `message`; the lines that tell of missing ones (`lagged`,
//! `snapshot`, `identify_lagged`, `pubsub_lagged`, and `skipped` of `message`); and `summary`. A long run of `dial` has a
//! progress bar even with `--quiet`, if stderr is a terminal, `TERM` is not `dumb`, empty or missing, and stdout is not a
//! terminal that shows JSON. `2>/dev/null` removes the bar. Until the connection is open, the bar is replaced by
//! `connecting, 3 s`, and during `--hold` by `held, 11 s left`.
//!
//! Each line has the fields `t`, `time` and `event`. In `demo`, each line except the `summary` also has a `side`. A field
//! marked with `?` is left out if it has no value.
//!
//! | event | meaning | fields |
//! |---|---|---|
//! | `start` | The command begins. This is the first line of a run, or, in `demo`, of each side. | `format`, `version`, `command`, `peer` |
//! | `key_exposed` | Other users of this machine can read or change the key file, which is used nevertheless. The reason is its mode, or that it belongs to another user, whose id is `owner`. | `file`, `mode`, `owner`? |
//! | `listen` | A listener is open. | `listener`, `addresses` |
//! | `listen_failed` | A listener could not open. | `listener`, `reason`, `addresses`, `error`? |
//! | `listen_close` | A listener that was open is closed. | `listener`, `reason`, `addresses`, `error`?, `refused`? |
//! | `addresses_changed` | The addresses of an open listener have changed in the last 5 s, because the addresses of this machine have. | `listener`, `addresses`, `added`, `removed` |
//! | `connected` | A connection is open, and its peer is authenticated. | `connection`, `remote`, `peer`, `direction` |
//! | `connect_failed` | A connection could not open. | `connection`, `reason`, `remote`, `peer`?, `direction`, `error`? |
//! | `disconnected` | A connection that was open is closed. All of its streams have ended before. Lines of services about the connection and its peer may follow: see below. | `connection`, `reason`, `remote`, `peer`, `direction`, `error`?, `refused`?, `paced`? |
//! | `opened_stream` | A stream is open, and both sides have agreed on its protocol. | `connection`, `stream`, `direction`, `protocol` |
//! | `stream_failed` | A stream could not open. | `connection`, `stream`, `reason`, `direction`, `protocol`? |
//! | `closed_stream` | A stream that was open has ended. | `connection`, `stream`, `reason`, `direction`, `protocol` |
//! | `refused` | Something of a peer was refused, or ended before it had an id. There is at most one such line a second for each kind at a listener or connection. | `listener`?, `remote`?, `connection`?, `peer`?, `kind`, `count`, `total` |
//! | `skipped` | Lines of one kind were left out in the last second, because one peer caused more than the limit: in `listen` 1 000 lines `message`, and 10 lines of each other event of pub/sub. `dial` prints all messages. | `peer`?, `what`, `lines` |
//! | `ping` | A ping was answered. | `connection`, `peer`, `seconds` |
//! | `ping_failed` | A ping was not answered. | `connection`, `peer`, `reason` |
//! | `identified` | A peer has answered the question who it is. | `peer`, `agent`, `protocols`, `addresses`, `observed` |
//! | `identify_pushed` | A peer has said again who it is, without being asked. | `peer`, `agent`, `protocols`, `addresses`, `observed` |
//! | `identify_failed` | A peer did not answer the question who it is. | `peer`, `reason` |
//! | `identify_push_failed` | A peer began to say again who it is, and the message was incomplete or wrong. | `peer`, `reason` |
//! | `identify_lagged` | The oldest events of identify were lost, because too many occurred while the reader of stdout was too slow. | `missed` |
//! | `peer_added` | A peer speaks a protocol of pub/sub. | `peer` |
//! | `peer_gone` | A peer of pub/sub has left. It is in no mesh any more. | `peer` |
//! | `subscribed` | A peer subscribes to a topic. | `peer`, `topic` |
//! | `unsubscribed` | A peer has left a topic. | `peer`, `topic` |
//! | `graft` | A peer has entered our mesh of the topic of `--gossipsub`. | `peer`, `topic` |
//! | `prune` | A peer has left our mesh, and still is a peer. | `peer`, `topic` |
//! | `mesh` | Our mesh has changed: the peers to which we forward messages, at most 10 times a second. | `topic`, `peers` |
//! | `message` | A message was published on our topic. | `topic`, `from`, `seqno`, `data`?, `data_base64`?, `length`?, `via` |
//! | `pubsub_lagged` | Events of pub/sub were lost, because too many occurred at once. There is at most one such line in 0.1 s, with the number of events that were lost since the last one. | `missed` |
//! | `lagged` | Lines of `listen` were left out, because the reader of stdout is too slow. A `snapshot` follows. | `missed` |
//! | `snapshot` | One part of a list of everything that was open when the first part was printed. | `part`, `more`, `listeners`, `connections`, `streams` |
//! | `unanswered` | `dial` gives up a stream that took longer than `--timeout` to agree on its protocol, or to transfer 1 024 bytes or a shorter rest. The `closed_stream` of the stream follows, or its `stream_failed` was printed before. | `connection`, `stream`, `awaited`, `seconds` |
//! | `summary` of `dial` | The counts of streams, pings and published lines at the end of `dial`. Without `--json`, these are sentences for people about what the command was asked for, or none if it was asked for nothing. | `streams`, `ok`, `failed`, `unanswered`, `unfinished`, `not_begun`, `bytes`, `seconds`, `bytes_per_second`?, `latency_min_seconds`?, `latency_median_seconds`?, `latency_p99_seconds`?, `latency_max_seconds`?, `ping_min_seconds`?, `ping_mean_seconds`?, `ping_max_seconds`?, `pings`?, `pings_answered`?, `pings_lost`?, `pings_not_finished`?, `pings_not_sent`?, `ping_loss_percent`?, `lines_published`?, `lines_lost`?, `messages`?, `interrupted`? |
//! | `summary` of `demo` | The counts of events at the end of `demo`. Without `--json`, this is a sentence: `14 of 14 events, as promised`. | `shown`, `promised`, `as_promised` |
//!
//! Among the nine events from `listen` to `closed_stream`, each id has exactly one that says that it has opened or failed,
//! and, if it has opened, exactly one that says that it is closed. Only a `lagged` may replace some of these lines. The
//! `snapshot` after the `lagged` lists the ids that had opened and were not closed.
//!
//! The services ping, identify and pub/sub have the lines from `ping` to `pubsub_lagged`. A service is told of an event
//! after the line of the event is printed, and the lines of services are printed after all events that were due at the same
//! time. So no line of a service is printed before the `connected` of its connection. Some may follow the `disconnected`:
//! its consequences, which are `peer_gone` and the `ping_failed` or `identify_failed` of a question without an answer, and a
//! `message` or an answer that arrived shortly before the end. A program that stores something for each connection or peer
//! has to expect such lines.
//!
//! A snapshot has as many parts as it needs, each with at most 128 entries, so that no peer waits while a snapshot is made.
//! Other lines are printed between the parts. To know what is open, forget everything at a part whose `part` is 1, add the
//! entries of each part, and follow the lines of the nine events as usual. A listener, connection or stream that opens after
//! the first part has a line of its own, and no part lists it. So you know of everything before it ends: if something ends
//! that no part has listed yet, a part that lists it is printed immediately before the line of its end. You know of a
//! connection before any line names a stream on it: from its `connected`, from an earlier part, or from the same part. Other
//! lines, such as `refused`, may name something that only a later part lists. If lines are dropped between the parts, the
//! snapshot goes on with what is still open. After its last part, the next `lagged` and a new snapshot follow.
//!
//! `dial` and `demo` drop no line because the reader of stdout is slow. They wait for the reader. (Lines beyond a limit for
//! each peer and second are left out nevertheless, and counted in `skipped`.) The connection of `dial` stays open meanwhile,
//! since Yamux's pings are answered. Streams that the peer opens, including those of libp2p's ping, are answered after the
//! wait. The wait does not count against the `--timeout` of a stream, but it is contained in latency, throughput and
//! round-trip times. To measure these, read stdout without delay, or use `--quiet`.
//!
//! # Bounds of `dial`
//!
//! Whatever its peer does, `dial` ends. If a bound is exceeded, the exit code is 1, and a sentence on stderr says which
//! bound it was and how many streams were answered:
//!
//! - The TCP connection and the handshake together may take 10 s.
//! - A stream may take `--timeout` (30 s) to agree on its protocol, and then the same time for each 1 024 bytes, sent and
//!   received together. A shorter rest has the same time, and the end of the peer's side counts as the last byte. So a
//!   stream of B bytes is given up after at most B / 512 + 4 times `--timeout`, however slowly the peer answers: 3 minutes
//!   for 1 024 bytes and 30 s.
//! - A stream is reset at the first byte that differs from the byte which was sent, or that arrives after all sent bytes
//!   have come back. A stream to a sink is reset at the first byte that arrives.
//! - A ping, and the answer to `--identify`, may take `--timeout` in all. Each ping has a stream of its own, which is closed
//!   after the answer. The peer then has 5 s to end its side.
//! - Lines of `--floodsub` and `--gossipsub` wait for `--timeout` until the peer joins the topic. The peer has the same time to accept 64 KiB
//!   of the lines, or the rest. The section on exit codes says what counts.
//! - The close of the connection may take 5 s.
//!
//! Each stream and each ping has a time of its own: if nobody answers 100 consecutive streams, `dial` gives up each of them
//! after 30 s. `timeout 60 swarm-notify dial …` limits the time of the whole run, and the summary then counts what was not
//! finished.
//!
//! # Fields
//!
//! A name `event.field` stands for a field of this event whose name has another meaning in other events.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `t` | number | The time since the start, in seconds, to the microsecond. |
//! | `time` | string | The date and time in UTC, in the format of RFC 3339, to the microsecond. |
//! | `side` | string | The name, `a` or `b`, of one of the two swarms of `demo`. |
//! | `event` | string | The name of the event. |
//! | `format` | number | The version of this format. |
//! | `version` | string | The version of the command. |
//! | `command` | string | `demo`, `listen` or `dial`. |
//! | `file` | string | The path of the key file, as it was given to `--key`. |
//! | `mode` | string | The mode of the key file in octal, such as `644`. |
//! | `owner` | number | The id of the user to whom the key file belongs, if this is neither the user of the command nor root. |
//! | `peer` | string | The peer id of the other side; in `start`, our own. |
//! | `listener` | string | The id of a listener: `l`, the number of its slot in a table, `.`, and the generation of the slot. No id is used twice in a run. |
//! | `connection` | string | The id of a connection, in the same form with a `c`. |
//! | `stream` | string | The id of a stream, in the same form with an `s`. |
//! | `peers` | strings | The peer ids of the peers in our mesh. |
//! | `addresses` | strings | The addresses of a listener, with our peer id. If the listener has not opened, the address that was asked for. In `identified` and `identify_pushed`, the addresses at which the peer says that it listens. |
//! | `added` | strings | The addresses that were added to a listener since its last line, with our peer id. |
//! | `removed` | strings | The addresses that were removed from a listener since its last line, with our peer id. |
//! | `remote` | string | The address of the other side. |
//! | `refused.remote` | string | The address of the last of the refusals in `count`. |
//! | `refused.peer` | string | The peer of the connection. At a listener, the peer at the address `remote`, if the peer was authenticated before it was refused. |
//! | `direction` | string | `inbound` if the other side has begun the connection or stream, `outbound` if we have. |
//! | `protocol` | string | The protocol of a stream. If the stream failed, the protocol that we proposed, or that we denied to the peer. |
//! | `reason` | string | The reason of the failure or end, one of the words below. |
//! | `error` | string | The text of the error, or of our rule for which the connection was `denied` or `trimmed`. It is for people, and may change. If a dial failed as `wrong_peer`, the text names both peers: `expected …, found …`. |
//! | `refused` | object | The total number of refusals of each `kind`. |
//! | `paced` | number | The number of streams of the peer that had to wait, because the peer opened more than its rate. |
//! | `kind` | string | The kind of refusal, a name from [`Refusal`](crate::swarm::Refusal), such as `stream_limit`. |
//! | `count` | number | The number of refusals since the last line of this kind. |
//! | `total` | number | The number of refusals of this kind since the connection or the listener opened. |
//! | `what` | string | The name of the event whose lines were left out. |
//! | `lines` | number | The number of lines that were left out. |
//! | `seconds` | number | The time from the ping to its answer. In `unanswered`, the time without an answer. In `summary`, the time from the opening of the connection to the end of the last stream. |
//! | `awaited` | string | What the stream has waited for: `protocol`, the peer's agreement to the protocol; `room`, window from the peer to send more bytes; `echo`, the rest of the echo; `end`, the end of the peer's side. |
//! | `agent` | string or null | The peer's implementation, in its own words. |
//! | `protocols` | strings | The protocols that the peer says it speaks. |
//! | `observed` | string or null | Our address as the peer sees it, in its own words. |
//! | `topic` | string | The name of the topic. |
//! | `from` | string or null | The peer id of a message's author, or `null` if the message names no author. |
//! | `seqno` | digits or null | The sequence number that the author has given the message, up to 2^64 - 1. |
//! | `data` | string | The data of the message, if it is UTF-8. |
//! | `data_base64` | string | The first 3 072 bytes of the data in Base64, if the data is not UTF-8. |
//! | `length` | number | The number of bytes of the whole data, if the data was cut. |
//! | `via` | string | The peer id of the peer that has sent us the message. |
//! | `missed` | number | The number of lines that were left out, or of events that were lost. |
//! | `part` | number | The number of this part in its snapshot, from 1. |
//! | `more` | boolean | `true` if other parts of the snapshot follow. |
//! | `listeners` | objects | Open listeners, each with the fields of its `listen` except `t`, `time` and `event`. |
//! | `connections` | objects | Open connections, each with the fields of its `connected` except `t`, `time` and `event`. |
//! | `snapshot.streams` | objects | Open streams, each with the fields of its `opened_stream` except `t`, `time` and `event`. |
//! | `summary.streams` | number | The number of streams that were asked for: the sum of `ok`, `failed`, `unfinished` and `not_begun`. |
//! | `ok` | number | The number of streams that ended as expected, with the right bytes. |
//! | `failed` | number | The number of streams that could not open or did not end as expected. |
//! | `unanswered` | number | The number of streams in `failed` that got no answer in time. |
//! | `unfinished` | number | The number of streams that had begun and not ended when a signal arrived. |
//! | `not_begun` | number | The number of streams that were not begun, because the connection had ended or never opened, a signal arrived, or stdout could not be written. |
//! | `bytes` | number | The number of bytes that came back right, or were sent to a sink, on the streams that count as `ok`. |
//! | `bytes_per_second` | number | `bytes` divided by `seconds`, rounded down. A byte that is sent and comes back counts once. |
//! | `latency_min_seconds` | number | The shortest time from the start to the end of a stream that counts as `ok`. |
//! | `latency_median_seconds` | number | The median of these times. It is exact or at most 0.1 % too high. |
//! | `latency_p99_seconds` | number | The 99th percentile of these times. It is exact or at most 0.1 % too high. |
//! | `latency_max_seconds` | number | The longest of these times. |
//! | `ping_min_seconds` | number | The shortest round trip of a ping. |
//! | `ping_mean_seconds` | number | The mean of the round trips. |
//! | `ping_max_seconds` | number | The longest round trip. |
//! | `pings` | number | The number of pings that were asked for. |
//! | `pings_answered` | number | The number of pings that were answered. |
//! | `pings_lost` | number | The number of pings that were sent and not answered, except one that a signal has interrupted. |
//! | `pings_not_finished` | number | The number of pings that were under way when a signal arrived. |
//! | `pings_not_sent` | number | The number of pings that were not sent, because the connection had ended or never opened, or a signal arrived. |
//! | `ping_loss_percent` | number | `pings_lost`, in percent of the sum of `pings_lost` and `pings_answered`. It is left out if both are 0. |
//! | `lines_published` | number | The number of lines of stdin that were published and written to the peer. |
//! | `lines_lost` | number | The number of lines of stdin that were read and not written to the peer. It includes lines that floodsub has dropped, and lines that were under way when a stream ended, of which the peer may have got some. If stdin was not read to its end, which stderr says, more lines may be lost. |
//! | `messages` | number | The number of messages of other peers that have arrived, including those whose lines were left out. |
//! | `interrupted` | string | The signal that ended the run: `SIGINT`, `SIGTERM` or `SIGHUP`. |
//! | `shown` | number | The number of events, of both sides, that were told as promised. |
//! | `promised` | number | The number of events that are promised. |
//! | `as_promised` | boolean | `true` if all of them and no others were told, in order, and the echo was right. |
//!
//! # Reasons
//!
//! - A listener ends as `requested`, `shutdown` or `failed(…)`.
//! - A connection ends as `requested`, `remote(go_away(CODE))`, `remote(eof)`, `idle`, `trimmed`, `denied`, `shutdown` or
//!   `failed(…)`. The peer's `CODE` is 0 if the peer has ended the connection in good order, because it shuts down or needs
//!   the connection no longer; 1 if we have broken Yamux's protocol according to the peer; and 2 if the peer has an internal
//!   error.
//! - A stream ends as `finished`, `reset(local)`, `reset(remote)`, `connection_closed`, `timeout`, `limit` or `denied`.
//! - The word in the brackets of `failed(…)` is `reset`, `timeout`, `protocol`, `flood` or `io`.
//! - A listener, connection or stream that cannot open, and a question that is not answered, fails as `refused`,
//!   `unreachable`, `timeout`, `wrong_peer`, `local_peer`, `unsupported`, `limit`, `denied`, `address_in_use`,
//!   `address_not_available`, `permission_denied`, `reset(local)`, `reset(remote)`, `eof`, `protocol`, `requested`,
//!   `connection_closed`, `shutdown` or `io`.
//!
//! [`Failure`](crate::lifecycle::Failure), [`ListenerEnd`](crate::lifecycle::ListenerEnd),
//! [`ConnectionEnd`](crate::lifecycle::ConnectionEnd) and [`StreamEnd`](crate::lifecycle::StreamEnd) explain each reason.
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | All was right. `demo` has shown all that it promises, and all lines were written or the reader of stdout has left. `listen` was ended by a signal, or because the reader of stdout has left. In `dial`, every stream, ping and question was answered right, and the connection stayed open to the end, or the reader of stdout left when only the time of `--hold` was left. |
//! | 1 | Something was wrong: the peer, the network or the bytes that came back, or lines of stdout or stdin are lost. stderr says what was wrong. If the reader of stdout has left, only `dial` ends with 1, if it had more to do, and stderr says what was not done. Lines of `listen` for which nobody has joined the topic are not lost, since `listen` publishes only to peers that have joined. |
//! | 2 | The command line or the topic is wrong, or the key file cannot be used: it cannot be read or made, whatever the reason, or contains no key. stderr says what is wrong. Nothing was started or printed on stdout. |
//! | 130 | SIGINT (Ctrl-C) ended `dial` before all was done. `dial` has closed its connection, and stderr and the `summary` say what was done and what was not. |
//! | 143 | SIGTERM ended `dial` before all was done. |
//! | 129 | SIGHUP ended `dial` before all was done, on Linux. |
//!
//! A second signal ends `dial` and `listen` at once, with 130, 143 or 129, and lines that were not written yet are lost. The
//! same signal within 100 ms of the first does not count as a second one, since `timeout` sends each signal to its child and
//! to the child's process group. A SIGHUP that is ignored at the start, for example with `nohup`, stays ignored. On systems
//! other than Linux, SIGHUP has its default effect.
//!
//! Messages on stderr have no fixed place among the lines of stdout, which another thread writes. But the last message,
//! which says why the command ends, is printed after all lines of stdout, if stdout is a terminal or if both are one file or
//! pipe, as with `2>&1`, and somebody reads it.
//!
//! If stdout cannot be written, for example on a full disk, `listen` and `dial` end. stderr says why, how many lines are
//! lost (`at least`, since the work that was not done would have caused more lines), and what `dial` has not done.
//!
//! Each stream causes two lines. So that no peer can make the log grow without limit, `listen` accepts 4 000 streams at once
//! and 1 000 a second on each connection ([`openings`](crate::connection::Config::openings)). Further streams wait: their
//! `opened_stream` is printed later, and none is lost while at most 256 wait. The `disconnected` of the connection has the
//! number of streams that had to wait in `paced`. `dial` opens at most 256 streams before the first of them is open.
//!
//! A thread writes the log. Up to 4 096 lines or 4 MiB, and up to twice as much after a signal to `dial`, wait in the
//! command for the reader of stdout:
//!
//! - After a signal, the reader has 5 s ([`close_timeout`](crate::connection::Config::close_timeout)) from the signal on,
//!   even if it reads slowly, and at least 1 s after the last line was printed. Then the command ends. If lines are lost,
//!   stderr says how many, and the exit code is 1 instead of 0.
//! - Without a signal, `dial` and `demo` wait at their end as long as the reader accepts some bytes every 5 s.
//! - If the process is killed, it reports nothing: the lines that wait are lost, and the last line of the log may be
//!   incomplete. SIGKILL kills the process, and so do the system when memory runs out, a second signal, and any signal to
//!   `demo`. A log without `--quiet` was cut short if anything is still open at its end.
//!
//! `dial --floodsub` ends with 1 when lines have waited for `--timeout` and the peer has not joined the topic, or has
//! accepted less than 64 KiB of the lines in this time, or, at the end, less than the rest. It does not matter whether the
//! peer grants no window, resets our streams or does not answer them. The wait for the reader of stdout does not count.
//! stderr says how many lines were lost. This number is never too small if stdin was read to its end. It is marked as `at
//! least` if stdin was given up because it was silent for 0.2 s or went on for longer than 1 s. If no line was lost in this
//! case, stderr says that `stdin was not read to its end`, or, after a signal, that it `had not ended`. A line counts as
//! written to the peer when the system has accepted it. A peer that resets the stream after that may not have read the line.
//! If our stream or the connection ends before everything is written, the lines that were under way count as lost, although
//! the peer may have got some of them: at most 256 KiB and one line of each stream. stderr then says that they `may have
//! come`. No other line that was written counts as lost.
//!
//! `listen --floodsub` publishes its lines as fast as subscribers accept them. When 1 MiB waits for a subscriber, publishing
//! pauses until half of it is written, for at most 5 s. After that, there is no pause for this subscriber until it has
//! caught up. Messages beyond the 4 MiB that can wait for the subscriber are dropped for it alone, and counted in `refused`
//! lines with its id (`message_dropped`). Whatever subscribers do, at least 512 KiB of lines are published in each 5 s to
//! those who accept them. At its end, `listen` says on stderr how many messages were dropped for slow subscribers, how many
//! were still waiting for such subscribers, and, if nobody had joined the topic, how many lines were waiting for somebody to
//! join: `at least` so many if stdin was not read to its end. None of these is an error.
//!
//! So that no message is printed twice, `listen` remembers 131 072 messages and `dial` 1 048 576, each for 120 s. At most
//! half of this number is accepted from one author, and at most four fifths from one peer. Further messages are refused:
//! they are neither printed nor forwarded, and are counted in `refused` lines (`message_refused`) with the peer that has
//! sent them, which need not be at fault. At the end, stderr says how many messages were refused, which is no error.
//!
//! A line of stdin that does not fit into a message is dropped, and reported on stderr as soon as it is too long, even if it
//! has not ended. With an Ed25519 key and a topic with a name of less than 128 bytes, the limit is 1 048 450 bytes less the
//! length of the name. The rest of such a line is read at 16 MB/s at most. While lines wait for somebody to join, up to 16
//! further lines are read, and the rest of stdin is not read yet.
//!
//! If `listen` has several addresses, it says on stderr on which of them it cannot listen. After 1 s it says which addresses
//! this machine does not have yet, and waits for them.
//!
//! A command that is started with a closed stdout (`>&-`) cannot distinguish it from `/dev/null`: Rust's runtime opens
//! `/dev/null` in its place, for reading and writing, as Python's `subprocess.DEVNULL` and others do on purpose. So no line
//! counts as lost.
