//! What the fuzzer found worth keeping, for `cargo test` to replay.
use std::path::Path;

/// Runs a fuzz target over its corpus. `false`: there is none, as in the packaged crate, which comes without `fuzz/`.
pub(crate) fn replay(target: &str, mut run: impl FnMut(&[u8])) -> bool {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return false;
    }
    let mut files = 0;
    for file in fuzz.join("corpus").join(target).read_dir().expect("the corpus is committed") {
        run(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 20, "the corpus is there");
    true
}

/// So many cases, or as many as `FUZZ_CASES` says.
pub(crate) fn how_many(cases: u64) -> u64 {
    std::env::var("FUZZ_CASES").map_or(cases, |cases| cases.parse().expect("FUZZ_CASES is a number"))
}

/// Runs a fuzz target over random bytes, the same ones each time. `FUZZ_CASES` makes it as many as you like.
pub(crate) fn seeded(cases: u64, longest: usize, mut run: impl FnMut(&[u8])) {
    for case in 0..how_many(cases) {
        let _guard = Case(case);
        let mut state = case;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (word ^ (word >> 29)) >> 16
        };
        let length = next() as usize % (longest + 1);
        let bytes: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        run(&bytes);
    }
}

/// Names the case that has failed.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was case {}", self.0);
        }
    }
}
