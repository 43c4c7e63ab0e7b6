//! `qaynar export`: calls, contacts and activities as files, whole or as counts for publication.

mod file;
mod parquet;
mod rows;

use std::io::Write;

use jiff::Timestamp;

use self::file::Target;
use self::rows::{Form, Rows};
use super::CliError;
use super::args::export::{Export, ExportForm, Exported};
use super::calls::{between, zone_of};
use super::contact::day_of;
use crate::config::Settings;
use crate::records::export::publish::{Counts, PublishFault, Shown};
use crate::records::export::{
    Activities, Calls, Cell, Column, Contacts, Context, Kind, Table, Use, chosen,
};
use crate::store::{activities, calls, contacts, taxonomies};
use crate::time::Wall;

/// Does it.
///
/// # Errors
/// No such column, a file that cannot be written, or the database.
pub(super) fn run(
    asked: &Export,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    match asked {
        Export::Calls(asked) => export::<Calls>(asked, settings, out, |(from, to), tell| {
            let (at, journal) = (&settings.storage.database, settings.storage.journal());
            Ok(calls::each(at, &journal, from, to, tell)?)
        }),
        Export::Contacts(asked) => export::<Contacts>(asked, settings, out, |(from, to), tell| {
            let mut contacts = contacts::Contacts::open(&settings.storage.database)?;
            let (from, to) = (from.unwrap_or(FIRST), to.unwrap_or(LAST));
            Ok(contacts.each(from, to, tell)?)
        }),
        Export::Activities(asked) => {
            export::<Activities>(asked, settings, out, |(from, to), tell| {
                let mut activities = activities::Activities::open(&settings.storage.database)?;
                let zone = zone_of(&settings.dialplans.folder);
                let from = from.map_or(jiff::civil::Date::MIN, |from| day_of(from, &zone));
                // The end is the first moment that is not meant any more.
                let to = to.map_or(jiff::civil::Date::MAX, |to| day_of(Wall(to.0 - 1), &zone));
                activities.between(from, to)?.into_iter().for_each(tell);
                Ok(())
            })
        }
        Export::Dictionary { json } => dictionary(*json, out),
    }
}

const FIRST: Wall = Wall(i64::MIN);
const LAST: Wall = Wall(i64::MAX);

/// The count of a table for publication.
const COUNT: Column = Column {
    name: "count",
    kind: Kind::Whole,
    used: Use::Dimension,
    about: "how many rows; empty: too few to be told, or hidden with others so that no total tells them",
};

type Period = (Option<Wall>, Option<Wall>);

fn export<T: Table>(
    asked: &Exported,
    settings: &Settings,
    out: &mut dyn Write,
    each: impl FnOnce(Period, &mut dyn FnMut(T::Row)) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let columns = chosen(T::COLUMNS, &asked.columns).map_err(CliError::Arguments)?;
    let zone = zone_of(&settings.dialplans.folder);
    let period = between(&asked.from, &asked.to, &zone)?;
    let taxonomies = taxonomies::Taxonomies::open(&settings.storage.database)?.all()?;
    let context = Context {
        zone,
        taxonomies: &taxonomies,
    };
    if asked.output.is_none() && asked.format == ExportForm::Parquet {
        let text = "Parquet is no text for a terminal; write --output FILE".to_owned();
        return Err(CliError::Arguments(text));
    }
    let mut target = Target::open(asked.output.as_deref(), out)?;
    let count = match asked.publish {
        false => whole::<T>(
            &columns,
            asked.format,
            &mut target,
            |tell| each(period, tell),
            &context,
        ),
        true => {
            let smallest = settings.privacy.smallest_cell;
            publishable(&columns, asked)?;
            let counts = counted::<T>(&columns, |tell| each(period, tell), &context)?;
            let table = counts.table(smallest).map_err(published)?;
            written(&columns, asked.format, &mut target, table)
        }
    }?;
    if let Some(path) = target.close()? {
        writeln!(out, "{count} rows are in {}", path.display())?;
    }
    Ok(())
}

