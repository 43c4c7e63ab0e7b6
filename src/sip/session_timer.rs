//! Session timers (RFC 4028): how both sides agree that a dialog is still alive.
//!
//! [`answer`] is what a UAS says to a request, [`Proposal`] what a UAC asks and learns;
//! [`SessionTimer`] then counts. A refresh is negotiated like the first request, in either direction.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// No interval may be shorter (§5), whatever a peer asks.
pub const ABSOLUTE_MINIMUM: Duration = Duration::from_secs(90);

/// What §4 recommends as interval.
pub const RECOMMENDED_INTERVAL: Duration = Duration::from_secs(1800);

/// How often a UAC raises its proposal after 422 before it gives up: each proxy on the way may ask once.
pub const MAX_RAISES: u8 = 5;

/// The longest time before expiry at which a dialog that was not refreshed is ended (§10).
const MAX_GUARD: Duration = Duration::from_secs(32);

/// Which side of a transaction refreshes (the `refresher` parameter).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answered it.
    Uas,
}

impl Refresher {
    /// As in the header: `uac`.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// A Session-Expires header (§4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionExpires {
    /// After how long without a refresh the dialog is over; whole seconds on the wire.
    pub interval: Duration,
    /// Who refreshes, where the header says it.
    pub refresher: Option<Refresher>,
}

/// What we want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The interval that we propose, and the longest that we grant.
    pub interval: Duration,
    /// The shortest that we accept; below [`ABSOLUTE_MINIMUM`] it counts as that.
    pub minimum: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: RECOMMENDED_INTERVAL,
            minimum: ABSOLUTE_MINIMUM,
        }
    }
}

impl Settings {
    fn minimum(&self) -> Duration {
        self.minimum.max(ABSOLUTE_MINIMUM)
    }
}

/// What a request (INVITE or UPDATE) says about session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// `timer` in Supported or Require.
    pub supported: bool,
    /// Session-Expires.
    pub session_expires: Option<SessionExpires>,
    /// Min-SE.
    pub minimum: Option<Duration>,
}

/// The interval is too short: answer 422 with Min-SE (§9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session interval is shorter than {} s", minimum.as_secs())]
pub struct TooSmall {
    /// For the Min-SE header.
    pub minimum: Duration,
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// After how long without a refresh the dialog is over.
    pub interval: Duration,
    /// Who refreshes, in the words of the transaction that agreed.
    pub refresher: Refresher,
    /// Whether that is us.
    pub we_refresh: bool,
    /// As UAS: whether the 2xx carries `Require: timer` (§9).
    pub require: bool,
}

impl Agreement {
    /// The Session-Expires header that says it.
    pub fn header(&self) -> SessionExpires {
        SessionExpires {
            interval: self.interval,
            refresher: Some(self.refresher),
        }
    }
}

/// What we, as UAS, put into the 2xx (§9).
///
/// # Errors
/// When the peer knows timers and asks for too short an interval. A peer that does not know them
/// would not understand 422, so a proxy's short interval is then raised to the absolute minimum.
pub fn answer(asked: &Asked, settings: &Settings) -> Result<Agreement, TooSmall> {
    let minimum = settings.minimum();
    let floor = asked
        .minimum
        .unwrap_or(ABSOLUTE_MINIMUM)
        .max(ABSOLUTE_MINIMUM);
    let interval = match asked.session_expires {
        Some(proposed) if proposed.interval < minimum && asked.supported => {
            return Err(TooSmall { minimum });
        }
        // We may shorten what is proposed, down to the floor, and never lengthen it.
        Some(proposed) => proposed
            .interval
            .min(settings.interval.max(minimum).max(floor))
            .max(ABSOLUTE_MINIMUM),
        None => settings.interval.max(minimum).max(floor),
    };
    let refresher = if asked.supported {
        // Table 2: the peer's wish is kept; without one we leave the work to who proposed the timer.
        match asked.session_expires {
            Some(proposed) => proposed.refresher.unwrap_or(Refresher::Uac),
            None => Refresher::Uas,
        }
    } else {
        Refresher::Uas
    };
    Ok(Agreement {
        interval,
        refresher,
        we_refresh: refresher == Refresher::Uas,
        require: asked.supported,
    })
}

