//! What a connection is made of is decided in one place each: the sources say so.

use std::fs;
use std::path::Path;

/// The files of `src/` without tests, and their lines without comments and without the unit tests at their end.
fn sources() -> Vec<(String, Vec<String>)> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, Vec<String>)>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if name.contains("tests") || !(path.is_dir() || name.ends_with(".rs")) {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().take_while(|line| *line != "mod tests {");
            let code = code.filter(|line| !line.trim_start().starts_with("//") && !line.contains("doc = \""));
            found.push((name, code.map(str::to_owned).collect()));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found
}

/// Whether a line has a word in it, however it goes on.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

/// The files that have `word` in their code, besides those below `own`.
fn files_with(word: &str, own: &str) -> Vec<String> {
    let files = sources().into_iter().filter(|(name, _)| !name.starts_with(own));
    let mut files: Vec<_> =
        files.filter(|(_, code)| code.iter().any(|line| has_word(line, word))).map(|(name, _)| name).collect();
    files.sort();
    files
}

/// The errors and the bounds of yamux are its own, and public.
#[test]
fn the_muxer_is_chosen_in_one_place() {
    let public = ["connection.rs", "connection/config.rs", "connection/error.rs", "guide/enemy.rs"];
    let mut files = files_with("yamux", "connection/yamux");
    files.retain(|file| !public.contains(&&**file));
    assert_eq!(files, ["connection/muxer.rs"]);
}

/// An error of Noise is what a swarm is told that cannot be made.
#[test]
fn the_security_protocol_is_chosen_in_one_place() {
    let public = ["connection.rs", "connection/error.rs", "swarm/error.rs", "host/error.rs"];
    let mut files = files_with("noise", "connection/noise");
    files.retain(|file| !public.contains(&&**file));
    assert_eq!(files, ["connection/security.rs"]);
}

/// A host's streams are pipes for its owner.
#[test]
fn the_kind_of_pipe_is_chosen_in_one_place() {
    let mut files = files_with("AsyncRead", "tcp/");
    files.retain(|file| file != "host/stream.rs");
    assert_eq!(files, ["swarm/pipe.rs"]);
    assert_eq!(files_with("TcpStream", "tcp/"), [""; 0]);
}

#[test]
fn each_name_that_peers_agree_on_stands_once() {
    let code: Vec<_> = sources().into_iter().flat_map(|(_, code)| code).collect();
    for name in ["/yamux/", "/noise", "/multistream/"] {
        let lines: Vec<_> = code.iter().filter(|line| line.contains(name)).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}
