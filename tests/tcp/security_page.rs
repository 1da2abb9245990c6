//! `SECURITY.md`: its bounds are those of the page `guide::enemy`, with the same defaults and the same words on what is told;
//! and each test that it names exists.

use std::collections::BTreeMap;
use std::path::Path;

/// Reads a file of the crate's sources.
fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of the rows of all tables whose last column has a name.
fn rows<'a>(lines: impl Iterator<Item = &'a str>, last: &str) -> Vec<Vec<&'a str>> {
    let mut rows = Vec::new();
    let mut is_meant = false;
    for line in lines {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            is_meant = false;
            continue;
        };
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        if cells.last() == Some(&last) {
            is_meant = true;
        } else if is_meant && !cells.iter().all(|cell| *cell == "---") {
            rows.push(cells);
        }
    }
    rows
}

/// A text without its links: `[words](where)` and `[words]` are `words`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let (words, behind) = link.split_once(']').expect(text);
        plain += before;
        plain += words;
        rest = match behind.strip_prefix('(') {
            Some(behind) => behind.split_once(')').expect(text).1,
            None => behind,
        };
    }
    plain + rest
}

/// What a table says of a bound: its default, and how it is told.
type Bounds = BTreeMap<String, (String, String)>;

fn add(bounds: &mut Bounds, name: &str, default: &str, told: &str) {
    let said = (default.to_owned(), without_links(told));
    assert!(bounds.insert(name.to_owned(), said).is_none(), "{name} is there twice");
}

/// Adds the bounds of a host, which the page has in a sentence, and what `SECURITY.md` says of how they are told.
#[cfg(feature = "host")]
fn add_host(page: &mut Bounds, ours: &Bounds) {
    let config = format!("{:#?}", swarm_notify::host::Config::default());
    let fields = config.lines().filter_map(|line| line.strip_prefix("    ").filter(|line| !line.starts_with(' ')));
    for (name, default) in fields.filter_map(|line| line.trim_end_matches(',').split_once(": ")) {
        if default.ends_with('{') {
            continue;
        }
        let name = format!("host::Config::{name}");
        let (said, told) = ours.get(&name).unwrap_or_else(|| panic!("SECURITY.md lacks {name}"));
        let digits = said.replace(' ', "");
        let bytes = digits.strip_suffix("MiB").map(|number| (number.parse::<u64>().expect(said) << 20).to_string());
        assert_eq!(bytes.unwrap_or(digits), default, "{name}");
        add(page, &name, said, told);
    }
}

#[cfg(not(feature = "host"))]
fn add_host(page: &mut Bounds, ours: &Bounds) {
    for (name, (said, told)) in ours.iter().filter(|(name, _)| name.starts_with("host::")) {
        add(page, name, said, told);
    }
}

#[test]
fn its_bounds_are_those_of_the_page() {
    let (enemy, security) = (read("src/guide/enemy.rs"), read("SECURITY.md"));
    let mut page = Bounds::new();
    for row in rows(enemy.lines().filter_map(|line| line.strip_prefix("//! ")), "who pays") {
        let [name, default, _, _, told, _] = row[..] else { panic!("{row:?}") };
        let field = name.split_once("](").and_then(|(_, link)| link.split(')').next()).expect(name);
        add(&mut page, field, default, told);
    }
    let mut ours = Bounds::new();
    for row in rows(security.lines(), "rust-libp2p") {
        let [name, default, told, go, rust] = row[..] else { panic!("{row:?}") };
        assert!(!go.is_empty() && !rust.is_empty(), "{name} says nothing of others, not even `nothing`");
        add(&mut ours, name.trim_matches('`'), default, told);
    }
    assert!(page.len() > 90, "{}", page.len());
    add_host(&mut page, &ours);
    let missing: Vec<_> = page.keys().filter(|name| !ours.contains_key(*name)).collect();
    let surplus: Vec<_> = ours.keys().filter(|name| !page.contains_key(*name)).collect();
    assert_eq!(missing, [""; 0], "SECURITY.md lacks these rows of guide::enemy");
    assert_eq!(surplus, [""; 0], "guide::enemy lacks these rows of SECURITY.md");
    for (name, said) in &page {
        assert_eq!(ours[name], *said, "{name}, and guide::enemy on the right");
    }
}

