//! The phone as one value: datagrams and commands in, datagrams and events out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::line::{Line, Stage};
use super::register::Registration;
use super::settings::{Ender, Event, Manner, OnRing, Output, Random, Settings};
use super::transactions::{Client, Due, Purpose, Transactions};
use super::voice::Heard;
use super::wire::{self, Draft, Message, Method};
use crate::time::{Instant, TimerTable};

/// What the phone's own timers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The registration is to be refreshed.
    Register,
    /// A ringing phone acts.
    React,
    /// The caller has waited for long enough.
    Patience,
    /// The talk has been long enough.
    Talk,
    /// Off the wire.
    Vanish,
    /// The n-th key of [`Manner::keys`].
    Key(usize),
    /// The session timer of the call.
    Session,
}

/// A softphone with one line, without a socket, a clock or a thread.
///
/// Feed it with [`Phone::handle`], [`Phone::handle_rtp`] and commands; after each, take what it wants
/// with [`Phone::poll`] until there is nothing, and call [`Phone::handle_timeout`] at
/// [`Phone::next_timeout`].
#[derive(Debug, Clone)]
pub struct Phone {
    pub(super) settings: Settings,
    pub(super) manner: Manner,
    pub(super) random: Random,
    pub(super) transactions: Transactions,
    pub(super) registration: Option<Registration>,
    pub(super) line: Option<Line>,
    pub(super) timers: TimerTable<Timer>,
    pub(super) outputs: VecDeque<Output>,
    pub(super) heard_before: Heard,
    vanished: bool,
}

