//! How many operators are needed: from recorded calls by hour of the week and from handling times, by Erlang C (callers
//! wait however long it takes) and Erlang A (callers give up).

mod erlang;
mod forecast;
mod interval;

pub use erlang::{Demand, Service, erlang_a, erlang_c, operators_a, operators_c};
pub use forecast::{
    Busiest, Forecast, HourForecast, LITTLE, Met, Needed, NoForecast, Range, WhatIf, forecast,
    what_if,
};
pub use interval::rate_interval;
