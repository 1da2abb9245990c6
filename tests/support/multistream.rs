//! The fuzz target `multistream`: our dialer with our listener over any cuts against an obvious model, and arbitrary
//! bytes into both, the listener's answers to them against another model. `cargo test` runs it over seeded input.

use arbitrary::{Arbitrary, Unstructured};
use swarm_notify::connection::multistream::{
    DialerSelect, Error, ListenerSelect, MAX_LINE, MAX_ROUNDS, Protocol, Selection,
};

const HEADER_MESSAGE: &[u8; 20] = b"\x13/multistream/1.0.0\n";

#[derive(Arbitrary, Debug)]
enum Input {
    /// Two lists of protocols (by number), a limit, data behind the proposal of a lazy dialer, and the wire's pieces.
    Negotiate { proposals: Vec<u8>, supported: Vec<u8>, rounds: u8, data: Vec<u8>, cuts: Vec<u8> },
    /// Anything to a dialer.
    Dialer { proposals: Vec<u8>, pieces: Vec<Vec<u8>> },
    /// Anything to a listener, behind a good header or not.
    Listener { header: bool, supported: Vec<u8>, pieces: Vec<Vec<u8>> },
}

/// One run.
pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match input {
        Input::Negotiate { proposals, supported, rounds, data, cuts } => {
            negotiate(&proposals, &supported, u16::from(rounds), &data, &cuts);
        }
        Input::Dialer { proposals, pieces } => dialer(&proposals, &pieces),
        Input::Listener { header, supported, pieces } => listener(header, &supported, &pieces),
    }
}

/// Names of all lengths that a varint tells apart, the longest one among them.
fn protocol(number: u8) -> Protocol {
    let name = match number % 4 {
        0 => format!("/{number}"),
        1 => format!("/{number:0>125}"),
        2 => format!("/{number:0>126}"),
        _ => format!("/{number:0>1023}"),
    };
    Protocol::new(name).unwrap()
}

fn protocols(numbers: &[u8]) -> Vec<Protocol> {
    numbers.iter().map(|number| protocol(*number)).collect()
}

fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn message(text: &[u8], out: &mut Vec<u8>) {
    write_length(text.len(), out);
    out.extend_from_slice(text);
}

/// A list of protocols as one message, of 64 KiB at most.
fn list(supported: &[Protocol]) -> Vec<u8> {
    let mut list = Vec::new();
    for protocol in supported {
        let mut line = Vec::new();
        message(format!("{protocol}\n").as_bytes(), &mut line);
        if list.len() + line.len() + 1 > 64 * 1024 {
            break;
        }
        list.append(&mut line);
    }
    list.push(b'\n');
    list
}

/// All that a listener of 16 rounds says behind its header to these bytes, before it confirms something or finds them to
/// be wrong.
fn answers(mut rest: &[u8], is_greeted: bool, supported: &[Protocol]) -> Vec<u8> {
    let (mut out, mut rounds, mut listed) = (Vec::new(), 0, 0);
    if !is_greeted {
        let Some(behind) = rest.strip_prefix(&HEADER_MESSAGE[..]) else { return out };
        rest = behind;
    }
    loop {
        let (length, prefix) = match rest {
            [low, ..] if *low < 0x80 => (usize::from(*low), 1),
            [low, high, ..] if (1..0x80).contains(high) => (usize::from(*low & 0x7f) | usize::from(*high) << 7, 2),
            // Not a length, or not yet one.
            _ => return out,
        };
        if !(2..=MAX_LINE).contains(&length) {
            return out;
        }
        let Some(line) = rest.get(prefix..prefix + length) else { return out };
        let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix('\n'));
        let Some(text) = text.filter(|text| !text.contains('\n')) else { return out };
        rounds += 1;
        if rounds > MAX_ROUNDS {
            message(b"na\n", &mut out);
            return out;
        }
        if supported.iter().any(|protocol| protocol.as_str() == text) {
            return out;
        }
        let list = list(supported);
        if text == "ls" && listed + list.len().div_ceil(1024) <= 64 {
            listed += list.len().div_ceil(1024);
            message(&list, &mut out);
        } else {
            message(b"na\n", &mut out);
        }
        rest = &rest[prefix + length..];
    }
}

#[derive(PartialEq, Debug)]
enum End {
    Agreed(usize),
    Rejected,
    TooManyRounds,
}

/// What the specification says in one sentence: the first of the dialer's list that the listener speaks.
fn model(proposals: &[Protocol], supported: &[Protocol], rounds: usize) -> End {
    match proposals.iter().position(|proposal| supported.contains(proposal)) {
        Some(first) if first < rounds => End::Agreed(first),
        _ if proposals.len() > rounds => End::TooManyRounds,
        _ => End::Rejected,
    }
}

