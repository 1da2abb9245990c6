//! RPCs as the specifications of gossipsub write them, encoded and decoded without the code that is tested.

use prost::Message as _;
use swarm_notify::identity::Keypair;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Rpc {
    #[prost(message, repeated, tag = "1")]
    pub(crate) subscriptions: Vec<SubOpts>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) publish: Vec<Message>,
    #[prost(message, optional, tag = "3")]
    pub(crate) control: Option<Control>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SubOpts {
    #[prost(bool, optional, tag = "1")]
    pub(crate) subscribe: Option<bool>,
    #[prost(string, optional, tag = "2")]
    pub(crate) topic: Option<String>,
}

/// A message that may have several topics, as messages of the first versions had.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(crate) from: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) data: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) seqno: Option<Vec<u8>>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) topics: Vec<String>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub(crate) signature: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Control {
    #[prost(message, repeated, tag = "1")]
    pub(crate) ihave: Vec<IHave>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) iwant: Vec<Ids>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) graft: Vec<Graft>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) prune: Vec<Prune>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) idontwant: Vec<Ids>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IHave {
    #[prost(string, optional, tag = "1")]
    pub(crate) topic: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) ids: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ids {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) ids: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Graft {
    #[prost(string, optional, tag = "1")]
    pub(crate) topic: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Prune {
    #[prost(string, optional, tag = "1")]
    pub(crate) topic: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) peers: Vec<Vec<u8>>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) backoff: Option<u64>,
}

impl Rpc {
    pub(crate) fn subscribing(topics: &[&str]) -> Self {
        let opts = |topic: &&str| SubOpts { subscribe: Some(true), topic: Some((*topic).into()) };
        Self { subscriptions: topics.iter().map(opts).collect(), ..Self::default() }
    }

    pub(crate) fn publishing(messages: Vec<Message>) -> Self {
        Self { publish: messages, ..Self::default() }
    }

    fn with(control: Control) -> Self {
        Self { control: Some(control), ..Self::default() }
    }

    pub(crate) fn graft(topic: &str) -> Self {
        Self::with(Control { graft: vec![Graft { topic: Some(topic.into()) }], ..Control::default() })
    }

    pub(crate) fn prune(topic: &str, backoff: u64) -> Self {
        let prune = Prune { topic: Some(topic.into()), peers: vec![], backoff: Some(backoff) };
        Self::with(Control { prune: vec![prune], ..Control::default() })
    }

    pub(crate) fn ihave(topic: &str, ids: Vec<Vec<u8>>) -> Self {
        Self::with(Control { ihave: vec![IHave { topic: Some(topic.into()), ids }], ..Control::default() })
    }

    pub(crate) fn iwant(ids: Vec<Vec<u8>>) -> Self {
        Self::with(Control { iwant: vec![Ids { ids }], ..Control::default() })
    }

    pub(crate) fn idontwant(ids: Vec<Vec<u8>>) -> Self {
        Self::with(Control { idontwant: vec![Ids { ids }], ..Control::default() })
    }

    /// What the RPC says, a line each, in the order of the fields.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let text = |topic: &Option<String>| topic.clone().unwrap_or_default();
        for opts in &self.subscriptions {
            lines.push(format!("{}{}", if opts.subscribe() { '+' } else { '-' }, text(&opts.topic)));
        }
        let Control { ihave, iwant, graft, prune, idontwant } = self.control.clone().unwrap_or_default();
        lines.extend(idontwant.iter().map(|entry| format!("idontwant {}", entry.ids.len())));
        lines.extend(graft.iter().map(|entry| format!("graft {}", text(&entry.topic))));
        lines.extend(prune.iter().map(|entry| match entry.backoff {
            Some(backoff) => format!("prune {} {backoff}", text(&entry.topic)),
            None => format!("prune {}", text(&entry.topic)),
        }));
        lines.extend(ihave.iter().map(|entry| format!("ihave {} {}", text(&entry.topic), entry.ids.len())));
        lines.extend(iwant.iter().map(|entry| format!("iwant {}", entry.ids.len())));
        for message in &self.publish {
            let data = message.data.as_deref().unwrap_or_default();
            let data = if data.len() > 20 { format!("{} bytes", data.len()) } else { data.escape_ascii().to_string() };
            lines.push(format!("message {data}"));
        }
        lines
    }
}

/// The id of a message: its author and its sequence number.
pub(crate) fn id(author: &Keypair, seqno: u64) -> Vec<u8> {
    [author.public().to_peer_id().to_bytes(), seqno.to_be_bytes().to_vec()].concat()
}

/// A message that is signed as it should be, with as many topics as there are.
pub(crate) fn signed(author: &Keypair, seqno: u64, topics: &[&str], data: &[u8]) -> Message {
    let mut message = Message {
        from: Some(author.public().to_peer_id().to_bytes()),
        data: Some(data.to_vec()),
        seqno: Some(seqno.to_be_bytes().to_vec()),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        signature: None,
    };
    let bytes = [b"libp2p-pubsub:", &message.encode_to_vec()[..]].concat();
    message.signature = Some(author.sign(&bytes).unwrap());
    message
}