/// What we, as UAS, put into the 2xx of a later request in a dialog where `running` is agreed; `None`:
/// no timer, since nobody asked for one (§9). Roles stay unless the peer wants others: a request that
/// says nothing must not end the refreshes that a peer counts on.
///
/// # Errors
/// As [`answer`].
pub fn answer_again(
    asked: &Asked,
    running: Option<&Agreement>,
    settings: &Settings,
) -> Result<Option<Agreement>, TooSmall> {
    let ours = running.filter(|agreed| agreed.we_refresh);
    if !asked.supported && asked.session_expires.is_none() && ours.is_none() {
        return Ok(None);
    }
    let mut agreed = answer(asked, settings)?;
    let Some(ours) = ours else {
        return Ok(Some(agreed));
    };
    let wish = asked.session_expires.and_then(|header| header.refresher);
    if wish.is_none() {
        agreed.refresher = Refresher::Uas;
        agreed.we_refresh = true;
    }
    if asked.session_expires.is_none() {
        agreed.interval = agreed.interval.min(ours.interval);
    }
    Ok(Some(agreed))
}

/// What we, as UAC, propose (§7). Made anew for each request that starts or refreshes a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    interval: Duration,
    minimum: Duration,
    refresher: Option<Refresher>,
    raises: u8,
}

impl Proposal {
    /// For the first request of a dialog: the peer chooses who refreshes.
    pub fn new(settings: &Settings) -> Self {
        let minimum = settings.minimum();
        Self {
            interval: settings.interval.max(minimum),
            minimum,
            refresher: None,
            raises: 0,
        }
    }

    /// For a refresh, which keeps the roles as they are (§7.4).
    pub fn refresh(settings: &Settings, agreement: &Agreement) -> Self {
        let refresher = if agreement.we_refresh {
            Refresher::Uac
        } else {
            Refresher::Uas
        };
        Self {
            interval: agreement.interval.max(settings.minimum()),
            refresher: Some(refresher),
            ..Self::new(settings)
        }
    }

    /// The Session-Expires header to send, beside `Supported: timer`.
    pub fn header(&self) -> SessionExpires {
        SessionExpires {
            interval: self.interval,
            refresher: self.refresher,
        }
    }

    /// The Min-SE header to send.
    pub fn minimum(&self) -> Duration {
        self.minimum
    }

    /// A 422 came with this Min-SE. `Some`: what to propose in the next attempt (§7.3).
    /// `None`: the peer asks for nothing higher or has asked too often, so the request has failed.
    pub fn raised(&self, minimum: Duration) -> Option<Self> {
        if minimum <= self.minimum || self.raises >= MAX_RAISES {
            return None;
        }
        Some(Self {
            interval: self.interval.max(minimum),
            minimum,
            refresher: self.refresher,
            raises: self.raises + 1,
        })
    }

    /// What the 2xx agreed on; `None`: no session timer runs (§7.2).
    pub fn agreed(&self, answered: Option<SessionExpires>) -> Option<Agreement> {
        let answered = answered?;
        // A 2xx must name the refresher; where it does not, refreshing ourselves keeps the call alive.
        let refresher = answered.refresher.unwrap_or(Refresher::Uac);
        Some(Agreement {
            interval: answered.interval.max(ABSOLUTE_MINIMUM),
            refresher,
            we_refresh: refresher == Refresher::Uac,
            require: false,
        })
    }
}

/// What the timer wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Send a refresh: UPDATE or re-INVITE (§7.4).
    Refresh,
    /// The dialog was not refreshed in time: send BYE (§10).
    Expired,
}

