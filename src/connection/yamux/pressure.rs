//! [`Pressure`]: the scarcity of memory, as the owner of a session sets it.

/// The maximum number of bytes of data that wait in the output of a session under pressure, unless
/// [`max_output`](super::Config::max_output) is less. It is a small batch: a peer that reads still gets all data, in many
/// batches.
pub(super) const OUTPUT_UNDER_PRESSURE: usize = 4 * 1024;

/// The scarcity of memory. The owner of many sessions sets it with [`Session::set_pressure`](super::Session::set_pressure).
/// Under each value everything still moves, as far as the peer has window and reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Pressure {
    /// Memory is not scarce.
    #[default]
    None,
    /// Writes are short: at most 4 KiB of data wait in the output.
    Output,
    /// Writes are short, and in addition no window is granted for data that is read, and no window grows. The peer may still
    /// send what it was granted before.
    All,
}
