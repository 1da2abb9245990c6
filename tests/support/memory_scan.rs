//! Looks for bytes in all of this process's memory that it may write, but for stacks, by way of the file in which the system
//! shows it. A secret is wiped if it is not found.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

const MASK: u8 = 0x5a;

/// 32 secret bytes. They are kept masked, so that a search does not find its own.
#[derive(Clone, Copy)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// Makes bytes that stand nowhere else, out of a number for each test.
    pub(crate) fn new(number: u8) -> Self {
        let mut state = u64::from(number);
        Self(core::array::from_fn(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        }))
    }

    /// Returns the bytes themselves. Keep them on the stack, which is not searched.
    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0.map(|byte| byte ^ MASK)
    }

    /// Counts the places at which the bytes stand, in memory that is no stack. What is freed counts as well: its first 16 bytes
    /// are the allocator's then, and a key of X25519 may have its last byte changed, so that 15 bytes between are looked for.
    pub(crate) fn count(self) -> usize {
        /// A search copies what it looks at, stacks of others among it, so that two at a time would find each other's.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let wanted = &self.0[16..31];
        let mut memory = File::open("/proc/self/mem").expect("a process may read its own memory");
        let mut buffer = vec![0; 1 << 20];
        let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
        let mut found = 0;
        for (start, end) in writable() {
            let mut at = start;
            while at < end {
                let len = buffer.len().min(end - at);
                let Ok(()) = memory.seek(SeekFrom::Start(at as u64)).map(drop) else { break };
                let Ok(n) = memory.read(&mut buffer[..len]) else { break };
                if n == 0 {
                    break;
                }
                let is_here = |bytes: &[u8]| bytes.iter().zip(wanted).all(|(byte, masked)| byte ^ MASK == *masked);
                let places = buffer[..n].windows(wanted.len()).enumerate().filter(|(_, bytes)| is_here(bytes));
                found += places.filter(|(place, _)| !own.contains(&(at + place))).count();
                // The end of this piece may be the begin of a match.
                at += if n == len && at + n < end { n - wanted.len() + 1 } else { n };
            }
        }
        buffer.fill(0);
        found
    }
}

/// The ranges of addresses that may be written and are no stack.
fn writable() -> Vec<(usize, usize)> {
    let local = 0_u8;
    let here = (&raw const local).addr();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the system shows them");
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let is_stack = rest.ends_with("[stack]") || (start..end).contains(&here);
        (rest.starts_with("rw") && !is_stack).then_some((start, end))
    };
    maps.lines().filter_map(range).collect()
}
