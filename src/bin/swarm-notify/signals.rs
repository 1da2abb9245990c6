//! The signals that end a command: SIGINT, SIGTERM and SIGHUP; and their exit codes.

#[cfg(unix)]
use crate::output::{STDOUT, note};
#[cfg(unix)]
use crate::terminal;
use async_signal::Signal;
use std::io;
use std::time::Duration;
#[cfg(unix)]
use swarm_notify::swarm::Config;

/// The time after a signal within which the same signal does not count as a second one. The command `timeout` sends a signal
/// twice: to its child, and immediately afterwards to the child's process group.
pub(crate) const SAME: Duration = Duration::from_millis(100);

/// Returns the signals at which a command closes everything and ends. On Windows, the only such signal is Ctrl-C.
pub(crate) fn ends() -> Vec<Signal> {
    #[cfg(unix)]
    let mut ends = vec![Signal::Int, Signal::Term];
    #[cfg(not(unix))]
    let ends = vec![Signal::Int];
    #[cfg(unix)]
    if !is_hangup_left_alone() {
        ends.push(Signal::Hup);
    }
    ends
}

/// Returns `true` if the command must not handle SIGHUP. That is so if the signal was ignored when the process started, for
/// example by `nohup`, or if the process cannot find out whether it was. Only on Linux, safe code can find that out.
#[cfg(unix)]
fn is_hangup_left_alone() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit n of the mask belongs to the signal n + 1.
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask >> (Signal::Hup as i32 - 1) & 1 == 1)
}

/// Returns the exit code that shells use for a process that a signal has ended: the sum of 128 and the signal's number.
pub(crate) const fn code_of(signal: Signal) -> u8 {
    if matches!(signal, Signal::Term) {
        143
    } else if matches!(signal, Signal::Hup) {
        129
    } else {
        130
    }
}

pub(crate) const fn name_of(signal: Signal) -> &'static str {
    if matches!(signal, Signal::Term) {
        "SIGTERM"
    } else if matches!(signal, Signal::Hup) {
        "SIGHUP"
    } else {
        "SIGINT"
    }
}

/// Makes a second signal end the process at once, even while the process waits for the reader of its output. The first
/// signal limits that wait to some seconds. If the first signal is repeated within [`SAME`], it does not count as a second
/// signal. If the process still runs after that time and the signal was Ctrl-C at a terminal, a note on standard error tells
/// the user that closing may take some seconds.
#[cfg(unix)]
pub(crate) fn end_at_once_by_the_second_signal(ends: &[Signal]) -> io::Result<()> {
    use signal_hook::flag::{register, register_conditional_shutdown};
    use signal_hook::low_level::pipe;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let is_second: Vec<_> = ends.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
    for (at, signal) in ends.iter().enumerate() {
        let number = *signal as i32;
        // The handlers of a signal run in the order in which they were registered. This handler, which checks a flag, is
        // registered before the handlers that set flags, so that the first signal does not count as the second.
        register_conditional_shutdown(number, code_of(*signal).into(), is_second[at].clone())?;
        for (_, other) in is_second.iter().enumerate().filter(|(other, _)| *other != at) {
            register(number, other.clone())?;
        }
        let (mut has_come, write) = UnixStream::pair()?;
        pipe::register(number, write)?;
        let is_second = is_second[at].clone();
        let is_key = matches!(signal, Signal::Int);
        std::thread::Builder::new().stack_size(STACK).spawn(move || {
            if has_come.read_exact(&mut [0]).is_ok() {
                // The loop may have ended already, while the process waits for the reader of its output.
                STDOUT.stop_waiting();
                std::thread::sleep(SAME);
                is_second.store(true, Ordering::SeqCst);
                if is_key && terminal::stderr().columns().is_some() {
                    let most = Config::default().connection.close_timeout.as_secs();
                    note(format_args!("it closes, which may take {most} s; a second Ctrl-C ends it at once"));
                }
            }
        })?;
    }
    Ok(())
}

/// The size, in bytes, of the stack of a thread that waits for one byte, wakes another thread and prints a note.
#[cfg(unix)]
const STACK: usize = 128 * 1024;

/// Does nothing. On Windows, the loop ends the process at the second signal, as long as the loop runs.
#[cfg(not(unix))]
pub(crate) fn end_at_once_by_the_second_signal(_: &[Signal]) -> io::Result<()> {
    Ok(())
}

/// Fails if the process may not open enough further descriptors to wait for signals. Without this check, the crate
/// `async-io` would panic if it could not open a descriptor.
#[cfg(unix)]
pub(crate) fn try_descriptors() -> io::Result<()> {
    // `async-io` needs three descriptors, and the code that uses it needs two. The six descriptors that are opened here are
    // closed again at once.
    let tried = [(); 3].map(|()| std::os::unix::net::UnixStream::pair());
    tried.into_iter().try_for_each(|pair| pair.map(drop))
}

/// Does nothing, since descriptors are not scarce on Windows.
#[cfg(not(unix))]
pub(crate) const fn try_descriptors() -> io::Result<()> {
    Ok(())
}
