//! README.md: short, with paths that exist, and with the figures of the files that count them.

use crate::{check_paths, read};

/// The most lines. What goes beyond belongs on a page of the guide, on the page of a module, or in CONTRIBUTING.md.
const LINES: usize = 170;

#[test]
fn it_is_short_and_names_paths_that_exist() {
    let text = read("README.md");
    assert!(text.lines().count() <= LINES, "{} lines", text.lines().count());
    assert!(check_paths("README.md", &text) > 8);
}

/// Counts change with each change of the code. README has them to within a tenth.
#[test]
fn its_instructions_are_those_that_are_counted() {
    let (text, counted) = (read("README.md"), read("benches/instructions.txt"));
    let counted = |unit: &str| -> f64 {
        let line = counted.lines().find_map(|line| line.strip_prefix(unit)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{unit} is not counted"))
    };
    // The figures in front of `instructions`, in order, with blanks for thousands.
    let mut stated = Vec::new();
    for cell in text.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('|')) {
        let Some(figure) = cell.trim().strip_suffix(" instructions") else { continue };
        if figure.ends_with(" more") {
            continue;
        }
        for figure in figure.split(" and ") {
            let millions = figure.strip_suffix(" million");
            let number: f64 = millions.unwrap_or(figure).replace(' ', "").parse().expect(cell);
            stated.push(if millions.is_some() { number * 1e6 } else { number });
        }
    }
    let units = ["event-to-1", "event-to-200", "stream-64-at-a-time", "handshake", "refused-accept"];
    assert_eq!(stated.len(), units.len(), "{stated:?}");
    for (unit, stated) in units.into_iter().zip(stated) {
        let counted = counted(unit);
        assert!(
            (stated - counted).abs() <= counted / 10.0,
            "README says {stated} of {unit}, and {counted} are counted"
        );
    }
}
