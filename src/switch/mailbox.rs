//! Message waiting (RFC 3842): a phone subscribes to its operator's mailbox and is told what is in it: the
//! messages of callers that nobody handled, of all mailboxes of the dialplan that the operator may hear.
//! Those that nobody heard are new.
//!
//! Subscriptions are not kept over a restart: the next refresh gets 481, and the phone subscribes anew
//! (RFC 6665 §4.1.2.2).

use std::collections::BTreeMap;
use std::time::Duration;

use super::outgoing::Purpose;
use super::pbx::Switch;
use crate::ids::{MailboxName, OperatorId};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::transaction::layer::ServerId;
use crate::time::{Instant, Now, TimerTable};

/// The packages that can be subscribed to (RFC 6665 §8.2.2).
pub(super) const ALLOW_EVENTS: &str = "message-summary";
/// What is granted at most, and where nothing is asked for (RFC 3842 §3.4).
const LONGEST: Duration = Duration::from_secs(3_600);
/// Less is refused (RFC 6665 §4.2.1.1), except nothing at all, which fetches.
const SHORTEST: Duration = Duration::from_secs(60);
/// The most subscriptions altogether, and of one operator.
const MAX_ALL: usize = 2_000;
const MAX_OF_ONE: usize = 8;

struct Subscription {
    operator: OperatorId,
    dialog: Dialog,
    flow: Flow,
    /// With the id that the phone gave it.
    event: String,
    until: Instant,
}

/// Who wants to hear of a mailbox.
#[derive(Default)]
pub(super) struct Mailboxes {
    subscriptions: BTreeMap<u64, Subscription>,
    by_dialog: BTreeMap<DialogId, u64>,
    pub(super) timers: TimerTable<u64>,
    last: u64,
}

impl Mailboxes {
    pub(super) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn has(&self, dialog: &DialogId) -> bool {
        self.by_dialog.contains_key(dialog)
    }

    fn remove(&mut self, number: u64) -> Option<Subscription> {
        self.timers.clear(&number);
        let subscription = self.subscriptions.remove(&number)?;
        self.by_dialog.remove(&subscription.dialog.id);
        Some(subscription)
    }
}

/// Whether a SUBSCRIBE names a package that we have; else the answer to it.
pub(super) fn known_package(request: &Request) -> Result<(), Box<Response>> {
    let event = request.headers.text(Name::Event).unwrap_or_default();
    let package = event.split(';').next().unwrap_or_default().trim();
    match package.eq_ignore_ascii_case("message-summary") {
        true => Ok(()),
        false => {
            let refusal = Response::to(request, 489);
            let name = Name::AllowEvents;
            Err(Box::new(refusal.with(name, ALLOW_EVENTS)))
        }
    }
}

/// For how long, or the status that refuses.
fn granted(request: &Request) -> Result<Duration, u16> {
    match request.headers.expires() {
        None => Ok(LONGEST),
        Some(Duration::ZERO) => Ok(Duration::ZERO),
        Some(asked) if asked < SHORTEST => Err(423),
        Some(asked) => Ok(asked.min(LONGEST)),
    }
}

impl Switch {
    /// A SUBSCRIBE outside any dialog, of an operator who has proved who that is.
    pub(super) fn subscribed(
        &mut self,
        id: ServerId,
        request: &Request,
        operator: OperatorId,
        flow: Flow,
        now: Now,
    ) {
        let time = match self.judge_subscription(request, &operator) {
            Ok(time) => time,
            Err(status) => return self.subscription_refused(id, request, status, now),
        };
        let (tag, contact) = (self.token(), self.our_contact(flow));
        let dialog = match Dialog::as_uas(request, &tag, contact, flow) {
            Ok(dialog) => dialog,
            Err(fault) => return self.respond_status(id, request, fault.status(), now),
        };
        self.mailboxes.last += 1;
        let number = self.mailboxes.last;
        let by_dialog = &mut self.mailboxes.by_dialog;
        by_dialog.insert(dialog.id.clone(), number);
        let event = request.headers.text(Name::Event).unwrap_or_default();
        let subscription = Subscription {
            operator,
            dialog,
            flow,
            event: event.into_owned(),
            until: now.at + time,
        };
        let all = &mut self.mailboxes.subscriptions;
        all.insert(number, subscription);
        self.grant(id, request, number, time, now);
    }

    fn judge_subscription(
        &self,
        request: &Request,
        operator: &OperatorId,
    ) -> Result<Duration, u16> {
        let user = request.uri.user();
        if user.is_some_and(|user| user != operator.as_str()) {
            // One's own mailbox alone.
            return Err(403);
        }
        let all = self.mailboxes.subscriptions.values();
        let own = all.filter(|one| one.operator == *operator).count();
        match (self.mailboxes.len() >= MAX_ALL, own >= MAX_OF_ONE) {
            (true, _) => Err(503),
            (_, true) => Err(403),
            _ => granted(request),
        }
    }

