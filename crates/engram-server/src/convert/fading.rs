//! What fades next, both ways.

use engram_api::{FadingRequest, FadingResponse, FadingView, Timestamp};
use engram_engine::{FadingForecast, FadingMemory, FadingQuery};

use super::recall::missing_part;
use super::request::filter;
use super::view::{Vectors, memory_view};

/// Retrievability of a request that names none.
const BELOW_DEFAULT: f64 = 0.5;
/// Items of a request that asks for no number.
const LIMIT_DEFAULT: usize = 10;
const NS_PER_DAY: f64 = 86_400e9;

pub(crate) fn fading(request: FadingRequest) -> FadingQuery {
    FadingQuery {
        below: request.below.unwrap_or(BELOW_DEFAULT),
        within_days: request.within_days,
        limit: request.limit.map_or(LIMIT_DEFAULT, |limit| limit as usize),
        filter: filter(request.filter.unwrap_or_default()),
    }
}

pub(crate) fn fading_response(forecast: FadingForecast) -> FadingResponse {
    let at_ns = forecast.at_ns;
    let view = |item: FadingMemory| FadingView {
        memory: memory_view(item.detail, Vectors::Left),
        below_at: Timestamp(item.below_ns),
        in_days: item.below_ns.saturating_sub(at_ns) as f64 / NS_PER_DAY,
    };
    FadingResponse {
        items: forecast.items.into_iter().map(view).collect(),
        falling: forecast.falling,
        below_now: forecast.below_now,
        staying: forecast.staying,
        missing: forecast.missing.into_iter().map(missing_part).collect(),
        at: Timestamp(at_ns),
        snapshot_lsn: forecast.lsn.0,
    }
}
