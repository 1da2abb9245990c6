//! `--key`: what is made, what is refused and with which words, and what is left behind.

use crate::run;
use crate::support::command::{Folder, Running};
use data_encoding::BASE64;
use libp2p_identity::Keypair;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};
use swarm_notify::keys::KeyFile;

const BINARY: &str = env!("CARGO_BIN_EXE_swarm-notify");
/// Nobody listens here, so that who dials it ends after the key is read or made.
const NOBODY: &str = "/ip4/127.0.0.1/tcp/1";

fn peer_of(address: &str) -> String {
    address.rsplit('/').next().unwrap().to_owned()
}

/// The peer id of a listener with this key file. Nothing but that may happen.
#[track_caller]
fn identity_of(key: &str) -> String {
    let mut listen = Running::start(["listen", "--key", key]);
    let peer = peer_of(&listen.address());
    listen.signal("TERM");
    let ended = listen.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    peer
}

fn names_in(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.file("")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Dials nobody with this key file, from a shell that has done `before`.
fn dial_in_shell(before: &str, key: &str) -> Output {
    let script = format!(r#"{before}; exec "$0" dial --json --key "$1" {NOBODY}"#);
    Command::new("sh").args(["-c", &script, BINARY, key]).output().unwrap()
}

/// It is a matter of usage, told with this word, and the command ends by itself.
#[track_caller]
fn is_refused(key: &str, word: &str) {
    let ended = run(["listen", "--key", key]);
    assert_eq!((ended.code, ended.printed.len()), (Some(2), 0), "{word}: {}", ended.stderr);
    assert!(ended.stderr.contains(word) && ended.stderr.contains(&format!("\"{key}\"")), "{word}: {}", ended.stderr);
    assert!(ended.stderr.contains("; ") && ended.stderr.contains("give "), "it says what to do: {}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn contents_that_are_no_key_are_told_for_what_they_are() {
    let folder = Folder::new("contents");
    let key = Keypair::ed25519_from_bytes([7; 32]).unwrap();
    let bytes = key.to_protobuf_encoding().unwrap();
    let public = key.public().encode_protobuf();
    let base64 = BASE64.encode(&bytes) + "\n";
    let contents: [(&str, &[u8], &str); 14] = [
        ("empty", b"", "is empty"),
        ("pem", b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "PEM (RSA PRIVATE KEY)"),
        ("pem-2", b"-----BEGIN \x1b[2J-----\nMIIE\n", "holds something else"),
        ("json", b"{\"Identity\": {\"PrivKey\": \"CAES\"}}", "holds JSON"),
        ("ssh", b"ssh-ed25519 AAAAC3 me@here", "a public key of SSH"),
        ("text", "ein Schlüssel".as_bytes(), "holds text"),
        ("base64", base64.as_bytes(), "base64 -d"),
        ("der", &[0x30, 0x82, 4, 0xbd, 2, 1, 0], "DER"),
        ("cut", &bytes[..40], "\" is damaged or cut: it begins as a key in libp2p's protobuf form; "),
        ("changed", &[&bytes[..40], &[0; 28]].concat(), "\" is damaged or cut: "),
        ("no-type", &[8, 9, 18, 1, 7], "holds something else"),
        ("binary", &[0xff; 68], "holds something else"),
        ("public", &public, &key.public().to_peer_id().to_string()),
        ("long", &vec![8; 16 * 1024 + 1], "longer than any key"),
    ];
    for (name, content, word) in contents {
        let file = folder.file(name);
        fs::write(&file, content).unwrap();
        is_refused(&file, word);
        assert_eq!(fs::read(&file).unwrap(), content, "{name} is left as it was");
    }
    assert_eq!(names_in(&folder).len(), contents.len(), "nothing was added");
}

#[test]
fn what_is_no_regular_file_is_told_for_what_it_is() {
    let folder = Folder::new("special");
    let fifo = folder.file("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _socket = UnixListener::bind(folder.file("socket")).unwrap();
    symlink(folder.file("nothing"), folder.file("link")).unwrap();
    symlink(folder.file("loop"), folder.file("loop")).unwrap();
    for (file, word) in [
        (fifo.as_str(), "is a pipe"),
        (&folder.file("socket"), "is a socket"),
        (&folder.file("."), "is a folder"),
        (&folder.file("link"), &format!("is a link to \"{}\", which does not exist", folder.file("nothing"))),
        (&folder.file("no/folder/key"), &format!("the folder \"{}\" does not exist", folder.file("no/folder"))),
        (&folder.file("no-folder/"), "cannot be made"),
        (&folder.file("socket/key"), "cannot be read: a part of its path is not a folder; give "),
        (&folder.file(&"x".repeat(300)), "cannot be read: its name is too long; give a file with a shorter name"),
        (&folder.file("loop"), "cannot be read: its links lead in a circle; give "),
        ("/proc/self/mem", "cannot be read: Input/output error"),
        ("/dev/zero", "is a device"),
        ("/dev/null", "is a device"),
    ] {
        is_refused(file, word);
    }
    assert_eq!(names_in(&folder), ["fifo", "link", "loop", "socket"]);
}

#[test]
fn a_file_that_may_not_be_read_is_told_for_that() {
    let folder = Folder::new("unreadable");
    let file = folder.file("key");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&file).is_err() {
        return is_refused(&file, "may not be read by this user");
    }
    // We are root, who may read everything. The build may lie where others may not look.
    fs::set_permissions(folder.file(""), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = folder.file("command");
    // By another process: a fork of ours beside this would hold it open for writing, and it could not be run.
    assert!(Command::new("cp").args([BINARY, &binary]).status().unwrap().success());
    let nobody = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", &binary, "listen", "--key", &file])
        .output();
    let ended = nobody.unwrap();
    let error = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{error}");
    assert!(error.contains("may not be read by this user") && error.contains(&file), "{error}");
}

#[test]
fn a_link_to_a_key_is_followed_and_stays_a_link() {
    let folder = Folder::new("link");
    let (key, link) = (folder.file("key"), folder.file("link"));
    let peer = identity_of(&key);
    symlink("key", &link).unwrap();
    assert_eq!(identity_of(&link), peer);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_name_without_a_folder_is_made_in_the_present_one() {
    let folder = Folder::new("relative");
    let ended = dial_in_shell(&format!("cd '{}'", folder.file("")), "key");
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(names_in(&folder), ["key"]);
    identity_of(&folder.file("key"));
}

#[test]
fn processes_that_start_at_once_have_one_identity() {
    for round in 0..5 {
        let folder = Folder::new(&format!("at-once-{round}"));
        let key = folder.file("key");
        let mut all = [(); 8].map(|()| Running::start(["listen", "--key", &key]));
        let peers = all.each_mut().map(|listen| peer_of(&listen.address()));
        assert_eq!(peers, [(); 8].map(|()| peers[0].clone()));
        drop(all);
        assert_eq!(identity_of(&key), peers[0]);
        assert_eq!(names_in(&folder), ["key"], "nothing is left beside it");
    }
}

/// The system refuses each byte that is written to a file, as on a full disk, but with another error.
#[test]
fn where_nothing_can_be_written_nothing_is_left_behind() {
    let folder = Folder::new("no-bytes");
    let key = folder.file("key");
    let ended = dial_in_shell("ulimit -f 0", &key);
    let error = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{error}");
    assert!(error.contains(&key) && error.contains("cannot be made") && error.contains("too large"), "{error}");
    assert_eq!(names_in(&folder).len(), 0, "{:?}", names_in(&folder));
    identity_of(&key);
}

/// On a full disk itself, where one can be mounted: a file system in memory, of one page.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_a_later_start_works() {
    let folder = Folder::new("full");
    let mount = folder.file("");
    let script = r#"mount -t tmpfs -o size=4k none "$1" || { echo none; exit 0; }
        head -c 4096 /dev/zero >"$1/filler"
        "$0" dial --key "$1/key" /ip4/127.0.0.1/tcp/1; echo "code $?" >&2
        ls -A "$1" >&2
        rm "$1/filler"
        "$0" dial --key "$1/key" /ip4/127.0.0.1/tcp/1; echo "code $?" >&2
        wc -c "$1"/* >&2"#;
    let unshare = ["--mount", "--map-root-user", "sh", "-c", script, BINARY, &mount];
    let ended = match Command::new("unshare").args(unshare).output() {
        Ok(ended) if ended.status.success() && ended.stdout != b"none\n" => ended,
        _ => return println!("skipped: a file system of our own is not to be had here"),
    };
    let error = String::from_utf8(ended.stderr).unwrap();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 6, "{error}");
    assert!(lines[0].contains("/key\" cannot be made: No space left on device"), "{error}");
    assert_eq!((&lines[1..3], lines[4]), (["code 2", "filler"].as_slice(), "code 1"));
    assert!(lines[3].contains("there is no connection to") && lines[5].starts_with("68 "), "{error}");
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(told.contains("connect_failed"), "the later start has dialed: {told}");
}

/// It has the name of the key file that this test's own program makes, and is killed over.
const KILLED: &str = "SWARM_NOTIFY_KILLED";

#[test]
fn what_a_killed_start_leaves_behind_is_no_trouble() {
    if let Some(key) = std::env::var_os(KILLED) {
        panic!("it lives on: {:?}", KeyFile::load_or_create(key).map(drop));
    }
    let folder = Folder::new("killed");
    let key = folder.file("key");
    // The signal of the limit kills at its first byte a program that has nothing against it. The command has.
    let script = r#"ulimit -c 0; ulimit -f 0; exec "$0" --exact keys::what_a_killed_start_leaves_behind_is_no_trouble"#;
    let mut killed = Command::new("sh");
    killed.args(["-c", script]).arg(std::env::current_exe().unwrap()).env(KILLED, &key);
    let killed = killed.output().unwrap();
    assert_eq!(killed.status.code(), None, "{}", String::from_utf8_lossy(&killed.stdout));
    let left = names_in(&folder);
    assert!(left.len() == 1 && left[0].starts_with(".swarm-notify-"), "{left:?}");
    let mode = fs::metadata(folder.file(&left[0])).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let peer = identity_of(&key);
    assert_eq!(names_in(&folder), [&left[0], "key"]);
    assert_eq!(identity_of(&key), peer);
}

#[test]
fn a_key_that_others_can_read_is_warned_of_and_used() {
    let folder = Folder::new("exposed");
    let file = folder.file("key");
    let peer = identity_of(&file);
    for mode in [0o644, 0o640, 0o606, 0o620] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let mut listen = Running::start(["listen", "--key", &file]);
        let line = listen.until("key_exposed");
        assert_eq!((&line["file"], line["mode"].as_str()), (&file.clone().into(), Some(format!("{mode:o}").as_str())));
        assert_eq!(peer_of(&listen.address()), peer);
        listen.signal("TERM");
        let ended = listen.ended();
        assert_eq!(ended.code, Some(0));
        assert!(ended.stderr.contains("warning") && ended.stderr.contains(&file), "{}", ended.stderr);
        assert!(ended.stderr.contains("chmod 600"), "it says what to do: {}", ended.stderr);
    }
    // Others may run it, for what that is worth.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o711)).unwrap();
    assert_eq!(identity_of(&file), peer);
}

#[test]
fn a_key_of_another_user_is_warned_of_and_used() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = Folder::new("foreign");
    let file = folder.file("key");
    let peer = identity_of(&file);
    if fs::metadata(&file).unwrap().uid() != 0 {
        eprintln!("root alone can give a file away: nothing is tested");
        return;
    }
    std::os::unix::fs::chown(&file, Some(1_001), None).unwrap();
    let mut listen = Running::start(["listen", "--key", &file]);
    let line = listen.until("key_exposed");
    assert_eq!((line["mode"].as_str(), line["owner"].as_u64()), (Some("600"), Some(1_001)));
    assert_eq!(peer_of(&listen.address()), peer);
    listen.signal("TERM");
    let ended = listen.ended();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("another user") && ended.stderr.contains("`chown`"), "{}", ended.stderr);
}

/// The identity itself stays in memory; as a number of other byte order, where the key is one of secp256k1.
#[cfg(target_os = "linux")]
#[test]
fn the_bytes_of_a_key_file_do_not_stay_in_memory() {
    use std::os::unix::fs::FileExt as _;
    let folder = Folder::new("wiped");
    let file = folder.file("key");
    let secret: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(91)).collect();
    // A field that no reader knows has more of them, since an allocator writes over the first bytes of what was freed.
    let unknown = secret.repeat(500);
    let unknown_header = [15 << 3 | 2, unknown.len() as u8 | 0x80, (unknown.len() >> 7) as u8];
    let bytes = [&[8, 2, 18, 32], secret.as_slice(), &unknown_header, &unknown].concat();
    fs::write(&file, &bytes).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut listen = Running::start(["listen", "--key", &file]);
    listen.address();
    let memory = fs::File::open(format!("/proc/{}/mem", listen.id())).expect("a parent may look");
    let maps = fs::read_to_string(format!("/proc/{}/maps", listen.id())).unwrap();
    let (mut found, mut has_path) = (0, false);
    for map in maps.lines().filter(|map| map.split(' ').nth(1).is_some_and(|may| may.starts_with("rw"))) {
        let (from, to) = map.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut page = vec![0; (to - from) as usize];
        if memory.read_exact_at(&mut page, from).is_err() {
            continue;
        }
        found += page.windows(16).filter(|window| *window == &secret[16..]).count();
        has_path |= map.ends_with("[heap]") && page.windows(file.len()).any(|window| window == file.as_bytes());
    }
    assert!(has_path, "what is on the heap is found");
    assert_eq!(found, 0);
}

#[test]
fn endless_contents_of_a_regular_file_are_read_to_a_bound() {
    let folder = Folder::new("endless");
    let file = folder.file("sparse");
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    is_refused(&file, "longer than any key");
}

#[test]
fn a_strange_name_is_quoted_and_commands_no_terminal() {
    let folder = Folder::new("strange");
    for (name, shown) in [("a b", "a b"), ("e\x1b[31mX\n", r"e\u001b[31mX\n"), ("\u{202e}é", r"\u202eé")] {
        let file = folder.file(name);
        fs::write(&file, "text").unwrap();
        let ended = run(["listen", "--key", &file]);
        let said = format!("error: the key file \"{}/{shown}\" holds text", folder.file("").trim_end_matches('/'));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.starts_with(&said) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
    }
    // So it is in a warning, and of a folder.
    let file = folder.file("others\x1b");
    fs::write(&file, Keypair::ed25519_from_bytes([7; 32]).unwrap().to_protobuf_encoding().unwrap()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    for file in [file, folder.file("no\x1b/key")] {
        let ended = run(["dial", NOBODY, "--key", &file]);
        assert!(ended.stderr.contains(r"\u001b") && !ended.stderr.contains('\x1b'), "{}", ended.stderr);
    }
}
