//! A node has what a swarm has: each public method of `Swarm` is one of `Node`, or stands below with the reason why not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The methods of a swarm that a node lacks on purpose.
const NOT_OF_A_NODE: [&str; 13] = [
    // They make one.
    "new",
    "with_reactor",
    "from_os_rng",
    "with_events",
    // They drive one, and say when to. That is for its owner: a notifee runs within a turn, and a host drives its own.
    "poll",
    "tick",
    "turn",
    "flush_all",
    "wait",
    "wait_undrained",
    "poll_at",
    "next_deadline",
    "has_pending",
];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in path.read_dir().expect("a folder of the sources") {
        let path = entry.expect("it can be read").path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// The name of the method that a line begins.
fn method<'a>(line: &'a str, starts: &[&str]) -> Option<&'a str> {
    let behind = starts.iter().find_map(|start| line.strip_prefix(start))?;
    behind.split(['(', '<']).next()
}

/// The public methods in the blocks `impl … Swarm<…> …` of a source.
fn methods_of_swarm(source: &str, found: &mut BTreeSet<String>) {
    let (mut head, mut is_swarm) = (None, false);
    for line in source.lines() {
        if line.starts_with("impl") {
            head = Some(String::new());
        }
        if let Some(head) = &mut head {
            head.push_str(line);
        }
        if line.ends_with('{')
            && let Some(head) = head.take()
        {
            is_swarm = head.contains(" Swarm<") && !head.contains(" for Swarm<");
        }
        is_swarm &= line != "}";
        if is_swarm && let Some(name) = method(line, &["    pub fn ", "    pub const fn ", "    pub async fn "]) {
            found.insert(name.to_owned());
        }
    }
}

#[test]
fn a_node_has_each_swarm_method_but_those_that_make_or_drive_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a source");
    let mut files = vec![src.join("swarm.rs")];
    sources(&src.join("swarm"), &mut files);
    let mut swarm = BTreeSet::new();
    files.iter().for_each(|path| methods_of_swarm(&read(path), &mut swarm));
    assert!(swarm.len() > 60 && swarm.contains("dial") && swarm.contains("poll"), "{swarm:?}");

    let node = read(&src.join("swarm/node.rs")) + &read(&src.join("lifecycle/event_source.rs"));
    let node: BTreeSet<_> = node.lines().filter_map(|line| method(line.trim_start(), &["fn "])).collect();
    let lacks = |name: &&String| !node.contains(name.as_str()) && !NOT_OF_A_NODE.contains(&name.as_str());
    assert_eq!(swarm.iter().filter(lacks).collect::<Vec<_>>(), [""; 0], "`Node` lacks these methods of `Swarm`");
    for name in NOT_OF_A_NODE {
        assert!(swarm.contains(name), "a swarm has no {name} any more");
        assert!(!node.contains(name), "a node has {name} by now");
    }
}
