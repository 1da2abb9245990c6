//! [`Pressure`]: the scarcity of memory, which the owner of a session sets.

/// The maximum number of bytes of data that wait in the output of a session under pressure, unless
/// [`max_output`](super::Config::max_output) is less. The limit is small: a peer that reads still receives all data, in many
/// small pieces.
pub(super) const OUTPUT_UNDER_PRESSURE: usize = 4 * 1024;

/// The scarcity of memory. The owner of many sessions sets it with [`Session::set_pressure`](super::Session::set_pressure).
/// With each value data still moves in both directions, as far as the peer has window left and reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Pressure {
    /// Memory is not scarce.
    #[default]
    None,
    /// At most 4 KiB of data wait in the output, so that a write accepts only a part of longer data.
    Output,
    /// At most 4 KiB of data wait in the output; in addition, no window is granted for data that the owner reads, and no
    /// window grows. The peer may still send the bytes for which it was granted window before.
    All,
}
