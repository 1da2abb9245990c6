//! The fuzz target `frame_roundtrip`: what one side writes is what the other reads, field by field, on every layer of
//! the wire. `cargo test` runs it over seeded input.
//!
//! Each layer is held against a coder of the specification's, which is written here and knows nothing of ours.

use super::input::Input;
use super::raw_frames::{ACK, DATA, FIN, Frame, GO_AWAY, PING, RST, SYN, UPDATE};
use super::with;
use libp2p_identity::Keypair;
use std::collections::BTreeMap;
use swarm_notify::connection::multistream::{
    DialerSelect, InvalidProtocol, ListenerSelect, MAX_PROTOCOL, Protocol, Selection,
};
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, Session, Stream};
use swarm_notify::connection::{Role, noise, yamux};

/// One run.
pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    match input.byte() % 8 {
        0..4 => frames(&mut input),
        4..7 => lines(&mut input),
        _ => payloads(&mut input),
    }
}

fn word(input: &mut Input<'_>) -> u32 {
    u32::from_be_bytes([input.byte(), input.byte(), input.byte(), input.byte()])
}

/// One session is told what to say; what it has said is decoded, encoded again, and heard by another.
fn frames(input: &mut Input<'_>) {
    // Room for everything at once.
    let config = with(Config::default(), |config| {
        config.max_output = 1 << 20;
        config.early_streams = u32::MAX;
    });
    let (mut from, mut to) = (Session::<u32>::new(Role::Dialer, &config), Session::<u32>::new(Role::Listener, &config));
    let skipped = word(input);
    if skipped <= u32::MAX - 100 {
        from = from.skip_ids(skipped);
    }
    let (mut ours, mut theirs) = (BTreeMap::<u32, Stream>::new(), BTreeMap::<u32, Stream>::new());
    let mut expected: Vec<Frame> = Vec::new();
    let mut heard = Vec::new();
    let mut said = Vec::new();
    while !input.is_empty() && expected.len() < 50 {
        let flags = match input.below(6) {
            0 => {
                let opaque = word(input);
                from.ping(opaque);
                expected.push(Frame { kind: PING, flags: SYN, id: 0, length: opaque, payload: vec![] });
                0
            }
            1 => SYN,
            2 => SYN | FIN,
            3 => SYN | RST,
            4 => {
                // Nothing rides with the next frame.
                from.take_output(&mut said);
                0
            }
            _ => continue,
        };
        if flags == 0 {
            continue;
        }
        let key = ours.len() as u32;
        let Ok(mut stream) = from.open(key) else { continue };
        let id = stream.wire_id();
        let length = input.length().min(INITIAL_WINDOW as usize);
        let payload: Vec<u8> = (0..length).map(|n| (n as u8).wrapping_mul(31) ^ id as u8).collect();
        assert_eq!(from.write(&mut stream, &payload), length);
        let chunks = payload.chunks(config.max_frame as usize);
        let frames = chunks.enumerate().map(|(n, payload)| Frame {
            kind: DATA,
            flags: if n == 0 { SYN } else { 0 },
            id,
            length: payload.len() as u32,
            payload: payload.to_vec(),
        });
        expected.extend(frames);
        if flags & FIN != 0 {
            from.finish(&mut stream);
            if length == 0 {
                expected.push(Frame { kind: UPDATE, flags: SYN, id, length: 0, payload: vec![] });
            }
            expected.push(Frame { kind: DATA, flags: FIN, id, length: 0, payload: vec![] });
        } else if flags & RST != 0 {
            from.reset(&mut stream);
            // Without data the peer knows nothing of it.
            if length > 0 {
                expected.push(Frame { kind: UPDATE, flags: RST, id, length: 0, payload: vec![] });
            }
        } else if length == 0 {
            from.flush(&mut stream);
            expected.push(Frame { kind: UPDATE, flags: SYN, id, length: 0, payload: vec![] });
        }
        heard.push((id, flags, payload));
        ours.insert(key, stream);
        // What is to be sent is bounded; the pipe takes all of it at once.
        from.take_output(&mut said);
        while from.written(&mut ours).is_some() {}
    }
    let code = word(input);
    from.go_away(code);
    expected.push(Frame { kind: GO_AWAY, flags: 0, id: 0, length: code, payload: vec![] });
    from.take_output(&mut said);
    let frames = Frame::decode_all(&said);
    assert_eq!(frames, expected, "what was to be said");
    let wire: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    assert_eq!(wire, said, "the same bytes again");
    hear(&mut to, &mut theirs, &wire, &expected, &heard, code);
}

