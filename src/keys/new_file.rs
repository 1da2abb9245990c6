//! [`create`], which makes a file that appears whole or not at all, and never replaces another file.
//!
//! The file is first written under a temporary name in the same folder, `.swarm-notify-` and 16 hexadecimal digits. The file
//! gets its final name once its bytes are on the disk. If the process is killed meanwhile, the temporary file remains. Only
//! its owner can read the temporary file, no process reads it, and it may be deleted.
//!
//! Some file systems have neither hard links nor a rename that refuses to replace a file. On such a file system, the file is
//! written directly under its final name. A process that reads the file meanwhile may find it empty, and if the process that
//! writes the file is killed meanwhile, the file may remain empty.

use alloc::format;
use data_encoding::HEXLOWER;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A function that makes a file at `path` with the content `bytes`. The temporary file at `written` has the same content.
/// The function fails with `AlreadyExists` if something exists at `path`.
type Way = fn(written: &Path, path: &Path, bytes: &[u8]) -> io::Result<()>;

/// The ways to give a new file its final name, best way first. FAT has no hard links, NFS has no rename that refuses to
/// replace a file, and exFAT has neither on some systems.
const WAYS: &[Way] = &[link, rename, write_in_place];

/// Makes a file that contains `bytes` and that only its owner can read. The file is on the disk when this function returns.
/// On an error, no new file is left in the folder.
///
/// # Errors
/// `AlreadyExists` if the name is taken, even by a broken link; otherwise the system's error.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_by(WAYS, path, bytes)
}

/// Returns the folder that contains the file at `path`.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create_by(ways: &[Way], path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_separator = |last: &u8| std::path::is_separator((*last).into());
    // `Path::parent` passes over a separator at the end: `key/`, which names a folder, would look like the file `key`.
    if path.as_os_str().as_encoded_bytes().last().is_some_and(is_separator) {
        return Err(ErrorKind::IsADirectory.into());
    }
    let folder = folder_of(path);
    let mut number = [0; 8];
    getrandom::fill(&mut number)?;
    // The temporary file is in the same folder, since neither a hard link nor a rename crosses from one file system to
    // another.
    let written = Temporary(folder.join(format!(".swarm-notify-{}", HEXLOWER.encode(&number))));
    write_new(&written.0, bytes)?;
    let mut last = ErrorKind::Unsupported.into();
    for way in ways {
        match way(&written.0, path, bytes) {
            Ok(()) => {
                // The temporary name is removed before the folder is synced, so that its removal is on the disk, too.
                drop(written);
                sync_folder(folder);
                return Ok(());
            }
            // This is no fault of the way: another process has made the file, and its key is the one to use.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The path of a temporary file. Dropping this value removes the file, if it still exists.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // An error is ignored. After a rename, the temporary file does not exist any more, and a file that cannot be removed
        // does not prevent that other files are written.
        let _ = fs::remove_file(&self.0);
    }
}

fn link(written: &Path, path: &Path, _bytes: &[u8]) -> io::Result<()> {
    fs::hard_link(written, path)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename(written: &Path, path: &Path, _bytes: &[u8]) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, written, CWD, path, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename(_written: &Path, _path: &Path, _bytes: &[u8]) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

fn write_in_place(_written: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(path, bytes)
}

/// Writes a new file, and waits until its bytes are on the disk. On an error, the file is removed.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    // `create_new` fails on any existing name, even on a symbolic link that leads nowhere, and so follows no planted
    // link.
    options.write(true).create_new(true);
    // Windows has no modes. There, a file inherits the access list of its folder, which grants access to the user if the
    // folder is in the user's profile.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if written.is_err() {
        // An error of the removal is ignored, since the error of the write is reported.
        let _ = fs::remove_file(path);
    }
    written
}

/// Writes the directory entries of a folder to the disk. If the write fails, this function logs a warning, since a new file
/// in the folder may be lost in a power failure.
#[cfg(unix)]
fn sync_folder(folder: &Path) {
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        log::warn!("the folder {} cannot be synced: {error}", folder.display());
    }
}

/// Does nothing, since Windows cannot sync a folder. NTFS records the names of new files in its journal.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned as _;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// A new, empty folder. Dropping this value removes the folder with all files in it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("swarm-notify-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        /// Returns the names of the files in the folder, and their contents.
        fn files(&self) -> Vec<(String, Vec<u8>)> {
            let entries = fs::read_dir(&self.0).unwrap().map(Result::unwrap);
            entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refuse(_written: &Path, _path: &Path, _bytes: &[u8]) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    #[test]
    fn each_way_makes_the_file_and_leaves_no_other() {
        let folder = Folder::new("ways");
        let path = folder.0.join("file");
        for (at, way) in WAYS.iter().enumerate() {
            let bytes = [at as u8; 9];
            match create_by(&[refuse, *way], &path, &bytes) {
                // Not every system has a rename that refuses to replace a file.
                Err(error) if error.kind() == ErrorKind::Unsupported => continue,
                created => created.unwrap(),
            }
            assert_eq!(folder.files(), [("file".to_owned(), bytes.to_vec())]);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn no_way_replaces_an_existing_file() {
        let folder = Folder::new("replaces");
        let path = folder.0.join("file");
        fs::write(&path, "old").unwrap();
        for way in WAYS {
            let error = create_by(&[*way, refuse], &path, b"new").unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Unsupported), "{error}");
            assert_eq!(folder.files(), [("file".to_owned(), b"old".to_vec())]);
        }
    }

    #[test]
    fn where_no_way_works_nothing_is_left() {
        let folder = Folder::new("no-way");
        let error = create_by(&[refuse, refuse], &folder.0.join("file"), b"new").unwrap_err();
        assert_eq!((error.kind(), folder.files().len()), (ErrorKind::Unsupported, 0));
    }
}
