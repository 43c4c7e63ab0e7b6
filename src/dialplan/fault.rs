//! Faults of text files: where, what, and the way out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A list of what there is ends here.
const MAX_SHOWN: usize = 60;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the reader named it.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One mistake.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error,
)]
#[error("{place}: {what}; {remedy}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// The known name that is nearest to `name`, if one is near enough to have been meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        // Letters that are missing or too many are slips already.
        .filter(|one| one.len().abs_diff(name.len()) <= 4 * limit)
        .map(|one| (distance(name, one), one))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, one)| one)
}

/// "did you mean …", or else what there is.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(one) => format!("did you mean {one:?}?"),
        None => {
            let all: Vec<&str> = known.into_iter().collect();
            match all.get(..MAX_SHOWN) {
                _ if all.is_empty() => "there is none yet".into(),
                Some(some) if all.len() > MAX_SHOWN => {
                    let more = all.len() - MAX_SHOWN;
                    format!("there are: {}, and {more} more", some.join(", "))
                }
                _ => format!("there are: {}", all.join(", ")),
            }
        }
    }
}

/// Levenshtein distance in letters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let next = (diagonal + usize::from(x != *y))
                .min(left + 1)
                .min(above + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            left = next;
        }
        if let Some(cell) = row.last_mut() {
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_recognised() {
        assert_eq!(
            nearest("grreting", ["greeting", "closed"]),
            Some("greeting")
        );
        assert_eq!(nearest("sale", ["sales", "support"]), Some("sales"));
        assert_eq!(nearest("zebra", ["sales", "support"]), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc")), (3, 3));
    }
}
