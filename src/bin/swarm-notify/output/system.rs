//! The system calls of an output: writing to a descriptor, waiting until it is ready or its reader has left, and comparing
//! two descriptors.

use super::Descriptor;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

#[cfg(not(unix))]
pub(super) use other::{is_one_file, is_one_terminal, outlive_size_limits, wait_gone};
#[cfg(unix)]
pub(super) use unix::{is_one_file, is_one_terminal, outlive_size_limits, wait_gone};

#[cfg(not(unix))]
use other::{wait_writable, write};
#[cfg(unix)]
use unix::{wait_writable, write};

/// Writes all of `bytes` to a descriptor, which may be non-blocking. After each write, `wrote` is called with the number of
/// bytes of this write and with the remaining bytes.
pub(super) fn write_all(descriptor: Descriptor, bytes: &[u8], mut wrote: impl FnMut(usize, &[u8])) -> io::Result<()> {
    let mut rest = bytes;
    let mut is_refused = false;
    while !rest.is_empty() {
        match write(descriptor, rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                rest = &rest[n..];
                is_refused = false;
                wrote(n, rest);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Some systems report a pipe as writable although it has room for only a few bytes. The pause prevents a
                // busy loop.
                if core::mem::replace(&mut is_refused, true) {
                    thread::sleep(Duration::from_millis(1));
                }
                wait_writable(descriptor);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
mod unix {
    use super::Descriptor;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::fstat;
    use rustix::termios::{isatty, tcgetsid};
    use rustix::{io::Errno, stdio};
    use signal_hook::consts::SIGXFSZ;
    use std::io;
    use std::os::fd::BorrowedFd;
    use std::sync::Arc;

    const fn fd(descriptor: Descriptor) -> BorrowedFd<'static> {
        match descriptor {
            Descriptor::Out => stdio::stdout(),
            Descriptor::Err => stdio::stderr(),
        }
    }

    /// Writes to a descriptor, and returns the number of bytes that were written. The standard library's writer is not used,
    /// since it reports success if the descriptor is closed.
    pub(in super::super) fn write(descriptor: Descriptor, bytes: &[u8]) -> io::Result<usize> {
        rustix::io::write(fd(descriptor), bytes).map_err(io::Error::from)
    }

    pub(in super::super) fn wait_writable(descriptor: Descriptor) {
        // An error is ignored: the next write fails, too.
        let _ = poll(&mut [PollFd::from_borrowed_fd(fd(descriptor), PollFlags::OUT)], None);
    }

    /// Installs a handler for the signal SIGXFSZ, which the system sends when a write exceeds the largest file size. Without
    /// a handler, the signal kills the process. With a handler, the write fails with an error.
    pub(in super::super) fn outlive_size_limits() {
        // The flag is not read, since the write fails, too. If the handler cannot be installed, the signal still kills the
        // process.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    }

    /// Returns whether standard output and standard error are the same file, pipe or device.
    pub(in super::super) fn is_one_file() -> bool {
        let file = |fd| fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino));
        file(stdio::stdout()).is_some_and(|out| file(stdio::stderr()) == Some(out))
    }

    /// Returns whether standard output and standard error are the same terminal.
    pub(in super::super) fn is_one_terminal() -> bool {
        let both = [stdio::stdout(), stdio::stderr()];
        // The files may differ although the terminal is the same: `/dev/tty` is another file for the terminal that controls
        // the process.
        both.into_iter().all(isatty) && (is_one_file() || both.into_iter().all(|fd| tcgetsid(fd).is_ok()))
    }

    /// Waits until the reader of a descriptor has closed its end, and then returns `true`. Returns `false` if the system
    /// cannot wait for this kind of descriptor.
    pub(in super::super) fn wait_gone(descriptor: Descriptor) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(fd(descriptor), PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Ok(_) => return fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

#[cfg(not(unix))]
mod other {
    use super::Descriptor;
    use std::io::{self, IsTerminal as _, Write as _};

    pub(in super::super) fn write(descriptor: Descriptor, bytes: &[u8]) -> io::Result<usize> {
        match descriptor {
            Descriptor::Out => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()?;
            }
            Descriptor::Err => io::stderr().lock().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    pub(in super::super) fn wait_writable(_: Descriptor) {}

    /// Does nothing, since systems other than Unix have no signal for a file that is too large.
    pub(in super::super) const fn outlive_size_limits() {}

    /// Returns `false`, since systems other than Unix do not tell whether two descriptors are one file.
    pub(in super::super) const fn is_one_file() -> bool {
        false
    }

    /// Returns whether standard output and standard error are both consoles. A process has only one console, so that two
    /// consoles are the same terminal.
    pub(in super::super) fn is_one_terminal() -> bool {
        io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    pub(in super::super) fn wait_gone(_: Descriptor) -> bool {
        false
    }
}
