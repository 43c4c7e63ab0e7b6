//! An INVITE outside any dialog: a caller, or an operator who dials a code.

use rand_chacha::rand_core::RngCore;

use super::input::Output;
use super::legs::asked;
use super::pbx::{PlannedCall, Switch};
use super::renamed::Named;
use super::trunks::dialled_uri;
use crate::call::{Owner, Progress};
use crate::dialplan::number::is_anonymous;
use crate::dialplan::run::Arrival;
use crate::dialplan::{Caller, Number, Run};
use crate::event::{Cause, Direction, Side, Turned, What};
use crate::ids::{CallId, LegId, OperatorId, TrunkName};
use crate::private::Private;
use crate::sip::dialog::{Dialog, MAX_FORWARDS};
use crate::sip::flow::Flow;
use crate::sip::headers::NameAddr;
use crate::sip::message::{Name, Request, Response};
use crate::sip::reliable::Reliable;
use crate::sip::session_timer;
use crate::sip::transaction::layer::ServerId;
use crate::sip::uri::Uri;
use crate::time::Now;

/// The longest international number with its prefixes (E.164 §6) and room for keys.
const LONGEST_DIALLED: usize = 20;

impl Switch {
    /// Takes an INVITE to its operator's errand or to its call, or refuses it. `operator`: who proved to
    /// be one, which whoever calls by a trunk need not.
    pub(super) fn invited(
        &mut self,
        id: ServerId,
        request: Request,
        operator: Option<OperatorId>,
        flow: Flow,
        now: Now,
    ) {
        let user = request.uri.user().unwrap_or_default();
        let colleague = OperatorId(user.clone());
        let known = || dialled(&request).is_some_and(|number| self.plan.has_number(&number));
        match (operator, self.trunk_of_request(&request, flow)) {
            (Some(operator), _) if request.headers.has(Name::Replaces) => {
                self.replace(id, &request, operator, flow, now);
            }
            (None, _) if request.headers.has(Name::Replaces) => {
                self.respond_status(id, &request, 481, now);
            }
            (Some(operator), _) if self.accounts.contains_key(&colleague) => {
                let origin = Origin::Colleague(operator, colleague);
                self.take_call(id, request, flow, origin, now);
            }
            (Some(operator), _) if user.starts_with('*') => {
                self.errand(id, request, flow, operator, now);
            }
            (Some(operator), _) if known() => {
                self.take_call(id, request, flow, Origin::Operator(operator), now);
            }
            (Some(operator), _) => self.place(id, &request, operator, flow, now),
            (None, Some(trunk)) => self.take_call(id, request, flow, Origin::Trunk(trunk), now),
            _ => self.respond_status(id, &request, 404, now),
        }
    }

    /// The checks that both kinds of calls share; an error: refused already, and for which lack of ours.
    pub(super) fn can_take(
        &mut self,
        id: ServerId,
        request: &Request,
        now: Now,
    ) -> Result<(), Option<Turned>> {
        if let Err(too_small) =
            session_timer::answer(&asked(request), &session_timer::Settings::default())
        {
            let least = too_small.minimum.as_secs().to_string();
            let response = Response::to(request, 422).with(Name::MinSe, least);
            self.respond(id, request, response, now);
            return Err(None);
        }
        if self.draining || self.legs.len() >= self.settings.max_calls * 4 {
            self.refuse_for_load(id, request, now);
            let stopping = self.draining.then_some(Turned::Stopping);
            return Err(Some(stopping.unwrap_or(Turned::Overload)));
        }
        Ok(())
    }

    /// The same, and whether one more call fits, in the house and on the trunk that brings it.
    fn takes(
        &mut self,
        id: ServerId,
        request: &Request,
        trunk: Option<&TrunkName>,
        now: Now,
    ) -> Result<(), Option<Turned>> {
        self.can_take(id, request, now)?;
        let pending = self.calls.values();
        let pending = pending.filter(|call| call.is_pending_callback()).count();
        if self.calls.len() - pending >= self.settings.max_calls {
            let text = format!("{} calls at once; one was refused", self.calls.len());
            self.alarm_rarely("too-many-calls", text, now);
            self.refuse_for_load(id, request, now);
            return Err(Some(Turned::Overload));
        }
        let admitted = trunk.map_or(Ok(()), |trunk| self.trunk_admits(trunk, now));
        admitted.map_err(|(code, why)| {
            self.respond_status(id, request, code, now);
            Some(why)
        })
    }

    pub(super) fn refuse_for_load(&mut self, id: ServerId, request: &Request, now: Now) {
        let wait = Self::RETRY_AFTER.as_secs().to_string();
        let response = Response::to(request, 503).with(Name::RetryAfter, wait);
        self.respond(id, request, response, now);
    }

