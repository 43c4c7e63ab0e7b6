//! The arithmetic of a call's record, in one place, so that table, report and test agree.
//!
//! Every figure is `None` while its last moment has not come, and never negative: wall clocks jump.

use std::time::Duration;

use crate::event::CallRecord;

impl CallRecord {
    /// From the first queue to the operator, or to the end where no operator was reached.
    pub fn waited(&self) -> Option<Duration> {
        let until = self.connected.or(self.ended)?;
        Some(until.since(self.queued?))
    }

    /// From the first connection with an operator to the end: between operators included.
    pub fn talked(&self) -> Option<Duration> {
        Some(self.ended?.since(self.connected?))
    }

    /// From the INVITE to the end.
    pub fn lasted(&self) -> Option<Duration> {
        Some(self.ended?.since(self.arrived))
    }

    /// From the INVITE until the caller heard us.
    pub fn until_answered(&self) -> Option<Duration> {
        Some(self.answered?.since(self.arrived))
    }
}

#[cfg(test)]
mod tests {
    use crate::records::build::samples::{connected_call, folded};
    use crate::time::Wall;
    use std::time::Duration;

    #[test]
    fn wait_and_talk_add_up() {
        let record = folded(&connected_call());
        assert_eq!(record.until_answered(), Some(Duration::from_secs(1)));
        assert_eq!(record.waited(), Some(Duration::from_secs(10)));
        assert_eq!(record.talked(), Some(Duration::from_secs(60)));
        assert_eq!(record.lasted(), Some(Duration::from_secs(72)));
    }

    #[test]
    fn a_clock_that_jumps_back_gives_zero_never_a_negative_time() {
        let mut record = folded(&connected_call());
        record.ended = Some(Wall(0));
        assert_eq!(record.talked(), Some(Duration::ZERO));
    }

    #[test]
    fn a_running_call_has_no_talk_time_yet() {
        let mut record = folded(&connected_call());
        record.ended = None;
        assert_eq!(record.talked(), None);
        assert_eq!(record.waited(), Some(Duration::from_secs(10)));
    }
}