/// The other session understands the same, and answers what is to be answered.
fn hear(
    to: &mut Session<u32>,
    theirs: &mut BTreeMap<u32, Stream>,
    wire: &[u8],
    frames: &[Frame],
    heard: &[(u32, u16, Vec<u8>)],
    code: u32,
) {
    let (mut rest, mut gone, mut reset) = (wire, None, Vec::new());
    while !rest.is_empty() {
        let (n, fact) = to.receive(theirs, rest).expect("every frame is a good one");
        rest = &rest[n..];
        match fact {
            Some(Fact::Inbound) => {
                let stream = to.accept(theirs.len() as u32).unwrap();
                theirs.insert(theirs.len() as u32, stream);
            }
            Some(Fact::GoAway(code)) => gone = Some(code),
            Some(Fact::Reset(key)) => reset.push(theirs[&key].wire_id()),
            Some(Fact::Readable(_)) | None => {}
            Some(fact) => panic!("{fact:?} was not said"),
        }
    }
    assert_eq!(gone, Some(code));
    let known = heard.iter().filter(|(_, flags, payload)| flags & RST == 0 || !payload.is_empty());
    for (stream, (id, flags, payload)) in theirs.values().zip(known.clone()) {
        assert_eq!((stream.wire_id(), stream.unread()), (*id, &payload[..]));
        assert_eq!((stream.is_remote_finished(), stream.is_reset()), (flags & FIN != 0, flags & RST != 0));
        assert_eq!(reset.contains(id), flags & RST != 0);
    }
    assert_eq!(theirs.len(), known.count());
    // Two pings of one value in a row are answered once.
    let mut pongs: Vec<Frame> = frames.iter().filter(|frame| frame.kind == PING).cloned().collect();
    pongs.iter_mut().for_each(|pong| pong.flags = ACK);
    let mut answers = Frame::decode_all(to.output());
    pongs.dedup();
    answers.dedup();
    assert_eq!(answers, pongs, "each ping is answered with its value");
}

/// A name of any bytes and length: what may not be a protocol's is refused, and says why; what may goes over the wire
/// as it is.
fn lines(input: &mut Input<'_>) {
    let long = input.below(4) == 3;
    let count = 1 + input.below(4);
    let mut protocols: Vec<Protocol> = Vec::new();
    for _ in 0..count {
        let length = input.below(40);
        let mut name = if input.once_in(16) { String::new() } else { String::from("/") };
        name.extend((0..length).map(|_| char::from(input.byte())));
        if long {
            // Every length about that of the longest name, and those that one more byte of length begins with.
            let pad = [MAX_PROTOCOL - 2, 120][input.below(2)] + input.below(8);
            name.extend(core::iter::repeat_n('x', pad.saturating_sub(name.len())));
        }
        match Protocol::new(name.clone()) {
            Ok(protocol) => {
                assert!(name.starts_with('/') && name.len() <= MAX_PROTOCOL && !name.contains('\n'));
                assert_eq!(protocol.as_str(), name);
                protocols.push(protocol);
            }
            Err(InvalidProtocol::NoSlash) => assert!(!name.starts_with('/')),
            Err(InvalidProtocol::TooLong) => assert!(name.len() > MAX_PROTOCOL),
            Err(InvalidProtocol::Newline) => assert!(name.contains('\n')),
            Err(InvalidProtocol::Reserved) => assert_eq!(name, "/multistream/1.0.0"),
            Err(error) => panic!("{error} of {name:?}"),
        }
    }
    if protocols.is_empty() {
        return;
    }
    let (mut wire, mut answers) = (Vec::new(), Vec::new());
    let mut dialer = DialerSelect::start(&protocols, &mut wire);
    let mut listener = ListenerSelect::new();
    // All are refused but the last.
    for (index, protocol) in protocols.iter().enumerate() {
        let last = index + 1 == protocols.len();
        let mut said = if index == 0 { line("/multistream/1.0.0") } else { Vec::new() };
        said.extend(line(protocol.as_str()));
        assert_eq!(wire, said, "the proposal as it is to be");
        // All others are spoken.
        let mut spoken: Vec<_> = protocols.iter().filter(|other| *other != protocol).cloned().collect();
        let others = spoken.len();
        spoken.extend(last.then(|| protocol.clone()));
        let (read, agreed) = listener.receive(&wire, &spoken, &mut answers).unwrap();
        assert_eq!((read, agreed), (wire.len(), last.then_some(others)), "the name that was proposed");
        wire.clear();
        let mut answer = if index == 0 { line("/multistream/1.0.0") } else { Vec::new() };
        if last {
            listener.confirm(protocol, &mut answers);
            answer.extend(line(protocol.as_str()));
        } else {
            answer.extend(line("na"));
        }
        assert_eq!(answers, answer, "the answer as it is to be");
        let (read, outcome) = dialer.receive(&answers, &protocols, &mut wire).unwrap();
        assert_eq!((read, outcome), (answers.len(), last.then_some(Selection::Agreed(index))));
        answers.clear();
        if outcome.is_some() {
            assert!(wire.is_empty());
        }
    }
}

