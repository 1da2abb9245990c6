//! How long the names of functions are: short enough to be read at a glance in a table, a list of tests and a message.

use crate::{read, sources, whole};

/// The most characters of a function's name. The tests that have the names of py-libp2p's tests (`CONTRIBUTING.md`) stay below
/// it as well, so that there is no exception.
const MOST: usize = 60;

#[test]
fn no_function_has_a_name_of_more_than_60_characters() {
    let mut files = Vec::new();
    // The fuzz targets are not packaged.
    let folders = ["src", "tests", "benches", "fuzz/fuzz_targets"].into_iter().filter(|folder| whole(folder).exists());
    folders.for_each(|folder| sources(folder, &mut files));
    files.sort();
    let (mut all, mut found) = (0, Vec::new());
    for file in files {
        for (number, line) in (1..).zip(read(&file).lines()) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let names = line.match_indices("fn ").filter(|(at, _)| !line[..*at].ends_with(is_word));
            let names = names.filter_map(|(at, word)| line[at + word.len()..].split(|c| !is_word(c)).next());
            let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
            all += names.len();
            let long = names.iter().filter(|name| name.chars().count() > MOST);
            found.extend(long.map(|name| format!("{file}:{number}: {name}")));
        }
    }
    assert!(all > 8_000, "{all} functions: some are not seen");
    assert!(
        found.is_empty(),
        "{} of {all} names are longer than {MOST} characters:\n{}",
        found.len(),
        found.join("\n")
    );
}
