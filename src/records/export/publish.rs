//! Counts for publication. A cell of few is hidden, and with it as many others as it takes that no total gives it
//! away: whoever knows every total of the table, over any choice of its columns, still cannot compute a hidden cell.

use std::collections::{BTreeMap, BTreeSet};

/// The most columns: with each the totals double.
pub const MOST_COLUMNS: usize = 5;
/// The most cells of a table.
pub const MOST_CELLS: usize = 20_000;
/// The most cells that may be hidden: a table of which more is hidden tells nothing.
pub const MOST_HIDDEN: usize = 200;

/// How often bounds close in on each other; most stand still after some.
const ROUNDS: usize = 100;

/// Why there is no such table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    /// Too many columns, or none.
    #[error("a table for publication has 1 to {MOST_COLUMNS} columns")]
    Columns,
    /// Too many cells.
    #[error(
        "the table has more than {MOST_CELLS} cells; choose fewer columns, or such as have fewer values"
    )]
    Cells,
    /// Too much of it is hidden.
    #[error(
        "more than {MOST_HIDDEN} cells would have to be hidden; choose fewer columns, or a longer time"
    )]
    Hidden,
    /// Whatever is hidden of it.
    #[error(
        "the totals of this table tell how many there are in a cell of few; choose fewer columns, or a longer time"
    )]
    Told,
}

/// The values of a cell, and how many rows have them; `None`: hidden.
pub type Shown = (Vec<String>, Option<u64>);

/// The values of a cell, and how many rows have them.
type Cell = (Vec<String>, u64);

/// How many rows have the same values, in the order of the columns.
#[derive(Debug, Clone, Default)]
pub struct Counts(BTreeMap<Vec<String>, u64>);

impl Counts {
    /// Counts one more row.
    ///
    /// # Errors
    /// There are too many cells.
    pub fn add(&mut self, values: Vec<String>) -> Result<(), PublishFault> {
        *self.0.entry(values).or_default() += 1;
        match self.0.len() > MOST_CELLS {
            true => Err(PublishFault::Cells),
            false => Ok(()),
        }
    }

    /// The table. `smallest` is the least that may be shown.
    ///
    /// # Errors
    /// See [`PublishFault`].
    pub fn table(self, smallest: u64) -> Result<Vec<Shown>, PublishFault> {
        let cells: Vec<Cell> = self.0.into_iter().collect();
        let columns = cells.first().map_or(1, |(values, _)| values.len());
        if !(1..=MOST_COLUMNS).contains(&columns) {
            return Err(PublishFault::Columns);
        }
        let totals = totals(&cells, columns);
        let mut hidden: BTreeSet<usize> = (0..cells.len())
            .filter(|cell| cells[*cell].1 < smallest)
            .collect();
        loop {
            if hidden.len() > MOST_HIDDEN {
                return Err(PublishFault::Hidden);
            }
            match given_away(&cells, &totals, &hidden, smallest) {
                Some(more) => hidden.insert(more?),
                None => break,
            };
        }
        let shown = cells.into_iter().enumerate();
        let shown = shown.map(|(at, (values, count))| {
            let is_shown = !hidden.contains(&at);
            (values, is_shown.then_some(count))
        });
        Ok(shown.collect())
    }
}

/// The cells of each total, over each choice of columns: those that are alike in the others.
fn totals(cells: &[Cell], columns: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    for choice in 0..(1_u32 << columns) - 1 {
        let mut groups: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
        for (at, (values, _)) in cells.iter().enumerate() {
            let kept = values.iter().enumerate();
            let kept = kept.filter(|(column, _)| choice & (1 << column) != 0);
            let key = kept.map(|(_, value)| value.as_str()).collect();
            groups.entry(key).or_default().push(at);
        }
        all.extend(groups.into_values());
    }
    all
}

