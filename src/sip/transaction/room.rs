//! How much room all transactions may take together, and how much of it is not for strangers.

/// How many transactions may live at once, both kinds together. A CANCEL that has its INVITE is
/// taken beyond it: there is at most one for each.
pub const MAX_TRANSACTIONS: usize = 50_000;

/// How many of them only requests within dialogs and requests of our own may use, so that calls can
/// still end while strangers flood us.
pub const RESERVED_TRANSACTIONS: usize = 5_000;

/// How many bytes they may keep together: a count alone would let messages of 60 kB take gigabytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How many of these bytes are kept as [`RESERVED_TRANSACTIONS`] are.
pub const RESERVED_BYTES: usize = 8 * 1024 * 1024;

/// What a transaction costs besides texts: its machine, its timers, its places in the tables.
const OVERHEAD: usize = 512;

/// What is taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    count: usize,
    bytes: usize,
}

impl Room {
    /// Nobody may begin one more.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MAX_TRANSACTIONS || self.bytes >= MAX_BYTES
    }

    /// A peer may not begin one more outside a dialog.
    pub(super) fn is_full_for_strangers(&self) -> bool {
        self.count >= MAX_TRANSACTIONS - RESERVED_TRANSACTIONS
            || self.bytes >= MAX_BYTES - RESERVED_BYTES
    }

    /// A transaction begins that keeps so many bytes.
    pub(super) fn enter(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += OVERHEAD + bytes;
    }

    /// It keeps other bytes now.
    pub(super) fn exchange(&mut self, old: usize, new: usize) {
        self.bytes = (self.bytes + new).saturating_sub(old);
    }

    /// It ends.
    pub(super) fn leave(&mut self, bytes: usize) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(OVERHEAD + bytes);
    }
}
