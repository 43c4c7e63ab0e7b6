//! Who did wrong of late, and who is refused for it: a source as a whole, or a source under one name.
//!
//! The table is bounded. Where it is full, whoever has done least and is longest ago is forgotten first,
//! and whoever is banned last: many new addresses push out each other, not the guessers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::scanners::Scanners;
use crate::sip::source::Source;
use crate::time::{Instant, Now, Wall};

/// As many are remembered.
pub const MOST: usize = 10_000;
/// The longest name that is remembered: a guesser may make it as long as a message.
const LONGEST_NAME: usize = 64;
/// A source is slowed by at most so many times the first pause.
const MOST_PAUSES: u32 = 16;

/// When who is slowed and banned, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanSettings {
    /// After so many wrong passwords a source is read more slowly.
    pub slow_after: u32,
    /// The first pause; each further one is twice as long, up to sixteen times.
    pub slow_by: Duration,
    /// So many wrong passwords for one name ban the source under that name.
    pub user_after: u32,
    /// So many altogether ban the source; a scanner's message counts as ten.
    pub source_after: u32,
    /// What is longer ago does not count.
    pub memory: Duration,
    /// The first ban; each further one is twice as long.
    pub first: Duration,
    /// None is longer.
    pub longest: Duration,
    /// Networks that are never slowed or banned.
    pub never: Vec<IpNet>,
    /// Who is known to scan.
    pub scanners: Arc<Scanners>,
}

impl Default for BanSettings {
    fn default() -> Self {
        Self {
            slow_after: 3,
            slow_by: Duration::from_millis(500),
            user_after: 10,
            source_after: 50,
            memory: Duration::from_secs(600),
            first: Duration::from_secs(600),
            longest: Duration::from_secs(24 * 3600),
            never: Vec::new(),
            scanners: Arc::default(),
        }
    }
}

/// A ban that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who is refused.
    pub source: Source,
    /// Under which name alone; `None`: under all, and unheard.
    pub user: Option<String>,
    /// Until when.
    pub until: Wall,
    /// The how manieth it is: the next one is longer.
    pub times: u32,
    /// What was done, for people.
    pub why: String,
}

type Who = (Source, Option<String>);

#[derive(Debug, Clone, Default)]
struct Record {
    points: u32,
    /// Fingerprints of the names that were asked for and not proved.
    asked: BTreeSet<u32>,
    times: u32,
    banned_until: Option<Instant>,
    forget_at: Instant,
    why: String,
}

impl Record {
    fn holds(&self, now: Instant) -> bool {
        self.banned_until.is_some_and(|until| now < until)
    }

    fn is_empty(&self) -> bool {
        self.points == 0 && self.asked.is_empty() && self.banned_until.is_none()
    }
}

/// All who did wrong of late.
#[derive(Debug, Default)]
pub(super) struct Bans {
    all: BTreeMap<Who, Record>,
    /// Who is forgotten first where there are too many.
    order: BTreeSet<(bool, u32, Instant, Who)>,
}

impl Bans {
    /// Changes what is known of somebody; `None`: there is nothing any more.
    fn change<T>(&mut self, who: Who, now: Instant, change: impl FnOnce(&mut Record) -> T) -> T {
        let rank = |record: &Record, who: Who| {
            let is_banned = record.banned_until.is_some();
            (is_banned, record.points, record.forget_at, who)
        };
        let mut record = self.all.remove(&who).unwrap_or_default();
        self.order.remove(&rank(&record, who.clone()));
        if record.forget_at <= now {
            record = Record::default();
        }
        let outcome = change(&mut record);
        if !record.is_empty() {
            self.order.insert(rank(&record, who.clone()));
            self.all.insert(who, record);
        }
        while self.all.len() > MOST {
            let Some((.., first)) = self.order.pop_first() else {
                break;
            };
            self.all.remove(&first);
        }
        outcome
    }

    /// Somebody did wrong, as often as `points` says; the ban, if that was too often.
    pub(super) fn strike(
        &mut self,
        who: (Source, Option<&str>),
        points: u32,
        why: &str,
        settings: &BanSettings,
        now: Now,
    ) -> Option<Ban> {
        let who = (who.0, who.1.map(short));
        let limit = match who.1 {
            Some(_) => settings.user_after,
            None => settings.source_after,
        };
        let key = who.clone();
        self.change(who, now.at, |record| {
            record.points = record.points.saturating_add(points);
            record.forget_at = record.forget_at.max(now.at + settings.memory);
            if record.points < limit {
                return None;
            }
            let length = settings.first.saturating_mul(1 << record.times.min(16));
            let length = length.min(settings.longest);
            record.points = 0;
            record.asked.clear();
            record.times += 1;
            record.banned_until = Some(now.at + length);
            // Longer than the ban: whoever goes on then is banned for longer.
            record.forget_at = now.at + length + length.max(settings.memory);
            why.clone_into(&mut record.why);
            Some(Ban {
                source: key.0,
                user: key.1,
                until: now.wall + length,
                times: record.times,
                why: why.to_owned(),
            })
        })
    }

