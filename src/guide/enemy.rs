//! Against an enemy: all bounds of a node in one table, the memory that they add up to, three profiles, and the attacks
//! against which there is no defence.
//!
//! # What an enemy can do
//!
//! Anybody who reaches a port can connect to it, as often as the system lets it, and be silent, slow, or send garbage. A
//! handshake costs us a few key exchanges and the check of a signature, some 0.3 ms; an enemy spends less. From then on it
//! is a peer like others: it may open streams, leave them idle, reset them, send without reading, read without sending,
//! ping, and say the wrong thing in any protocol that you speak. It may do so on many connections, under as many identities
//! as it likes, since an identity costs nothing; and from as many addresses as it has, which do cost something.
//!
//! Against all of it there are four rules:
//!
//! 1. **Turns.** The work that one connection causes is done in turns with that of all others.
//! 2. **Bounds.** Whatever a peer can make us keep has a bound, which is a field of a `Config`, and most of what it can make
//!    us do has a rate.
//! 3. **Shares.** A peer and an address may have a part of each resource. When a resource runs out, its greediest holder
//!    pays, and not the newcomer ([Shares](Config#shares)).
//! 4. **It is told.** A refusal is counted. The counts reach you at most once a second for each connection or listener and
//!    kind, however fast the enemy is.
//!
//! # Words
//!
//! These words mean one thing each on this page, in the documentation of [`Config`], and in the log.
//!
//! | word | meaning |
//! |---|---|
//! | **door** | The table of accepted connections whose peers are not authenticated yet. One that stands there has no id. It is called a handshake here. |
//! | **place** | Room for one more of something that is counted: a handshake, a connection, a stream. |
//! | **share** | The most places that one holder may have. A holder is a peer (an identity) or an address: one IPv4 address, one IPv6 /64; and, with a share of its own, one IPv6 /48, called a site. An IPv6 address that leads to an IPv4 address counts as that: `::ffff:192.0.2.1`, and those of NAT64 with the well-known prefix 64:ff9b::/96, of 6to4 (2002::/16) and of Teredo (2001::/32). |
//! | **looks dead** | Said of an inbound connection that has no stream, and whose peer has been silent for longer than `keep_alive_interval`. |
//! | **gives way** | It ends, although it has done nothing wrong, so that a newcomer gets its place. |
//! | **bytes held** | Memory in which bytes wait for somebody: of streams that you have not read, of output that a peer does not take, of input that is not handled. It is counted as the capacity of the buffers. |
//! | **budget** | The bytes held above which peers get no more window: `held_bytes` and its two parts. A quarter more may be held before something is reset, since window that was granted may still be used; then things are reset until no more than an eighth beyond is held. (A turn's budget is another thing: the work that you allow it.) |
//! | **withheld** | Window that a peer would get for what you have read, and does not get yet. |
//! | **rate** | So many times at once, and so many a second in the long run ([`Rate`](crate::connection::Rate)). |
//! | **paced** | Said of a stream that waits without an id, because its peer has opened more than its rate; and of its connection meanwhile. |
//! | **flood** | More of something than its rate allows. The connection ends: `Failed(Flood)`. |
//! | **owed** | A closing event that waits behind a full event queue. |
//! | **helping** | What one connection may read and have handled before others have their turn: at most 16 KiB and 256 frames, less while many are readable. |
//! | **denied** | Not allowed by a list or by the gate of the owner ([`Lists`], [`Gate`]). |
//! | **refused** | Not let in: closed or reset at once. The [`Refusal`](crate::swarm::Refusal)s are the kinds. |
//!
//! # All bounds
//!
//! The last columns say what a peer notices, how you are told, and who pays. *Counted as* `X` means: [`Swarm::refused`] and
//! [`Swarm::refused_at`] count it as that kind of [`Refusal`](crate::swarm::Refusal), and
//! [`Readiness::Refused`](crate::swarm::Readiness::Refused) tells of it, at the connection, or at the listener where
//! the peer was not let in. *Error* means the text in [`ConnectionView::error`](crate::swarm::ConnectionView), which
//! the log has, too. A share that is larger than what it is a share of bounds nothing. The last rows are those of the
//! services; of pub/sub, a name without a link is a field of [`pubsub::Counters`].
//!
//! | bound | default | what it bounds | what the peer sees | how you are told | who pays |
//! |---|---|---|---|---|---|
//! | [`inbound_handshakes`](Config::inbound_handshakes) | 1 024 | handshakes at the door | its socket is closed | counted as `HandshakeEvicted` | the least advanced handshake of the address or /48 that has most, unless it has only just come; the newcomer comes in |
//! | [`handshakes_per_address`](Config::handshakes_per_address) | 64 | those of one IPv4 address or /64; loopback counts like any other | its socket is closed | counted as `HandshakeEvicted` | the least advanced handshake of the same address; the newcomer comes in |
//! | [`handshakes_per_site`](Config::handshakes_per_site) | 256 | those of one IPv6 /48 | its socket is closed | counted as `HandshakeEvicted` | the least advanced handshake of the same /48; the newcomer comes in |
//! | [`first_byte_timeout`](Config::first_byte_timeout) | 2 s | the wait for the first byte at the door, while half of the places are taken, of all, of its address or of its /48 | its socket is closed | counted as `HandshakeFailed` | the silent one |
//! | [`handshake_timeout`](connection::Config::handshake_timeout) | 10 s | a whole handshake, of an accepted connection and of a dial | its socket is closed | counted as `HandshakeFailed`; `ConnectFailed` with `Timeout` where there is an id | the slow one |
//! | [`listeners`](Limits::listeners) | 64 | listeners | nothing | [`ListenError::Limit`](crate::swarm::ListenError::Limit) | you |
//! | [`connections`](Limits::connections) | 16 384 | connections, ours among them | its socket is closed when it is accepted | counted as `ConnectionLimit`; [`DialError::Limit`](crate::swarm::DialError::Limit); `Disconnected` with `Trimmed` of one that gives way | the newcomer; in the last 64th, a connection without a stream of the greediest holder that has one, if that has more than the newcomer |
//! | [`connections_per_address`](Config::connections_per_address) | 8 | inbound connections of one IPv4 address or /64; loopback and addresses without an IP address are exempt | its socket is closed when it is accepted, or after its handshake | counted as `ConnectionLimit`; with an id also `ConnectFailed` with `Limit`, and an error | the newcomer, unless a connection of the same peer from there looks dead, which gives way |
//! | [`connections_per_site`](Config::connections_per_site) | 64 | those of one IPv6 /48 | the same | the same | the newcomer, likewise |
//! | [`connections_per_peer`](Config::connections_per_peer) | 8 | inbound connections of one peer, loopback or not | its socket is closed after its handshake: it may count the connection as open for a moment | counted as `ConnectionLimit`, `ConnectFailed` with `Limit`, and an error; `Disconnected` with `Trimmed` of one that looks dead | the newcomer, unless another connection of its peer looks dead, which gives way |
//! | [`high_water`](Config::high_water) | none | open connections, ours among them; none is `connections` less a sixteenth (15 360), and no mark if those are fewer than 1 024 | go-away 0, and its socket is closed | `Disconnected` with `Trimmed` | the least useful: without a stream first, never of a [protected](Swarm::protect) peer |
//! | [`low_water`](Config::low_water) | none | the connections that trimming leaves; none is `high_water` less a sixteenth (14 400) | the same | the same | the same |
//! | [`trim_grace`](Config::trim_grace) | 10 s | the age before which none is trimmed | nothing | nothing | nobody |
//! | [`protections`](Config::protections) | 1 024 | pairs of a peer and a tag that are protected | nothing | [`ProtectError::Limit`](crate::swarm::ProtectError::Limit) | you |
//! | [`descriptor_reserve`](Config::descriptor_reserve) | 16 | handshakes for which connections make way where descriptors or memory have run out | go-away 0, and its socket is closed | `Disconnected` with `Trimmed`; counted as `AcceptFailed` | a connection without a stream; beyond, or without any, the door |
//! | [`outbound_handshakes`](Config::outbound_handshakes) | 128 | dials under way | nothing | [`DialError::Limit`](crate::swarm::DialError::Limit) | you |
//! | [`streams`](Limits::streams) | 65 536 | streams, ours among them; and as many again of peers that have proposed nothing yet | a reset | counted as `StreamLimit`; [`OpenStreamError::Limit`](crate::swarm::OpenStreamError::Limit); `ClosedStream` with `Limit` of one that gives way | the newcomer; in the last 64th, a stream of the peer that has begun most |
//! | [`streams_per_connection`](Limits::streams_per_connection) | 1 024 | streams of one connection | a reset | counted as `StreamLimit`; [`OpenStreamError::Limit`](crate::swarm::OpenStreamError::Limit); `ClosedStream` with `Timeout` of one that gives way | the newcomer, if no half-open stream has been silent for `half_open_grace` |
//! | [`streams_per_peer`](Config::streams_per_peer) | 1 024 | streams that one peer has begun, on all its connections | a reset | counted as `StreamLimit` | the newcomer |
//! | [`per_peer`](ProtocolLimits::per_peer) | none | streams of one protocol that one peer has begun ([`limit_protocol`](Swarm::limit_protocol)) | a reset | counted as `StreamLimit`, and `StreamFailed` with `Limit` | the newcomer |
//! | [`total`](ProtocolLimits::total) | none | streams of one protocol that all peers have begun | a reset | the same | the newcomer |
//! | [`inbound_backlog`](connection::Config::inbound_backlog) | 256 | streams of one connection that are not open yet | a reset | counted as `StreamLimit` | the newcomer |
//! | [`owed_per_connection`](Limits::owed_per_connection) | 64 | owed events of one connection; beyond, and until the event queue has room again | its new streams are reset | counted as `StreamLimit` | the newcomer |
//! | [`negotiation_timeout`](connection::Config::negotiation_timeout) | 10 s | the time from a stream's beginning to its protocol | a reset | counted as `StreamUnproposed`, or `StreamFailed` with `Timeout` after its first proposal; as `StreamLimit` if it waited for `openings` | the slow one |
//! | [`half_open_timeout`](connection::Config::half_open_timeout) | 10 min | the silence of a half-open stream | a reset | `ClosedStream` with `Timeout` | the silent one |
//! | [`half_open_grace`](connection::Config::half_open_grace) | 60 s | the silence after which a half-open stream can give way | a reset | `ClosedStream` with `Timeout` or `Limit` | the one that is silent longest |
//! | [`idle_timeout`](connection::Config::idle_timeout) | 5 min | a connection without a stream | go-away 0 | `Disconnected` with `Idle` | the idle one |
//! | [`keep_alive_interval`](connection::Config::keep_alive_interval) | 30 s | the silence after which a peer is pinged | a ping | nothing | nobody |
//! | [`keep_alive_timeout`](connection::Config::keep_alive_timeout) | 15 s | the wait for the answer | its socket is closed | `Disconnected` with `Failed(Timeout)` | the silent one |
//! | [`write_timeout`](Config::write_timeout) | 60 s | the time in which a socket takes nothing of what is due | its socket is closed | `Disconnected` with `Failed(Timeout)` | the one that does not read |
//! | [`close_timeout`](connection::Config::close_timeout) | 5 s | a polite close, of a connection or a stream | its socket is closed; a reset | the reason of the close; of a stream, `Timeout` | the one that lingers |
//! | [`lateness`](Config::lateness) | 1 s | how late you may be before deadlines are put off, once | nothing | nothing | nobody |
//! | [`listed_peers`](Config::listed_peers) | 4 096 | peers that have a rule in your lists | nothing | [`ListFull`](crate::swarm::ListFull) | you |
//! | [`listed_networks`](Config::listed_networks) | 4 096 | networks that have one | nothing | [`ListFull`](crate::swarm::ListFull) | you |
//! | [`timed_denials`](Config::timed_denials) | 1 024 | peers that are denied until a time | one of them may come again sooner | nothing; `false` of [`deny_peer_until`](Lists::deny_peer_until) if it is the new one | the denial that ends next |
//! | [`held_bytes`](Config::held_bytes) | 64 MiB | bytes held in all | its window is withheld; a quarter above, a reset or a closed socket | `ClosedStream` or `StreamFailed` with `Limit`; `Disconnected` with `Failed(Flood)` and an error where it is output; [`bytes_held`](Swarm::bytes_held) | who holds most, largest streams first |
//! | [`held_bytes_per_peer`](Config::held_bytes_per_peer) | 32 MiB | those of one peer | the same | the same; [`bytes_held_of`](Swarm::bytes_held_of) | this peer |
//! | [`held_bytes_per_connection`](Config::held_bytes_per_connection) | 16 MiB | those of one connection | the same | the same; `bytes_held` of [`ConnectionView`](crate::swarm::ConnectionView) | this connection |
//! | [`receive_window`](yamux::Config::receive_window) | 256 KiB | unread bytes of one stream | go-away 1 | `Disconnected` with `Failed(Protocol)`, and an error | who sends more than it may |
//! | [`max_receive_window`](yamux::Config::max_receive_window) | 16 MiB | the growth of one stream's window | it sends slower | nothing | the fast one |
//! | [`max_window_growth`](yamux::Config::max_window_growth) | 16 MiB | the growth of all windows of one connection | it sends slower | nothing | the fast one |
//! | [`max_output`](yamux::Config::max_output) | 256 KiB | written data of one connection that is not sent | nothing | a short write, `writable` later | your writes to a peer that does not read |
//! | [`max_frame`](yamux::Config::max_frame) | 64 KiB | the data of one frame of ours | nothing | nothing | nobody |
//! | [`max_control`](yamux::Config::max_control) | 128 KiB | answers that a peer makes us send and does not read | nothing more is read of it; then `write_timeout` | `Disconnected` with `Failed(Timeout)` | the one that does not read |
//! | [`ack_backlog`](yamux::Config::ack_backlog) | 256 | streams of ours that a peer has not acknowledged | nothing | your stream waits; at last `StreamFailed` with `Timeout` | your streams to that peer |
//! | [`early_streams`](yamux::Config::early_streams) | 8 | streams of ours before a peer's first frame | nothing | your stream waits, likewise | your streams to that peer |
//! | [`handshake_work_per_turn`](Config::handshake_work_per_turn) | 64 | the work of newcomers' signatures in one turn, in signatures of Ed25519; a quarter of it for one address or /64 while anything else is ready | it waits for the next turn | nothing | the newcomers of the address whose signatures cost most |
//! | [`reads_per_poll`](Config::reads_per_poll) | 8 | helpings of one connection in one [`tick`](Swarm::tick) | it waits for the next | nothing | the busy one |
//! | [`resets`](connection::Config::resets) | 1 000, 100 a second | streams of a peer that end by a reset for which it is the reason, whoever sends that | go-away 1 | `Disconnected` with `Failed(Flood)`, and an error | the one that floods |
//! | [`openings`](connection::Config::openings) | 1 000 000, 1 000 000 a second | streams that a peer opens on one connection; those beyond wait with their proposals, without an id | its stream opens later; a reset after `negotiation_timeout` | `streams_waiting` and `streams_paced` of [`ConnectionView`](crate::swarm::ConnectionView); counted as `StreamLimit` once it has waited for `negotiation_timeout` | the new streams of that connection |
//! | [`pings`](connection::Config::pings) | 100, 10 a second | pings of a peer, beyond one for each 64 KiB of ours | go-away 1 | `Disconnected` with `Failed(Flood)`, and an error | the one that floods |
//! | [`max_empty_frames`](yamux::Config::max_empty_frames) | 4 096 | frames without payload that data and streams do not account for | go-away 1 | `Disconnected` with `Failed(Flood)`, and an error | the one that floods |
//! | [`backlog`](tcp::Config::backlog) | 1 024 | connections that the system holds until they are accepted | the system's refusal | nothing | the newcomer |
//! | [`accept_pause`](tcp::Config::accept_pause) | 100 ms | the time to the next attempt to accept while descriptors or memory have run out, if no socket closes before | it waits; a sixteenth of the door is closed, or connections are, as `descriptor_reserve` says | counted as `AcceptFailed` and `HandshakeEvicted` | the least advanced at the door, and connections without a stream |
//! | [`wildcard_addresses`](tcp::Config::wildcard_addresses) | 64 | addresses that a listener reports | nothing | nothing | nobody |
//! | [`lookups`](tcp::Config::lookups) | 16 | names that are looked up at a time, with a thread each | nothing | your dial waits | you |
//! | [`addresses_per_name`](tcp::Config::addresses_per_name) | 8 | addresses of a name that one dial tries | nothing | nothing | you |
//! | [`inbound_streams`](ping::Config::inbound_streams) of ping | 4 | streams of one connection that ask | a reset | `ClosedStream` with `Reset(Local)` | the stream that is silent longest |
//! | [`timeout`](ping::Config::timeout) of ping | 20 s | the wait for an answer | a reset | `ping::Event::Failed` | the slow one |
//! | [`events`](ping::Config::events) of ping | 256 | events that you have not taken | nothing | [`Lagged`](ping::Event::Lagged), [`Ping::dropped`](ping::Ping::dropped) | you: the oldest are lost |
//! | [`questions`](identify::Config::questions) | 20, 1 a second | questions who we are | go-away 1 | `Disconnected` with `Failed(Flood)` | the one that floods |
//! | [`pushes_heard`](identify::Config::pushes_heard) | 100, 1 a second | pushes of a peer | go-away 1 | `Disconnected` with `Failed(Flood)` | the one that floods |
//! | [`record_work`](identify::Config::record_work) | 400, 10 a second | the work of the signatures of a peer's records, in signatures of Ed25519 | go-away 1 | `Disconnected` with `Failed(Flood)` | the one that floods |
//! | [`max_bytes`](identify::Config::max_bytes) | 16 KiB | what a peer says of itself on one stream | a reset | `identify::Event::Failed` | that peer |
//! | [`held_bytes`](identify::Config::held_bytes) of identify | 64 MiB | memory of what all peers have said and say, and do not read of our answers | a reset | `identify::Event::Failed` and `PushFailed` with `Limit`; [`Identify::forgotten`](identify::Identify::forgotten) | the connection for which most is taken, its largest part first |
//! | [`inbound_streams`](identify::Config::inbound_streams) of identify | 4 | streams of one connection that ask or push | a reset | `ClosedStream` with `Reset(Local)` | the newcomer |
//! | [`timeout`](identify::Config::timeout) of identify | 10 s | each stream of it | a reset | `identify::Event::Failed` | the slow one |
//! | [`events`](identify::Config::events) of identify | 256 | events that you have not taken | nothing | [`Lagged`](identify::Event::Lagged), [`Identify::dropped`](identify::Identify::dropped) | you: the oldest are lost |
//! | [`pushes_said`](identify::Config::pushes_said) | 10, 1 a second | our pushes on one connection | it hears of changes later | nothing | nobody |
//! | [`outbound_pushes`](identify::Config::outbound_pushes) | 64 | our pushes under way | it hears of changes later | nothing | nobody |
//! | [`peers`](address_book::Config::peers) of the address book | 1 024 | peers of which addresses are known | nothing | [`AddressBookError::Limit`](address_book::AddressBookError::Limit) | who is not connected, kept or added by you, and was heard of the longest ago; those that a dial has reached last |
//! | [`addresses_per_peer`](address_book::Config::addresses_per_peer) | 16 | addresses of one peer | nothing | `AddressBookError::Limit` | the address of that peer that is dialed last |
//! | [`address_bytes`](address_book::Config::address_bytes) | 256 | one address | nothing | [`AddressBookError::BadAddress`](address_book::AddressBookError::BadAddress) | the long one |
//! | [`peers_at_a_time`](address_book::Config::peers_at_a_time) | 16 | peers that are dialed at a time | nothing | your dial waits | you |
//! | [`dials_per_peer`](address_book::Config::dials_per_peer) | 3 | dials to one peer at a time | nothing | your dial waits | you |
//! | [`attempts`](address_book::Config::attempts) | 3 | failures in a row before an address stands behind the others | nothing | nothing | the dead one |
//! | [`min_backoff`](address_book::Config::min_backoff) | 1 s | the first wait before a kept peer is dialed again | nothing | `Failed` with `again_at` | nobody |
//! | [`max_backoff`](address_book::Config::max_backoff) | 5 min | the longest wait | nothing | `Failed` with `again_at` | who cannot be reached |
//! | [`stable_after`](address_book::Config::stable_after) | 60 s | the connection after which the wait is short again | nothing | nothing | who comes and goes |
//! | [`events`](address_book::Config::events) of the address book | 256 | events that you have not taken | nothing | [`Lagged`](address_book::Event::Lagged), [`AddressBook::dropped`](address_book::AddressBook::dropped) | you: the oldest are lost |
//! | [`timeout`](request_response::Config::timeout) of requests | 10 s | a request of ours, its wait for the peer included | a reset | `OutboundFailure` | the slow one |
//! | [`inbound_timeout`](request_response::Config::inbound_timeout) | 10 s | a request of a peer's, your time for it included | a reset | `InboundFailure`, or [`refused`](request_response::RequestResponse::refused) if it has not come whole | the slow one |
//! | [`request_bytes`](request_response::Config::request_bytes) | 1 MiB | one request | a reset | [`RequestError::TooLong`](request_response::RequestError::TooLong); `refused` | who asks |
//! | [`response_bytes`](request_response::Config::response_bytes) | 1 MiB | one response | a reset | [`RespondError::TooLong`](request_response::RespondError::TooLong); `OutboundFailure` with `Protocol` | who answers |
//! | [`outbound_requests`](request_response::Config::outbound_requests) | 128 | requests of ours whose outcome you have not taken | nothing | [`RequestError::Limit`](request_response::RequestError::Limit) | you |
//! | [`inbound_requests`](request_response::Config::inbound_requests) | 128 | requests of peers whose outcome you have not taken | a reset | `refused` | the peer that has at least two more; or the oldest that does not wait for you, for a peer that has none; else the newcomer |
//! | [`inbound_requests_per_peer`](request_response::Config::inbound_requests_per_peer) | 16 | those of one peer | a reset | `refused` | that peer |
//! | [`outbound_bytes`](request_response::Config::outbound_bytes) | 64 MiB | memory of our requests and their responses | a reset | `OutboundFailure` with `Limit`; `RequestError::Limit` where its peer alone has that much | the peer for which most is taken, its largest message first |
//! | [`inbound_bytes`](request_response::Config::inbound_bytes) | 64 MiB | memory of requests of peers and our responses | a reset | `InboundFailure` with `Limit`; `refused` of what you have not taken | the peer for which most is taken, its largest message first |
//! | [`peers`](pubsub::Config::peers) | 1 024 | peers of pub/sub, shared by address | its streams are reset | `peers_refused`, `peers_evicted` | a peer that has said nothing, of the address with most; or nothing new for `quiet_after`; else the newcomer |
//! | [`quiet_after`](pubsub::Config::quiet_after) | 5 min | the time without a new message after which a peer can give way | its streams are reset | `peers_evicted` | the one that is quiet longest, of the address with most, if that has more than the newcomer's |
//! | [`invalid`](pubsub::Config::invalid) | 20, 1 a second | messages of a peer that are none | go-away 1 on each of its connections | counted as `MessageInvalid`; `peers_cut`; `Disconnected` with `Failed(Flood)` | that peer |
//! | [`denied_for`](pubsub::Config::denied_for) | 60 s | the time for which a peer that was cut is denied | its socket is closed after its handshake | counted as `ConnectionDenied`; of our dial, `ConnectFailed` with `Denied` | that peer |
//! | [`repeats`](pubsub::Config::repeats) | 1 000, 100 a second | messages that a peer has sent before | go-away 1 | counted as `MessageRepeated`; `Disconnected` with `Failed(Flood)` | that peer |
//! | [`resubscriptions`](pubsub::Config::resubscriptions) | 100, 10 a second | topics that a peer leaves for others | go-away 1 on each of its connections | `peers_cut`; `Disconnected` with `Failed(Flood)` | that peer |
//! | [`rpc_bytes`](pubsub::Config::rpc_bytes) | 1 MiB | one RPC | it is passed over | counted as `MessageRefused`; `too_long` | whoever has made it so long |
//! | [`messages_per_rpc`](pubsub::Config::messages_per_rpc) | 1 024 | messages in one RPC | a reset | counted as `MessageInvalid` | that peer |
//! | [`subscriptions_per_rpc`](pubsub::Config::subscriptions_per_rpc) | 4 096 | changes of subscriptions in one RPC | a reset | counted as `MessageInvalid` | that peer |
//! | [`messages_per_turn`](pubsub::Config::messages_per_turn) | 64 | the work of signatures that one turn checks, in signatures of Ed25519 | it waits for the next | nothing | the busy one |
//! | [`entries_per_turn`](pubsub::Config::entries_per_turn) | 4 096 | what else one turn looks at | it waits for the next | nothing | the busy one |
//! | [`inbound_streams`](pubsub::Config::inbound_streams) of pub/sub | 4 | streams of one peer that are read | a reset of the oldest | `streams_refused` | that peer |
//! | [`topics_per_peer`](pubsub::Config::topics_per_peer) | 1 024 | topics of one peer | nothing | `topics_refused` | that peer: further ones are passed over |
//! | [`topic_bytes`](pubsub::Config::topic_bytes) | 1 024 | the name of one topic | nothing | `topics_refused` | that peer |
//! | [`topics_total_bytes`](pubsub::Config::topics_total_bytes) | 64 MiB | topics of all peers, half of it shared out | nothing | `topics_refused` | who has more than its part |
//! | [`inbound_total_bytes`](pubsub::Config::inbound_total_bytes) | 64 MiB | RPCs that are not whole, or wait for their turn, half of it shared out | a reset | `streams_cut` | who has more than its part |
//! | [`outbox_bytes`](pubsub::Config::outbox_bytes) | 4 MiB | messages that wait for one peer | it misses messages | counted as `MessageDropped` | of what waits for it, the address that has brought most, and its author with most |
//! | [`outbox_total_bytes`](pubsub::Config::outbox_total_bytes) | 64 MiB | messages that wait for all peers | it misses messages | counted as `MessageDropped` | the peer that is most behind, and there who has most |
//! | [`subscriptions`](pubsub::Config::subscriptions) | 1 024 | topics of ours | nothing | [`SubscribeError::Limit`](pubsub::SubscribeError::Limit) | you |
//! | [`seen`](pubsub::Config::seen) | 131 072 | messages that are remembered | its new message is not forwarded | counted as `MessageRefused`; `sender_over_share` | the author, the sender or the address that has more of it than its share, below |
//! | [`seen_author_share`](pubsub::Config::seen_author_share) | 1 | messages of one author among them, in times of the free places | its new message is not forwarded | `MessageRefused`; `author_over_share` | that author, whoever forwards it |
//! | [`seen_sender_share`](pubsub::Config::seen_sender_share) | 4 | messages that one peer has sent first | its new message is not forwarded | `MessageRefused`; `sender_over_share` | the authors that come by that peer alone |
//! | [`seen_address_share`](pubsub::Config::seen_address_share) | 16 | messages that peers of one address have sent first | its new message is not forwarded | `MessageRefused`; `sender_over_share` | the authors that come from there alone |
//! | [`seen_ttl`](pubsub::Config::seen_ttl) | 120 s | the time for which they are | nothing | nothing | nobody |
//! | [`events`](pubsub::Config::events) of pub/sub | 1 024 | events that you have not taken, of which what peers send in one turn fills three quarters | it waits for the next turn | [`Lagged`](pubsub::Event::Lagged), `events_lost` | the busy one, if you take all of them after each turn; else you: the oldest are lost |
//! | [`event_bytes`](pubsub::Config::event_bytes) | 16 MiB | data and topics of these | nothing | `Lagged`, `events_lost` | you: the oldest are lost |
//!
//! A host (feature `host`) has bounds of its own in `host::Config`: `handlers` (2 048) that run at the same time, of all
//! protocols; `handlers_per_peer`, three quarters of them unless you set it; `waiting_streams` (64) of one protocol that wait for
//! one of them to end, shared out among peers, by their handlers and streams that wait, and among their connections;
//! `handler_patience` (5 s), after which the youngest stream of the peer for which most handlers run is reset for one that waits, if that peer has less;
//! `unread_bytes` (64 MiB) and `unread_bytes_per_peer` (32 MiB) of streams that have ended, of which the greediest peer loses
//! those of streams that were cut first, before those that it had finished;
//! `waiting_openings`, `remote_jobs` and `shutdown_timeout` for your own calls.
//!
//! Beside these there are constants that no owner needs to change: the longest handshake message
//! ([`MAX_HANDSHAKE_MESSAGE`](crate::connection::noise::MAX_HANDSHAKE_MESSAGE)), the longest line, the longest list and the
//! most rounds of a negotiation ([`multistream`](crate::connection::multistream)), and the longest text of a peer's in
//! events and logs ([`MAX_TEXT`](crate::text::MAX_TEXT)).
//!
//! **What an address is.** Shares go by the address from which the socket comes. Behind a reverse proxy on the same machine
//! all peers come from loopback. Then shares of connections go by peer only, and all of them have 64 places at the door
//! together: raise [`handshakes_per_address`](Config::handshakes_per_address). Behind another proxy or a NAT they have one
//! address together: raise [`connections_per_address`](Config::connections_per_address), too.
//!
//! # Memory of one of each
//!
//! *At rest* is what the allocator was asked for on 64-bit Linux (`benches/connections.rs`, `tests/allocations/`); resident
//! memory was up to half more. *At worst* is the part that each has in [`Config::memory_bound`]. `tests/allocations/memory.rs`
//! attacks nodes, and holds their peaks against that; `tests/allocations/everything.rs` does so with a host and all services. Bytes held come on top of connections and streams, in a row of their own.
//!
//! | one more | at rest | at worst |
//! |---|---|---|
//! | connection | 2 KiB; with ping, identify and floodsub 3.4 KiB | 6.25 KiB |
//! | handshake at the door | 3 KiB | 14 KiB |
//! | dial under way, beside its connection | not measured | 10 KiB |
//! | stream | 0.2 KiB | 0.7 KiB |
//! | listener | not measured | 4 KiB |
//! | peer or network in the lists; denial until a time | 50 to 150 B | 108 B, 82 B; 292 B |
//! | byte of `held_bytes` | 0 | 1.34 bytes: a quarter more for a moment, what the door holds, and what a read brings |
//! | all that is made once | 0.3 MiB | 11 MiB, or 1.7 MiB with `Config::small()`: the output of one connection, the largest window |
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let each = |change: fn(&mut Config, usize)| {
//!     let (mut one, mut more) = (Config::default(), Config::default());
//!     change(&mut one, 1_024);
//!     change(&mut more, 2_048);
//!     (more.memory_bound() - one.memory_bound()) as f64 / 1_024.0
//! };
//! assert_eq!(each(|config, n| config.limits.connections = n as u32) / 1_024.0, 6.25);
//! assert_eq!(each(|config, n| config.inbound_handshakes = n as u32) / 1_024.0, 14.0);
//! assert_eq!(each(|config, n| config.outbound_handshakes = n as u32) / 1_024.0, 10.0);
//! assert_eq!(each(|config, n| config.limits.listeners = n as u32) / 1_024.0, 4.0);
//! assert_eq!(each(|config, n| config.listed_peers = n as u32), 108.0);
//! assert_eq!(each(|config, n| config.listed_networks = n as u32), 82.0);
//! assert_eq!(each(|config, n| config.timed_denials = n as u32), 292.0);
//! assert_eq!(each(|config, n| config.held_bytes = n * 1_024) / 1_024.0, 1.34375);
//! # #[cfg(target_pointer_width = "64")]
//! assert!((0.65..0.75).contains(&(each(|config, n| config.limits.streams = n as u32) / 1_024.0)));
//! let once = |mut config: Config| {
//!     let limits = &mut config.limits;
//!     (limits.listeners, limits.connections, limits.streams, config.inbound_handshakes) = (0, 0, 0, 0);
//!     (config.listed_peers, config.listed_networks, config.timed_denials) = (0, 0, 0);
//!     config.held_bytes = 0;
//!     config.memory_bound() as f64 / f64::from(1 << 20)
//! };
//! assert!((10.5..11.5).contains(&once(Config::default())), "{}", once(Config::default()));
//! assert!((1.6..1.7).contains(&once(Config::small())), "{}", once(Config::small()));
//! ```
//!
//! # Memory of everything
//!
//! [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) states what a node takes at worst with all that is
//! installed. With the swarm's defaults, and with [`Config::small`], each part has of it:
//!
//! | part | default | small | most of it |
//! |---|---|---|---|
//! | swarm | 258 MiB | 5.4 MiB | records, `held_bytes` |
//! | ping | 14 MiB | 0.0 MiB | records of connections and streams |
//! | identify | 115 MiB | 0.8 MiB | `held_bytes`, and a quarter of it for events; records |
//! | address book | 23 MiB | 0.1 MiB | `peers` with their addresses; records of connections |
//! | requests and responses | 144 MiB | 0.4 MiB | `outbound_bytes`, `inbound_bytes` |
//! | pub/sub | 414 MiB | 2.0 MiB | `topics_total_bytes`, `inbound_total_bytes` twice, `outbox_total_bytes`; subscriptions of ours at each peer |
//! | host, beside its swarm | 110 MiB | 0.7 MiB | `unread_bytes`; records of streams and handlers |
//! | in all | 1 078 MiB | 9.5 MiB | and at most 0.3 MiB for the registry of notifees |
//!
#![cfg_attr(all(feature = "host", unix), doc = "```")]
#![cfg_attr(not(all(feature = "host", unix)), doc = "```ignore")]
//! use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
//! use swarm_notify::{host, swarm};
//!
//! let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
//! let limits = swarm::Config::default().limits;
//! let usual = [
//!     swarm::Config::default().memory_bound(),
//!     ping::Config::default().memory_bound(&limits),
//!     identify::Config::default().memory_bound(&limits),
//!     address_book::Config::default().memory_bound(&limits),
//!     request_response::Config::default().memory_bound::<request_response::Bytes>(&limits),
//!     pubsub::Config::default().memory_bound(),
//!     host::Config::default().memory_bound() - swarm::Config::default().memory_bound(),
//! ];
//! let limits = swarm::Config::small().limits;
//! let small = [
//!     swarm::Config::small().memory_bound(),
//!     ping::Config::small().memory_bound(&limits),
//!     identify::Config::small().memory_bound(&limits),
//!     address_book::Config::small().memory_bound(&limits),
//!     request_response::Config::small().memory_bound::<request_response::Bytes>(&limits),
//!     pubsub::Config::small().memory_bound(),
//!     host::Config::small().memory_bound() - swarm::Config::small().memory_bound(),
//! ];
//! # #[cfg(target_pointer_width = "64")] {
//! for (bytes, stated) in usual.into_iter().zip([258.0, 14.0, 115.0, 23.0, 144.0, 414.0, 110.0]) {
//!     assert!((mebibytes(bytes) - stated).abs() < 1.0, "{bytes}, {stated} MiB");
//! }
//! assert!((mebibytes(usual.iter().sum()) - 1_078.0).abs() < 2.0);
//! assert_eq!(small.map(|bytes| (mebibytes(bytes) * 10.0).round() / 10.0), [5.4, 0.0, 0.8, 0.1, 0.4, 2.0, 0.7]);
//! assert!(mebibytes(small.iter().sum()) < 9.6);
//! # }
//! ```
//!
//! # Three profiles
//!
//! Each states its worst case, as the allocator is asked; add what you keep yourself, and some 200 bytes a socket of our TCP.
//! What the system's sockets buffer is the system's memory. *With everything* is with a host and all services, which have their
//! defaults, or are small on the device.
//!
//! **Descriptors** (`ulimit -n`): one for each connection, each handshake at the door and each listener, and less than twenty
//! besides. If you dial names, each dial under way can have seven more. The usual limit of a process is 1 024 descriptors,
//! which the defaults exceed: raise it to 18 500 for them, or lower [`Limits::connections`]. Where descriptors run out,
//! newcomers come in at the expense of connections without a stream, and of the door
//! ([`descriptor_reserve`](Config::descriptor_reserve)).
//!
//! A device with 16 peers. `ulimit -n` 128 is enough; some 0.4 MiB at rest, less than 6 MiB at worst, and 10 with everything:
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let device = Config::small();
//! assert_eq!((device.limits.connections, device.limits.streams, device.inbound_handshakes), (16, 32, 8));
//! assert!(device.memory_bound() < 6_000_000);
//! ```
//!
//! A server with 250 peers, each with a few streams. Each may come again while its old connection dies. `ulimit -n` 1 024 is
//! enough; 0.8 MiB at rest with 250 connections, some 49 MiB at worst, and 766 MiB with everything. Pub/sub has 414 MiB of
//! that: lower its `peers`, `subscriptions`, `seen` and budgets, those of identify and requests, and `unread_bytes`, in
//! proportion to the peers that you expect:
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let mut server = Config::default();
//! server.limits.connections = 512; // 250 peers with two each
//! server.limits.streams = 8_192;
//! server.inbound_handshakes = 256;
//! server.outbound_handshakes = 16;
//! server.connections_per_peer = 2;
//! server.streams_per_peer = 64;
//! server.held_bytes = 24 * 1024 * 1024;
//! server.held_bytes_per_peer = 6 * 1024 * 1024;
//! server.held_bytes_per_connection = 4 * 1024 * 1024;
//! let yamux = &mut server.connection.yamux; // windows that grow no further than a connection's budget
//! (yamux.max_receive_window, yamux.max_window_growth) = (2 * 1024 * 1024, 2 * 1024 * 1024);
//! let mebibytes = server.memory_bound() / (1024 * 1024);
//! assert!((45..50).contains(&mebibytes), "{mebibytes}");
//! # #[cfg(all(feature = "host", unix, target_pointer_width = "64"))] {
//! # use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
//! # let (limits, mut host) = (server.limits, swarm_notify::host::Config::default());
//! # host.swarm = server;
//! # let everything = host.memory_bound()
//! #     + ping::Config::default().memory_bound(&limits)
//! #     + identify::Config::default().memory_bound(&limits)
//! #     + address_book::Config::default().memory_bound(&limits)
//! #     + request_response::Config::default().memory_bound::<request_response::Bytes>(&limits)
//! #     + pubsub::Config::default().memory_bound();
//! # assert!((everything as f64 / f64::from(1 << 20) - 766.0).abs() < 2.0, "{everything}");
//! # }
//! ```
//!
//! A relay with 20 000 connections, most of them idle. `ulimit -n` 26 000; 40 MiB at rest, some 970 MiB at worst, and 1 873 MiB
//! with everything:
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let mut relay = Config::default();
//! relay.limits.connections = 20_480; // the last 64th, 320, is for newcomers
//! (relay.high_water, relay.low_water) = (Some(20_160), Some(20_000)); // from there on the least useful go
//! relay.limits.streams = 131_072;
//! relay.inbound_handshakes = 4_096; // they come again all at once after a fault of the network
//! relay.connections_per_peer = 2;
//! relay.streams_per_peer = 128;
//! relay.held_bytes = 512 * 1024 * 1024;
//! let mebibytes = relay.memory_bound() / (1024 * 1024);
//! assert!((930..980).contains(&mebibytes), "{mebibytes}");
//! # #[cfg(all(feature = "host", unix, target_pointer_width = "64"))] {
//! # use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
//! # let (limits, mut host) = (relay.limits, swarm_notify::host::Config::default());
//! # host.swarm = relay;
//! # let everything = host.memory_bound()
//! #     + ping::Config::default().memory_bound(&limits)
//! #     + identify::Config::default().memory_bound(&limits)
//! #     + address_book::Config::default().memory_bound(&limits)
//! #     + request_response::Config::default().memory_bound::<request_response::Bytes>(&limits)
//! #     + pubsub::Config::default().memory_bound();
//! # assert!((everything as f64 / f64::from(1 << 20) - 1_873.0).abs() < 2.0, "{everything}");
//! # }
//! ```
//!
//! # What you hear, and what you can do
//!
//! - [`Readiness::Refused`](crate::swarm::Readiness::Refused) names a connection, whose peer and address
//!   [`connection`](Swarm::connection) has, or a listener. Of a listener, [`last_refused_from`](Swarm::last_refused_from)
//!   has the address that was refused last, with its peer if that was authenticated. It is a sample: one address is kept for
//!   each listener and kind, and nothing else of those who have left. The log has each: level `debug`, target
//!   `swarm_notify::swarm::door`, a line such as
//!   `l0.1: a connection from /ip4/192.0.2.1/tcp/40000 is closed: it took too long`, with ` of 12D3KooW…` behind the address of
//!   an authenticated peer. Deny an address or a network
//!   ([Keeping somebody out](#keeping-somebody-out)), or block it with the system's packet filter, which spares you its
//!   sockets.
//! - A peer that misbehaves in a protocol of yours: [`count_refusals`](Swarm::count_refusals) for small things,
//!   [`fail_connection`](Swarm::fail_connection) when it is enough. [`disconnect_peer`](Swarm::disconnect_peer) closes all
//!   connections of one, and [`Lists::deny_peer_for`] keeps it out.
//! - The fields of `Config` are fixed once the swarm is made. [`limit_protocol`](Swarm::limit_protocol) can be changed at any
//!   time: lower it when your own work is what runs out.
//! - What was refused shortly before a connection ended is told by no readiness. [`refused_at`](Swarm::refused_at) has its
//!   whole counts while you handle its last event.
//!
//! A node that does all of that, to copy, is `tests/attacks/guarded.rs` in the crate's sources (`cargo run --example guarded`).
//! It prints each refusal with its address, counts once a second, and bytes held beside their budget. When these come near it,
//! the node lowers the number of streams that a peer may have.
//!
//! # Keeping somebody out
//!
//! A [`Gate`] decides who comes in, whom you dial and which protocols a peer may speak. The [`Lists`] of a swarm do that by
//! rules for peers and networks, which you can change at any time:
//!
//! - A socket from a denied address is closed as soon as it is accepted, before a byte is read or sent. With 1 000 networks
//!   listed that takes some 3 800 instructions, of which the look-up takes 1 500; the listener's half of a handshake takes
//!   2.7 million (`benches/instructions.sh`). A gate of yours is asked after the lists.
//! - A denied peer is closed once it has proved who it is. Neither has an id, and both are counted as `ConnectionDenied`.
//! - A protocol that your gate denies to a peer gets `na`, as if it were not spoken. It is counted as `StreamDenied`, and the
//!   stream fails as `Denied` if its peer proposes nothing else.
//! - A dial to a denied address or peer fails as [`Denied`](crate::lifecycle::Failure::Denied), before a packet is sent if the
//!   address says so, and else before the peer learns who you are.
//! - What is open and comes to be denied ends as [`ConnectionEnd::Denied`](crate::lifecycle::ConnectionEnd::Denied), and a dial
//!   under way to a denied address, or that names a denied peer, fails as `Denied`.
//! - A list that you keep elsewhere, in a file say, replaces the whole one at once:
//!   [`replace_peers`](Lists::replace_peers), [`replace_networks`](Lists::replace_networks).
//! - An IPv6 address with an IPv4 address inside is judged by both; the page of [`Lists`] says which are.
//! - A gate that panics denies what it was asked about, and the panic goes on to you when the turn is done.
//!
//! Two nodes on TCP. The server has a protocol of its own, and its notifee denies whoever breaks that, for ten minutes:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use std::time::Instant;
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::lifecycle::{Event, Fault, StreamId};
//! use swarm_notify::notifee::{HasNode, Notifee, NotifeeContext, Notifees};
//! use swarm_notify::swarm::{Config, Refusal, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! const ORDERS: Protocol = Protocol::from_static("/orders/1.0.0");
//!
//! /// Reads orders. One that does not begin with `order` ends the connection, as `Failed(Protocol)`.
//! struct Orders;
//!
//! impl<N: HasNode> Notifee<N> for Orders {
//!     fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, N>, stream: StreamId, _readable: bool, _writable: bool) {
//!         let (node, mut order) = (cx.network().node_mut(), [0; 64]);
//!         while let Ok(n @ 1..) = node.read(stream, &mut order) {
//!             if order[..n].starts_with(b"order") {
//!                 continue;
//!             }
//!             let Some(connection) = node.stream(stream).map(|view| view.connection) else { return };
//!             let Some(peer) = node.connection(connection).and_then(|view| view.peer) else { return };
//!             let _ = node.fail_connection(connection, Fault::Protocol);
//!             // Its other connections, if it has any, end as `Denied`.
//!             node.lists_mut().deny_peer_for(peer, Duration::from_secs(600));
//!             return;
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = || -> Result<tcp::Swarm, Box<dyn std::error::Error>> {
//!     let reactor = tcp::Reactor::new()?;
//!     let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//!     Ok(Swarm::from_os_rng(reactor, transport, &keys::generate()?, Config::default())?)
//! };
//! let (mut server, mut client, mut notifees) = (node()?, node()?, Notifees::new());
//! server.register_protocol(ORDERS);
//! server.lists_mut().deny_network("198.51.100.0/24".parse()?)?; // nobody from there in any case
//! notifees.register(Orders);
//! let listener = server.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
//!
//! let clock = Instant::now();
//! while server.refused(Refusal::ConnectionDenied) == 0 {
//!     server.tick(clock.elapsed());
//!     notifees.drive(&mut server, clock.elapsed());
//!
//!     client.tick(clock.elapsed());
//!     while let Some(event) = client.next_event() {
//!         if let Event::Connected { connection } = event {
//!             let stream = client.open_stream(connection, &[ORDERS])?;
//!             client.write(stream, b"nonsense")?;
//!         }
//!     }
//!     // It comes again when it is cut: denied by then, it has no chance to say anything.
//!     if client.connections().next().is_none() {
//!         if let Some(address) = server.listener(listener).and_then(|view| view.addresses.first()) {
//!             client.dial(address.clone())?;
//!         }
//!     }
//!     std::thread::sleep(Duration::from_millis(1)); // the rest of your frame
//! }
//! assert_eq!(server.counters().connections.inbound.opened, 1); // the first time
//! # Ok(())
//! # }
//! ```
//!
//! # What is not defended
//!
//! - **Many addresses.** Shares hold off an address, and not many of them. With the defaults 2 272 IPv4 addresses are enough to
//!   take all 16 384 connections: 2 016 take eight each, and 256 take one each of the last 64th, where only a holder of none
//!   gets a place. Of IPv6 it takes 508 sites (/48): 252 with 64 connections each, and 256 with one. Nobody can tell them from
//!   honest peers. As long as the greediest of them have a connection without a stream, that gives way, and a newcomer comes
//!   in. If all have streams, there is trimming: above 15 360 connections those go that are older than `trim_grace`, up to 1 984
//!   in each second, and whoever connects first has their places. Strangers who all come again every 10 s, by some 1 640
//!   handshakes a second, are not trimmed either. Then a newcomer has to find a place that is free for a moment. An honest
//!   peer that is idle is trimmed like a stranger: [protect](Swarm::protect) those you need.
//! - **Coming back.** Rates are kept for each connection. A peer that was cut can connect again, and then begins with new
//!   rates, for the price of a handshake on both sides. One that pub/sub has cut is denied for
//!   [a while](pubsub::Config::denied_for), but a new identity costs it nothing.
//! - **Slow together.** Connections that each owe as much as they may make everybody's events come later, in proportion: 64 of
//!   them, drained by 256 events a turn, let an opening of somebody else's wait for up to 18 turns
//!   ([`owed_per_connection`](Limits::owed_per_connection)). Nobody is starved.
//! - **A rush at the door.** When all places are taken, an honest newcomer is pushed out once half as many others have
//!   connected as there are places: 512 ([`inbound_handshakes`](Config::inbound_handshakes)). So attackers of many addresses
//!   who connect more than 5 120 times a second keep out those whose round trip takes 100 ms. When all 64 places of one
//!   address are taken, the same holds among those who come from there: 320 connects a second keep them out, and 1 280 those of
//!   a /48. That matters behind a NAT or a proxy, where honest peers share the attacker's address.
//! - **Who forwards in floodsub.** A peer answers for what it forwards. What an honest one may forward is held against nobody
//!   but its author, unless your validator [rejects](pubsub::Verdict) it. A node of this crate forwards none twice
//!   within [`seen_ttl`](pubsub::Config::seen_ttl). One that forgets earlier can be made to, and you cut it for
//!   [`repeats`](pubsub::Config::repeats).
//! - **What is remembered in floodsub.** An attacker at many addresses, or many attackers, have equal parts of
//!   [`seen`](pubsub::Config::seen) with each other and with everybody honest. And if its peers forward to you what it says by
//!   authors that it has made up, it fills their shares, of which honest authors who come by the same peers have less.
//!   Whoever has kept more old messages of an author than its share can send them all again, so that its new ones are refused;
//!   a [`SeqnoValidator`](pubsub::SeqnoValidator) refuses the old ones. It has a bound of authors, too: made-up ones that come by
//!   an honest peer take that peer's share, so that *new* authors who come by it alone are refused. Known ones are not.
//! - **What waits in floodsub.** Authors that somebody makes up and that come by an honest peer share what waits with the honest
//!   ones that come by it: of each, the latest message stays longest.
//! - **New names.** Denial of a peer keeps out an identity, and a new one costs nothing. Denial of a network keeps out an
//!   address, and all who share it.
//! - **Streams that come and go.** A peer that opens streams and ends them politely is no flood: each stream is two events,
//!   in turns with those of others, and [`openings`](connection::Config::openings) of them a second are told. The default is
//!   above what this machine's streams need, and so bounds no log: if each stream costs you a line, set what your log takes.
//!   `swarm-notify listen` takes 4 000 at once and 1 000 a second of one connection. The rate is one of a connection, so that a
//!   peer with eight of them has eight times as much.
//! - **Places of pub/sub.** A peer that brings something new keeps its place. So 1 024 identities keep all others out, if each
//!   says something new once in [`quiet_after`](pubsub::Config::quiet_after). They need 128 addresses, with eight connections
//!   each; behind a proxy on the same machine, where all come from loopback, one attacker is enough. And 1 024 addresses with
//!   one peer each keep their places however quiet they are, since they cannot be told from honest peers who only listen.
//! - **Handlers of a host.** As many identities as there are handlers, 2 048 by default, can have one each that waits for a
//!   silent stream: of equals none gives way. Nor does a handler that goes on after its stream was reset. Whoever has fewer
//!   handlers than others waits for `handler_patience` at most, once all of them run. Have handlers give up who says nothing.
//! - **Unread bytes on a host.** What a peer has sent on a stream that it then resets stays for the stream's handler, within
//!   `unread_bytes`: up to 64 MiB beside `held_bytes`. With as many
//!   identities as it takes an attacker fills that, so that what honest peers have sent before a cut is lost once they have
//!   more there than each of these.
//! - **Descriptors.** A connection with a stream holds its descriptor for as long as it behaves. If all have streams, or are
//!   protected, lack of descriptors closes handshakes only, and the next newcomer may push the last one out.
//! - **The wire.** Whoever fills your line with packets needs no connection.
//! - **Your own memory and time.** A handler that keeps what it reads, or that computes for long, is yours to bound.

#[cfg(doc)]
use crate::connection::{self, yamux};
#[cfg(doc)]
use crate::lifecycle::Limits;
#[cfg(all(doc, feature = "protocols"))]
use crate::protocols::{address_book, identify, ping, pubsub, request_response};
#[cfg(doc)]
use crate::swarm::{Config, Gate, Lists, ProtocolLimits, Swarm};
#[cfg(doc)]
use crate::tcp;
