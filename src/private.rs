//! Caller data that no log, metric or trace may show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Hides a value from `Debug` and has no `Display`: printing it takes a call of [`Private::reveal`],
/// which can be searched for.
///
/// Serialisation keeps the value, for sealed snapshots alone: what is journalled in the clear never
/// holds this type.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each caller answers for where it goes.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_what_is_inside() {
        assert_eq!(
            format!("{:?}", Some(Private::new("0506802280"))),
            "Some([private])"
        );
    }
}