fn negotiate(proposals: &[u8], supported: &[u8], rounds: u16, data: &[u8], cuts: &[u8]) {
    let (proposals, supported) = (protocols(proposals), protocols(supported));
    let expected = model(&proposals, &supported, usize::from(rounds));
    let (mut to_listener, mut to_dialer) = (Vec::new(), Vec::new());
    let mut dialer = DialerSelect::start(&proposals, &mut to_listener);
    let mut listener = ListenerSelect::with_rounds(rounds);
    // A lazy dialer's data: it may follow at once, and nobody who agrees may touch it.
    let lazy = proposals.len() == 1 && expected == End::Agreed(0);
    if lazy {
        to_listener.extend_from_slice(data);
    }
    let mut cuts = cuts.iter().map(|cut| usize::from(*cut));
    let (mut at_listener, mut at_dialer): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut agreed = None;
    let end = loop {
        if to_listener.is_empty() && to_dialer.is_empty() {
            break None;
        }
        move_some(&mut to_listener, &mut at_listener, cuts.next());
        match listener.receive(&at_listener, &supported, &mut to_dialer) {
            Ok((consumed, Some(index))) => {
                at_listener.drain(..consumed);
                assert!(agreed.is_none_or(|agreed| agreed == index));
                // The confirmation comes once, and not at once.
                if agreed.replace(index).is_none() {
                    listener.confirm(&supported[index], &mut to_dialer);
                }
            }
            Ok((consumed, None)) => {
                at_listener.drain(..consumed);
                assert!(at_listener.len() < 2 + MAX_LINE);
            }
            Err(error) => {
                assert_eq!(error, Error::TooManyRounds, "our dialer speaks well");
                break Some(End::TooManyRounds);
            }
        }
        move_some(&mut to_dialer, &mut at_dialer, cuts.next());
        let (consumed, outcome) = dialer.receive(&at_dialer, &proposals, &mut to_listener).unwrap();
        at_dialer.drain(..consumed);
        match outcome {
            Some(Selection::Agreed(index)) => {
                let theirs = agreed.expect("the dialer agrees after the listener");
                assert_eq!(proposals[index], supported[theirs]);
                break Some(End::Agreed(index));
            }
            Some(Selection::Rejected) => break Some(End::Rejected),
            None => {}
        }
    };
    assert_eq!(end, Some(expected));
    if lazy {
        at_listener.append(&mut to_listener);
        assert_eq!(at_listener, data, "data behind the proposal stays");
    }
    if agreed.is_some() {
        assert!(at_dialer.is_empty() && to_dialer.is_empty(), "a confirmation is the last line");
    }
}

fn move_some(from: &mut Vec<u8>, to: &mut Vec<u8>, cut: Option<usize>) {
    let len = cut.unwrap_or(usize::MAX).clamp(1, from.len().max(1)).min(from.len());
    to.extend(from.drain(..len));
}

fn dialer(proposals: &[u8], pieces: &[Vec<u8>]) {
    let proposals = protocols(proposals);
    let (mut unread, mut out) = (Vec::new(), Vec::new());
    let mut dialer = DialerSelect::start(&proposals, &mut out);
    let longest = proposals.iter().map(|proposal| proposal.as_str().len() + 3).sum::<usize>() + 20;
    for piece in pieces {
        unread.extend_from_slice(piece);
        let Ok((consumed, outcome)) = dialer.receive(&unread, &proposals, &mut out) else { return };
        assert!(consumed <= unread.len());
        unread.drain(..consumed);
        assert!(outcome.is_some() || unread.len() < 2 + MAX_LINE, "what is kept is less than a line");
        assert!(out.len() <= longest, "every proposal is made once");
        if let Some(Selection::Agreed(index)) = outcome {
            assert!(index < proposals.len());
        }
    }
}

/// Whole lines, where a piece begins so that it stands for some; random bytes hardly ever come to one.
fn lines(piece: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    match piece {
        [0..64, numbers @ ..] => numbers.iter().take(20).for_each(|number| match number {
            0..100 => message(b"ls\n", &mut lines),
            number => message(format!("{}\n", protocol(*number)).as_bytes(), &mut lines),
        }),
        piece => lines.extend_from_slice(piece),
    }
    lines
}

fn listener(header: bool, supported: &[u8], pieces: &[Vec<u8>]) {
    let supported = protocols(supported);
    let (mut unread, mut out, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    let mut listener = ListenerSelect::new();
    if header {
        let _ = DialerSelect::start(&[], &mut unread);
    }
    for piece in pieces.iter().map(|piece| lines(piece)) {
        unread.extend_from_slice(&piece);
        heard.extend_from_slice(&piece);
        let answer = listener.receive(&unread, &supported, &mut out);
        let expected = answers(&heard, header, &supported);
        // When the header leaves depends on the pieces, but it comes first.
        let said = out.strip_prefix(&HEADER_MESSAGE[..]).unwrap_or(&out);
        assert!(said.len() < out.len() || out.is_empty(), "the header is missing");
        assert!(said == expected, "{said:?} is not {expected:?}");
        let Ok((consumed, agreed)) = answer else { return };
        assert!(consumed <= unread.len());
        unread.drain(..consumed);
        assert!(agreed.is_some() || unread.len() < 2 + MAX_LINE, "what is kept is less than a line");
        assert!(agreed.is_none_or(|index| index < supported.len()));
    }
}
