//! [`Pressure`]: how scarce memory is, as a session's owner says.

/// The most bytes of data that wait in the output of a session under pressure, if
/// [`max_output`](super::Config::max_output) is not less: a small batch, so that whoever reads still gets all in many.
pub(super) const OUTPUT_UNDER_PRESSURE: usize = 4 * 1024;

/// How scarce memory is. The owner of many sessions sets it with [`Session::set_pressure`](super::Session::set_pressure).
/// Under any of them everything still moves, as far as the peer has window and reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Pressure {
    /// There is enough.
    #[default]
    None,
    /// Writes are short: at most 4 KiB of data wait in the output.
    Output,
    /// In addition, what is read is not granted to the peer again, and no window grows. What the peer has been granted
    /// before, it may still send.
    All,
}
