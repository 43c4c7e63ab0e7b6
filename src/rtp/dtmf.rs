//! Telephone-events (RFC 4733): key presses, told apart by their RTP timestamp alone.

/// How many past events are remembered, so that late copies do not count again.
const REMEMBERED: usize = 8;

/// The key of an event number (§3.2, table 3).
pub fn key(event: u8) -> Option<char> {
    b"0123456789*#ABCD"
        .get(usize::from(event))
        .map(|letter| char::from(*letter))
}

/// The number of a key.
pub fn event(key: char) -> Option<u8> {
    let at = "0123456789*#ABCD"
        .chars()
        .position(|one| one == key.to_ascii_uppercase())?;
    u8::try_from(at).ok()
}

/// Counts each key press once, whatever is repeated, reordered or lost: neither the marker nor the
/// number of packets is asked (§2.5.1.2: the timestamp is the event's beginning).
#[derive(Debug, Clone, Default)]
pub struct Reader {
    recent: Vec<(u32, u8)>,
}

impl Reader {
    /// The key, if this packet is the first of its event to arrive.
    pub fn packet(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let (event, _) = payload.split_first()?;
        if payload.len() < 4 || self.recent.contains(&(timestamp, *event)) {
            return None;
        }
        let key = key(*event)?;
        if self.recent.len() >= REMEMBERED {
            self.recent.remove(0);
        }
        self.recent.push((timestamp, *event));
        Some(key)
    }
}

/// The payload of an event packet. `duration` is in samples.
pub fn payload(event: u8, end: bool, volume: u8, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [event, (u8::from(end) << 7) | (volume & 0x3f), high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_late_packets_do_not_press_a_key_again() {
        let mut reader = Reader::default();
        let two = |end, duration| payload(2, end, 10, duration);
        assert_eq!(reader.packet(1000, &two(false, 160)), Some('2'));
        assert_eq!(reader.packet(1000, &two(false, 320)), None);
        assert_eq!(reader.packet(1000, &two(true, 480)), None);
        assert_eq!(
            reader.packet(5000, &two(false, 160)),
            Some('2'),
            "pressed again"
        );
        assert_eq!(
            reader.packet(1000, &two(true, 480)),
            None,
            "a late copy of the first"
        );
    }

    #[test]
    fn an_event_is_heard_even_if_only_its_end_arrives() {
        assert_eq!(
            Reader::default().packet(7, &payload(11, true, 10, 800)),
            Some('#')
        );
    }

    #[test]
    fn what_is_no_key_presses_none() {
        let mut reader = Reader::default();
        assert_eq!(
            reader.packet(1, &payload(16, false, 10, 0)),
            None,
            "flash is not a key"
        );
        assert_eq!(reader.packet(1, &[3]), None);
        assert_eq!(event('a').and_then(key), Some('A'));
    }
}
