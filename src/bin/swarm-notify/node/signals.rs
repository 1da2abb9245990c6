//! The signals that end a command, and their exit codes.

use async_signal::Signal;
use std::io;

/// The signals that ask for an end. Windows has no other than Ctrl-C.
pub(super) const ENDS: &[Signal] = if cfg!(windows) { &[Signal::Int] } else { &[Signal::Int, Signal::Term] };

/// Returns the exit code that shells give to a process which a signal has ended: 128 and the signal's number.
pub(super) const fn code_of(signal: Signal) -> u8 {
    if matches!(signal, Signal::Term) { 143 } else { 130 }
}

pub(super) const fn name_of(signal: Signal) -> &'static str {
    if matches!(signal, Signal::Term) { "SIGTERM" } else { "SIGINT" }
}

/// Has the second of the signals end the process, whatever that is doing: also while it waits for a reader.
#[cfg(unix)]
pub(super) fn end_at_once_by_the_second_signal() -> io::Result<()> {
    use signal_hook::flag::{register, register_conditional_shutdown};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    let has_come = Arc::new(AtomicBool::new(false));
    for signal in ENDS {
        let (number, code) = (*signal as i32, i32::from(code_of(*signal)));
        // In this order, since the first signal is none that has come before.
        register_conditional_shutdown(number, code, has_come.clone())?;
        register(number, has_come.clone())?;
    }
    Ok(())
}

/// Does nothing: there the loop ends by the second signal, as long as it runs.
#[cfg(not(unix))]
pub(super) fn end_at_once_by_the_second_signal() -> io::Result<()> {
    Ok(())
}