impl Phone {
    /// A phone that is switched on and does nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            random: Random::new(settings.seed),
            settings,
            manner: Manner::default(),
            transactions: Transactions::default(),
            registration: None,
            line: None,
            timers: TimerTable::default(),
            outputs: VecDeque::new(),
            heard_before: Heard::default(),
            vanished: false,
        }
    }

    /// What the phone is.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// From now on the phone acts so by itself. What a call in progress has set going goes on.
    pub fn behave(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// How far the call is; `None`: the phone is idle.
    pub fn stage(&self) -> Option<Stage> {
        self.line.as_ref().map(|line| line.stage)
    }

    /// The Call-ID and the two tags, own first, of the call in progress.
    pub fn dialog(&self) -> Option<(&str, &str, Option<&str>)> {
        let line = self.line.as_ref()?;
        Some((&line.call_id, &line.local_tag, line.remote_tag.as_deref()))
    }

    /// What the phone hears and has heard in this call, or heard in the last one.
    pub fn heard(&self) -> &Heard {
        let voice = self.line.as_ref().and_then(|line| line.voice.as_ref());
        voice.map_or(&self.heard_before, |voice| &voice.heard)
    }

    /// The tone that fills most of the last 200 ms that came; `None`: silence, speech, music.
    pub fn tone_heard(&self) -> Option<u16> {
        self.line.as_ref()?.voice.as_ref()?.tone()
    }

    /// Forgets the last 200 ms, so that [`Phone::tone_heard`] tells of what comes from now on.
    pub fn clear_ear(&mut self) {
        if let Some(voice) = self.line.as_mut().and_then(|line| line.voice.as_mut()) {
            voice.clear_ear();
        }
    }

    /// Whether the phone is off the wire.
    pub fn has_vanished(&self) -> bool {
        self.vanished
    }

    /// Off the wire: nothing is sent, heard or remembered any more.
    pub fn vanish(&mut self) {
        self.vanished = true;
        self.transactions = Transactions::default();
        self.timers.clear_all();
        self.outputs.clear();
        self.line = None;
        self.registration = None;
    }

    /// Switched on again, as after a power cut: without a call or a registration.
    pub fn reappear(&mut self) {
        self.vanished = false;
    }

    /// A SIP datagram arrived.
    pub fn handle(&mut self, bytes: &[u8], from: SocketAddr, now: Instant) {
        if self.vanished || bytes.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Some(message) = wire::read(bytes) else {
            return self.tell(Event::Unreadable);
        };
        match message.status() {
            Some(status) => self.response(&message, status, from, now),
            None => self.request(&message, from, now),
        }
    }

    /// An RTP datagram arrived.
    pub fn handle_rtp(&mut self, bytes: &[u8], _from: SocketAddr, _now: Instant) {
        let voice = self.line.as_mut().and_then(|line| line.voice.as_mut());
        if let Some(key) = voice.and_then(|voice| voice.hear(bytes)) {
            self.tell(Event::Key(key));
        }
    }

    /// The next thing to do; `None`: nothing before the next input or timeout.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Phone::handle_timeout`] is due; `None`: not before the next input.
    pub fn next_timeout(&self) -> Option<Instant> {
        let voice = self.line.as_ref().and_then(|line| line.voice.as_ref());
        let all = [
            self.transactions.next_timeout(),
            self.timers.next(),
            voice.map(|voice| voice.next_timeout()),
        ];
        all.into_iter().flatten().min()
    }

    /// Lets all fire whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(voice) = self.line.as_mut().and_then(|line| line.voice.as_mut())
            && let Some((to, bytes)) = voice.tick(now)
        {
            self.outputs.push_back(Output::SendRtp { to, bytes });
        }
        for due in self.transactions.handle_timeout(now) {
            match due {
                Due::Send(to, bytes) => self.outputs.push_back(Output::Send { to, bytes }),
                Due::Unanswered(client) => self.unanswered(&client, now),
                Due::Unacknowledged(call_id) => self.unacknowledged(&call_id, now),
            }
        }
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Register => self.refresh_registration(now),
                Timer::React => self.react(now),
                Timer::Patience | Timer::Talk => self.hang_up(now),
                Timer::Vanish => self.vanish(),
                Timer::Key(number) => {
                    if let Some((_, key)) = self.manner.keys.get(number).copied() {
                        self.press(key);
                    }
                }
                Timer::Session => self.session_due(now),
            }
        }
    }

    fn react(&mut self, now: Instant) {
        match self.manner.on_ring {
            OnRing::Wait => self.decline(480, now),
            OnRing::Answer { .. } => self.answer(now),
            OnRing::Refuse { status, .. } => self.decline(status, now),
            OnRing::Vanish { .. } => self.vanish(),
        }
    }

    fn request(&mut self, request: &Message, from: SocketAddr, now: Instant) {
        if request.method == Method::Ack {
            return self.acknowledged(request, now);
        }
        if let Some((to, bytes)) = self.transactions.repeated(request) {
            return self.outputs.push_back(Output::Send { to, bytes });
        }
        if request.to_tag.is_some() {
            return self.request_in_dialog(request, from, now);
        }
        match request.method {
            Method::Invite => self.invited(request, from, now),
            Method::Cancel => self.cancelled(request, from, now),
            Method::Options => self.respond(request, 200, from, now),
            Method::Bye | Method::Update | Method::Info | Method::PRack => {
                self.respond(request, 481, from, now);
            }
            _ => self.respond(request, 405, from, now),
        }
    }

    fn response(&mut self, response: &Message, status: u16, from: SocketAddr, now: Instant) {
        let clients = &mut self.transactions.clients;
        let Some(client) = clients.iter_mut().find(|one| one.is_answered_by(response)) else {
            return;
        };
        if client.answered && (200..300).contains(&status) && client.tag != response.to_tag {
            let client = client.clone();
            return self.dismiss_fork(&client, response, now);
        }
        if client.answered {
            // Our ACK was lost.
            if let (Some((to, bytes)), true) = (client.ack.clone(), status >= 200) {
                self.outputs.push_back(Output::Send { to, bytes });
            }
            return;
        }
        if status < 200 {
            client.provisional();
            if client.purpose == Purpose::Invite {
                self.proceeding(response, status, now);
            }
            return;
        }
        client.finish(response, now);
        let client = client.clone();
        if client.draft.method == Method::Invite && status >= 300 {
            self.acknowledge_refusal(&client, response, from);
        }
        if matches!(status, 401 | 407) && self.answer_challenge(&client, response, now) {
            return;
        }
        match client.purpose {
            Purpose::Register | Purpose::Unregister => {
                self.registered(&client, response, status, now);
            }
            Purpose::Invite => self.call_answered(&client, response, status, now),
            Purpose::Hold(_) => self.hold_answered(&client, response, status, now),
            Purpose::Refresh if matches!(status, 408 | 481) => self.lost(now),
            Purpose::Refresh => self.restart_timer(response, true, now),
            Purpose::Bye | Purpose::Other => {}
        }
    }

    fn unanswered(&mut self, client: &Client, now: Instant) {
        match client.purpose {
            Purpose::Register => self.registration_failed(408, now),
            // Unless a BYE ended the call meanwhile.
            Purpose::Invite if self.is_of_line(client) => {
                self.end_line();
                self.tell(Event::Failed { status: 408 });
            }
            Purpose::Hold(_) | Purpose::Refresh if self.is_of_line(client) => self.lost(now),
            Purpose::Invite | Purpose::Hold(_) | Purpose::Refresh => {}
            Purpose::Unregister | Purpose::Bye | Purpose::Other => {}
        }
    }

    fn is_of_line(&self, client: &Client) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|line| line.call_id == client.draft.call_id)
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// How peers reach this phone.
    pub(super) fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.settings.user, self.settings.local)
    }

    /// Sends a request in a new transaction; returns its branch.
    pub(super) fn send(
        &mut self,
        draft: Draft,
        to: SocketAddr,
        purpose: Purpose,
        now: Instant,
    ) -> Option<String> {
        let branch = format!("z9hG4bK{}", self.random.token());
        self.send_as(draft, branch.clone(), to, purpose, now)
            .then_some(branch)
    }

    pub(super) fn send_as(
        &mut self,
        draft: Draft,
        branch: String,
        to: SocketAddr,
        purpose: Purpose,
        now: Instant,
    ) -> bool {
        let Some(bytes) = wire::request(&draft, self.settings.local, &branch) else {
            return false;
        };
        let client = Client::new(draft, branch, bytes.clone(), to, purpose, now);
        self.transactions.clients.push(client);
        self.outputs.push_back(Output::Send { to, bytes });
        true
    }

    /// Answers with a status alone.
    pub(super) fn respond(&mut self, to: &Message, status: u16, from: SocketAddr, now: Instant) {
        self.respond_with(to, status, &[], None, from, now);
    }

    pub(super) fn respond_with(
        &mut self,
        to: &Message,
        status: u16,
        more: &[(&'static str, String)],
        sdp: Option<&str>,
        from: SocketAddr,
        now: Instant,
    ) {
        let line = self.line.as_ref().filter(|line| line.call_id == to.call_id);
        let tag = match line {
            Some(line) => line.local_tag.clone(),
            None => self.random.token(),
        };
        let makes_target = matches!(to.method, Method::Invite | Method::Update);
        let contact = (makes_target && status < 300).then(|| self.contact());
        let bytes = wire::response(to, status, &tag, contact, more, sdp);
        let to = self
            .transactions
            .answer(to, status, bytes.clone(), from, now);
        self.outputs.push_back(Output::Send { to, bytes });
    }

    /// The line is idle again; what was heard is kept.
    pub(super) fn end_line(&mut self) {
        if let Some(line) = self.line.take() {
            self.heard_before = line.voice.map(|voice| voice.heard).unwrap_or_default();
        }
        let of_call = [Timer::React, Timer::Patience, Timer::Talk, Timer::Vanish];
        for timer in of_call.iter().chain(&[Timer::Session]) {
            self.timers.clear(timer);
        }
        for number in 0..self.manner.keys.len() {
            self.timers.clear(&Timer::Key(number));
        }
    }

    /// The dialog is dead.
    pub(super) fn lost(&mut self, _now: Instant) {
        if self.line.is_some() {
            self.end_line();
            self.tell(Event::Ended { by: Ender::Lost });
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer, after: Option<Duration>, now: Instant) {
        let at = after.map(|after| now + after);
        self.timers.set_or_clear(timer, at);
    }
}