    fn subscription_refused(&mut self, id: ServerId, request: &Request, status: u16, now: Now) {
        if status == 503 {
            return self.refuse_for_load(id, request, now);
        }
        let mut response = Response::to(request, status);
        if status == 423 {
            let least = SHORTEST.as_secs().to_string();
            response.headers.push(Name::MinExpires, least);
        }
        self.respond(id, request, response, now);
    }

    /// A SUBSCRIBE inside its dialog: a refresh, or the end.
    pub(super) fn resubscribed(
        &mut self,
        id: ServerId,
        request: &Request,
        dialog: &DialogId,
        flow: Flow,
        now: Now,
    ) {
        let number = self.mailboxes.by_dialog.get(dialog).copied();
        let found = number.and_then(|number| self.mailboxes.subscriptions.get_mut(&number));
        let (Some(number), Some(one)) = (number, found) else {
            return self.respond_status(id, request, 481, now);
        };
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        if !one.dialog.accepts_cseq(cseq) {
            return self.respond_status(id, request, 500, now);
        }
        if request.method != Method::Subscribe {
            return self.respond_status(id, request, 405, now);
        }
        match granted(request) {
            Ok(time) => {
                one.flow = flow;
                one.until = now.at + time;
                one.dialog.refresh_target(&request.headers);
                self.grant(id, request, number, time, now);
            }
            Err(status) => self.subscription_refused(id, request, status, now),
        }
    }

    /// 200, and at once what is in the mailbox (RFC 6665 §4.2.1.2).
    fn grant(&mut self, id: ServerId, request: &Request, number: u64, time: Duration, now: Now) {
        let Some(one) = self.mailboxes.subscriptions.get(&number) else {
            return;
        };
        let response = Response::to(request, 200)
            .with_record_route(request)
            .with_tag(&one.dialog.id.local_tag)
            .with(Name::Contact, one.dialog.contact.clone())
            .with(Name::Expires, time.as_secs().to_string());
        self.respond(id, request, response, now);
        match time {
            Duration::ZERO => self.end_subscription(number, "timeout", now),
            _ => {
                self.mailboxes.timers.set(number, now.at + time);
                let state = format!("active;expires={}", time.as_secs());
                self.tell_summary(number, &state, now);
            }
        }
    }

    /// Those whose time is over are told so.
    pub(super) fn expire_subscriptions(&mut self, now: Now) {
        while let Some(number) = self.mailboxes.timers.pop_due(now.at) {
            self.end_subscription(number, "timeout", now);
        }
    }

    /// An operator is no more, or has no phone any more.
    pub(super) fn end_subscriptions_of(&mut self, operator: &OperatorId, why: &str, now: Now) {
        let all = self.mailboxes.subscriptions.iter();
        let own = all.filter(|(_, one)| one.operator == *operator);
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        for number in own {
            self.end_subscription(number, why, now);
        }
    }

    /// Another number of messages waits in a mailbox of the dialplan.
    pub(super) fn mailbox_changed(&mut self, mailbox: &str, now: Now) {
        let mailbox = self.plan.mailboxes.get(&MailboxName::from(mailbox));
        let all = self.mailboxes.subscriptions.iter();
        let told =
            all.filter(|(_, one)| mailbox.is_none_or(|mailbox| mailbox.is_of(&one.operator)));
        let told: Vec<(u64, Duration)> = told
            .map(|(number, one)| (*number, one.until.since(now.at)))
            .collect();
        for (number, left) in told {
            let state = format!("active;expires={}", left.as_secs());
            self.tell_summary(number, &state, now);
        }
    }

    fn end_subscription(&mut self, number: u64, reason: &str, now: Now) {
        self.tell_summary(number, &format!("terminated;reason={reason}"), now);
        self.mailboxes.remove(number);
    }

    fn tell_summary(&mut self, number: u64, state: &str, now: Now) {
        let domain = self.settings.domain.clone();
        let operator = self.mailboxes.subscriptions.get(&number);
        let Some(operator) = operator.map(|one| one.operator.clone()) else {
            return;
        };
        let messages = self.messages_of(&operator);
        let old = messages.iter().filter(|one| one.heard.is_some()).count();
        let new = messages.len() - old;
        let waiting = if messages.is_empty() { "no" } else { "yes" };
        let Some(one) = self.mailboxes.subscriptions.get_mut(&number) else {
            return;
        };
        let mut notify = one.dialog.request(Method::Notify, None);
        let headers = &mut notify.headers;
        headers.push(Name::Contact, one.dialog.contact.clone());
        headers.push(Name::Event, one.event.clone());
        headers.push(Name::Other("Subscription-State".into()), state);
        headers.push(Name::ContentType, "application/simple-message-summary");
        let account = format!("sip:{}@{domain}", one.operator);
        notify.body = format!(
            "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\nVoice-Message: {new}/{old} (0/0)\r\n"
        )
        .into_bytes();
        let flow = one.flow;
        self.send_request(notify, flow, Purpose::Summary(number), None, now);
    }

    /// A phone that does not know the subscription, or does not answer, has none (RFC 6665 §4.2.2).
    pub(super) fn summary_answered(&mut self, number: u64, status: u16) {
        if matches!(
            status,
            404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604
        ) {
            self.mailboxes.remove(number);
        }
    }
}
