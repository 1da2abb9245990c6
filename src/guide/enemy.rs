//! Defence against an enemy: all bounds of a node in one table, and the attacks against which there is no defence. The page
//! [`memory`](super::memory) explains how much memory the bounds add up to.
//!
//! # What an enemy can do
//!
//! Anybody who reaches a port can connect to it, as often as the system allows, and then send nothing, send slowly, or send
//! garbage. A handshake costs us a few key exchanges and the check of a signature, some 0.3 ms, while an enemy spends less.
//! After the handshake, an enemy is a peer like others. It may open streams, leave them idle, reset them, send without
//! reading, read without sending, ping, and break the rules of any protocol that you speak. It may do that on many
//! connections, with as many identities as it likes, since an identity costs nothing, and from as many addresses as it has,
//! which do cost something.
//!
//! A node follows four rules against all of these attacks:
//!
//! 1. **Turns.** The work of each connection is done in small amounts, in turn with the work of all other connections.
//! 2. **Bounds.** Everything that a peer can make us store has a bound, which is a field of a `Config`. Most of the work
//!    that a peer can cause has a maximum rate.
//! 3. **Shares.** Each peer and each address may have only a part of each resource. When a resource runs out, the peer or
//!    address that has the most of it loses some, and not the newcomer ([Shares](Config#shares)).
//! 4. **Reports.** Each refusal is counted. The counts are told at most once a second for each kind of refusal at a
//!    connection or listener, however fast the enemy is.
//!
//! # Words
//!
//! Each of these words has one meaning on this page, in the documentation of [`Config`], and in the log. They are words of
//! the [glossary](crate#glossary), here with their exact numbers.
//!
//! | word | meaning |
//! |---|---|
//! | **door** | The table of accepted connections whose peers are not authenticated yet. A connection at the door has no id, and is called a handshake here. |
//! | **place** | Room for one more of something that is counted: a handshake, a connection, a stream. |
//! | **share** | The most places that one holder may have. A holder is a peer (an identity), an address (one IPv4 address or one IPv6 /64), or a site (one IPv6 /48), each with a share of its own. An IPv6 address that leads to an IPv4 address counts as the IPv4 address: `::ffff:192.0.2.1`, and addresses of NAT64 with the well-known prefix 64:ff9b::/96, of 6to4 (2002::/16) and of Teredo (2001::/32). |
//! | **looks dead** | Said of an inbound connection that has no stream, and whose peer has been silent for longer than `keep_alive_interval`. |
//! | **gives way** | Said of a connection or stream that ends, although its peer has done nothing wrong, so that a newcomer gets its place. |
//! | **bytes held** | Memory in which bytes wait: bytes of streams that you have not read, output that a peer does not accept, and input that is not handled yet. The capacity of the buffers is counted. |
//! | **budget** | The number of bytes held above which peers get no more window: `held_bytes`, and the fields for one peer and one connection. A quarter more may be held before a stream is reset, since peers may still use the window that they were granted. Then streams are reset until at most an eighth more than the budget is held. (The budget of a turn is another thing: the work that you allow in this turn.) |
//! | **withheld** | Window that a peer would get for the bytes that you have read, and does not get yet. |
//! | **rate** | A number of times at once, and a number of times a second in the long run ([`Rate`](crate::connection::Rate)). |
//! | **paced** | Said of a stream that waits without an id because its peer has opened more than its rate, and of the connection of such a stream. |
//! | **flood** | More of something than its rate allows. The connection ends as `Failed(Flood)`. |
//! | **owed** | A closing event that waits behind a full event queue. |
//! | **helping** | The amount of one connection's input that is read and handled before other connections have their turn: at most 16 KiB and 256 frames, and less while many connections are readable. |
//! | **denied** | Not allowed by a list or by the gate of the owner ([`Lists`], [`Gate`]). |
//! | **refused** | Closed or reset at once instead of admitted. The kinds are those of [`Refusal`](crate::swarm::Refusal). |
//!
//! # All bounds
//!
//! The last three columns say what the peer notices, how you are told, and who *pays*: whose connection, stream or bytes are
//! refused, closed or lost when the bound is reached. *Counted as* `X` means that [`Swarm::refused`] and
//! [`Swarm::refused_at`] count the refusal as this kind of [`Refusal`](crate::swarm::Refusal), and that
//! [`Readiness::Refused`](crate::swarm::Readiness::Refused) tells of it, at the connection, or, if the peer had none yet, at
//! the listener. *Error* means the text in [`ConnectionView::error`](crate::swarm::ConnectionView), which is also in the
//! log. A share has no effect if it is larger than the bound of which it is a part. The last rows are those of the services.
//! In the rows of pub/sub, a name without a link is a field of [`pubsub::Counters`].
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
//! | [`control_per_rpc`](pubsub::Config::control_per_rpc) | 32 768 | entries, ids and fields of the control message of one RPC | a reset | counted as `MessageInvalid` | that peer |
//! | [`control_total_bytes`](pubsub::Config::control_total_bytes) | 32 MiB | IHAVE, IWANT and IDONTWANT that wait for all peers, half of it shared out | it misses gossip | `control_dropped` | who has more than its part |
//! | [`pending`](pubsub::Config::pending) | 4 096 | messages whose verdict you have put off | its message is not forwarded | `pending_refused` | the peer that has brought as many of them as places are free |
//! | [`pending_bytes`](pubsub::Config::pending_bytes) | 32 MiB | their bytes | its message is not forwarded | `pending_refused` | the newcomer |
//! | [`pending_for`](pubsub::Config::pending_for) | 30 s | the time that you have for a verdict | its message is not forwarded | `ignored` | that message |
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
//! | [`mesh_high`](gossipsub::Config::mesh_high) | 12 | peers of a mesh, from which on a peer that dials us is not added | a PRUNE | `grafts_refused` | the newcomer |
//! | [`prune_backoff`](gossipsub::Config::prune_backoff) | 60 s | the time without a GRAFT after a PRUNE | a PRUNE, and a lower score | `penalties` | who grafts too early |
//! | [`graft_flood`](gossipsub::Config::graft_flood) | 10 s | the time after a PRUNE in which a GRAFT counts twice | a PRUNE, and a lower score | `penalties` | who grafts too early |
//! | [`backoff_at_most`](gossipsub::Config::backoff_at_most) | 3 600 s | the backoff that a PRUNE can ask for | nothing | nothing | nobody: a longer one counts as this |
//! | [`history_bytes`](gossipsub::Config::history_bytes) | 32 MiB | messages that are kept for peers that ask | it is not sent | `history_dropped` | the address that has brought most, and its author with most |
//! | [`history_length`](gossipsub::Config::history_length) | 5 | heartbeats for which they are | it is not sent | nothing | the oldest |
//! | [`fanout_topics`](gossipsub::Config::fanout_topics) | 64 | topics of ours without a subscription whose peers are remembered | nothing | nothing | the topic that was used least lately |
//! | [`ihave_rpcs`](gossipsub::Config::ihave_rpcs) | 10 | RPCs with IHAVE of one peer in a heartbeat | nothing | `ihaves_ignored` | that peer |
//! | [`ihave_ids`](gossipsub::Config::ihave_ids) | 5 000 | ids that one peer is asked for in a heartbeat | nothing | `ids_over_bound` | that peer |
//! | [`asked_ids`](gossipsub::Config::asked_ids) | 16 384 | messages that are asked for and have not come | nothing | `ids_over_bound` | the peer that was asked for as many as places are free |
//! | [`iwant_followup`](gossipsub::Config::iwant_followup) | 3 s | the time for a message that was asked for | a lower score | `promises_broken` | who has advertised it |
//! | [`retransmissions`](gossipsub::Config::retransmissions) | 3 | times that one message is sent to one peer that asks | nothing | nothing | that peer |
//! | [`iwant_ids`](gossipsub::Config::iwant_ids) | 5 000 | ids that one peer may ask for in a heartbeat | nothing | `iwants_ignored` | that peer |
//! | [`iwant_bytes`](gossipsub::Config::iwant_bytes) | 8 MiB | bytes that one peer is sent for asking in a heartbeat | nothing | `iwants_ignored` | that peer |
//! | [`idontwant_rpcs`](gossipsub::Config::idontwant_rpcs) | 128 | RPCs with IDONTWANT of one peer in a heartbeat | it gets what it does not want | `idontwants_ignored` | that peer |
//! | [`idontwant_ids`](gossipsub::Config::idontwant_ids) | 1 024 | ids that one peer does not want | it gets what it does not want | `idontwants_ignored` | that peer |
//! | [`idontwant_beats`](gossipsub::Config::idontwant_beats) | 3 | heartbeats for which they are remembered | it gets what it does not want | nothing | that peer |
//! | [`offered_peers`](gossipsub::Config::offered_peers) | 16 | peers that one PRUNE offers, and of them those that are dialed | nothing | `offered_dialed` | who offers more |
//! | [`retained_peers`](gossipsub::Config::retained_peers) | 1 024 | peers whose score is remembered after they have gone | nothing | nothing | the one with the best score is forgotten |
//!
//! A host (feature `host`) has bounds of its own in `host::Config`. At most `handlers` (2 048) handlers, of all protocols,
//! run at the same time, and at most `handlers_per_peer` for one peer, which is three quarters of them unless you set it. Up
//! to `waiting_streams` (64) streams of one protocol wait until a handler ends. These places are divided among peers,
//! according to the number of their handlers and waiting streams, and among the connections of each peer. When a stream has
//! waited for `handler_patience` (5 s), the youngest stream of the peer with the most handlers is reset in its favour, if
//! the peer of the waiting stream has fewer. Streams that have ended may have `unread_bytes` (64 MiB) in all and
//! `unread_bytes_per_peer` (32 MiB) for one peer. Beyond that, the peer with the most of these bytes loses some: first those
//! of streams that were cut, and then those of streams that it had finished. `waiting_openings`, `remote_jobs` and
//! `shutdown_timeout` are bounds of your own calls.
//!
//! Other bounds are constants that no owner needs to change: the longest handshake message
//! ([`MAX_HANDSHAKE_MESSAGE`](crate::connection::noise::MAX_HANDSHAKE_MESSAGE)), the longest line, the longest list and the
//! maximum number of rounds of a negotiation ([`multistream`](crate::connection::multistream)), and the longest text of a
//! peer in events and logs ([`MAX_TEXT`](crate::text::MAX_TEXT)).
//!
//! **What counts as an address.** The share of an address counts the sockets that connect from it. If the node is behind a
//! reverse proxy on the same machine, all peers connect from loopback. Then connections have shares by peer only, and all
//! peers together have 64 places at the door: raise [`handshakes_per_address`](Config::handshakes_per_address). If the node
//! or its peers are behind another proxy or a NAT, many peers have the same address: raise
//! [`connections_per_address`](Config::connections_per_address), too.
//!
//! # What you hear, and what you can do
//!
//! - [`Readiness::Refused`](crate::swarm::Readiness::Refused) names a connection or a listener. For a connection,
//!   [`connection`](Swarm::connection) returns its peer and address. For a listener,
//!   [`last_refused_from`](Swarm::last_refused_from) returns the address that was refused last, with the peer if it was
//!   authenticated. This is only a sample: a node stores one address for each listener and kind of refusal, and nothing else
//!   about peers that have left. The log has a line for each of them, with level `debug` and target
//!   `swarm_notify::swarm::door`, such as `l0.1: a connection from /ip4/192.0.2.1/tcp/40000 is closed: it took too long`,
//!   with ` of 12D3KooW…` after the address of an authenticated peer. You can deny an address or a network ([Keeping
//!   somebody out](#keeping-somebody-out)), or block it with the system's packet filter, so that its sockets do not reach
//!   the node.
//! - If a peer misbehaves in a protocol of yours, call [`count_refusals`](Swarm::count_refusals) for a minor fault and
//!   [`fail_connection`](Swarm::fail_connection) for a major one. [`disconnect_peer`](Swarm::disconnect_peer) closes all
//!   connections of a peer, and [`Lists::deny_peer_for`] refuses its connections for some time.
//! - The fields of `Config` cannot be changed once the swarm is made. [`limit_protocol`](Swarm::limit_protocol) can be
//!   called at any time: lower the number of streams of a protocol if your own work for them becomes too much.
//! - Refusals shortly before the end of a connection are not told as readiness. While you handle the last event of the
//!   connection, [`refused_at`](Swarm::refused_at) returns its complete counts.
//!
//! `tests/attacks/guarded.rs` in the crate's sources (`cargo run --example guarded`) is a node to copy that does all of
//! this. It prints each refusal with the address, and once a second the counts and the bytes held beside their budget. When
//! the bytes held come near the budget, the node lowers the number of streams that a peer may have.
//!
//! # Keeping somebody out
//!
//! A [`Gate`] decides which peers may connect, which peers you may dial, and which protocols a peer may speak. The [`Lists`]
//! of a swarm decide the same by rules for peers and networks, which you can change at any time:
//!
//! - A socket from a denied address is closed as soon as it is accepted, before a byte is read or sent. With 1 000 networks
//!   in the list, this costs some 3 800 instructions, of which the lookup costs 1 500, while the listener's half of a
//!   handshake costs 2.7 million (`benches/instructions.sh`). A gate of yours is asked after the lists.
//! - The connection of a denied peer is closed once the peer has proved its identity. Neither this connection nor the socket
//!   from a denied address gets an id, and both are counted as `ConnectionDenied`.
//! - If your gate denies a protocol to a peer, the answer to the proposal is `na`, as for a protocol that is not supported.
//!   This is counted as `StreamDenied`, and the stream fails as `Denied` if the peer proposes no other protocol.
//! - A dial to a denied address or peer fails as [`Denied`](crate::lifecycle::Failure::Denied). If the address to dial shows
//!   that it is denied, no packet is sent. Otherwise the dial fails before the peer learns who you are.
//! - If a changed list denies an open connection, the connection ends as
//!   [`ConnectionEnd::Denied`](crate::lifecycle::ConnectionEnd::Denied). A dial under way that now leads to a denied
//!   address, or names a denied peer, fails as `Denied`.
//! - A list that you keep elsewhere, for example in a file, can replace the whole list in one call:
//!   [`replace_peers`](Lists::replace_peers), [`replace_networks`](Lists::replace_networks).
//! - An IPv6 address that contains an IPv4 address is checked as both. The page of [`Lists`] says which addresses these are.
//! - If a gate panics, what it was asked about is denied, and the panic reaches you at the end of the turn.
//!
//! An example with two nodes on TCP. The server has a protocol of its own. If a peer breaks the rules of this protocol, the
//! server's notifee denies the peer for ten minutes:
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
//! - **Many addresses.** Shares limit each address, but not a large number of addresses. With the defaults, 2 272 IPv4
//!   addresses are enough to take all 16 384 connections: 2 016 addresses take eight each, and 256 addresses take one each
//!   of the last 64th, where only an address without a connection gets a place. With IPv6, 508 sites (/48) are enough: 252
//!   with 64 connections each, and 256 with one. No node can distinguish them from honest peers. As long as one of the
//!   holders with the most connections has a connection without a stream, this connection gives way, and a newcomer gets its
//!   place. If all connections have streams, trimming helps: above 15 360 connections, those older than `trim_grace` are
//!   closed, up to 1 984 in each second, and whoever connects first gets their places. But strangers who all connect again
//!   every 10 s, with some 1 640 handshakes a second, are not trimmed either. Then a newcomer has to find a place that is
//!   free for a moment. An honest peer that is idle is trimmed like a stranger: [protect](Swarm::protect) the peers that you
//!   need.
//! - **Reconnecting.** Rates are counted for each connection. A peer whose connection was closed can connect again, and then
//!   begins with new rates, which costs both sides a handshake. A peer that pub/sub has cut is denied for [a
//!   while](pubsub::Config::denied_for), but a new identity costs the peer nothing.
//! - **Many owed events.** Connections that each have as many owed events as they may delay the events of all others, in
//!   proportion to their number: if there are 64 of them, and the owner drains 256 events in each turn, the opening of
//!   another connection or stream waits for up to 18 turns ([`owed_per_connection`](Limits::owed_per_connection)). No
//!   opening waits forever.
//! - **A rush at the door.** When all places are taken, the handshake of an honest newcomer is closed once half as many
//!   others have connected as there are places: 512 ([`inbound_handshakes`](Config::inbound_handshakes)). So attackers with
//!   many addresses who connect more than 5 120 times a second keep out peers with a round trip of 100 ms. The same is true
//!   for the 64 places of one address, where 320 connects a second are enough, and for those of a /48, where 1 280 are
//!   enough. This matters behind a NAT or a proxy, where honest peers share the attacker's address.
//! - **Forwarding in floodsub.** A peer is responsible for the messages that it forwards. A message that an honest peer may
//!   forward counts only against its author, unless your validator [rejects](pubsub::Verdict) the message. A node of this
//!   crate forwards no message twice within [`seen_ttl`](pubsub::Config::seen_ttl). An enemy can make a peer that forgets
//!   messages earlier forward them twice, and you then close the connection of this peer for
//!   [`repeats`](pubsub::Config::repeats).
//! - **Remembered messages in floodsub.** An attacker with many addresses, or many attackers, get parts of
//!   [`seen`](pubsub::Config::seen) that are as large as those of honest peers. If peers forward to you the messages of
//!   authors that an attacker has made up, these messages fill the shares of the peers, and less is left for honest authors
//!   whose messages arrive from the same peers. Whoever has stored more old messages of an author than the author's share
//!   can send all of them again, so that new messages of the author are refused. A
//!   [`SeqnoValidator`](pubsub::SeqnoValidator) refuses the old ones. It has a limit of authors, too: made-up authors whose
//!   messages arrive from an honest peer take the share of this peer, so that *new* authors whose messages arrive from this
//!   peer alone are refused. Known authors are not.
//! - **Waiting messages in floodsub.** Made-up authors whose messages arrive from an honest peer share the room for waiting
//!   messages with the honest authors whose messages arrive from the same peer. Of each author, the latest message is kept
//!   longest.
//! - **New identities.** A rule that denies a peer keeps out one identity, and a new identity costs nothing. A rule that
//!   denies a network keeps out all peers who share its addresses.
//! - **Short streams.** A peer that opens streams and ends them politely is no flood. Each stream causes two events, which
//!   are told in turn with those of other connections, at the rate [`openings`](connection::Config::openings). The default
//!   rate is so high that it limits no log. If each stream costs you a line, set the rate that your log can take:
//!   `swarm-notify listen` accepts 4 000 streams at once and 1 000 a second on one connection. The rate is counted for each
//!   connection, so that a peer with eight connections may open eight times as many streams.
//! - **Places of pub/sub.** A peer that sends new messages keeps its place. So 1 024 identities keep all others out, if each
//!   of them publishes something new once in each [`quiet_after`](pubsub::Config::quiet_after). They need 128 addresses,
//!   with eight connections each. Behind a proxy on the same machine, where all peers connect from loopback, one attacker is
//!   enough. And 1 024 addresses with one peer each keep their places even if they send nothing, since no node can
//!   distinguish them from honest peers that only listen.
//! - **Handlers of a host.** As many identities as there are handlers, 2 048 by default, can occupy one handler each with a
//!   silent stream: among peers with the same number of handlers, none gives way. A handler that goes on after its stream
//!   was reset does not give way either. When all handlers are busy, a peer with fewer handlers than another waits for at
//!   most `handler_patience`. A handler should give up a peer that sends nothing.
//! - **Unread bytes on a host.** The bytes that a peer has sent on a stream which it then resets are kept for the stream's
//!   handler, within `unread_bytes`: up to 64 MiB in addition to `held_bytes`. An attacker with enough identities can fill
//!   this memory. Then the bytes that an honest peer has sent before its stream was cut are lost if the peer has more of
//!   them than each of these identities.
//! - **Descriptors.** A connection with a stream keeps its descriptor as long as its peer follows the rules. If all
//!   connections have streams or are protected, a lack of descriptors closes only handshakes, and the next newcomer may
//!   replace the last one.
//! - **The network.** An attacker who fills your network link with packets needs no connection.
//! - **Your own memory and time.** If a handler of yours keeps what it reads, or computes for a long time, you have to limit
//!   that.

#[cfg(doc)]
use crate::connection::{self, yamux};
#[cfg(doc)]
use crate::lifecycle::Limits;
#[cfg(all(doc, feature = "protocols"))]
use crate::protocols::{address_book, gossipsub, identify, ping, pubsub, request_response};
#[cfg(doc)]
use crate::swarm::{Config, Gate, Lists, ProtocolLimits, Swarm};
#[cfg(doc)]
use crate::tcp;
