//! Tests of key files: reading a file, making one, the errors, and copies of the key that remain in memory.

use super::*;
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;
use std::path::PathBuf;

/// A new folder. Dropping this value removes the folder with all files in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarm-notify-keys-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn files(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_new_key_is_in_the_protobuf_form_of_libp2p() {
    let (identity, bytes) = fresh().unwrap();
    assert_eq!(*bytes, identity.to_protobuf_encoding().unwrap());
}

#[test]
fn an_empty_file_that_is_filled_in_a_pause_is_used() {
    let folder = Folder::new("filled");
    let path = folder.file("key");
    File::create(&path).unwrap();
    let (identity, bytes) = fresh().unwrap();
    let mut pauses = 0;
    let read = load(&path, true, &mut || {
        pauses += 1;
        if pauses == PAUSES {
            fs::write(&path, &bytes).unwrap();
        }
    });
    assert_eq!(read.unwrap().key.public(), identity.public());
}

#[test]
fn an_empty_file_that_stays_empty_is_an_error() {
    let folder = Folder::new("empty");
    let path = folder.file("key");
    File::create(&path).unwrap();
    let mut pauses = 0;
    let read = load(&path, true, &mut || pauses += 1);
    assert!(matches!(read, Err(KeyFault::Empty)));
    assert_eq!(pauses, PAUSES);
}

#[test]
fn a_file_without_permission_to_read_is_reported_as_such() {
    let fault = KeyFault::Read(ErrorKind::PermissionDenied.into());
    let unreadable = Error { path: "k".into(), fault, may_create: true };
    assert!(unreadable.to_string().contains("may not be read by this user"), "{unreadable}");
}

#[test]
fn loading_makes_no_file_and_its_error_does_not_offer_to() {
    let folder = Folder::new("missing");
    let error = KeyFile::load(folder.file("key")).unwrap_err();
    assert!(matches!(error.fault, KeyFault::Missing), "{error}");
    assert!(error.to_string().contains("does not exist; give a file"), "{error}");
    let empty = folder.file("empty");
    File::create(&empty).unwrap();
    for file in [folder.file("key"), empty] {
        let error = KeyFile::load(&file).unwrap_err();
        assert!(!error.to_string().contains("made"), "{error}");
        assert_eq!(error.path, file);
    }
    assert_eq!(folder.files(), 1);
}

#[test]
fn a_made_key_can_be_loaded_and_no_other_file_is_left() {
    let folder = Folder::new("made");
    let made = KeyFile::load_or_create(folder.file("key")).unwrap();
    let loaded = KeyFile::load(folder.file("key")).unwrap();
    assert_eq!(made.key.public(), loaded.key.public());
    assert_eq!((made.is_new, loaded.is_new, made.exposed, loaded.exposed), (true, false, None, None));
    assert_eq!(folder.files(), 1);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_loaded_with_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("mode");
    let path = folder.file("key");
    KeyFile::load_or_create(&path).unwrap();
    for (mode, exposed) in [(0o640, Some(0o640)), (0o602, Some(0o602)), (0o711, None), (0o600, None)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(KeyFile::load(&path).unwrap().exposed, exposed, "{mode:o}");
    }
}

#[test]
fn the_error_names_the_format_of_a_file_and_its_source() {
    use core::error::Error as _;
    let folder = Folder::new("faults");
    let public = super::super::generate().unwrap().public();
    let contents =
        [("text", b"secret words".to_vec()), ("public", public.encode_protobuf()), ("long", vec![8; MAX_KEY + 1])];
    let faults = contents.map(|(name, content)| {
        let path = folder.file(name);
        fs::write(&path, content).unwrap();
        KeyFile::load_or_create(path).unwrap_err()
    });
    let peer = public.to_peer_id();
    assert!(matches!(&faults[0].fault, KeyFault::Foreign(kind) if kind == "text"));
    assert!(!faults[0].to_string().contains("secret"));
    assert!(matches!(faults[1].fault, KeyFault::Public(other) if other == peer));
    assert!(matches!(faults[2].fault, KeyFault::TooLong));
    assert!(matches!(KeyFile::load(&folder.0).unwrap_err().fault, KeyFault::Folder));
    let nowhere = KeyFile::load_or_create(folder.file("no/key")).unwrap_err();
    assert!(
        matches!(&nowhere.fault, KeyFault::NoFolder(missing) if *missing == folder.file("no"))
            && nowhere.source().is_none()
    );
    let through_a_file = KeyFile::load(folder.file("text/key")).unwrap_err();
    assert!(matches!(through_a_file.fault, KeyFault::Read(_)) && through_a_file.source().is_some(), "{through_a_file}");
}

/// Until the identity is dropped, it contains the secret key. After that, no copy of the secret key may be in memory.
#[cfg(target_os = "linux")]
#[test]
fn the_bytes_of_a_key_file_are_not_left_in_memory() {
    use crate::connection::memory_scan::Secret;
    use alloc::boxed::Box;
    let (folder, secret) = (Folder::new("wiped"), Secret::new(2));
    let path = folder.file("key");
    let pair = Keypair::ed25519_from_bytes(secret.bytes()).unwrap().try_into_ed25519().unwrap();
    let halves = Zeroizing::new(pair.to_bytes());
    fs::write(&path, &*Zeroizing::new([&ED25519_HEADER[..], &halves[..]].concat())).unwrap();
    // A file that cannot be used is also decoded in other ways, so that the error can name its format.
    let damaged = folder.file("damaged");
    let bytes = Zeroizing::new([&ED25519_HEADER[..], &halves[..32], &[0; 32]].concat());
    fs::write(&damaged, &*bytes).unwrap();
    let in_base64 = folder.file("base64");
    fs::write(&in_base64, BASE64.encode(&bytes)).unwrap();
    drop((pair, halves, bytes));
    assert_eq!(secret.count(), 0);

    let file = Box::new(KeyFile::load(&path).unwrap());
    assert!(secret.count() > 0, "the search finds it in the identity");
    drop(file);
    assert_eq!(secret.count(), 0);
    KeyFile::load(&damaged).unwrap_err();
    KeyFile::load(&in_base64).unwrap_err();
    assert_eq!(secret.count(), 0, "it was not used");
}

#[cfg(unix)]
#[test]
fn a_file_of_another_user_is_exposed_with_any_mode() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = Folder::new("owner");
    let path = folder.file("key");
    let us = KeyFile::load_or_create(&path).unwrap();
    let read = KeyFile::load(&path).unwrap();
    assert_eq!((us.foreign_owner, read.foreign_owner, read.exposed), (None, None, None));
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(mode_for_others(&metadata, true), Some(0o600));
    let owner = metadata.uid();
    assert_eq!((foreign(owner, owner), foreign(1_001, 1_002), foreign(0, 1_002)), (None, Some(1_001), None));
    // Only root can give a file to another owner.
    if owner == 0 {
        std::os::unix::fs::chown(&path, Some(1_001), None).unwrap();
        let read = KeyFile::load(&path).unwrap();
        assert_eq!((read.foreign_owner, read.exposed), (Some(1_001), Some(0o600)));
    }
}
