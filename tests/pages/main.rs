//! The pages that people read, held against the sources: each path that they name exists, each promise has its tests, the
//! figures are those of the files that count them, doc comments say what a thing is before they ask questions, and no name of
//! a function is too long.
//!
//! It needs nothing but std, so that it is built in a moment: `cargo test --test pages`.

mod contributing;
mod glossary;
mod names;
mod openings;
mod promises;
mod readme;

use std::path::Path;

/// Reads a file of the crate's sources.
fn read(path: &str) -> String {
    std::fs::read_to_string(whole(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn whole(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Adds the files below a folder that end with `.rs`, by their paths from the crate's root.
fn sources(folder: &str, found: &mut Vec<String>) {
    let entries = whole(folder).read_dir().unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries.map(|entry| entry.expect("it can be read")) {
        let path = format!("{folder}/{}", entry.file_name().into_string().expect("a name of ours"));
        if entry.path().is_dir() {
            sources(&path, found);
        } else if path.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// Returns the words of a text that stand in backquotes, those of fenced blocks left out.
fn quoted(text: &str) -> Vec<String> {
    let prose: Vec<_> = text.split("```").step_by(2).collect();
    prose.iter().flat_map(|prose| prose.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Returns the text of a module's page: its lines behind `//!`.
fn page(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// Folders that the packaged crate comes without. What a page says of them is checked where they are.
const UNPACKAGED: [&str; 2] = [".ci", "fuzz"];

/// Returns whether a path exists, or cannot be looked for.
fn exists(path: &str) -> bool {
    let is_unpackaged = UNPACKAGED.iter().any(|folder| path.starts_with(folder) && !whole(folder).exists());
    is_unpackaged || whole(path.trim_end_matches('/')).exists()
}

/// Checks each path in backquotes and in links of a page, and returns how many there are.
fn check_paths(page: &str, text: &str) -> usize {
    let starts = ["src/", "tests/", "fuzz/", "benches/", ".ci/", ".cargo/"];
    let is_path = |word: &str| starts.iter().any(|start| word.starts_with(start));
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    // Others lead to pages of the docs, and rustdoc looks at them.
    let links = links.filter(|link| !link.contains([':', '#'])).map(str::to_owned);
    let words = quoted(text).into_iter().filter(|word| is_path(word));
    // A command is its file and arguments. A name in capitals stands for any.
    let paths = words.filter_map(|word| word.split(' ').next().map(str::to_owned)).chain(links);
    let paths: Vec<_> = paths.filter(|path| !path.contains(['*', '<', '…']) && !path.contains("NAME")).collect();
    let missing: Vec<_> = paths.iter().filter(|path| !exists(path)).collect();
    assert_eq!(missing, [""; 0], "{page} names these, which do not exist");
    paths.len()
}
