//! What recorded calls let one expect: hour by hour of the week.

use std::time::Duration;

use super::erlang::{Demand, Service, erlang_a, erlang_c, operators_a, operators_c};
use super::rate_interval;
use crate::report::figures::{Calendar, CallFigures, Hour, Target, Week};
use crate::time::Wall;

/// Below so many calls an hour of the week, on the whole of the time, the band says more than the mean.
pub const LITTLE: f64 = 30.0;

/// A mean, and the band that holds it with 95 % probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range<T> {
    /// The band's lower end.
    pub low: T,
    /// What was seen.
    pub mean: T,
    /// The band's upper end.
    pub high: T,
}

impl<T> Range<T> {
    /// The same of something else.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Range<U> {
        Range {
            low: of(&self.low),
            mean: of(&self.mean),
            high: of(&self.high),
        }
    }
}

/// Operators who meet the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needed {
    /// By Erlang C; `None`: more than a million.
    pub erlang_c: Range<Option<u32>>,
    /// By Erlang A; `None`: nobody gave up, so that nobody's patience is known.
    pub erlang_a: Option<Range<Option<u32>>>,
}

/// An hour of the week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HourForecast {
    /// Which.
    pub hour: Hour,
    /// Calls that came in it.
    pub calls: u64,
    /// For how many hours there was this hour of the week.
    pub seen: f64,
    /// Calls to expect.
    pub per_hour: Range<f64>,
    /// Operators for them.
    pub needed: Needed,
}

/// What is to be expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// What shall be met.
    pub target: Target,
    /// Mean handling time.
    pub handling: Duration,
    /// Handled calls that it is the mean of.
    pub handled: u64,
    /// Mean patience; `None`: nobody gave up.
    pub patience: Option<Duration>,
    /// Callers who gave up.
    pub gave_up: u64,
    /// Calls altogether.
    pub calls: u64,
    /// Days that they came in.
    pub days: f64,
    /// By hour of the week; `None`: the time had no such hour.
    pub hours: Week<Option<HourForecast>>,
}

/// There is nothing to expect by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoForecast {
    /// No calls.
    #[error("no call came in this time; choose a longer one by --from and --to")]
    NoCalls,
    /// None that was handled.
    #[error(
        "no call of this time was handled and is over, so that nobody knows how long one takes; choose a longer \
         time by --from and --to"
    )]
    NoneHandled,
}

impl Forecast {
    /// Calls a day.
    pub fn a_day(&self) -> f64 {
        match self.days > 0.0 {
            true => self.calls as f64 / self.days,
            false => 0.0,
        }
    }

    /// Whether so few calls came that the bands say more than the means.
    pub fn is_little_data(&self) -> bool {
        (self.calls as f64) < LITTLE * 7.0 * 24.0
    }

    /// The hours that there were.
    pub fn hours(&self) -> impl Iterator<Item = &HourForecast> {
        self.hours.0.iter().flatten().flatten()
    }

    fn demand(&self, per_hour: f64) -> Demand {
        Demand {
            per_hour,
            handling: self.handling,
        }
    }
}

/// What to expect after the calls of a time: all who wanted somebody, also while the helpline was closed or nobody was on
/// shift.
///
/// # Errors
/// See [`NoForecast`].
pub fn forecast(
    figures: &CallFigures,
    calendar: &Calendar,
    from: Wall,
    to: Wall,
    target: Target,
) -> Result<Forecast, NoForecast> {
    let calls = figures.hours.map(|hour| hour.arrived());
    let all: u64 = calls.0.iter().flatten().sum();
    if all == 0 {
        return Err(NoForecast::NoCalls);
    }
    let handling = figures.aht().filter(|time| !time.is_zero());
    let mut found = Forecast {
        target,
        handling: handling.ok_or(NoForecast::NoneHandled)?,
        handled: figures.whole.over,
        patience: figures.whole.patience().filter(|time| !time.is_zero()),
        gave_up: figures.whole.gave_up(),
        calls: all,
        days: to.since(from).as_secs_f64() / 86_400.0,
        hours: Week::default(),
    };
    let seen = calendar.hours_between(from, to);
    for hour in Hour::all() {
        let there = seen.get(hour).copied().unwrap_or_default();
        let came = calls.get(hour).copied().unwrap_or_default();
        let expected = (there > 0.0).then(|| found.expected(hour, came, there));
        if let Some(place) = found.hours.get_mut(hour) {
            *place = expected;
        }
    }
    Ok(found)
}

