//! The arithmetic of a call's record.

use serde_json::Value;

/// A record of `qaynar calls --json`, whose sums are right.
pub(crate) struct Record(Value);

impl Record {
    /// Moments come in their order, and what is summed up agrees with them.
    pub(crate) fn checked(call: &Value) -> Self {
        let record = Self(call.clone());
        let order = [
            "arrived",
            "answered",
            "queued",
            "rung",
            "connected",
            "ended",
        ];
        let moments: Vec<f64> = order
            .iter()
            .filter_map(|name| record.moment(name))
            .collect();
        assert!(moments.is_sorted(), "{call:#}");
        let (arrived, ended) = (record.moment("arrived"), record.moment("ended"));
        record.agrees("lasted", arrived, ended);
        record.agrees("talked", record.moment("connected"), ended);
        let until = record.moment("connected").or(ended);
        record.agrees("waited", record.moment("queued"), until);
        record
    }

    /// Seconds of an epoch.
    fn moment(&self, name: &str) -> Option<f64> {
        let moment: jiff::Timestamp = self.0[name].as_str()?.parse().unwrap();
        Some(moment.as_millisecond() as f64 / 1_000.0)
    }

    fn agrees(&self, name: &str, from: Option<f64>, until: Option<f64>) {
        let sum = from.zip(until).map(|(from, until)| until - from);
        let printed = self.0[name].as_f64();
        let close = match (sum, printed) {
            (Some(sum), Some(printed)) => (sum - printed).abs() < 0.003,
            (sum, printed) => sum.is_none() && printed.is_none(),
        };
        assert!(
            close,
            "{name} is {printed:?}, by its moments {sum:?}: {:#}",
            self.0
        );
    }

    /// A word of it; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// Seconds.
    pub(crate) fn seconds(&self, name: &str) -> f64 {
        self.0[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name}: {:#}", self.0))
    }

    /// How it ended, and by whom.
    pub(crate) fn ended(&self, cause: &str, by: &str) -> &Self {
        assert_eq!(
            (self.text("cause"), self.text("ended_by")),
            (cause, by),
            "{:#}",
            self.0
        );
        self
    }

    /// Who talked.
    pub(crate) fn with(&self, operator: &str) -> &Self {
        assert_eq!(self.text("operator"), operator, "{:#}", self.0);
        self
    }
}
