//! The glossary on the front page: each word once, each with one sentence.

use crate::page;
use std::collections::BTreeSet;

#[test]
fn each_word_has_one_sentence() {
    let front = page("src/lib.rs");
    let (_, glossary) = front.split_once("# Glossary\n").expect("the front page has one");
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| **")?.strip_suffix(" |"));
    let mut words = BTreeSet::new();
    for row in rows {
        let (word, meaning) = row.split_once("** | ").unwrap_or_else(|| panic!("{row}"));
        assert!(words.insert(word), "{word} is there twice");
        assert!(meaning.ends_with('.') && !meaning.contains(". "), "{word}: one sentence, please");
    }
    assert!(words.len() > 50, "{}", words.len());
}