    fn take_call(&mut self, id: ServerId, request: Request, flow: Flow, origin: Origin, now: Now) {
        let trunk = match &origin {
            Origin::Trunk(trunk) => Some(trunk.clone()),
            _ => None,
        };
        if let Err(why) = self.takes(id, &request, trunk.as_ref(), now) {
            if let (Some(trunk), Some(why)) = (trunk, why) {
                self.turned_away(&trunk, why, now);
            }
            return;
        }
        let did = match &origin {
            Origin::Trunk(trunk) => {
                let trunk = self.settings.trunk(trunk);
                let from = trunk.map(|trunk| trunk.did_from).unwrap_or_default();
                dialled_uri(&request, from)
            }
            _ => request.uri.clone(),
        };
        let call = match &origin {
            Origin::Colleague(operator, _) => self.new_call_id_beside(operator, now),
            _ => self.new_call_id(now),
        };
        let operators = || TrunkName::from("operators");
        let (trunk, operator, colleague) = match origin {
            Origin::Trunk(trunk) => (trunk, None, None),
            Origin::Operator(operator) => (operators(), Some(operator), None),
            Origin::Colleague(operator, other) => (operators(), Some(operator), Some(other)),
        };
        let who = match &colleague {
            // No caller of the helpline.
            Some(_) => Who::default(),
            None => self.caller(&request, operator.is_none()),
        };
        let number = match operator {
            Some(_) => None,
            None => self.number_with(&request, true),
        };
        let owner = (Owner::Call(call), Side::Caller);
        let is_carried = operator.is_none();
        let leg = match self.invited_leg(id, &request, flow, owner, operator, now) {
            Ok(leg) => leg,
            Err(why) if is_carried => return self.turned_away(&trunk, why, now),
            Err(_) => return,
        };
        self.refusals.taken += 1;
        if let Some(colleague) = colleague {
            let who = (&who, Some(&colleague));
            self.begin(call, leg, (&request, &did), who, trunk, now);
            self.answer_invite(leg, now);
            if self.legs.get(&leg).is_some_and(|leg| leg.is_up()) {
                self.emit(Some(call), What::Answered, now);
                self.ring_colleague(call, colleague, now);
            }
            return;
        }
        self.begin(call, leg, (&request, &did), (&who, None), trunk, now);
        if let Some(call) = self.calls.get_mut(&call) {
            call.number = number;
        }
        self.keep_identity(call, who, is_carried, now);
        if must_ring_reliably(&request) {
            self.ring_reliably(leg, &request, now);
        } else {
            self.answer_call(leg, now);
        }
    }

    /// The call's record begins, and its way through the dialplan.
    fn begin(
        &mut self,
        call: CallId,
        leg: LegId,
        (request, did): (&Request, &Uri),
        (who, colleague): (&Who, Option<&OperatorId>),
        trunk: TrunkName,
        now: Now,
    ) {
        let number = number_of(did);
        let plan = self.plan.clone();
        let caller = who.named.as_ref().map(|named| named.caller.clone());
        if let Some(caller) = &caller {
            self.recent.note(caller, now.wall);
        }
        let facts = self.facts(&plan, caller.as_ref(), now);
        let arrival = Arrival {
            dialled: number.as_ref(),
            trunk: Some(&trunk),
            caller: who.known.clone(),
        };
        let (run, note) = Run::start(&plan, arrival, &facts);
        let known = number
            .as_ref()
            .is_some_and(|number| plan.has_number(number));
        let dialled = match colleague {
            Some(colleague) => colleague.to_string(),
            None => number.map_or_else(|| as_dialled(did), |number| number.to_string()),
        };
        let what = What::Arrived {
            caller: caller.clone(),
            dialled: dialled.clone(),
            trunk: trunk.clone(),
            plan: plan.hash.clone(),
            language: run.language(),
            direction: Direction::In,
            operator: None,
        };
        self.emit(Some(call), what, now);
        if !known && colleague.is_none() {
            let text = format!("{dialled} is not in the dialplan; add it to numbers");
            self.alarm(Some(call), "unknown-number", text, now);
        }
        if colleague.is_none() {
            self.tell_step(call, note, now);
        }
        let hops = request.headers.max_forwards().unwrap_or(None);
        let (ids, hops) = ((call, leg), hops.unwrap_or(MAX_FORWARDS));
        let planned = PlannedCall::new(ids, caller, dialled, trunk, (plan, run), hops);
        self.calls.insert(call, planned);
        self.welcome_back(call, now);
    }