/// The sources below a folder.
fn sources(folder: &str, found: &mut Vec<String>) {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for entry in whole.read_dir().unwrap_or_else(|error| panic!("{folder}: {error}")) {
        let entry = entry.expect("it can be read");
        let path = format!("{folder}/{}", entry.file_name().into_string().expect("a name of ours"));
        match entry.path().is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

/// Whoever copies an example has its keys and seeds. A line behind `#` is not shown on the page.
#[test]
fn no_example_has_a_key_that_everybody_knows() {
    let is_known = |line: &str| line.contains("ed25519_from_bytes") || line.contains("; 32]");
    let (mut docs, mut programs) = (Vec::new(), vec!["tests/attacks/guarded.rs".to_owned()]);
    sources("src", &mut docs);
    sources("tests/loops", &mut programs);
    sources("tests/examples", &mut programs);
    let mut known = Vec::new();
    for path in docs {
        let shown = |line: &str| {
            let line = line.trim_start();
            let line = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            line.is_some_and(|line| !line.starts_with(" #") && is_known(line))
        };
        known.extend(read(&path).lines().filter(|line| shown(line)).map(|line| format!("{path}: {line}")));
    }
    // What tests and examples share is for tests.
    programs.retain(|path| !path.ends_with("main.rs"));
    assert!(programs.len() > 12, "{programs:?}");
    for path in programs.iter().map(String::as_str).chain(["README.md"]) {
        known.extend(read(path).lines().filter(|line| is_known(line)).map(|line| format!("{path}: {line}")));
    }
    assert_eq!(known, [""; 0], "take these from `keys`");
}

/// `guide::memory` reckons its table in an example, and the other pages have its figures.
#[test]
fn its_memory_is_that_of_the_page() {
    let (memory, security, readme) = (read("src/guide/memory.rs"), read("SECURITY.md"), read("README.md"));
    let table = rows(memory.lines().filter_map(|line| line.strip_prefix("//! ")), "most of it");
    assert_eq!(table.len(), 8);
    let security = security.split_whitespace().collect::<Vec<_>>().join(" ");
    let security =
        security.split("## Memory in all").nth(1).and_then(|rest| rest.split("## ").next()).expect("it has it");
    for row in table {
        let figure = if row[0] == "in all" { row[1] } else { row[1].trim_end_matches(" MiB") };
        assert!(security.contains(figure), "SECURITY.md says nothing of {row:?}");
        assert!(row[0] != "in all" || readme.contains(figure), "README.md says nothing of {row:?}");
    }
}

/// The words of a text that stand in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a file has a test of a name: a function behind `#[test]`, or one that a macro or a table lists.
fn has_test(file: &str, name: &str) -> bool {
    let lines: Vec<_> = file.lines().map(str::trim).collect();
    let is_marked = |line: usize| lines[line.saturating_sub(4)..line].contains(&"#[test]");
    let is_function = |line: &str| line.strip_prefix("fn ").is_some_and(|line| line.starts_with(&format!("{name}(")));
    let is_listed = |line: &str| {
        line == format!("{name},") || line.starts_with(&format!("(\"{name}\",")) || line == format!("\"{name}\",")
    };
    lines.iter().enumerate().any(|(number, line)| is_listed(line) || is_function(line) && is_marked(number))
}

#[test]
fn each_test_that_it_names_exists() {
    let security = read("SECURITY.md");
    let mut named = 0;
    for row in rows(security.lines(), "tests") {
        let [deed, bound, tests] = row[..] else { panic!("{row:?}") };
        assert!(!deed.is_empty() && !bound.is_empty(), "{row:?}");
        let mut file: Option<(&str, String)> = None;
        let mut of_this_row = 0;
        for word in quoted(tests) {
            if word.contains('/') {
                file = Some((word, read(word)));
                continue;
            }
            let (path, text) = file.as_ref().unwrap_or_else(|| panic!("{word} is named without a file"));
            assert!(has_test(text, word), "{path} has no test {word}");
            of_this_row += 1;
        }
        assert!(of_this_row > 0, "{deed}: no test is named");
        named += of_this_row;
    }
    assert!(named > 60, "{named}");
}

#[test]
fn each_path_that_it_names_exists() {
    let security = read("SECURITY.md");
    let starts = ["src/", "tests/", "fuzz/", "benches/"];
    let paths: Vec<_> = quoted(&security).filter(|word| starts.iter().any(|start| word.starts_with(start))).collect();
    assert!(paths.len() > 60, "{}", paths.len());
    for path in paths {
        let file = path.split(' ').next().unwrap_or_default();
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{file}");
    }
}