    /// A source asked for one more name without proving anything; how many these are now.
    pub(super) fn asked(
        &mut self,
        source: Source,
        name: &str,
        settings: &BanSettings,
        now: Instant,
    ) -> usize {
        self.change((source, None), now, |record| {
            record.forget_at = record.forget_at.max(now + settings.memory);
            let most = settings.scanners.names as usize;
            if record.asked.len() < most {
                record.asked.insert(crc32fast::hash(name.as_bytes()));
            }
            record.asked.len()
        })
    }

    /// A name was proved: what went wrong before was a mistake.
    pub(super) fn proved(&mut self, source: Source, name: &str, now: Instant) {
        let user = Some(short(name));
        if self.all.contains_key(&(source, user.clone())) {
            self.change((source, user), now, |record| *record = Record::default());
        }
        if self.all.contains_key(&(source, None)) {
            self.change((source, None), now, |record| {
                record.asked.remove(&crc32fast::hash(name.as_bytes()));
            });
        }
    }

    /// How long a source shall not be heard after what it did last.
    pub(super) fn pause(&self, source: Source, settings: &BanSettings) -> Option<Duration> {
        let record = self.all.get(&(source, None))?;
        let more = record.points.checked_sub(settings.slow_after + 1)?;
        let times = 1_u32.checked_shl(more).unwrap_or(MOST_PAUSES);
        Some(settings.slow_by * times.min(MOST_PAUSES))
    }

    /// Whether a source is refused under a name, or altogether.
    pub(super) fn refuses(&self, source: Source, user: Option<&str>, now: Instant) -> bool {
        if self.all.is_empty() {
            return false;
        }
        let record = self.all.get(&(source, user.map(short)));
        record.is_some_and(|record| record.holds(now))
    }

    /// All bans that hold.
    pub(super) fn list(&self, now: Now) -> Vec<Ban> {
        let all = self.all.iter();
        let all = all.filter(|(_, record)| record.holds(now.at));
        all.map(|((source, user), record)| Ban {
            source: *source,
            user: user.clone(),
            until: now.wall_of(record.banned_until.unwrap_or_default()),
            times: record.times,
            why: record.why.clone(),
        })
        .collect()
    }

    /// A ban that a store kept.
    pub(super) fn restore(&mut self, ban: Ban, settings: &BanSettings, now: Now) {
        let left = ban.until.since(now.wall);
        if left.is_zero() {
            return;
        }
        self.change((ban.source, ban.user), now.at, |record| {
            record.times = ban.times;
            record.banned_until = Some(now.at + left);
            record.forget_at = now.at + left + left.max(settings.memory);
            record.why = ban.why;
        });
    }

    /// Forgets a source, or a source under one name, and tells who was banned of them.
    pub(super) fn lift(&mut self, source: Source, user: Option<&str>, now: Now) -> Vec<Ban> {
        let is_meant = |ban: &Ban| {
            ban.source == source && user.is_none_or(|user| ban.user.as_deref() == Some(user))
        };
        let mut lifted = self.list(now);
        lifted.retain(is_meant);
        let whose = |(of, name): &&Who| {
            *of == source && user.is_none_or(|user| name.as_deref() == Some(user))
        };
        let all: Vec<Who> = self.all.keys().filter(whose).cloned().collect();
        for who in all {
            self.change(who, now.at, |record| *record = Record::default());
        }
        lifted
    }
}

