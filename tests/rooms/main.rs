//! The modules of a folder lean on each other one way: of two of them, at most one uses the other, in itself or anywhere
//! below, and there is no longer way round either. So each can be read with what stands below it, and no more.
//!
//! A module and those below it are one thing, and lean on each other as they like.

mod source;

use source::Names;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The uses that close a circle, and the reasons for which they may: from, to, why.
const EXCUSED: [(&str, &str, &str); 3] = [
    (
        "crate::connection::yamux",
        "crate::connection::config",
        "our role is a word for the whole of a connection, whose configuration has that of its muxer in it",
    ),
    (
        "crate::notifee::registry",
        "crate::notifee::spawned",
        "a registry owns the threads of its notifees and joins them as it is dropped; their panics name its ids",
    ),
    (
        "crate::notifee::registry",
        "crate::notifee::subscription",
        "a registry that spawns a notifee registers the sender of its subscription, which is a notifee",
    ),
];

/// Modules by their paths.
type Modules = BTreeMap<String, Names>;

/// Which module uses which, among those of one folder, and an example: who, and what.
type Uses = BTreeMap<(String, String), (String, String)>;

/// The module that has a path's last names, and whose names are followed where it has them from another one.
fn resolve(modules: &Modules, path: &[String], most: usize) -> Option<String> {
    let mut module = path.first()?.clone();
    for (at, name) in path.iter().enumerate().skip(1) {
        let child = format!("{module}::{name}");
        if modules.contains_key(&child) {
            module = child;
            continue;
        }
        let imported = modules[&module].imports.iter().find(|(_, known_as)| known_as == name);
        return match imported.and_then(|(path, _)| absolute(modules, &module, path)) {
            Some(origin) if most > 0 => resolve(modules, &[&origin, &path[at + 1..]].concat(), most - 1),
            Some(_) | None => Some(module),
        };
    }
    Some(module)
}

/// A path as it begins at a root, or `None` if it leads out of the crate or is no path of modules.
fn absolute(modules: &Modules, module: &str, path: &[String]) -> Option<Vec<String>> {
    let own: Vec<String> = module.split("::").map(str::to_owned).collect();
    let supers = path.iter().take_while(|name| *name == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (&own[..1], &path[1..]),
        "self" => (&own[..], &path[1..]),
        "super" => (&own[..own.len().checked_sub(supers)?], &path[supers..]),
        child if modules.contains_key(&format!("{module}::{child}")) => (&own[..], path),
        _ => return None,
    };
    (!base.is_empty()).then(|| [base, rest].concat())
}

/// Who uses whom: each use counts for the two modules of one folder that it leads from and to.
fn uses(modules: &Modules) -> Uses {
    let mut uses = Uses::new();
    for (module, names) in modules {
        let imported = names.imports.iter().filter_map(|(path, _)| absolute(modules, module, path));
        let written = names.paths.iter().filter_map(|path| {
            let of_import = || {
                let (origin, _) = names.imports.iter().find(|(_, known_as)| *known_as == path[0])?;
                Some([absolute(modules, module, origin)?, path[1..].to_vec()].concat())
            };
            absolute(modules, module, path).or_else(of_import)
        });
        for path in imported.chain(written) {
            let Some(used) = resolve(modules, &path, 8) else { continue };
            let common = module.split("::").zip(used.split("::")).take_while(|(a, b)| a == b).count();
            let branch = |of: &str| (of.split("::").count() > common).then(|| first(of, common + 1));
            if let (Some(from), Some(to)) = (branch(module), branch(&used)) {
                uses.entry((from, to)).or_insert_with(|| (module.clone(), path.join("::")));
            }
        }
    }
    uses
}

/// The first so many names of a path.
fn first(path: &str, names: usize) -> String {
    path.split("::").take(names).collect::<Vec<_>>().join("::")
}

