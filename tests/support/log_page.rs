//! The page of docs that states the command's log, read as a reader of the log reads it.
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What each line has, whatever its event.
const COMMON: [&str; 3] = ["t", "time", "event"];

/// The tables of the page.
pub(crate) struct Page {
    /// The fields of each event, and whether each is always there. Where two commands differ in them, there is one of each,
    /// such as `summary of dial`.
    pub(crate) events: BTreeMap<String, BTreeMap<&'static str, bool>>,
    /// The type of each field, by `field` or `event.field`.
    pub(crate) types: BTreeMap<&'static str, &'static str>,
}

/// The page, which is read once.
pub(crate) fn page() -> &'static Page {
    static PAGE: OnceLock<Page> = OnceLock::new();
    PAGE.get_or_init(|| Page::read(include_str!("../../src/guide/command_log.rs")))
}

impl Page {
    fn read(text: &'static str) -> Self {
        let (mut events, mut types) = (BTreeMap::new(), BTreeMap::new());
        let mut table = "";
        for line in text.lines() {
            let Some(row) = line.strip_prefix("//! |") else {
                table = "";
                continue;
            };
            let cells: Vec<_> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            match (table, &cells[..]) {
                ("", [head, ..]) => table = head,
                (_, ["---", ..]) => {}
                ("event", [event, _, fields]) => {
                    let fields = fields.split(", ").map(|field| (quoted(field), !field.ends_with('?')));
                    // `event`, or `event` of `command`.
                    let name = event.split(" of ").map(quoted).collect::<Vec<_>>().join(" of ");
                    assert!(events.insert(name, fields.collect()).is_none(), "{event} is there twice");
                }
                ("field", [field, kind, _]) => {
                    assert!(types.insert(quoted(field), *kind).is_none(), "{field} is there twice");
                }
                ("code", _) => {}
                _ => panic!("a row of no table: {line}"),
            }
        }
        let page = Self { events, types };
        page.check_names();
        page
    }

    /// Each field of an event has a type, and each type a field.
    fn check_names(&self) {
        let mut used: BTreeSet<_> = COMMON.iter().chain(&["side"]).map(|name| (*name).to_owned()).collect();
        for (event, fields) in &self.events {
            let plain = event.split(' ').next().unwrap();
            for field in fields.keys() {
                let own = format!("{plain}.{field}");
                let name = if self.types.contains_key(own.as_str()) { own } else { (*field).to_owned() };
                assert!(self.types.contains_key(name.as_str()), "{event} has {field}, which has no type");
                used.insert(name);
            }
        }
        let named: BTreeSet<_> = self.types.keys().map(|name| (*name).to_owned()).collect();
        assert_eq!(named, used, "each field is one of an event's");
    }

    /// The name in the table of events for an event of this command.
    pub(crate) fn name(&self, event: &str, command: &str) -> String {
        let of_command = format!("{event} of {command}");
        if self.events.contains_key(&of_command) { of_command } else { event.to_owned() }
    }

    /// Checks that a line of this command is what the page says.
    #[track_caller]
    pub(crate) fn check(&self, line: &Value, command: &str) {
        let event = self.name(line["event"].as_str().unwrap(), command);
        let has_side = command == "demo" && !event.starts_with("summary");
        self.check_fields(&event, line, if has_side { &["side", "t", "time", "event"] } else { &COMMON });
        let time = line["time"].as_str().unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{line}");
    }

    #[track_caller]
    fn check_fields(&self, event: &str, line: &Value, common: &[&str]) {
        let fields = self.events.get(event).unwrap_or_else(|| panic!("{event} is not on the page: {line}"));
        let printed = line.as_object().unwrap();
        for (field, value) in printed {
            let is_there = common.contains(&field.as_str()) || fields.contains_key(field.as_str());
            assert!(is_there, "{event} has no {field} on the page: {line}");
            let own = format!("{}.{field}", event.split(' ').next().unwrap());
            let kind = self.types.get(own.as_str()).or_else(|| self.types.get(field.as_str())).unwrap();
            assert!(self.is_of(kind, field, value), "{event}: {field} is no {kind}: {line}");
        }
        let always = fields.iter().filter(|(_, is_always)| **is_always).map(|(field, _)| field);
        for field in common.iter().chain(always) {
            assert!(printed.contains_key(*field), "{event} always has {field}: {line}");
        }
    }

    /// Whether a value is of a type of the page.
    fn is_of(&self, kind: &str, field: &str, value: &Value) -> bool {
        match kind {
            "number" => value.is_f64() || value.as_u64().is_some_and(|number| number < 1 << 53),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "string or null" => value.is_string() || value.is_null(),
            "digits or null" => value.is_null() || value.as_str().is_some_and(|digits| digits.parse::<u64>().is_ok()),
            "strings" => value.as_array().is_some_and(|values| values.iter().all(Value::is_string)),
            "object" => value.as_object().is_some_and(|fields| fields.values().all(Value::is_u64)),
            "objects" => {
                let event = match field {
                    "listeners" => "listen",
                    "connections" => "connected",
                    _ => "opened_stream",
                };
                for object in value.as_array().unwrap() {
                    self.check_fields(event, object, &[]);
                }
                true
            }
            other => panic!("{other} is no type"),
        }
    }
}

/// A name without its backquotes.
fn quoted(cell: &'static str) -> &'static str {
    cell.trim_end_matches('?')
        .strip_prefix('`')
        .and_then(|cell| cell.strip_suffix('`'))
        .unwrap_or_else(|| panic!("{cell}"))
}