/// What is remembered of a name.
pub(super) fn short(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            at: Instant(1_000_000 + seconds * 1_000_000),
            wall: Wall(1_795_000_000_000_000) + Duration::from_secs(seconds),
        }
    }

    fn source(last: u8) -> Source {
        Source::of([192, 0, 2, last].into())
    }

    /// Wrong passwords for a name; the last ban.
    fn guess(bans: &mut Bans, user: &str, times: u32, now: Now) -> Option<Ban> {
        let settings = BanSettings::default();
        (0..times).fold(None, |last, _| {
            let who = (source(66), Some(user));
            bans.strike(who, 1, "guessed", &settings, now).or(last)
        })
    }

    #[test]
    fn a_ban_is_of_one_name_at_one_source_and_each_further_one_is_longer() {
        let (mut bans, minutes) = (Bans::default(), |count: u64| {
            Duration::from_secs(60 * count)
        });
        assert_eq!(guess(&mut bans, "101", 9, at(0)), None);
        assert!(!bans.refuses(source(66), Some("101"), at(0).at));
        let first = guess(&mut bans, "101", 1, at(0)).unwrap();
        assert_eq!(first.until, at(0).wall + minutes(10));
        for (who, name, is_refused) in [(66, "101", true), (66, "102", false), (67, "101", false)] {
            assert_eq!(bans.refuses(source(who), Some(name), at(1).at), is_refused);
        }
        assert!(!bans.refuses(source(66), None, at(1).at), "nor the source");
        assert!(
            !bans.refuses(source(66), Some("101"), at(600).at),
            "it ends"
        );
        assert_eq!(bans.list(at(600)), []);
        let second = guess(&mut bans, "101", 10, at(601)).unwrap();
        assert_eq!(second.until, at(601).wall + minutes(20));
        let mut last = second;
        for _ in 0..12 {
            let over = last.until.since(at(0).wall).as_secs();
            last = guess(&mut bans, "101", 10, at(over)).unwrap();
        }
        let length = last.until.since(at(0).wall);
        assert!(length > Duration::from_secs(3 * 24 * 3600), "{length:?}");
        let longest = guess(&mut bans, "101", 10, at(length.as_secs())).unwrap();
        assert_eq!(longest.until, last.until + Duration::from_secs(24 * 3600));
    }

    #[test]
    fn what_is_long_ago_does_not_count_and_a_proof_takes_mistakes_back() {
        let mut bans = Bans::default();
        for hour in 0..20 {
            assert_eq!(guess(&mut bans, "101", 1, at(3_600 * hour)), None, "{hour}");
        }
        for round in 0..5 {
            assert_eq!(guess(&mut bans, "102", 9, at(90_000 + round)), None);
            bans.proved(source(66), "102", at(90_000 + round).at);
        }
    }

    #[test]
    fn pauses_double_up_to_sixteen_times() {
        let (mut bans, settings) = (Bans::default(), BanSettings::default());
        let mut pauses = Vec::new();
        for _ in 0..10 {
            bans.strike((source(66), None), 1, "guessed", &settings, at(0));
            let pause = bans.pause(source(66), &settings).unwrap_or_default();
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses, [0, 0, 0, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
    }

    #[test]
    fn the_table_is_bounded_and_guessers_are_not_pushed_out_by_many_who_did_little() {
        let (mut bans, settings) = (Bans::default(), BanSettings::default());
        guess(&mut bans, "101", 10, at(0));
        guess(&mut bans, "102", 9, at(0));
        for number in 0..2 * u32::try_from(MOST).unwrap() {
            let other = Source::of((0x0a00_0000 + number).to_be_bytes().into());
            bans.strike((other, Some("101")), 1, "guessed", &settings, at(1));
            assert!(bans.all.len() <= MOST && bans.all.len() == bans.order.len());
        }
        assert!(bans.refuses(source(66), Some("101"), at(2).at));
        assert!(guess(&mut bans, "102", 1, at(2)).is_some());
    }

    #[test]
    fn what_was_kept_holds_again_and_what_is_lifted_does_not() {
        let (mut bans, settings) = (Bans::default(), BanSettings::default());
        guess(&mut bans, "101", 10, at(0));
        guess(&mut bans, "102", 10, at(0));
        let kept = serde_json::to_string(&bans.list(at(60))).unwrap();
        let mut bans = Bans::default();
        for ban in serde_json::from_str::<Vec<Ban>>(&kept).unwrap() {
            bans.restore(ban, &settings, at(60));
        }
        assert_eq!(bans.list(at(60)).len(), 2);
        assert!(!bans.refuses(source(66), Some("101"), at(600).at));
        assert_eq!(bans.lift(source(67), None, at(61)), []);
        assert_eq!(bans.lift(source(66), Some("102"), at(61)).len(), 1);
        assert!(bans.refuses(source(66), Some("101"), at(61).at));
        assert_eq!(bans.lift(source(66), None, at(61)).len(), 1);
        assert_eq!(bans.list(at(61)), []);
        let again = guess(&mut bans, "101", 10, at(62)).unwrap();
        assert_eq!(again.times, 1, "as if nothing had been");
    }

    #[test]
    fn names_that_were_asked_for_count_once_and_not_at_all_once_proved() {
        let scanners = Scanners {
            names: 3,
            ..Scanners::default()
        };
        let settings = BanSettings {
            scanners: Arc::new(scanners),
            ..BanSettings::default()
        };
        let mut bans = Bans::default();
        let ask = |bans: &mut Bans, name: &str| bans.asked(source(66), name, &settings, at(0).at);
        assert_eq!((ask(&mut bans, "100"), ask(&mut bans, "100")), (1, 1));
        assert_eq!(ask(&mut bans, "101"), 2);
        bans.proved(source(66), "101", at(0).at);
        assert_eq!((ask(&mut bans, "102"), ask(&mut bans, "103")), (2, 3));
        assert_eq!(ask(&mut bans, "104"), 3, "no more are kept than are needed");
        bans.lift(source(66), None, at(0));
        assert!(bans.all.is_empty() && bans.order.is_empty());
    }
}
