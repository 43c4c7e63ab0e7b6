//! A workbook with a sheet for each section. Numbers are numbers with a format, so that sums and charts can be made of
//! them; what is not known is an empty cell.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::document::{Cell, Document, Kind, Part, Row, Section, Table, Value};
use super::letters::{Letters, Weight};

/// The longest name of a sheet, in UTF-16 units.
const NAME: usize = 31;
/// What the name of a sheet may not have in it.
const FORBIDDEN: [char; 7] = ['[', ']', ':', '*', '?', '/', '\\'];
/// The longest text of a cell, in letters.
const TEXT: usize = 32_000;
/// How many columns a paragraph runs across.
const ACROSS: u16 = 8;
/// The narrowest and the widest column, in letters.
const WIDTHS: (f64, f64) = (9.0, 56.0);
/// The widest column of numbers; longer headings break.
const NUMBERS: f64 = 16.0;
/// The size of letters, and from line to line, in points.
const SIZE: f32 = 10.0;
const LEADING: f64 = 14.0;
/// Beyond so many columns paper is laid across.
const TALL: usize = 8;
/// A4, as spreadsheets number paper.
const A4: u8 = 9;
/// The days of spreadsheets are counted from 1899-12-30.
const DAY: f64 = 86_400.0;

/// The report as a file for spreadsheets.
///
/// # Errors
/// A table is greater than a sheet: more than a million rows, or 16,000 columns.
pub fn render(document: &Document) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // Nothing here reads a clock, so that the same report is the same file.
    let made = moment(document.to)?;
    let properties = DocProperties::new()
        .set_title(document.title.clone())
        .set_subject(document.period.clone())
        .set_creation_datetime(&made);
    workbook.set_properties(&properties);
    let letters = Letters::new();
    let mut names = BTreeSet::new();
    for section in &document.sections {
        let mut page = Page {
            sheet: workbook.add_worksheet(),
            letters: &letters,
            row: 0,
            widths: Vec::new(),
        };
        page.sheet.set_name(name(&section.heading, &mut names))?;
        page.section(document, section)?;
    }
    if document.sections.is_empty() {
        let sheet = workbook.add_worksheet();
        sheet.write_string(0, 0, clipped(&document.title))?;
    }
    workbook.save_to_buffer()
}

