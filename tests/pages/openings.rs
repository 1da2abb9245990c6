//! How doc comments begin: with what a thing is or does, and not with a question.

use crate::{read, sources};

/// The most doc comments in `src/` that may open with one of [`WORDS`]. The goal is 20: lower it with each that is rewritten,
/// and never raise it.
const MOST: usize = 20;

/// Openings that make a clause stand for a noun: "Whether it is open", "How many there may be", "What is due".
const WORDS: [&str; 6] = ["What", "Who", "Whom", "Whether", "How", "Of"];

/// Returns the text of a line's doc comment, and whether it belongs to the thing around it (`//!`).
fn doc(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    match line.strip_prefix("///") {
        Some(text) => (!text.starts_with('/')).then_some((false, text)),
        None => line.strip_prefix("//!").map(|text| (true, text)),
    }
}

/// Returns the first line of each doc comment of a source, with its number.
fn first_lines(text: &str) -> Vec<(usize, &str)> {
    let mut before = None;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let here = doc(line);
        if let Some((is_inner, text)) = here
            && before != Some(is_inner)
        {
            found.push((number, text.trim()));
        }
        before = here.map(|(is_inner, _)| is_inner);
    }
    found
}

/// Returns whether a line opens with one of the words, whatever marks stand before it.
fn asks(line: &str) -> bool {
    let line = line.trim_start_matches(['*', '_', '`', '[']);
    let word = line.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    WORDS.contains(&word)
}

#[test]
fn few_doc_comments_open_with_a_question_word() {
    let mut files = Vec::new();
    sources("src", &mut files);
    files.sort();
    let (mut all, mut found) = (0, Vec::new());
    for file in files {
        let text = read(&file);
        let lines = first_lines(&text);
        all += lines.len();
        found.extend(lines.into_iter().filter(|(_, line)| asks(line)).map(|(n, line)| format!("{file}:{n}: {line}")));
    }
    assert!(all > 4_000, "{all} doc comments: some are not seen");
    println!("{} of {all}:\n{}", found.len(), found.join("\n"));
    assert!(found.len() <= MOST, "{} doc comments open with one of {WORDS:?}, {MOST} at most", found.len());
}

#[test]
fn an_opening_is_the_first_word_of_a_comment() {
    let source = "//! What.\n//! How.\n\n/// Whether it is.\n/// Who.\nfn a() {}\n// Of.\n//// Whom.\n/// Closes it.\nfn b() {}\n";
    let lines: Vec<_> = first_lines(source).into_iter().map(|(number, line)| (number, asks(line))).collect();
    assert_eq!(lines, [(1, true), (4, true), (9, false)]);
    assert!(asks("**Of** all") && asks("`How`") && !asks("Often") && !asks("However it is") && !asks(""));
}
