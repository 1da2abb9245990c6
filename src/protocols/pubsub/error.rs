//! The errors of the owner's commands: [`SubscribeError`] and [`PublishError`].

use core::fmt;

/// The reason why subscribing to a topic failed. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscribeError {
    /// We subscribe already to as many topics as [`subscriptions`](super::Config::subscriptions) allows.
    Limit,
    /// The topic's name is longer than [`topic_bytes`](super::Config::topic_bytes).
    TopicTooLong,
}

/// The reason why publishing a message failed. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PublishError {
    /// The message with all its fields is longer than [`rpc_bytes`](super::Config::rpc_bytes).
    TooLarge,
    /// The topic's name is longer than [`topic_bytes`](super::Config::topic_bytes).
    TopicTooLong,
    /// The same message was published or received within the last [`seen_ttl`](super::Config::seen_ttl), counted from the
    /// time at which the notifees were last driven.
    Duplicate,
    /// Our messages have no author, and as many of them are remembered as their share of [`seen`](super::Config::seen)
    /// allows. Publishing succeeds again once older messages are forgotten.
    Full,
    /// The key could not sign the message.
    Signing,
}

impl core::error::Error for SubscribeError {}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limit => "there are as many subscriptions as the bounds allow",
            Self::TopicTooLong => "the topic's name is too long",
        })
    }
}

impl core::error::Error for PublishError {}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the message is too large",
            Self::TopicTooLong => "the topic's name is too long",
            Self::Duplicate => "the same message was published or received lately",
            Self::Full => "as many messages are remembered as the bounds allow",
            Self::Signing => "the key cannot sign the message",
        })
    }
}