/// A cell that has to be hidden too; `None`: no total gives a small one away.
fn given_away(
    cells: &[Cell],
    totals: &[Vec<usize>],
    hidden: &BTreeSet<usize>,
    smallest: u64,
) -> Option<Result<usize, PublishFault>> {
    let count = |at: &usize| cells[*at].1;
    let least_shown = |among: &mut dyn Iterator<Item = usize>| {
        let shown = among.filter(|at| !hidden.contains(at));
        shown.min_by_key(count)
    };
    // What is hidden of a total is of several cells, and together not small; a total that is small itself is
    // hidden wherever it stands.
    for total in totals {
        let inside: Vec<&usize> = total.iter().filter(|at| hidden.contains(at)).collect();
        let sum: u64 = inside.iter().map(|at| count(at)).sum();
        let is_thin = inside.len() == 1 || sum < smallest;
        if !inside.is_empty()
            && is_thin
            && let Some(more) = least_shown(&mut total.iter().copied())
        {
            return Some(Ok(more));
        }
    }
    let known = |total: &&Vec<usize>| total.iter().map(count).sum::<u64>() >= smallest;
    let totals: Vec<&Vec<usize>> = totals.iter().filter(known).collect();
    let told = solved(&totals, hidden).into_iter();
    let told = told.chain(bounded(cells, &totals, hidden));
    let told = told.filter(|at| count(at) < smallest).min()?;
    let around = totals.iter().filter(|total| total.contains(&told));
    let more = least_shown(&mut around.flat_map(|total| total.iter().copied()))
        .or_else(|| least_shown(&mut (0..cells.len())));
    Some(more.ok_or(PublishFault::Told))
}

/// Hidden cells that have no room: no cell of the table is empty, and what the others of a total can be at least
/// and at most leaves one number for it.
fn bounded(cells: &[Cell], totals: &[&Vec<usize>], hidden: &BTreeSet<usize>) -> Vec<usize> {
    let all: u64 = cells.iter().map(|(_, count)| count).sum();
    let mut bounds: Vec<(u64, u64)> = cells.iter().map(|(_, count)| (*count, *count)).collect();
    for at in hidden {
        bounds[*at] = (1, all);
    }
    for _ in 0..ROUNDS {
        let before = bounds.clone();
        for total in totals {
            let sum: u64 = total.iter().map(|at| cells[*at].1).sum();
            let (least, most) = total.iter().fold((0, 0), |(least, most), at| {
                (least + bounds[*at].0, most + bounds[*at].1)
            });
            for at in total.iter() {
                let (low, high) = bounds[*at];
                let low = low.max(sum.saturating_sub(most - high));
                bounds[*at] = (low, high.min(sum - (least - bounds[*at].0)));
            }
        }
        if bounds == before {
            break;
        }
    }
    let has_no_room = |at: &usize| bounds[*at].0 == bounds[*at].1;
    hidden.iter().copied().filter(has_no_room).collect()
}

/// Hidden cells that the totals together determine: some sum of multiples of totals is that cell alone. Computed
/// modulo a prime, which finds all that is so in whole numbers.
fn solved(totals: &[&Vec<usize>], hidden: &BTreeSet<usize>) -> Vec<usize> {
    let places: BTreeMap<usize, usize> = hidden.iter().copied().zip(0..).collect();
    let mut rows: Vec<Vec<u64>> = Vec::new();
    for total in totals {
        let mut row = vec![0; places.len()];
        for at in total.iter().filter_map(|at| places.get(at)) {
            row[*at] = 1;
        }
        // Reduced by those before it.
        for one in &rows {
            if let Some(at) = first(one) {
                subtract(&mut row, one, at);
            }
        }
        let Some(at) = first(&row) else { continue };
        let inverse = power(row[at], PRIME - 2);
        row.iter_mut()
            .for_each(|cell| *cell = *cell * inverse % PRIME);
        for one in &mut rows {
            subtract(one, &row, at);
        }
        rows.push(row);
    }
    let is_alone = |row: &&Vec<u64>| row.iter().filter(|cell| **cell != 0).count() == 1;
    let alone = rows.iter().filter(is_alone).filter_map(|row| first(row));
    alone
        .filter_map(|at| hidden.iter().nth(at).copied())
        .collect()
}

/// Below 2^31, so that a product fits.
const PRIME: u64 = 2_147_483_629;

fn first(row: &[u64]) -> Option<usize> {
    row.iter().position(|cell| *cell != 0)
}