/// The shortest way from one module to another along uses.
fn way<'a>(uses: &'a Uses, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let (mut ways, mut seen) = (vec![vec![from]], BTreeSet::from([from]));
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = *way.last()?;
            if last == to {
                return Some(way);
            }
            for (_, next) in uses.keys().filter(|(a, _)| a == last) {
                if seen.insert(next) {
                    longer.push([&way[..], &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The uses that close a circle, each with the way back, in words.
fn circles(uses: &Uses) -> Vec<String> {
    let closing = uses.iter().filter_map(|((from, to), (who, what))| {
        let back = way(uses, to, from)?;
        Some(format!("{from} uses {to} ({who} has {what}), and that leads back: {}", back.join(" -> ")))
    });
    closing.collect()
}

/// The module of each source file below `folder`, but of tests.
fn modules() -> Modules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let command = root.join("bin/swarm-notify");
    let mut modules = Modules::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let names = Names::of(&fs::read_to_string(&path).unwrap());
                let module = match path.strip_prefix(&command) {
                    Ok(path) => module("command", "main", path),
                    Err(_) => module("crate", "lib", path.strip_prefix(&root).unwrap()),
                };
                modules.insert(module, names);
            }
        }
    }
    modules
}

/// The path of a file's module in a crate that begins with `root`.
fn module(root: &str, main: &str, path: &Path) -> String {
    let path = PathBuf::from(path).with_extension("");
    let names = path.iter().filter_map(|name| name.to_str()).filter(|name| *name != main);
    [root].into_iter().chain(names).collect::<Vec<_>>().join("::")
}

#[test]
fn no_two_modules_of_a_folder_lean_on_each_other() {
    let mut uses = uses(&modules());
    assert!(uses.len() > 300, "the sources were read");
    let excused = EXCUSED.map(|(from, to, _)| uses.remove_entry(&(from.to_owned(), to.to_owned())));
    let circles = circles(&uses);
    assert!(circles.is_empty(), "move what both need to where it belongs:\n{}", circles.join("\n"));
    for ((from, to, _), excused) in EXCUSED.iter().zip(excused) {
        let is_needed = excused.is_some() && way(&uses, to, from).is_some();
        assert!(is_needed, "{from} may use {to} without an excuse by now");
    }
}

#[cfg(test)]
mod made_up {
    use super::*;

    /// The circles of modules with these sources.
    fn of(sources: &[(&str, &str)]) -> usize {
        let mut modules = Modules::from([("crate".to_owned(), Names::default())]);
        modules.extend(sources.iter().map(|(module, source)| ((*module).to_owned(), Names::of(source))));
        circles(&uses(&modules)).len()
    }

    #[test]
    fn a_circle_is_found_however_it_is_closed() {
        let a = ("crate::a", "use super::b::{self, B};\n");
        assert_eq!(of(&[a, ("crate::b", "struct B;")]), 0);
        for b in [
            "use crate::a::A;",
            "use super::{x, a as other};",
            "use super::{y::{self, z}, a::{A, AA as _}};",
            "fn f() -> &'static super::a::A { todo!(\"\\\"\") }",
            "const A: char = '\"'; fn f() { g::<'\\''>(r#\"\"\"#, crate::a::A) }",
        ] {
            assert_eq!(of(&[a, ("crate::b", b)]), 2, "{b}");
        }
        let longer = [("crate::b", "use super::c::C;"), ("crate::c", "use super::a::A;")];
        assert_eq!(of(&[&[a], &longer[..]].concat()), 3);
    }

    #[test]
    fn a_name_counts_for_its_module_and_for_those_above_it() {
        let root = ("crate", "mod a; mod b; pub use b::inner::B;");
        let a = ("crate::a", "use super::B; pub struct A;");
        assert_eq!(
            of(&[root, a, ("crate::b", "mod inner;"), ("crate::b::inner", "use crate::a::A; pub struct B;")]),
            2
        );
        assert_eq!(of(&[root, a, ("crate::b", "mod inner; use inner::B;"), ("crate::b::inner", "use super::X;")]), 0);
    }

    #[test]
    fn tests_and_documentation_lean_as_they_like() {
        let a = ("crate::a", "use super::b::B;");
        for b in [
            "#[cfg(test)]\nmod tests { use crate::a::A; }",
            "#[cfg(all(test, unix))]\nuse super::a::A;",
            "#[cfg(doc)]\n#[allow(unused)]\nuse super::{x, a::A};",
            "// use super::a::A;\n/* super::a::A */ const S: &str = \"super::a::A\";",
            "struct B { #[cfg(test)] a: [super::a::A; 2], b: u8 }",
        ] {
            assert_eq!(of(&[a, ("crate::b", b)]), 0, "{b}");
        }
        assert_eq!(of(&[a, ("crate::b", "#[cfg(not(test))]\nuse super::a::A;")]), 2);
    }
}
