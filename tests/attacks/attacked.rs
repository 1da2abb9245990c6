//! The command `swarm-notify`, with an allocator that counts, for `tests/attacks.sh`: it answers each line on a socket
//! with the bytes that live on its heap. The socket is the one that `SWARM_NOTIFY_ATTACKED` names.

#[path = "../../src/bin/swarm-notify/args.rs"]
mod args;
#[path = "../../src/bin/swarm-notify/demo.rs"]
mod demo;
#[path = "../../src/bin/swarm-notify/dial.rs"]
mod dial;
#[path = "../../src/bin/swarm-notify/dial_services.rs"]
mod dial_services;
#[path = "../../src/bin/swarm-notify/error.rs"]
mod error;
#[path = "../../src/bin/swarm-notify/failed.rs"]
mod failed;
#[path = "../../src/bin/swarm-notify/key.rs"]
mod key;
#[path = "../../src/bin/swarm-notify/listen.rs"]
mod listen;
#[path = "../../src/bin/swarm-notify/loop_waker.rs"]
mod loop_waker;
#[path = "../../src/bin/swarm-notify/node.rs"]
mod node;
#[path = "../../src/bin/swarm-notify/output.rs"]
mod output;
#[path = "../../src/bin/swarm-notify/pace.rs"]
mod pace;
#[path = "../../src/bin/swarm-notify/paint.rs"]
mod paint;
#[path = "../../src/bin/swarm-notify/publish.rs"]
mod publish;
#[path = "../../src/bin/swarm-notify/report.rs"]
mod report;
#[path = "../../src/bin/swarm-notify/services.rs"]
mod services;
#[path = "../../src/bin/swarm-notify/signals.rs"]
mod signals;
#[path = "../../src/bin/swarm-notify/stdin.rs"]
mod stdin;
#[path = "../../src/bin/swarm-notify/tally.rs"]
mod tally;
#[path = "../../src/bin/swarm-notify/terminal.rs"]
mod terminal;
#[path = "../../src/bin/swarm-notify/topic_router.rs"]
mod topic_router;

use args::{Args, Command};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    output::outlive_size_limits();
    output::init_log();
    if let Some(gauge) = std::env::var_os("SWARM_NOTIFY_ATTACKED").and_then(|path| UnixStream::connect(path).ok()) {
        std::thread::spawn(|| answer(gauge));
    }
    let args = Args::read();
    let reporter = report::Reporter::new(args.form(), args.quiet);
    let ended = match args.command {
        Command::Demo => demo::run(reporter),
        Command::Listen(listen) => listen::run(&listen, reporter),
        Command::Dial(dial) => dial::run(&dial, reporter),
    };
    let code = match ended {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            output::say_last(&error, error.is_interrupt());
            error.code()
        }
    };
    if output::finish(None) || code != 0 { code.into() } else { ExitCode::FAILURE }
}

/// Answers until the other side ends.
fn answer(mut gauge: UnixStream) {
    let Ok(questions) = gauge.try_clone() else { return };
    for _ in BufReader::new(questions).lines().map_while(Result::ok) {
        let stats = INSTRUMENTED_SYSTEM.stats();
        let live = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated);
        if writeln!(gauge, "{live}").is_err() {
            return;
        }
    }
}
