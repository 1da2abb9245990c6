//! The page of docs that lists all bounds: each field of a configuration that is a bound has a row, with its default, and
//! each row is such a field.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use swarm_notify::protocols::{address_book, gossipsub, identify, ping, pubsub, request_response};
use swarm_notify::swarm::{Config, ProtocolLimits, Refusal};
use swarm_notify::tcp;

const PAGE: &str = include_str!("../../src/guide/enemy.rs");

/// Fields that bound nothing of what peers can do.
const NO_BOUNDS: [&str; 36] = [
    "tcp::Config::nodelay",
    "tcp::Config::interfaces_interval",
    "tcp::Config::attempt_delay",
    "ping::Config::interval",
    "identify::Config::protocol_version",
    "identify::Config::agent_version",
    "identify::Config::asks",
    "identify::Config::pushes",
    "identify::Config::push_again_after",
    "pubsub::Config::reopen_after",
    "pubsub::Config::reopen_at_most_after",
    "pubsub::Config::reopen_attempts",
    "address_book::Config::attempt_delay",
    "request_response::Config::framing",
    "request_response::Config::answers",
    "gossipsub::Config::mesh",
    "gossipsub::Config::mesh_low",
    "gossipsub::Config::mesh_by_score",
    "gossipsub::Config::mesh_outbound",
    "gossipsub::Config::gossip_peers",
    "gossipsub::Config::gossip_factor",
    "gossipsub::Config::heartbeat_interval",
    "gossipsub::Config::first_heartbeat",
    "gossipsub::Config::history_gossip",
    "gossipsub::Config::flood_publish",
    "gossipsub::Config::fanout_ttl",
    "gossipsub::Config::unsubscribe_backoff",
    "gossipsub::Config::backoff_slack",
    "gossipsub::Config::opportunistic_graft_beats",
    "gossipsub::Config::opportunistic_graft_peers",
    "gossipsub::Config::idontwant_size",
    "gossipsub::Config::offer_peers",
    "gossipsub::Config::dial_offered_peers",
    "gossipsub::Config::direct_connect_beats",
    "gossipsub::Config::test_extension",
    "gossipsub::Config::score",
];

/// A default, as a configuration or the page has it.
#[derive(Clone, PartialEq, Debug)]
enum Value {
    Number(u64),
    Time(Duration),
    /// So many at once, and so many a second.
    Rate(u64, u64),
    /// It bounds nothing unless it is set.
    None,
    /// No bound: a text or a switch.
    Other,
}

/// Reads what `Debug` prints of a configuration, and gives the fields with their defaults, by the name of their type.
struct Fields<'a> {
    rest: &'a str,
    found: BTreeMap<String, Value>,
}

