//! The command tells which messages it has refused: the author had said more than its share, in a whole instance of that attack.

use crate::attackers::catalogue::ATTACKS;
use crate::attackers::pubsub::TOPIC;
use crate::attackers::scene::Scene;
use crate::beside::command;
use crate::node::{Node, wait_for};
use std::time::Duration;

/// A debug build needs a while for 65 536 signatures.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn refused_messages_are_told_in_the_log_and_at_the_end() {
    let attack = ATTACKS.iter().find(|attack| attack.name == "seen").expect("it is in the catalogue");
    let mut node = Node::listen(&command(), false, None, Some(TOPIC));
    let scene = Scene::new(node.address(), false);
    let told = std::thread::scope(|scope| {
        scope.spawn(|| (attack.run)(&scene));
        let told = wait_for(LIMIT, || (node.told().over_share > 1).then_some(()));
        scene.end();
        told
    });
    assert!(told.is_some(), "nothing is refused");
    node.terminate();
    let ended = node.ended(LIMIT).expect("it ends when it is asked to");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = "messages were refused: an author, or the peer that sent them, had said too much\n";
    assert!(ended.stderr.starts_with("warning: ") && ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!((node.told().replayed, scene.cuts()), (1, 0), "nobody is blamed");
}
