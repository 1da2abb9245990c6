//! The command `swarm-notify`: a libp2p node for trying things, which uses the swarm's synchronous interface.
//!
//! `demo` shows all nine events, `listen` serves echo and sink, and `dial` opens streams and checks the echo.

mod args;
mod demo;
mod dial;
mod dial_services;
mod error;
mod failed;
mod key;
mod listen;
mod loop_waker;
mod node;
mod output;
mod pace;
mod paint;
mod publish;
mod report;
mod services;
mod signals;
mod stdin;
mod tally;
mod terminal;
mod topic_router;

use args::Command;
use error::{Error, WRONG};
use report::Reporter;
use std::process::ExitCode;

/// A check at compile time that this build supports all types of keys, since a peer may have a key of any type.
const _: () = assert!(cfg!(all(feature = "ecdsa", feature = "rsa", feature = "secp256k1")));

/// The exit code of a command that has done all of its work.
const RIGHT: u8 = 0;

fn main() -> ExitCode {
    output::outlive_size_limits();
    output::init_log();
    let args = args::Args::read();
    let reporter = Reporter::new(args.form(), args.quiet);
    let ended = match args.command {
        Command::Demo => demo::run(reporter),
        Command::Listen(listen) => listen::run(&listen, reporter),
        Command::Dial(dial) => dial::run(&dial, reporter),
    };
    let mut undone = None;
    let code = match ended {
        Ok(true) => RIGHT,
        Ok(false) => WRONG,
        Err(Error::Unwritten(what)) => {
            undone = Some(what);
            WRONG
        }
        Err(error) => {
            output::say_last(&error, error.is_interrupt());
            error.code()
        }
    };
    // Before the exit, `finish` waits for a limited time until the readers of stdout and stderr have read all lines.
    if output::finish(undone.as_deref()) || code != RIGHT { code.into() } else { WRONG.into() }
}
