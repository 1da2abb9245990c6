//! The system's part of an output: it writes, and waits.

use super::Descriptor;

#[cfg(not(unix))]
pub(super) use other::{wait_gone, wait_writable, write};
#[cfg(unix)]
pub(super) use unix::{wait_gone, wait_writable, write};

#[cfg(unix)]
mod unix {
    use super::Descriptor;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::{io::Errno, stdio};
    use std::io;
    use std::os::fd::BorrowedFd;

    const fn fd(descriptor: Descriptor) -> BorrowedFd<'static> {
        match descriptor {
            Descriptor::Out => stdio::stdout(),
            Descriptor::Err => stdio::stderr(),
        }
    }

    /// The standard library's own writer takes a closed descriptor for one that was written to.
    pub(in super::super) fn write(descriptor: Descriptor, bytes: &[u8]) -> io::Result<usize> {
        rustix::io::write(fd(descriptor), bytes).map_err(io::Error::from)
    }

    pub(in super::super) fn wait_writable(descriptor: Descriptor) {
        // After an error the next write says more.
        let _ = poll(&mut [PollFd::from_borrowed_fd(fd(descriptor), PollFlags::OUT)], None);
    }

    /// Returns `false` where that cannot be waited for.
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
    use std::io::{self, Write as _};

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

    pub(in super::super) fn wait_gone(_: Descriptor) -> bool {
        false
    }
}