impl<'a> Fields<'a> {
    fn of(owner: &str, printed: &'a str) -> BTreeMap<String, Value> {
        let mut fields = Self { rest: printed, found: BTreeMap::new() };
        fields.value(owner, "");
        assert_eq!(fields.rest, "", "all is read");
        fields.found
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Reads a value; the fields of a structure are those of `owner`, or of the type that its name stands for.
    fn value(&mut self, owner: &str, name: &str) -> Value {
        if self.eat("\"") {
            self.take_until(|c| c == '"');
            self.eat("\"");
            return Value::Other;
        }
        let word = self.take_until(|c| " ,(){}".contains(c));
        if self.eat("(") {
            let inner = self.value(owner, name);
            assert!(self.eat(")"));
            return inner;
        }
        if !self.eat(" { ") {
            return plain(word);
        }
        let owner = match name {
            "" => owner.to_owned(),
            "limits" => "Limits".to_owned(),
            nested => format!("{nested}::Config"),
        };
        let mut rate = Vec::new();
        while !self.eat(" }") {
            self.eat(", ");
            let field = self.take_until(|c| c == ':');
            assert!(self.eat(": "));
            let value = self.value(&owner, field);
            match (word, value) {
                ("Rate", Value::Number(number)) => rate.push(number),
                // A structure, whose fields are found by now.
                (_, Value::Other) if ["limits", "connection", "yamux"].contains(&field) => {}
                (_, value) => drop(self.found.insert(format!("{owner}::{field}"), value)),
            }
        }
        if let [burst, per_second] = rate[..] { Value::Rate(burst, per_second) } else { Value::Other }
    }
}

/// A value of one word.
fn plain(word: &str) -> Value {
    if word == "None" {
        return Value::None;
    }
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let Ok(number) = digits.parse::<u64>() else { return Value::Other };
    match &word[digits.len()..] {
        "" if number == u64::from(u32::MAX) => Value::None,
        "" => Value::Number(number),
        "s" => Value::Time(Duration::from_secs(number)),
        "ms" => Value::Time(Duration::from_millis(number)),
        unit => panic!("{word}: {unit} is no unit"),
    }
}

/// A default of the page: `1 024`, `64 MiB`, `10 min`, `1 000, 100 a second`, `none`.
fn of_page(cell: &str) -> Value {
    if cell == "none" {
        return Value::None;
    }
    let (cell, per_second) = match cell.strip_suffix(" a second").and_then(|cell| cell.split_once(", ")) {
        Some((burst, per_second)) => (burst, Some(per_second)),
        None => (cell, None),
    };
    let digits = |text: &str| text.replace(' ', "").parse::<u64>().unwrap_or_else(|_| panic!("{cell}"));
    if let Some(per_second) = per_second {
        return Value::Rate(digits(cell), digits(per_second));
    }
    let number = cell.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let amount = digits(number);
    match &cell[number.len()..] {
        "" => Value::Number(amount),
        "KiB" => Value::Number(amount << 10),
        "MiB" => Value::Number(amount << 20),
        "ms" => Value::Time(Duration::from_millis(amount)),
        "s" => Value::Time(Duration::from_secs(amount)),
        "min" => Value::Time(Duration::from_secs(60 * amount)),
        unit => panic!("{cell}: {unit} is no unit"),
    }
}

/// The rows of all tables of bounds: the field that each links to, and the default.
fn rows() -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    let mut in_table = false;
    for line in PAGE.lines() {
        let Some(row) = line.strip_prefix("//! |") else {
            in_table = false;
            continue;
        };
        let cells: Vec<_> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            ["bound", ..] => in_table = true,
            ["---", ..] => {}
            [name, default, bounds, sees, told, pays] if in_table => {
                let link = name.split_once("](").and_then(|(_, link)| link.split(')').next()).expect(name);
                let shown = name.split('`').nth(1).expect(name);
                assert!(link.ends_with(&format!("::{shown}")), "{name}");
                assert!([bounds, sees, told, pays].iter().all(|cell| !cell.is_empty()), "{name} has an empty cell");
                assert!(rows.insert(link.to_owned(), of_page(default)).is_none(), "{link} is there twice");
            }
            _ => assert!(!in_table, "{line}"),
        }
    }
    rows
}

/// The fields of gossipsub's configuration without those of the score, which bound nothing.
fn gossipsub() -> String {
    let mut config = gossipsub::Config::default();
    config.score = None;
    let printed = format!("{config:#?}");
    let of_config =
        printed.lines().filter_map(|line| line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '}'])));
    let fields: Vec<_> = of_config.filter(|line| !line.ends_with('{')).map(|line| line.trim_end_matches(',')).collect();
    format!("Config {{ {} }}", fields.join(", "))
}

#[test]
fn each_bound_has_a_row_with_its_default() {
    let printed = [
        ("Config", format!("{:?}", Config::default())),
        ("ProtocolLimits", format!("{:?}", ProtocolLimits::default())),
        ("tcp::Config", format!("{:?}", tcp::Config::default())),
        ("ping::Config", format!("{:?}", ping::Config::default())),
        ("identify::Config", format!("{:?}", identify::Config::default())),
        ("pubsub::Config", format!("{:?}", pubsub::Config::default())),
        ("gossipsub::Config", gossipsub()),
        ("address_book::Config", format!("{:?}", address_book::Config::default())),
        ("request_response::Config", format!("{:?}", request_response::Config::default())),
    ];
    let mut fields: BTreeMap<_, _> = printed.iter().flat_map(|(owner, text)| Fields::of(owner, text)).collect();
    assert!(fields.len() > 70, "{fields:?}");
    for name in NO_BOUNDS {
        assert!(fields.remove(name).is_some(), "there is no {name}");
    }
    let rows = rows();
    let names = |map: &BTreeMap<String, Value>| map.keys().cloned().collect::<BTreeSet<_>>();
    let (has, should) = (names(&rows), names(&fields));
    assert_eq!(should.difference(&has).collect::<Vec<_>>(), [""; 0], "these have no row");
    assert_eq!(has.difference(&should).collect::<Vec<_>>(), [""; 0], "these rows are no bounds");
    for (name, default) in fields {
        assert_eq!(rows[&name], default, "{name}");
    }
}

#[test]
fn each_kind_of_refusal_is_on_the_page() {
    let kinds: BTreeSet<_> = Refusal::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    let counted = PAGE.split("ounted as `").skip(1).filter_map(|rest| rest.split('`').next());
    assert_eq!(counted.map(str::to_owned).collect::<BTreeSet<_>>(), kinds);
}