/// The timer of one dialog; off until both sides agree.
#[derive(Debug, Clone, Default)]
pub struct SessionTimer {
    agreement: Option<Agreement>,
    refresh_at: Option<Instant>,
    expire_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl SessionTimer {
    /// A request and its 2xx, first or refreshing, agreed `now`; `None`: no timer from now on.
    pub fn start(&mut self, agreement: Option<Agreement>, now: Instant) {
        self.agreement = agreement;
        self.refresh_at = agreement
            .filter(|agreed| agreed.we_refresh)
            .map(|agreed| now + agreed.interval / 2);
        self.expire_at = agreement.map(|agreed| {
            let guard = MAX_GUARD.min(agreed.interval / 3);
            now + agreed.interval.saturating_sub(guard)
        });
    }

    /// A refresh was not granted, or may not go out yet: it is due again `at`. When the dialog expires
    /// stays as it is.
    pub fn refresh_again(&mut self, at: Instant) {
        self.refresh_at = self.agreement.map(|_| at);
    }

    /// The dialog is over.
    pub fn stop(&mut self) {
        self.start(None, Instant::default());
        self.outputs.clear();
    }

    /// What is agreed, if a timer runs.
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.refresh_at.into_iter().chain(self.expire_at).min()
    }

    /// Asks for a refresh or for the end, if the time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.expire_at.is_some_and(|at| at <= now) {
            self.start(None, now);
            self.outputs.push_back(Output::Expired);
        } else if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = None;
            self.outputs.push_back(Output::Refresh);
        }
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn asked(interval: u64, refresher: Option<Refresher>) -> Asked {
        Asked {
            supported: true,
            session_expires: Some(SessionExpires {
                interval: seconds(interval),
                refresher,
            }),
            minimum: None,
        }
    }

    #[test]
    fn too_short_an_interval_is_refused_with_our_minimum() {
        let settings = Settings {
            minimum: seconds(300),
            ..Settings::default()
        };
        let refused = answer(&asked(120, None), &settings);
        let expected = TooSmall {
            minimum: seconds(300),
        };
        assert_eq!(refused, Err(expected));
    }

    #[test]
    fn a_peer_without_timers_is_never_refused_and_we_refresh() {
        let request = Asked {
            supported: false,
            ..asked(60, None)
        };
        let agreement = answer(&request, &Settings::default());
        assert!(agreement.is_ok_and(|agreed| {
            agreed.we_refresh && !agreed.require && agreed.interval == ABSOLUTE_MINIMUM
        }));
    }

    #[test]
    fn table_2_the_peers_choice_of_refresher_is_kept() {
        for (wish, we_refresh) in [
            (Some(Refresher::Uac), false),
            (Some(Refresher::Uas), true),
            (None, false),
        ] {
            let agreement = answer(&asked(1800, wish), &Settings::default());
            let agreed = agreement.is_ok_and(|agreed| {
                agreed.we_refresh == we_refresh
                    && agreed.require
                    && agreed.interval == seconds(1800)
            });
            assert!(agreed, "{wish:?}");
        }
    }

    #[test]
    fn later_requests_keep_our_role_and_start_no_timer_that_nobody_asked_for() {
        let settings = Settings::default();
        let running = answer(&asked(600, Some(Refresher::Uas)), &settings).ok();
        let again = |asked: &Asked, running: Option<&Agreement>| {
            let agreed = answer_again(asked, running, &settings).expect("long enough");
            agreed.map(|agreed| (agreed.we_refresh, agreed.interval.as_secs()))
        };
        let silent = Asked::default();
        assert_eq!(again(&silent, None), None);
        assert_eq!(again(&silent, running.as_ref()), Some((true, 600)));
        let theirs = answer(&asked(600, Some(Refresher::Uac)), &settings).ok();
        assert_eq!(again(&silent, theirs.as_ref()), None);
        assert_eq!(
            again(&asked(900, None), running.as_ref()),
            Some((true, 900))
        );
        let taken = asked(900, Some(Refresher::Uac));
        assert_eq!(again(&taken, running.as_ref()), Some((false, 900)));
        assert_eq!(
            again(&asked(900, None), theirs.as_ref()),
            Some((false, 900))
        );
    }

    #[test]
    fn a_long_interval_is_shortened_to_ours_but_not_below_the_peers_minimum() {
        let mut request = asked(7200, None);
        let granted = answer(&request, &Settings::default());
        assert_eq!(granted.map(|agreed| agreed.interval), Ok(seconds(1800)));
        request.minimum = Some(seconds(3600));
        let granted = answer(&request, &Settings::default());
        assert_eq!(granted.map(|agreed| agreed.interval), Ok(seconds(3600)));
    }

    #[test]
    fn a_422_raises_the_proposal_and_one_that_asks_for_no_more_ends_it() {
        let settings = Settings {
            interval: seconds(120),
            minimum: seconds(90),
        };
        let first = Proposal::new(&settings);
        let second = first.raised(seconds(600)).expect("600 is more than 90");
        assert_eq!(second.header().interval, seconds(600));
        assert_eq!(second.minimum(), seconds(600));
        assert_eq!(second.raised(seconds(600)), None);
        let mut proposal = first;
        let mut raises = 0;
        while let Some(next) = proposal.raised(proposal.minimum() + seconds(1)) {
            proposal = next;
            raises += 1;
        }
        assert_eq!(raises, MAX_RAISES);
    }

    #[test]
    fn a_2xx_without_session_expires_means_no_timer() {
        assert_eq!(Proposal::new(&Settings::default()).agreed(None), None);
    }

    #[test]
    fn the_refresher_refreshes_at_half_and_a_refresh_starts_anew() {
        let mut timer = SessionTimer::default();
        let agreement = answer(&asked(1800, Some(Refresher::Uas)), &Settings::default()).ok();
        timer.start(agreement, Instant(0));
        let half = Instant(0) + seconds(900);
        assert_eq!(timer.next_timeout(), Some(half));
        timer.handle_timeout(half);
        assert_eq!(timer.poll(), Some(Output::Refresh));
        timer.start(agreement, half);
        assert_eq!(timer.next_timeout(), Some(half + seconds(900)));
    }

    #[test]
    fn a_refresh_that_was_refused_is_due_again_and_the_end_stays() {
        let mut timer = SessionTimer::default();
        let agreement = answer(&asked(1800, Some(Refresher::Uas)), &Settings::default()).ok();
        timer.start(agreement, Instant(0));
        let half = Instant(0) + seconds(900);
        timer.handle_timeout(half);
        assert_eq!(timer.poll(), Some(Output::Refresh));
        timer.refresh_again(half + seconds(10));
        assert_eq!(timer.next_timeout(), Some(half + seconds(10)));
        timer.handle_timeout(half + seconds(10));
        assert_eq!(timer.poll(), Some(Output::Refresh));
        assert_eq!(timer.next_timeout(), Some(Instant(0) + seconds(1768)));
        timer.stop();
        timer.refresh_again(half);
        assert_eq!(
            timer.next_timeout(),
            None,
            "where no timer runs, nothing is due"
        );
    }

    #[test]
    fn an_unrefreshed_dialog_ends_before_the_interval_by_a_third_or_32_seconds() {
        for (interval, end) in [(1800, 1768), (90, 60)] {
            let mut timer = SessionTimer::default();
            let agreement = answer(&asked(interval, Some(Refresher::Uac)), &Settings::default());
            timer.start(agreement.ok(), Instant(0));
            assert_eq!(timer.next_timeout(), Some(Instant(0) + seconds(end)));
            timer.handle_timeout(Instant(0) + seconds(end));
            assert_eq!(timer.poll(), Some(Output::Expired));
            assert_eq!(timer.next_timeout(), None);
        }
    }

    #[test]
    fn a_refresh_keeps_the_roles_whoever_sends_it() {
        let settings = Settings::default();
        let theirs = answer(&asked(1800, Some(Refresher::Uac)), &settings).expect("long enough");
        let proposal = Proposal::refresh(&settings, &theirs);
        assert_eq!(proposal.header().refresher, Some(Refresher::Uas));
    }
}