    /// A leg for an INVITE that came in, with its early dialog; an error: refused already.
    pub(super) fn invited_leg(
        &mut self,
        id: ServerId,
        request: &Request,
        flow: Flow,
        (owner, side): (Owner, Side),
        operator: Option<OperatorId>,
        now: Now,
    ) -> Result<LegId, Turned> {
        let tag = self.token();
        let contact = self.our_contact_as(wants_sips(request), flow);
        let dialog = match Dialog::as_uas(request, &tag, contact, flow) {
            Ok(dialog) => dialog,
            Err(fault) => {
                self.respond_status(id, request, fault.status(), now);
                return Err(Turned::Unusable);
            }
        };
        let shard = match &owner {
            Owner::Call(call) => shard_of(*call),
            Owner::Errand(_) => 0,
        };
        let Some(place) = self.audio_place(flow, &request.body) else {
            self.respond_status(id, request, 488, now);
            return Err(Turned::Unusable);
        };
        let Some(media) = self.open_media(place, shard, now) else {
            let text = "no media port is free; widen [media] ports".to_owned();
            self.alarm_rarely("ports-exhausted", text, now);
            self.refuse_for_load(id, request, now);
            return Err(Turned::Overload);
        };
        let invite = Box::new(request.clone());
        let progress = Progress::Invited {
            server: id,
            invite,
            reliable: None,
        };
        let leg = self.new_leg(media, owner, side, operator, progress, flow);
        self.occupy(leg, true, now);
        self.trace(leg, &dialog.id.call_id);
        self.dialogs.insert(dialog.id.clone(), leg);
        if let Some(one) = self.legs.get_mut(&leg) {
            one.dialog = Some(dialog);
        }
        self.servers.insert(id, leg);
        Ok(leg)
    }

    /// A trunk that requires reliable responses gets a 180 to acknowledge, then the 200 (RFC 3262).
    fn ring_reliably(&mut self, id: LegId, request: &Request, now: Now) {
        let random = self.random.next_u32();
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let contact = leg.contact.clone();
        let tag = leg
            .dialog
            .as_ref()
            .map(|dialog| dialog.id.local_tag.clone());
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let mut machine = Reliable::new(cseq, random);
        let Ok(number) = machine.next_rseq() else {
            return;
        };
        let response = Response::to(request, 180)
            .with_record_route(request)
            .with_tag(&tag.unwrap_or_default())
            .with(Name::Contact, contact)
            .with(Name::Require, "100rel")
            .with(Name::RSeq, number.to_string());
        let bytes: std::sync::Arc<[u8]> = response.to_bytes().into();
        if machine.sent(bytes.clone(), now.at).is_err() {
            return;
        }
        if let Progress::Invited {
            server, reliable, ..
        } = &mut leg.progress
        {
            let server = *server;
            *reliable = Some(machine);
            let _ = self.layer.respond(server, 180, bytes, now.at);
        }
        self.arm_leg(id);
    }

    /// Answers a caller, and begins the dialplan's path.
    pub(super) fn answer_call(&mut self, leg: LegId, now: Now) {
        self.answer_invite(leg, now);
        let Some(one) = self.legs.get(&leg).filter(|one| one.is_up()) else {
            return;
        };
        match one.owner.clone() {
            Owner::Call(call) => {
                self.emit(Some(call), What::Answered, now);
                self.advance(call, now);
            }
            Owner::Errand(operator) => self.run_errand(leg, &operator, now),
        }
    }

    /// The caller gave up before our answer went out.
    pub(super) fn caller_cancelled(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let Progress::Invited { server, invite, .. } = &leg.progress else {
            return;
        };
        let (server, invite, call) = (*server, invite.clone(), leg.call());
        self.respond_status(server, &invite, 487, now);
        self.forget_leg(id, now);
        if let Some(call) = call {
            self.end_call(call, Side::Caller, Cause::Abandoned, now);
        }
    }

    /// Who calls (DOMAIN: identity): asserted by a trunk, or else From; hidden wins over both.
    /// Of the number nothing stays but the pseudonym and what the dialplan asks for, and where it offers
    /// callbacks, the number itself for as long as the call lasts.
    fn caller(&mut self, request: &Request, trusted: bool) -> Who {
        let Some((number, name)) = identity(request, trusted) else {
            return Who {
                known: Caller::hidden(),
                ..Who::default()
            };
        };
        let identity = number.as_ref().map(ToString::to_string).unwrap_or(name);
        let identity = Private::new(identity);
        Who {
            named: Some(self.name(&identity)),
            known: Caller::known(&self.plan, number.as_ref()),
            identity: Some(identity),
        }
    }

    /// A carried caller's number is kept for a while, sealed; a new name of the caller is told.
    fn keep_identity(&mut self, call: CallId, who: Who, is_carried: bool, now: Now) {
        let (Some(named), Some(number)) = (who.named, who.identity) else {
            return;
        };
        self.tell_renamed(call, &named, now);
        if is_carried {
            let caller = named.caller;
            self.outputs.push_back(Output::Number {
                call,
                caller,
                number,
            });
        }
    }
}

