//! The page of promises: thirteen rows, each with files that exist and have tests.

use crate::{page, quoted, read};

/// Returns whether a file has tests: functions behind `#[test]`, those that the macro `everywhere!` runs on each shape of the
/// simulated pair, or those of a program without a harness, which its `main.rs` lists by their module's name.
fn has_tests(path: &str) -> bool {
    let text = read(path);
    let (folder, name) = path.rsplit_once('/').expect(path);
    let main = read(&format!("{}/main.rs", folder.split('/').take(2).collect::<Vec<_>>().join("/")));
    let is_listed = main.contains("const TESTS") && main.contains(&format!("{}::", name.trim_end_matches(".rs")));
    let has_own_harness = name == "main.rs" && text.contains("no_harness::");
    text.contains("#[test]\n") || text.contains("everywhere! {\n") || is_listed || has_own_harness
}

#[test]
fn each_promise_names_files_that_have_tests() {
    let page = page("src/guide/promises.rs");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| **P")).collect();
    assert_eq!(rows.len(), 13);
    for (number, row) in (1..).zip(rows) {
        assert!(row.starts_with(&format!("| **P{number} ")), "{row}");
        let tests = row.rsplit('|').nth(1).unwrap_or_default();
        let files = quoted(tests);
        assert!(!files.is_empty(), "P{number} has no tests");
        for file in files {
            assert!(has_tests(&file), "P{number}: {file} has no tests");
        }
    }
    crate::check_paths("guide::promises", &page);
}
