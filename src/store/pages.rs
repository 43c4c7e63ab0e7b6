//! Rows page by page, for whoever reads many: a page goes on behind the last row of the one before, so that it
//! costs the same however far it is, and rows that are added meanwhile move nothing.

use super::contacts::{self, Contacts};
use super::database::{DatabaseError, Reader};
use super::rows;
use super::sql::{Value, values};
use crate::event::CallRecord;
use crate::ids::{CallId, OperatorId, Pseudonym, QueueName};
use crate::records::contact::Contact;
use crate::time::Wall;

/// Which rows, and which page of them.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// At or after this.
    pub from: Option<Wall>,
    /// Before this.
    pub to: Option<Wall>,
    /// Of this caller.
    pub caller: Option<Pseudonym>,
    /// Of this operator.
    pub operator: Option<OperatorId>,
    /// Of this queue; of calls alone.
    pub queue: Option<QueueName>,
    /// Of this call; of contacts alone.
    pub call: Option<CallId>,
    /// Of this case; of contacts alone.
    pub case: Option<i64>,
    /// Whose contact type nobody filled in; of contacts alone.
    pub unfilled: bool,
    /// Behind this row.
    pub after: Option<(Wall, String)>,
    /// The most rows.
    pub limit: usize,
}

/// Conditions with their values.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Of both tables: the latest first, so that behind a row are the earlier ones.
    fn new(wanted: &Wanted, moment: &str, id: &str) -> Self {
        let span = values![
            wanted.from.unwrap_or(Wall(i64::MIN)),
            wanted.to.unwrap_or(Wall(i64::MAX)),
        ];
        let mut new = Self {
            text: format!("{moment} >= ?1 AND {moment} < ?2"),
            values: span.to_vec(),
        };
        let caller = wanted.caller.as_ref().map(Pseudonym::as_str);
        new.equal("caller", caller);
        new.equal("operator", wanted.operator.as_ref().map(OperatorId::as_str));
        if let Some((at, row)) = &wanted.after {
            let (at, row) = (new.place(*at), new.place(row.as_str()));
            new.text
                .push_str(&format!(" AND ({moment}, {id}) < ({at}, {row})"));
        }
        new
    }

    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn equal<T: Into<Value>>(&mut self, column: &str, value: Option<T>) {
        if let Some(value) = value {
            let place = self.place(value);
            self.text.push_str(&format!(" AND {column} = {place}"));
        }
    }

    fn ordered(&mut self, moment: &str, id: &str, limit: usize) -> String {
        let limit = self.place(limit);
        format!(
            "WHERE {} ORDER BY {moment} DESC, {id} DESC LIMIT {limit}",
            self.text
        )
    }
}

impl Reader {
    /// A page of calls, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn calls_page(&mut self, wanted: &Wanted) -> Result<Vec<CallRecord>, DatabaseError> {
        let mut conditions = Conditions::new(wanted, "arrived", "call");
        conditions.equal("queue", wanted.queue.as_ref().map(QueueName::as_str));
        let order = conditions.ordered("arrived", "call", wanted.limit);
        let sql = format!("SELECT {} FROM calls {order}", rows::COLUMNS);
        self.sql().rows(&sql, &conditions.values, rows::record)
    }
}

impl Contacts {
    /// A page of contacts, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn page(&mut self, wanted: &Wanted) -> Result<Vec<Contact>, DatabaseError> {
        let mut conditions = Conditions::new(wanted, "opened", "id");
        conditions.equal("case_id", wanted.case);
        if let Some(call) = wanted.call {
            let place = conditions.place(call.to_string());
            conditions.text.push_str(&format!(
                " AND id IN (SELECT contact FROM contact_calls WHERE call = {place})"
            ));
        }
        if wanted.unfilled {
            conditions.text.push_str(" AND contact_type IS NULL");
        }
        let order = conditions.ordered("opened", "id", wanted.limit);
        let sql = format!("SELECT {} FROM contacts {order}", contacts::COLUMNS);
        let values = &conditions.values;
        self.sql.rows(&sql, values, contacts::contact_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::contact::{Channel, ContactId};
    use crate::store::contacts::Hand;

    #[test]
    fn pages_follow_each_other_without_a_gap_also_where_moments_are_equal() {
        let folder = tempfile::tempdir().unwrap();
        let mut contacts = Contacts::open(&folder.path().join("qaynar.db").into()).unwrap();
        for number in 0..25_i64 {
            let id = ContactId(format!("K-{number:02}"));
            let mut contact = Contact::new(id, Wall(number / 4), Channel::Phone, 1);
            contact.caller = (number % 2 == 0).then(|| "C-1".into());
            contacts.insert(&contact, &Hand::Import, Wall(0)).unwrap();
        }
        let mut wanted = Wanted {
            caller: Some("C-1".into()),
            limit: 4,
            ..Wanted::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = contacts.page(&wanted).unwrap();
            let Some(last) = page.last() else { break };
            wanted.after = Some((last.opened, last.id.0.clone()));
            seen.extend(page.into_iter().map(|one| one.id.0));
        }
        let expected: Vec<String> = (0..25)
            .rev()
            .filter(|number| number % 2 == 0)
            .map(|number| format!("K-{number:02}"))
            .collect();
        assert_eq!(seen, expected);
    }
}