/// Takes so much of `other` away that nothing is left at this place, where `other` has 1.
fn subtract(row: &mut [u64], other: &[u64], at: usize) {
    let times = row[at];
    if times != 0 {
        for (cell, other) in row.iter_mut().zip(other) {
            *cell = (*cell + PRIME - times * other % PRIME) % PRIME;
        }
    }
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut base, mut result) = (base % PRIME, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(cells: &[(&[&str], u64)]) -> Vec<(Vec<String>, Option<u64>)> {
        let mut counts = Counts::default();
        for (values, count) in cells {
            for _ in 0..*count {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                counts.add(values).unwrap();
            }
        }
        counts.table(5).unwrap()
    }

    fn hidden(cells: &[(&[&str], u64)]) -> Vec<String> {
        let table = table(cells).into_iter();
        let hidden = table.filter(|(_, count)| count.is_none());
        hidden.map(|(values, _)| values.join(" ")).collect()
    }

    #[test]
    fn a_small_cell_takes_another_with_it_so_that_the_total_does_not_tell_it() {
        assert_eq!(hidden(&[(&["a"], 9), (&["b"], 5)]), [""; 0]);
        assert_eq!(
            hidden(&[(&["a"], 90), (&["b"], 3), (&["c"], 20)]),
            ["b", "c"]
        );
        // Two small ones are together still small.
        assert_eq!(
            hidden(&[(&["a"], 90), (&["b"], 1), (&["c"], 2), (&["d"], 30)]),
            ["b", "c", "d"]
        );
        assert_eq!(
            hidden(&[(&["a"], 90), (&["b"], 3), (&["c"], 4)]),
            ["b", "c"]
        );
    }

    #[test]
    fn rows_and_columns_give_no_cell_away() {
        let cells: [(&[&str], u64); 9] = [
            (&["a", "x"], 3),
            (&["a", "y"], 10),
            (&["a", "z"], 20),
            (&["b", "x"], 11),
            (&["b", "y"], 30),
            (&["b", "z"], 40),
            (&["c", "x"], 12),
            (&["c", "y"], 50),
            (&["c", "z"], 60),
        ];
        assert_eq!(hidden(&cells), ["a x", "a y", "b x", "b y"]);
    }

    #[test]
    fn what_is_too_much_is_told() {
        let mut counts = Counts::default();
        let row = |at: usize| vec![at.to_string()];
        for at in 0..1_000 {
            counts.add(row(at)).unwrap();
        }
        assert_eq!(counts.clone().table(5), Err(PublishFault::Hidden));
        let added = (1_000..MOST_CELLS + 1).map(|at| counts.add(row(at)));
        assert_eq!(added.last(), Some(Err(PublishFault::Cells)));
        assert_eq!(Counts::default().table(5), Ok(Vec::new()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_total_and_no_two_of_them_tell_a_small_cell(counts in proptest::collection::vec(0_u64..12, 16)) {
            let mut cells = Counts::default();
            for (at, count) in counts.iter().enumerate() {
                for _ in 0..*count {
                    cells.add(vec![(at / 4).to_string(), (at % 4).to_string()]).unwrap();
                }
            }
            let full: Vec<(Vec<String>, u64)> = cells.0.clone().into_iter().collect();
            let Ok(table) = cells.table(5) else { return Ok(()) };
            let hidden: BTreeSet<usize> = (0..table.len()).filter(|at| table[*at].1.is_none()).collect();
            let totals = totals(&full, 2);
            let sum = |total: &&Vec<usize>| total.iter().map(|at| full[*at].1).sum::<u64>();
            let known: Vec<&Vec<usize>> = totals.iter().filter(|total| sum(total) >= 5).collect();
            let told = solved(&known, &hidden);
            prop_assert!(told.iter().all(|at| full[*at].1 >= 5));
            for total in &totals {
                let sum = sum(&total);
                let inside: Vec<u64> = total.iter().filter(|at| hidden.contains(at)).map(|at| full[*at].1).collect();
                prop_assert!(inside.is_empty() || sum < 5 || inside.iter().sum::<u64>() >= 5);
                prop_assert!(inside.len() != 1 || total.len() == 1);
            }
            prop_assert!(table.iter().all(|(_, count)| count.is_none_or(|count| count >= 5)));
        }
    }
}