/// Each row as it is.
fn whole<T: Table>(
    columns: &[Column],
    form: ExportForm,
    target: &mut Target<'_>,
    each: impl FnOnce(&mut dyn FnMut(T::Row)) -> Result<(), CliError>,
    context: &Context<'_>,
) -> Result<u64, CliError> {
    let mut rows = Rows::new(Form::from(form), columns, target)?;
    let mut fault = None;
    each(&mut |row| {
        let cells = columns
            .iter()
            .map(|column| T::cell(&row, column.name, context));
        let cells: Vec<Cell> = cells.collect();
        if fault.is_none() {
            fault = rows.add(&cells).err();
        }
    })?;
    match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(rows.finish()?),
    }
}

/// That only dimensions are counted by.
fn publishable(columns: &[Column], asked: &Exported) -> Result<(), CliError> {
    let other = columns.iter().find(|column| column.used != Use::Dimension);
    let text = match other {
        _ if asked.columns.is_empty() => {
            "name what is counted by: --publish --columns month,topic; `qaynar export dictionary` tells \
             which columns are dimensions"
                .to_owned()
        }
        Some(column) => format!(
            "{} is never published: it tells of one contact or call, or of a person; `qaynar export dictionary` \
             tells which columns are dimensions",
            column.name
        ),
        None => return Ok(()),
    };
    Err(CliError::Arguments(text))
}

fn counted<T: Table>(
    columns: &[Column],
    each: impl FnOnce(&mut dyn FnMut(T::Row)) -> Result<(), CliError>,
    context: &Context<'_>,
) -> Result<Counts, CliError> {
    let mut counts = Counts::default();
    let mut fault = None;
    each(&mut |row| {
        let values = columns
            .iter()
            .map(|column| text(&T::cell(&row, column.name, context)));
        if fault.is_none() {
            fault = counts.add(values.collect()).err();
        }
    })?;
    match fault {
        Some(fault) => Err(published(fault)),
        None => Ok(counts),
    }
}

fn written(
    columns: &[Column],
    form: ExportForm,
    target: &mut Target<'_>,
    table: Vec<Shown>,
) -> Result<u64, CliError> {
    let texts = columns.iter().map(|column| Column {
        kind: Kind::Text,
        ..*column
    });
    let columns: Vec<Column> = texts.chain([COUNT]).collect();
    let mut rows = Rows::new(Form::from(form), &columns, target)?;
    for (values, count) in table {
        let mut cells: Vec<Cell> = values.into_iter().map(Cell::Text).collect();
        let count = count.and_then(|count| i64::try_from(count).ok());
        cells.push(count.map_or(Cell::Nothing, Cell::Whole));
        rows.add(&cells)?;
    }
    Ok(rows.finish()?)
}

fn published(fault: PublishFault) -> CliError {
    CliError::Arguments(fault.to_string())
}

/// As files show it.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Whole(number) => number.to_string(),
        Cell::Seconds(seconds) => seconds.to_string(),
        Cell::Truth(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Cell::Moment(moment) => Timestamp::from_microsecond(moment.0)
            .map(|moment| moment.to_string())
            .unwrap_or_default(),
    }
}

/// All tables and their columns.
fn dictionary(json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let tables = [
        (Calls::NAME, Calls::COLUMNS),
        (Contacts::NAME, Contacts::COLUMNS),
        (Activities::NAME, Activities::COLUMNS),
    ];
    if json {
        let tables: serde_json::Map<_, _> = tables
            .into_iter()
            .map(|(name, columns)| (name.to_owned(), serde_json::json!(columns)))
            .collect();
        return Ok(writeln!(out, "{}", serde_json::json!(tables))?);
    }
    for (name, columns) in tables {
        writeln!(out, "{name}")?;
        for column in columns {
            let used = match column.used {
                Use::Dimension => "dimension",
                Use::Detail => "detail",
                Use::Identity => "identity, never published",
                Use::Words => "words, never published",
            };
            let kind = format!("{:?}", column.kind).to_lowercase();
            writeln!(
                out,
                "  {:<15} {kind:<8} {} ({used})",
                column.name, column.about
            )?;
        }
    }
    Ok(())
}
