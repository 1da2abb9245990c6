//! CONTRIBUTING.md: each path exists, and each test, fuzz target, bench and example that a command names.

use crate::{check_paths, exists, read};

/// Returns the words behind an option, wherever it stands in a text.
fn named<'a>(text: &'a str, option: &str) -> Vec<&'a str> {
    let behind = text.split(option).skip(1);
    let words = behind.filter_map(|rest| rest.split([' ', '\n', '`']).next());
    words.filter(|word| !word.is_empty() && !word.contains("NAME") && !word.starts_with('-')).collect()
}

#[test]
fn each_path_that_it_names_exists() {
    let text = read("CONTRIBUTING.md");
    let paths = check_paths("CONTRIBUTING.md", &text);
    assert!(paths > 60, "{paths}");
}

#[test]
fn each_target_of_its_commands_exists() {
    let (text, manifest) = (read("CONTRIBUTING.md"), read("Cargo.toml"));
    let mut count = 0;
    for test in named(&text, "--test ") {
        assert!(exists(&format!("tests/{test}/main.rs")), "there is no test {test}");
        count += 1;
    }
    for target in named(&text, "fuzz/corpus/") {
        let target = target.trim_end_matches('/');
        assert!(exists(&format!("fuzz/fuzz_targets/{target}.rs")), "there is no fuzz target {target}");
    }
    for bench in named(&text, "--bench ") {
        assert!(exists(&format!("benches/{bench}.rs")), "there is no bench {bench}");
        count += 1;
    }
    for example in named(&text, "--example ") {
        assert!(manifest.contains(&format!("[[example]]\nname = \"{example}\"")), "there is no example {example}");
        count += 1;
    }
    assert!(count > 8, "{count}");
}
