//! A report for a terminal: tables in columns, paragraphs in lines. Charts are left out; their tables are there.

use super::document::{Document, Kind, Part, Section, Table};

/// The width of lines, in characters.
const WIDTH: usize = 100;
/// The widest column of words.
const WIDEST: usize = 58;

/// Writes it.
pub fn render(document: &Document) -> String {
    let mut text = String::new();
    let mut line = |content: &str| {
        text.push_str(content.trim_end());
        text.push('\n');
    };
    line(&document.title);
    line(&document.period);
    for section in &document.sections {
        line("");
        for one in section_lines(section) {
            line(&one);
        }
    }
    line("");
    line(&document.footer);
    text
}

fn section_lines(section: &Section) -> Vec<String> {
    let mut lines = vec![
        section.heading.clone(),
        "─".repeat(section.heading.chars().count()),
    ];
    let mut first = true;
    for part in &section.parts {
        let own = match part {
            Part::Text(text) => wrapped(text, ""),
            Part::Note(text) => wrapped(text, "  "),
            Part::Table(table) => table_lines(table),
            Part::Chart(_) => continue,
        };
        if !first && !matches!(part, Part::Note(_)) {
            lines.push(String::new());
        }
        first = false;
        lines.extend(own);
    }
    lines
}

/// Words in lines, each with an indent.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    // A space that does not break stays.
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let length = line.chars().count();
        if length > indent.len() && length + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        if line.chars().count() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn table_lines(table: &Table) -> Vec<String> {
    let mut rows: Vec<Vec<String>> = vec![
        table
            .columns
            .iter()
            .map(|column| column.heading.clone())
            .collect(),
    ];
    for row in &table.rows {
        let indent = "  ".repeat(row.depth.into());
        let cells = row.cells.iter().enumerate();
        let cells = cells.map(|(at, cell)| match at {
            0 => format!("{indent}{}", cell.text),
            _ => cell.text.clone(),
        });
        rows.push(cells.collect());
    }
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns: Vec<(usize, Kind)> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| (width(at).min(WIDEST), column.kind))
        .collect();
    let caption = (!table.caption.is_empty()).then(|| table.caption.clone());
    let rows = rows.iter().map(|row| row_line(row, &columns));
    caption.into_iter().chain(rows).collect()
}

fn row_line(row: &[String], columns: &[(usize, Kind)]) -> String {
    let cells = row.iter().zip(columns).map(|(cell, (width, kind))| {
        let space = " ".repeat(width.saturating_sub(cell.chars().count()));
        match kind {
            Kind::Text | Kind::Date => format!("{cell}{space}"),
            _ => format!("{space}{cell}"),
        }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_between_words() {
        let text = "söz ".repeat(60);
        let lines = wrapped(&text, "  ");
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= WIDTH && line.starts_with("  söz"))
        );
        assert_eq!(wrapped("", ""), [""]);
    }
}