/// Who calls, as far as that is told.
#[derive(Default)]
struct Who {
    /// By the keys; `None`: no identity.
    named: Option<Named>,
    /// The number or the name, as it came.
    identity: Option<Private<String>>,
    /// What the dialplan may decide by.
    known: Caller,
}

/// The caller's number, or the name with its host; `None`: hidden.
pub(super) fn identity(request: &Request, trusted: bool) -> Option<(Option<Number>, String)> {
    let headers = &request.headers;
    let hides = |token: &str| {
        let privacy = headers.text(Name::Privacy).unwrap_or_default();
        privacy
            .split(';')
            .any(|one| one.trim().eq_ignore_ascii_case(token))
    };
    if hides("id") || hides("user") || hides("header") {
        return None;
    }
    let from = headers.from().ok()?;
    if from
        .uri
        .host()
        .is_some_and(|host| host.to_string().eq_ignore_ascii_case("anonymous.invalid"))
    {
        return None;
    }
    // There may be two, a sip and a tel one (RFC 3325 §9.1): the first that can be read.
    let mut asserted = headers.all(Name::PAssertedIdentity).take(2);
    let asserted = asserted.find_map(|text| {
        let who = NameAddr::parse(&text).ok()?;
        (!matches!(who.uri, Uri::Other(_))).then_some(who)
    });
    let who = asserted.filter(|_| trusted).unwrap_or(from);
    let user = who.uri.user().filter(|user| !is_anonymous(user))?;
    let host = who.uri.host().map(ToString::to_string);
    // A name is one only together with its host.
    let name = format!("{user}@{}", host.unwrap_or_default());
    Some((number_of(&who.uri), name))
}

/// An INVITE of an operator who proved who that is.
pub(super) struct Called<'a> {
    pub(super) id: ServerId,
    pub(super) request: &'a Request,
    pub(super) flow: Flow,
    pub(super) operator: OperatorId,
}

/// Who brings a call.
enum Origin {
    /// A carrier, trusted to tell who calls.
    Trunk(TrunkName),
    /// An operator who proved who that is.
    Operator(OperatorId),
    /// An operator who calls another one.
    Colleague(OperatorId, OperatorId),
}

/// A provisional response goes out only where the caller requires reliable ones, and brings an offer that
/// a response without a description can leave unanswered (RFC 3262 §5).
fn must_ring_reliably(request: &Request) -> bool {
    request.headers.lists(Name::Require, "100rel") && !request.body.is_empty()
}

/// Whether a dialog is one of `sips`: its request asks for it, or the first hop that recorded itself, or
/// where there is none, the peer (RFC 3261 §12.1.1).
pub(super) fn wants_sips(request: &Request) -> bool {
    let routes = request.headers.all(Name::RecordRoute).next();
    let first = routes.and_then(|text| NameAddr::parse(&text).ok());
    let peer = || {
        let contact = request.headers.all(Name::Contact).next();
        let contact = contact.and_then(|text| NameAddr::parse(&text).ok());
        contact.is_some_and(|contact| contact.uri.is_sips())
    };
    request.uri.is_sips() || first.map_or_else(peer, |route| route.uri.is_sips())
}

/// The number that was dialled, in its one form.
fn dialled(request: &Request) -> Option<Number> {
    number_of(&request.uri)
}

/// What was dialled where it is no number of the country: the digits as they came, for whoever adds
/// them to the dialplan.
fn as_dialled(did: &Uri) -> String {
    let user = did.user().unwrap_or_default();
    let keys = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'*' | b'#');
    if !user.is_empty() && user.len() <= LONGEST_DIALLED && user.bytes().all(keys) {
        user
    } else {
        "other".to_owned()
    }
}

/// The telephone number of a `tel:` URI, or of a `sip:` one that carries one in its user part with its
/// parameters: `sip:0506802280;phone-context=+994@host;user=phone` (RFC 3261 §19.1.6).
pub(super) fn number_of(uri: &Uri) -> Option<Number> {
    let user = uri.user()?;
    let (number, parameters) = user.split_once(';').unwrap_or((&user, ""));
    let inner = parameters
        .split(';')
        .find_map(|one| one.strip_prefix("phone-context="));
    let context = match uri {
        Uri::Tel { .. } => uri.parameter("phone-context"),
        _ => None,
    };
    Number::parse_in_context(number, context.or(inner))
}

/// All legs of a call share a media thread.
pub(super) fn shard_of(call: CallId) -> u32 {
    (call.0 & 0xffff) as u32
}
