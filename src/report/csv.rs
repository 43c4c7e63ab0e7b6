//! A report as CSV: a line for each cell of each table, so that programs find all of them in one form.

use super::document::{Cell, Document, Row, Table, Value};

/// The columns.
const COLUMNS: [&str; 9] = [
    "section", "table", "row", "name", "column", "kind", "value", "text", "figure",
];

/// Writes it, with the byte order mark by which spreadsheets know UTF-8.
pub fn render(document: &Document) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::from("\u{feff}"));
    // Nothing written to memory fails.
    let _ = writer.write_record(COLUMNS);
    for (section, table) in document.tables() {
        for (number, row) in table.rows.iter().enumerate() {
            for line in lines(table, row) {
                let number = (number + 1).to_string();
                let head = [section.key.as_str(), table.key.as_str(), &number];
                let _ =
                    writer.write_record(head.into_iter().chain(line.iter().map(String::as_str)));
            }
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// A line for each cell but the name of the row; of a row of words alone, for each.
fn lines(table: &Table, row: &Row) -> Vec<[String; 6]> {
    let name = row.cells.first().map_or("", |cell| &cell.text);
    let cells = row.cells.iter().zip(&table.columns).skip(1);
    let line = |(cell, column): (&Cell, &super::document::Column)| {
        let (kind, value) = plain(cell);
        [
            guarded(name),
            column.key.clone(),
            kind.to_owned(),
            guarded(&value),
            guarded(&cell.text),
            cell.figure.clone().unwrap_or_default(),
        ]
    };
    cells.map(line).collect()
}

/// A value as programs read it: a decimal point, seconds, days as 2021-06-01.
fn plain(cell: &Cell) -> (&'static str, String) {
    match &cell.value {
        Value::None => ("none", String::new()),
        Value::Text => ("text", cell.text.clone()),
        Value::Count(count) => ("count", count.to_string()),
        Value::Share(share) => ("share", format!("{share:.6}")),
        Value::Change(change) => ("change", change.to_string()),
        Value::Number(number) => ("number", number.to_string()),
        Value::Duration(length) => ("duration", format!("{:.3}", length.as_secs_f64())),
        Value::Date(day) => ("date", day.to_string()),
    }
}

/// What people wrote does not become a formula of a spreadsheet; numbers with a sign stay numbers.
fn guarded(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let rest = text.get(1..).unwrap_or_default();
    let number = !rest.is_empty() && rest.bytes().all(|one| one.is_ascii_digit() || one == b'.');
    match risky && !number {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn no_cell_becomes_a_formula() {
        assert_eq!(guarded("=cmd()"), "'=cmd()");
        assert_eq!(guarded("-1+2"), "'-1+2");
        assert_eq!(guarded("-125"), "-125");
        assert_eq!(guarded("+994506802280"), "+994506802280");
        assert_eq!(guarded("@a"), "'@a");
    }
}
