//! Names of protocols.

use super::{ECHO, HEADER};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use swarm_notify::connection::multistream::{InvalidProtocol, MAX_PROTOCOL, Protocol};

#[test]
fn names_are_checked_at_their_limits() {
    let of_length = |length: usize| Protocol::new(format!("/{}", "x".repeat(length - 1)));
    assert_eq!(of_length(MAX_PROTOCOL).unwrap().as_str().len(), MAX_PROTOCOL);
    assert_eq!(of_length(MAX_PROTOCOL + 1), Err(InvalidProtocol::TooLong));
    assert_eq!(Protocol::new("/").unwrap().as_str(), "/");
    for (name, error) in [
        ("", InvalidProtocol::NoSlash),
        ("echo", InvalidProtocol::NoSlash),
        ("\n/", InvalidProtocol::NoSlash),
        ("/a\nb", InvalidProtocol::Newline),
        ("/\n", InvalidProtocol::Newline),
        (HEADER, InvalidProtocol::Reserved),
    ] {
        assert_eq!(Protocol::new(name), Err(error), "{name:?}");
        assert_eq!(name.parse::<Protocol>(), Err(error), "{name:?}");
    }
    assert!(Protocol::new("/multistream/1.0.1").is_ok());
    assert!(Protocol::new("/multistream/1.0.0/").is_ok());
}

#[test]
#[should_panic(expected = "not a valid protocol name")]
fn a_bad_static_name_is_refused_outside_of_a_const_too() {
    let _ = Protocol::from_static("echo");
}

#[test]
fn a_name_is_the_same_however_it_was_made() {
    let made = Protocol::new(String::from("/echo/1.0.0")).unwrap();
    assert_eq!(made, ECHO);
    assert_eq!(made.cmp(&ECHO), std::cmp::Ordering::Equal);
    assert_eq!(HashMap::from([(made.clone(), 1)]).get("/echo/1.0.0"), Some(&1));
    assert_eq!(HashMap::from([(made.clone(), 1)]).get(&ECHO), Some(&1));
    assert_eq!(BTreeSet::from([made.clone(), ECHO]).len(), 1);
    assert_eq!((made.to_string(), format!("{ECHO:?}")), ("/echo/1.0.0".into(), "\"/echo/1.0.0\"".into()));
}

#[test]
fn protocols_are_ordered_as_their_names_are() {
    let [a, b] = ["/a", "/b"].map(Protocol::from_static);
    assert_eq!(a.partial_cmp(&b), Some(Ordering::Less));
    assert_eq!(b.cmp(&Protocol::new("/b").unwrap()), Ordering::Equal);
}