impl Forecast {
    fn expected(&self, hour: Hour, calls: u64, seen: f64) -> HourForecast {
        let (low, high) = rate_interval(calls);
        let per_hour = Range {
            low: low / seen,
            mean: calls as f64 / seen,
            high: high / seen,
        };
        let by_c = |rate: &f64| operators_c(self.demand(*rate), self.target);
        let by_a =
            |patience| per_hour.map(|rate| operators_a(self.demand(*rate), patience, self.target));
        HourForecast {
            hour,
            calls,
            seen,
            per_hour,
            needed: Needed {
                erlang_c: per_hour.map(by_c),
                erlang_a: self.patience.map(by_a),
            },
        }
    }
}

/// What callers get from so many operators all week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WhatIf {
    /// So many.
    pub operators: u32,
    /// Over all callers of the week, by Erlang C; `None`: in some hour they are too few, and the line grows without end.
    pub erlang_c: Option<Met>,
    /// Over all callers, by Erlang A; `None`: nobody's patience is known.
    pub erlang_a: Option<Met>,
    /// In the busiest hour.
    pub busiest: Option<Busiest>,
}

/// Means over callers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Met {
    /// Served within the target's time.
    pub within: f64,
    /// Give up.
    pub gives_up: f64,
    /// Mean wait.
    pub mean_wait: Duration,
}

/// What callers get in the hour with most of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Busiest {
    /// Which.
    pub hour: Hour,
    /// As [`WhatIf::erlang_c`].
    pub erlang_c: Option<Service>,
    /// As [`WhatIf::erlang_a`].
    pub erlang_a: Option<Service>,
}

/// What would be, if so many operators were on shift all week, at the rates that were seen.
pub fn what_if(forecast: &Forecast, operators: u32) -> WhatIf {
    let within = forecast.target.within;
    let by_c =
        |hour: &HourForecast| erlang_c(forecast.demand(hour.per_hour.mean), operators, within);
    let by_a = |hour: &HourForecast| {
        let demand = forecast.demand(hour.per_hour.mean);
        erlang_a(demand, forecast.patience?, operators, within)
    };
    let busiest = forecast
        .hours()
        .max_by(|one, other| one.per_hour.mean.total_cmp(&other.per_hour.mean));
    WhatIf {
        operators,
        erlang_c: over_all(forecast, by_c),
        erlang_a: over_all(forecast, by_a),
        busiest: busiest.map(|hour| Busiest {
            hour: hour.hour,
            erlang_c: by_c(hour),
            erlang_a: by_a(hour),
        }),
    }
}

/// Means over callers: each hour weighs as many as come in it.
fn over_all(
    forecast: &Forecast,
    service: impl Fn(&HourForecast) -> Option<Service>,
) -> Option<Met> {
    let (mut callers, mut within, mut gives_up, mut wait) = (0.0, 0.0, 0.0, 0.0);
    for hour in forecast.hours() {
        let (service, come) = (service(hour)?, hour.per_hour.mean);
        callers += come;
        within += come * service.within;
        gives_up += come * service.gives_up;
        wait += come * service.mean_wait.as_secs_f64();
    }
    (callers > 0.0).then(|| Met {
        within: within / callers,
        gives_up: gives_up / callers,
        mean_wait: Duration::try_from_secs_f64(wait / callers).unwrap_or(Duration::MAX),
    })
}
