//! Tests of the lists of muxers in the payloads of the two sides, and of the muxer that follows from these lists.

use super::*;

#[test]
fn a_list_of_muxers_without_ours_is_refused_in_both_roles() {
    let mut payload = payload_of(&honest(9));
    payload.extensions.as_mut().unwrap().stream_muxers = vec!["/mplex/6.7.0".into(), "".into()];
    assert_eq!(judge(payload.encode_to_vec()), Err(Error::NoSharedMuxer));
    payload.extensions.as_mut().unwrap().stream_muxers.push(YAMUX.into());
    assert_eq!(judge(payload.encode_to_vec()).unwrap().muxer.as_deref(), Some(YAMUX));
}

#[test]
fn a_list_of_muxers_that_would_not_fit_is_refused() {
    let spare = MAX_PAYLOAD - Config::offering(&identity(1), &[2; 32], &["/"]).unwrap().0.payload.len();
    // A length of 128 or more takes one more byte on the wire, both for the list and for the name.
    let longest = alloc::format!("/{}", "m".repeat(spare - 2));
    assert_eq!(Config::offering(&identity(1), &[2; 32], &[&longest]).unwrap().0.payload.len(), MAX_PAYLOAD);
    let error = Config::offering(&identity(1), &[2; 32], &[&alloc::format!("{longest}m")]).unwrap_err();
    assert_eq!(error, Error::Oversized);
}

const YAMUX: &str = yamux::PROTOCOL_NAME;
const MPLEX: &str = "/mplex/6.7.0";

/// Runs a handshake between a dialer and a listener that offer these lists of muxers. Returns the muxer at the dialer and
/// the muxer at the listener.
fn settle(dialer: &[&str], listener: &[&str]) -> Result<[Option<Arc<str>>; 2], Error> {
    let config = |seed, muxers| Config::offering(&identity(seed), &[seed + 100; 32], muxers).unwrap();
    let mut dialer = Handshake::new(&config(1, dialer), Role::Dialer, [7; 32], None)?;
    let mut listener = Handshake::new(&config(2, listener), Role::Listener, [8; 32], None)?;
    let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
    dialer.transmit(&mut first)?;
    listener.receive(&first)?;
    listener.transmit(&mut second)?;
    if let Err(error) = dialer.receive(&second) {
        assert!(!dialer.is_authenticated());
        assert_eq!(dialer.finish().unwrap_err(), error);
        return Err(error);
    }
    dialer.transmit(&mut third)?;
    listener.receive(&third)?;
    Ok([dialer, listener].map(|side| side.finish().unwrap().1.muxer))
}

#[test]
fn both_sides_settle_on_the_dialers_first_muxer_in_common() {
    let cases: [(&[&str], &[&str], Option<&str>); 5] = [
        (&[YAMUX, MPLEX], &[MPLEX, YAMUX], Some(YAMUX)),
        (&[MPLEX, YAMUX], &[YAMUX, MPLEX], Some(MPLEX)),
        (&[MPLEX, YAMUX], &[YAMUX], Some(YAMUX)),
        (&[YAMUX], &[MPLEX, YAMUX], Some(YAMUX)),
        (&[MPLEX], &[], None),
    ];
    for (dialer, listener, expected) in cases {
        let settled = settle(dialer, listener).unwrap();
        assert_eq!(settled.each_ref().map(Option::as_deref), [expected; 2], "{dialer:?} with {listener:?}");
    }
}

#[test]
fn lists_of_muxers_with_nothing_in_common_end_the_handshake() {
    assert_eq!(settle(&[YAMUX], &[MPLEX]), Err(Error::NoSharedMuxer));
    assert_eq!(settle(&[MPLEX], &[YAMUX]), Err(Error::NoSharedMuxer));
}
