//! Pub/sub: floodsub or gossipsub, validation, scores with a worked example, and parameters for small and large networks.
//!
//! # Floodsub or gossipsub
//!
//! Both are [`PubSub`](crate::protocols::pubsub::PubSub) with a different router, so that the same program can use either.
//!
//! | | [`FloodSub`](crate::protocols::floodsub::FloodSub) | [`GossipSub`](crate::protocols::gossipsub::GossipSub) |
//! |---|---|---|
//! | a message is sent to | every subscriber that we are connected to | about six of them, the mesh; our own messages to all |
//! | copies of each message that a node receives | as many as it has subscribers as peers | about as many as its mesh has peers |
//! | a subscriber that withholds messages | harms nobody: all others send them | is found out by its score; gossip brings the messages |
//! | work beside messages | none | a heartbeat each second |
//! | state for each peer | its topics | its topics and a score in each topic of ours |
//! | who else speaks it | go, js, py; rust in a crate of its own | go, rust, js, py, nim, jvm |
//!
//! With up to ten peers, floodsub is the simpler choice. With more, each message is received so often that gossipsub needs
//! less. A `GossipSub` also serves peers that only speak floodsub. Install one of the two, not both: both would speak
//! `/floodsub/1.0.0`.
//!
//! This program is a node with a mesh, on TCP:
//!
#![cfg_attr(all(feature = "tcp", feature = "rand"), doc = "```")]
#![cfg_attr(not(all(feature = "tcp", feature = "rand")), doc = "```ignore")]
//! use std::time::{Duration, SystemTime, UNIX_EPOCH};
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::gossipsub::{self, GossipSub};
//! use swarm_notify::protocols::pubsub::{self, Event, Signing};
//! use swarm_notify::swarm::{Config, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! let identity = keys::generate()?;
//! let reactor = tcp::Reactor::new()?;
//! let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//! let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
//! let mut notifees = Notifees::new();
//!
//! let first = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64; // no number may be used twice
//! let signing = Signing::strict_sign(identity, first);
//! let service = GossipSub::new(signing, pubsub::Config::default(), gossipsub::Config::default(), keys::seed()?);
//! let id = notifees.install(&mut swarm, service);
//! notifees.get_mut(id).expect("it is installed").subscribe(&mut swarm, "news")?;
//! swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
//!
//! for now in (0..3).map(Duration::from_secs) {
//!     swarm.tick(now); // your loop: once in each frame, or when `poll_at` or the descriptor says so
//!     notifees.drive(&mut swarm, now); // also the heartbeat
//!     while let Some(event) = notifees.get_mut(id).and_then(GossipSub::next_event) {
//!         match event {
//!             Event::Message { message, via } => println!("{}: {:?}, from {via}", message.topic, message.data),
//!             event => println!("{event}"), // peers, their subscriptions, and who enters and leaves the mesh
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Validation
//!
//! A message is forwarded only after it is verified and judged. The signature is verified first, so a forged message never
//! reaches your validator. The validator ([`set_validator`](crate::protocols::pubsub::PubSub::set_validator)) is called once
//! for each message. It returns one of these verdicts:
//!
//! - [`Accept`](crate::protocols::pubsub::Verdict::Accept): the message is delivered and forwarded.
//! - [`Ignore`](crate::protocols::pubsub::Verdict::Ignore): nothing happens. This is right for most unwanted messages.
//! - [`Reject`](crate::protocols::pubsub::Verdict::Reject): the message counts against each peer that sends it to us: once in
//!   its rate of [invalid messages](crate::protocols::pubsub::Config::invalid), and in its score (P4). Reject only what no
//!   honest node forwards.
//! - [`Later`](crate::protocols::pubsub::Verdict::Later): the owner gets the message with
//!   [`Event::Undecided`](crate::protocols::pubsub::Event::Undecided) and
//!   [reports](crate::protocols::pubsub::PubSub::report) the verdict within
//!   [`pending_for`](crate::protocols::pubsub::Config::pending_for), for example when a thread that has looked into a database
//!   has answered. Meanwhile other messages are handled.
//!
//! # Scores
//!
//! A router gives each peer a score, which only it knows. A peer with a negative score is removed from all meshes. One with a
//! much lower score gets no gossip, then no messages of ours, and in the end is not listened to
//! ([`ScoreThresholds`](crate::protocols::gossipsub::ScoreThresholds)).
//!
//! By default the score is 0 for every peer that does nothing wrong, and is lowered by invalid messages (P4), broken rules
//! (P7) and many peers at one address (P6). To reward peers that deliver, and to find out those that do not, give the topic
//! weights that fit the rate of its messages. A worked example, for a topic with 2 messages a second:
//!
//! 1. **P2, first deliveries.** A mesh of 6 peers that are equally fast brings each peer 2 / 6 = 0.33 first deliveries a
//!    second. With a decay of 0.9 a second, the counter of each settles near 0.33 / (1 - 0.9) = 3.3. A weight of 1 makes that
//!    3.3 points; a cap of 10 keeps one fast peer from collecting so many that it could misbehave for a while.
//! 2. **P3, deliveries in the mesh.** Copies that arrive within 2 s of the first count as well. A good peer of the mesh
//!    delivers every message, so its counter settles near 2 / (1 - 0.9) = 20. A threshold of 5 demands a quarter of that. A
//!    peer that delivers nothing lacks 5, which is 25 when squared. With a weight of -1 it has -25 points: below 0, so it is
//!    removed from the mesh. P3 only counts after an activation of 30 s, by when an honest counter has settled.
//! 3. **P3b** keeps these 25 points for a peer that was removed, with a decay of 0.9. With a weight of -1, a peer that still
//!    delivers nothing stays out of the mesh until the counter is below 0.01 and becomes 0, which takes 75 s. Without P3b it
//!    would have a score of 0 at once, and could be chosen again.
//! 4. **P4.** One invalid message costs 1 × 10 points, two cost 40, three cost 90: with a weight of -10, a third invalid
//!    message brings a peer from 3.3 points below the graylist threshold of -80.
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use swarm_notify::protocols::gossipsub::{Config, ScoreParams, TopicScoreParams};
//!
//! let mut news = TopicScoreParams::default();
//! (news.first_message_deliveries_weight, news.first_message_deliveries_decay) = (1.0, 0.9);
//! news.first_message_deliveries_cap = 10.0;
//! (news.mesh_message_deliveries_weight, news.mesh_message_deliveries_decay) = (-1.0, 0.9);
//! (news.mesh_message_deliveries_threshold, news.mesh_message_deliveries_cap) = (5.0, 40.0);
//! news.mesh_message_deliveries_window = Duration::from_secs(2);
//! news.mesh_message_deliveries_activation = Duration::from_secs(30);
//! (news.mesh_failure_penalty_weight, news.mesh_failure_penalty_decay) = (-1.0, 0.9);
//! news.invalid_message_deliveries_weight = -10.0;
//!
//! let mut score = ScoreParams::default();
//! score.topics.insert("news".into(), news);
//! let mut config = Config::default();
//! config.score = Some(score);
//! ```
//!
//! P3 punishes honest peers if the topic is quieter than you assumed: nobody can deliver messages that do not exist. Leave
//! its weight at 0 on topics whose rate you do not know.
//!
//! # Parameters
//!
//! - **A network of less than ten nodes.** The defaults work: a mesh contains all peers. If messages are rare and a lost one
//!   matters, no parameter helps; acknowledge messages in your protocol.
//! - **Hundreds to thousands of nodes.** The defaults work. In our simulation of 1 000 nodes, of which each has dialed 20,
//!   messages arrive after 3 to 6 hops. A node needs more connections than
//!   [`mesh_high`](crate::protocols::gossipsub::Config::mesh_high): those outside the mesh are who it gossips with.
//! - **Large messages.** Keep [`idontwant_size`](crate::protocols::gossipsub::Config::idontwant_size) well below their length,
//!   and unset [`flood_publish`](crate::protocols::gossipsub::Config::flood_publish): it sends each message of ours to all
//!   peers, which takes long on a slow uplink. Raise [`rpc_bytes`](crate::protocols::pubsub::Config::rpc_bytes) at all nodes if
//!   a message is longer than 1 MiB; rust-libp2p reads 64 KiB unless told otherwise.
//! - **A small device.** [`pubsub::Config::small`](crate::protocols::pubsub::Config::small) and
//!   [`gossipsub::Config::small`](crate::protocols::gossipsub::Config::small).
//! - **Nodes that have to stay connected**, such as two sites of one operator: make them
//!   [direct peers](crate::protocols::gossipsub::GossipSub::add_direct_peer) of each other.
//!
//! # Message ids
//!
//! Gossip names messages by their ids, so all nodes need the same ids. Ours are those of go, js and py: the bytes of the
//! author's peer id and of the sequence number. In rust-libp2p the default is another one, and a rust node needs:
//!
//! ```text
//! .message_id_fn(|message| {
//!     let mut id = message.source.map(|peer| peer.to_bytes()).unwrap_or_default();
//!     id.extend(message.sequence_number.unwrap_or_default().to_be_bytes());
//!     id.into()
//! })
//! ```
//!
//! [`set_message_id`](crate::protocols::pubsub::PubSub::set_message_id) sets the function at our side.
//!
//! # What is not promised
//!
//! - **Delivery.** Meshes and gossip make it likely that a message arrives, and nothing makes it certain. A message that was
//!   published while a node was not connected is not sent to it later, except by gossip within a few heartbeats.
//! - **Order.** Messages of several authors, and even of one author, may arrive in any order: they take different ways.
//! - **Secrecy.** Every subscriber reads everything, and whoever subscribes is told to all peers.
//! - **Sybils.** Scores are local and start at 0. An attacker with many addresses can fill the connections of a node that
//!   accepts all. [`mesh_outbound`](crate::protocols::gossipsub::Config::mesh_outbound) keeps some peers in each mesh that the
//!   node has chosen itself, so dial some peers that you trust.
//! - **Peer exchange** is off, since a pruned peer cannot verify most of what it is offered.