/// A line of multistream-select: its length as a varint, its text, and a newline.
fn line(text: &str) -> Vec<u8> {
    let (mut line, mut length) = (Vec::new(), text.len() + 1);
    while length >= 0x80 {
        line.push(length as u8 | 0x80);
        length >>= 7;
    }
    line.push(length as u8);
    line.extend(text.bytes().chain([b'\n']));
    line
}

/// Two lists of muxers and two identities, as the payloads of a handshake carry them; then messages of any length.
fn payloads(input: &mut Input<'_>) {
    let mut list = || -> Vec<String> {
        let count = input.below(5);
        (0..count)
            .map(|_| [yamux::PROTOCOL_NAME, "/mplex/6.7.0", "", "/m\u{fc}x", "/x"][input.below(5)].to_owned())
            .collect()
    };
    let mut lists = [list(), list()];
    let seeds = [input.byte(), input.byte()];
    let identities = seeds.map(|seed| Keypair::ed25519_from_bytes([seed; 32]).unwrap());
    let configs = [0, 1].map(|side| {
        let config = |list: &[String]| {
            let muxers: Vec<&str> = list.iter().map(String::as_str).collect();
            noise::Config::new(&identities[side], [seeds[side] ^ 0x55; 32], &muxers)
        };
        let is_spoken = |muxer: &String| muxer == yamux::PROTOCOL_NAME;
        if !lists[side].iter().all(is_spoken) {
            assert_eq!(config(&lists[side]).unwrap_err(), noise::Error::UnknownMuxer);
            lists[side].retain(is_spoken);
        }
        config(&lists[side]).unwrap()
    });
    let mut dialer = noise::Handshake::new(&configs[0], Role::Dialer, [1; 32], None).unwrap();
    let mut listener = noise::Handshake::new(&configs[1], Role::Listener, [2; 32], None).unwrap();
    let shared = lists[0].iter().find(|muxer| lists[1].contains(muxer)).cloned();
    let mut wire = Vec::new();
    for _ in 0..2 {
        dialer.transmit(&mut wire).unwrap();
        listener.receive(&wire).unwrap();
        wire.clear();
        listener.transmit(&mut wire).unwrap();
        dialer.receive(&wire).unwrap();
        wire.clear();
    }
    let ((mut ours, listener), (mut theirs, dialer)) = (dialer.finish().unwrap(), listener.finish().unwrap());
    let muxer = shared.filter(|_| lists.iter().all(|list| !list.is_empty()));
    for (remote, side) in [(&dialer, 0), (&listener, 1)] {
        assert_eq!(remote.peer, identities[side].public().to_peer_id());
        assert_eq!(remote.muxer.as_deref(), muxer.as_deref(), "{lists:?}");
    }
    let mut plain = vec![0; noise::MAX_PLAINTEXT];
    while !input.is_empty() {
        let sent: Vec<u8> = (0..input.length().min(70_000)).map(|n| n as u8).collect();
        let (mut wire, mut got) = (Vec::new(), Vec::new());
        ours.seal(&sent, &mut wire).unwrap();
        assert_eq!(wire.len(), noise::sealed_len(sent.len()));
        while let Ok(noise::Opened::Message { consumed, len }) = theirs.open(&wire, &mut plain) {
            assert_eq!(consumed, 2 + len + noise::TAG);
            got.extend_from_slice(&plain[..len]);
            wire.drain(..consumed);
        }
        assert!(wire.is_empty() && got == sent);
        core::mem::swap(&mut ours, &mut theirs);
    }
}