/// A name for a sheet that spreadsheets take, and that is there once.
fn name(heading: &str, taken: &mut BTreeSet<String>) -> String {
    let clean = heading.replace(FORBIDDEN, " ");
    let clean = clean.trim().trim_matches('\'');
    let clean = if clean.is_empty() { "–" } else { clean };
    let mut number = 1;
    loop {
        let end = match number {
            1 => String::new(),
            number => format!(" ({number})"),
        };
        let mut name = String::new();
        let mut room = NAME - end.len();
        for letter in clean.chars() {
            let Some(rest) = room.checked_sub(letter.len_utf16()) else {
                break;
            };
            room = rest;
            name.push(letter);
        }
        let name = format!("{}{end}", name.trim_end().trim_end_matches('\''));
        if taken.insert(name.to_lowercase()) {
            return name;
        }
        number += 1;
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

fn moment(day: Date) -> Result<ExcelDateTime, XlsxError> {
    let year = u16::try_from(day.year()).unwrap_or(1900).max(1900);
    let part = |part: i8| u8::try_from(part).unwrap_or(1);
    ExcelDateTime::from_ymd(year, part(day.month()), part(day.day()))
}

/// A sheet that is being filled from above.
struct Page<'a> {
    sheet: &'a mut Worksheet,
    letters: &'a Letters,
    row: u32,
    /// How wide each column is, in letters.
    widths: Vec<f64>,
}

impl Page<'_> {
    fn section(&mut self, document: &Document, section: &Section) -> Result<(), XlsxError> {
        let large = Format::new().set_bold().set_font_size(14);
        self.line(&section.heading, &large)?;
        let grey = plain().set_font_color(0x5B_6773);
        self.line(&format!("{} · {}", document.title, document.period), &grey)?;
        self.row += 1;
        self.measure(section);
        for part in &section.parts {
            match part {
                Part::Text(text) => self.paragraph(text, &plain())?,
                Part::Note(text) => self.paragraph(text, &grey.clone().set_italic())?,
                Part::Table(table) => self.table(table)?,
                // Its figures stand in the table that follows.
                Part::Chart(_) => {}
            }
        }
        for (column, width) in (0..).zip(&self.widths) {
            self.sheet.set_column_width(column, *width)?;
        }
        let foot = format!("&L{}&R&P / &N", document.footer.replace('&', "&&"));
        // More than 255 letters are refused, and a foot is not worth a report.
        if foot.encode_utf16().count() < 250 {
            self.sheet.set_footer(foot);
        }
        self.sheet.set_paper_size(A4).set_print_fit_to_pages(1, 0);
        if self.widths.len() > TALL {
            self.sheet.set_landscape();
        }
        Ok(())
    }

    fn line(&mut self, text: &str, format: &Format) -> Result<(), XlsxError> {
        self.sheet
            .write_string_with_format(self.row, 0, clipped(text), format)?;
        self.row += 1;
        Ok(())
    }

    /// How wide the columns of all tables below each other must be.
    fn measure(&mut self, section: &Section) {
        for part in &section.parts {
            let Part::Table(table) = part else { continue };
            for (at, column) in table.columns.iter().enumerate() {
                let cells = table
                    .rows
                    .iter()
                    .filter_map(|row| Some((row.depth, row.cells.get(at)?)));
                let longest = cells.map(|(depth, cell)| {
                    let indent = if at == 0 { 2.0 * f64::from(depth) } else { 0.0 };
                    indent + letters_of(&cell.text)
                });
                let longest = longest.fold(0.0, f64::max);
                let heading = letters_of(&column.heading);
                let width = match column.kind {
                    Kind::Text => longest.max(heading).min(WIDTHS.1),
                    _ => longest.max(heading.min(NUMBERS)),
                };
                let width = (width + 2.0).clamp(WIDTHS.0, WIDTHS.1);
                match self.widths.get_mut(at) {
                    Some(known) => *known = known.max(width),
                    None => self.widths.push(width),
                }
            }
        }
    }

    /// A text across several columns, in a row that is high enough for it.
    fn paragraph(&mut self, text: &str, format: &Format) -> Result<(), XlsxError> {
        let wide = (0..ACROSS).map(|column| {
            let known = self.widths.get(usize::from(column));
            known.copied().unwrap_or(8.43)
        });
        #[allow(clippy::cast_possible_truncation, reason = "a width on paper")]
        let points = wide.sum::<f64>() as f32 * 5.2;
        let text = clipped(text);
        let lines = self.letters.lines(&text, Weight::Regular, SIZE, points);
        let format = format.clone().set_text_wrap().set_align(FormatAlign::Top);
        self.sheet
            .merge_range(self.row, 0, self.row, ACROSS - 1, &text, &format)?;
        let lines = f64::from(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        self.sheet
            .set_row_height(self.row, (lines * LEADING + 2.0).min(400.0))?;
        self.row += 1;
        Ok(())
    }

    fn table(&mut self, table: &Table) -> Result<(), XlsxError> {
        self.row += 1;
        if !table.caption.is_empty() {
            self.line(&table.caption, &Format::new().set_bold())?;
        }
        for (at, column) in (0_u16..).zip(&table.columns) {
            let format = plain()
                .set_bold()
                .set_text_wrap()
                .set_border_bottom(FormatBorder::Medium);
            let format = format.set_align(match column.kind {
                Kind::Text => FormatAlign::Left,
                _ => FormatAlign::Right,
            });
            let heading = clipped(&column.heading);
            self.sheet
                .write_string_with_format(self.row, at, heading, &format)?;
        }
        self.row += 1;
        for row in &table.rows {
            for ((at, column), cell) in (0_u16..).zip(&table.columns).zip(&row.cells) {
                self.cell(at, row, column.kind, cell)?;
            }
            self.row += 1;
        }
        self.row += 1;
        Ok(())
    }

    fn cell(&mut self, at: u16, row: &Row, kind: Kind, cell: &Cell) -> Result<(), XlsxError> {
        let mut format = plain().set_border_bottom(FormatBorder::Hair);
        if row.is_total {
            format = format.set_bold().set_border_top(FormatBorder::Thin);
        }
        if at == 0 && row.depth > 0 {
            format = format.set_indent(2 * row.depth);
        }
        let (place, sheet) = (self.row, &mut *self.sheet);
        let (number, form) = match &cell.value {
            Value::None => {
                sheet.write_blank(place, at, &format)?;
                return Ok(());
            }
            Value::Text => {
                let format = match kind {
                    Kind::Text => format.set_text_wrap().set_align(FormatAlign::Top),
                    _ => format.set_align(FormatAlign::Right),
                };
                sheet.write_string_with_format(place, at, clipped(&cell.text), &format)?;
                return Ok(());
            }
            Value::Date(day) => {
                let format = format.set_num_format("dd.mm.yyyy");
                sheet.write_datetime_with_format(place, at, &moment(*day)?, &format)?;
                return Ok(());
            }
            Value::Count(count) => (whole(*count), "#,##0"),
            Value::Change(change) => {
                let size = whole(change.unsigned_abs());
                (if *change < 0 { -size } else { size }, "+#,##0;-#,##0;0")
            }
            Value::Share(share) => (*share, "0.0%"),
            Value::Number(number) => (*number, "#,##0.0##"),
            Value::Duration(length) => (length.as_secs_f64() / DAY, clock(*length)),
        };
        if number.is_finite() {
            sheet.write_number_with_format(place, at, number, &format.set_num_format(form))?;
        } else {
            sheet.write_blank(place, at, &format)?;
        }
        Ok(())
    }
}

/// A length of time below a minute is read in seconds.
fn clock(length: Duration) -> &'static str {
    match length.as_secs() {
        0..3_600 => "[m]:ss",
        _ => "[h]:mm:ss",
    }
}

fn plain() -> Format {
    Format::new().set_font_size(SIZE)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "spreadsheets know no other numbers"
)]
fn whole(count: u64) -> f64 {
    count as f64
}

fn letters_of(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_a_name_that_spreadsheets_take_and_no_other_has() {
        let mut taken = BTreeSet::new();
        assert_eq!(
            name("Mövzular: hüquqi/təhsil", &mut taken),
            "Mövzular  hüquqi təhsil"
        );
        assert_eq!(name("''", &mut taken), "–");
        assert_eq!(name("", &mut taken), "– (2)");
        let long = "Zənglərin həftənin günləri və saatları üzrə bölgüsü";
        let first = name(long, &mut taken);
        let second = name(&long.to_uppercase(), &mut taken);
        assert_eq!(first.encode_utf16().count(), 31);
        assert!(second.ends_with(" (2)") || second != first, "{second}");
        assert_ne!(first.to_lowercase(), second.to_lowercase());
        assert!(second.encode_utf16().count() <= 31);
    }
}
