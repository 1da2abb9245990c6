//! [`Budget`]: how much one turn may do.

/// The limit of a turn's work: it asks the owner before each unit, until the owner refuses.
pub(super) struct Budget<'a> {
    may: &'a mut dyn FnMut() -> bool,
    is_spent: bool,
    /// Each connection, and the transport, are limited to their share of one turn, as in a tick.
    pub(super) shares: bool,
}

impl<'a> Budget<'a> {
    /// A budget that nothing has been taken of.
    pub(super) fn new(may: &'a mut dyn FnMut() -> bool) -> Self {
        Self { may, is_spent: false, shares: false }
    }

    /// Asks for one more unit of work. Ask before taking anything out of a queue, so that an owner that panics here loses
    /// nothing.
    pub(super) fn allows(&mut self) -> bool {
        self.is_spent = self.is_spent || !(self.may)();
        !self.is_spent
    }
}
