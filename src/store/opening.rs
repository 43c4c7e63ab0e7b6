//! A call that reaches an operator, or leaves a message, opens a contact: in the transaction that writes its rows,
//! so that there is never one without the other. Events that come a second time open nothing, and what people
//! filled in stays.

use super::contacts::{self, Hand, UpdateError};
use super::sql::Sql;
use super::taxonomies;
use super::trouble::DatabaseError;
use crate::event::{CallRecord, Change, Direction, Event, What};
use crate::ids::{Language, OperatorId};
use crate::records::contact::{Channel, Contact, ContactId, Spoken};

/// The trunk of calls that operators' phones begin.
const OPERATORS: &str = "operators";

/// How a call became a contact.
struct Way<'a> {
    channel: Channel,
    operator: Option<&'a OperatorId>,
}

/// Opens what the event of this call opens, if it opens one.
pub(crate) fn note(sql: &mut Sql, event: &Event, record: &CallRecord) -> Result<(), DatabaseError> {
    let Some(way) = way(&event.what) else {
        return Ok(());
    };
    if !is_of_caller(record) {
        return Ok(());
    }
    let contact = opened(record, &way, taxonomies::newest(sql)?);
    if contacts::insert(sql, &contact, &Hand::Call, event.at)? || way.channel != Channel::Phone {
        return Ok(());
    }
    after_message(sql, &contact, event)
}

fn way(what: &What) -> Option<Way<'_>> {
    match what {
        What::Connected { operator } => Some(Way {
            channel: Channel::Phone,
            operator: Some(operator),
        }),
        What::Recording {
            change: Change::Begun { of, .. },
            ..
        } if of.is_voicemail() => Some(Way {
            channel: Channel::Voicemail,
            operator: None,
        }),
        _ => None,
    }
}

/// Whether somebody outside is on the line who wanted the helpline, or asked to be called back. Operators who call
/// each other, or a number outside, are no contact.
fn is_of_caller(record: &CallRecord) -> bool {
    match record.direction {
        Direction::In => record.trunk.as_str() != OPERATORS || record.queued.is_some(),
        Direction::Back => true,
        Direction::Out => false,
    }
}

fn opened(record: &CallRecord, way: &Way<'_>, taxonomy: u32) -> Contact {
    let id = ContactId::from(record.call);
    Contact {
        dialled: Some(record.dialled.clone()),
        language: Some(match record.language {
            Language::Az => Spoken::Az,
            Language::Ru => Spoken::Ru,
            Language::En => Spoken::En,
        }),
        calls: vec![record.call],
        caller: record.caller.clone(),
        operator: way.operator.cloned(),
        ..Contact::new(id, record.arrived, way.channel, taxonomy)
    }
}

/// Who left a message and reached an operator in the same call came by phone, unless somebody has written it down
/// otherwise.
fn after_message(sql: &mut Sql, opened: &Contact, event: &Event) -> Result<(), DatabaseError> {
    let Some(found) = contacts::current(sql, &opened.id)? else {
        return Ok(());
    };
    if found.hand != Hand::Call || found.contact.channel != Channel::Voicemail {
        return Ok(());
    }
    let changed = Contact {
        channel: opened.channel,
        operator: opened.operator.clone(),
        ..found.contact
    };
    match contacts::update(sql, &changed, changed.version, &Hand::Call, event.at) {
        Ok(_) => Ok(()),
        Err(UpdateError::Database(fault)) => Err(fault),
        // It was read in this transaction; where it is gone or changed all the same, others know better.
        Err(UpdateError::Conflict(_) | UpdateError::Missing(_)) => Ok(()),
    }
}
