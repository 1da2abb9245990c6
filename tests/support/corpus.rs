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
