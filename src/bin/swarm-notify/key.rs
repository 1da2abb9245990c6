//! The identity key of a command, which is read from the file that `--key` names, or made anew. If other users can read or
//! change the file, the command prints a warning.

use crate::output::warn;
use crate::report::{Reporter, named};
use libp2p_identity::Keypair;
use std::path::Path;
pub(crate) use swarm_notify::keys::Error;
use swarm_notify::keys::KeyFile;

/// A key file that other users of this machine can read or change.
#[derive(Debug)]
pub(crate) struct Exposed {
    file: String,
    mode: u32,
    owner: Option<u32>,
}

impl Exposed {
    /// Prints the line `key_exposed` in the log.
    pub(crate) fn print(&self, reporter: &Reporter) {
        let mut line = reporter.line("key_exposed");
        line.put("file", self.file.as_str());
        line.put("mode", format!("{:03o}", self.mode));
        if let Some(owner) = self.owner {
            line.put("owner", owner);
        }
        reporter.print(&line);
    }
}

/// Returns the identity key in the file at `path`. If the file does not exist, this function makes the file with a new key.
/// Without a path, the key is new and is not stored. If other users can read or change the file, this function prints a
/// warning on standard error, and also returns an [`Exposed`] to print as a line of the log once the log has begun.
pub(crate) fn identity(path: Option<&Path>) -> Result<(Keypair, Option<Exposed>), Error> {
    let Some(path) = path else { return Ok((Keypair::generate_ed25519(), None)) };
    let file = KeyFile::load_or_create(path)?;
    let (path, owner) = (path.display().to_string(), file.foreign_owner);
    let exposed = file.exposed.map(|mode| Exposed { file: path, mode, owner });
    if let Some(Exposed { file, mode, owner }) = &exposed {
        let mut file = named(file);
        if !file.starts_with('"') {
            file = format!("\"{file}\"");
        }
        match owner {
            Some(owner) => warn(format_args!(
                "the key file {file} belongs to another user of this machine (id {owner}, mode {mode:03o}), who can use \
                 this identity, too; run `chown` and `chmod 600` on it"
            )),
            None => warn(format_args!(
                "the key file {file} can be read or changed by other users of this machine (mode {mode:03o}); run \
                 `chmod 600` on it"
            )),
        }
    }
    Ok((file.key, exposed))
}
