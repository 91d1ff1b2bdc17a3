//! How much work a space may ask for: so much a second and so much at once, so that one space leaves the others their share.
//!
//! How much it may hold is the engine's to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use engram_api::{ErrorCode, Operation, Permission};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::{Rate, limited};
use crate::config::{QuotaSettings, QuotasSettings};
use crate::refusal::Refusal;

/// Spaces that are kept in mind before those that ask for nothing are dropped.
const METERS_MAX: usize = 10_000;

/// A call's place among those of its space; none where their number is not bounded.
pub(crate) type SpacePlace = Option<OwnedSemaphorePermit>;

/// What spaces ask for.
pub(crate) struct SpaceQuotas {
    settings: QuotasSettings,
    meters: Mutex<HashMap<String, Meter>>,
    started: Instant,
}

/// What one space asks for.
#[derive(Clone)]
struct Meter {
    writes: Option<Arc<Rate>>,
    reads: Option<Arc<Rate>>,
    calls: Option<Arc<Semaphore>>,
    calls_max: usize,
}

impl SpaceQuotas {
    pub(crate) fn new(settings: QuotasSettings) -> SpaceQuotas {
        SpaceQuotas { settings, meters: Mutex::default(), started: Instant::now() }
    }

    /// The quota of a space.
    pub(crate) fn of(&self, space: &str) -> QuotaSettings {
        self.settings.of(space)
    }

    /// Counts a call of a space that exists, and gives it its place until that is dropped.
    ///
    /// # Errors
    /// It comes too soon, or too many are worked on.
    pub(crate) fn enter(&self, space: &str, operation: &Operation) -> Result<SpacePlace, Refusal> {
        let quota = self.settings.of(space);
        let is_free = quota.writes_per_second.or(quota.reads_per_second).or(quota.calls).is_none();
        if is_free {
            return Ok(None);
        }
        let now_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let meter = self.meter(space, &quota, now_ns);
        // A place first: who finds none has used up nothing.
        let calls = meter.calls.filter(|_| waits_for_a_place(operation));
        let place = calls.map(Semaphore::try_acquire_owned).transpose().map_err(|_| {
            let detail = format!(
                "{} requests of the space are worked on, as many as may be",
                meter.calls_max
            );
            let refusal = Refusal::new(ErrorCode::RateLimited, detail);
            Refusal(Box::new(refusal.0.with_retry_after(1)))
        })?;
        let rate = match operation.permission {
            Permission::Read | Permission::Any => meter.reads,
            _ => meter.writes,
        };
        rate.map_or(Ok(()), |rate| rate.take(now_ns))
            .map_err(|wait_ns| limited("the space", wait_ns))?;
        Ok(place)
    }

    fn meter(&self, space: &str, quota: &QuotaSettings, now_ns: u64) -> Meter {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = meters.get(space) {
            return meter.clone();
        }
        if meters.len() >= METERS_MAX {
            meters.retain(|_, meter| !meter.is_idle(now_ns));
        }
        let rate = |per_second: Option<u32>| per_second.map(|rate| Arc::new(Rate::new(rate)));
        let calls_max = quota.calls.unwrap_or(0) as usize;
        let meter = Meter {
            writes: rate(quota.writes_per_second),
            reads: rate(quota.reads_per_second),
            calls: quota.calls.map(|_| Arc::new(Semaphore::new(calls_max))),
            calls_max,
        };
        meters.insert(space.to_owned(), meter.clone());
        meter
    }
}

impl Meter {
    /// Whether a new one would say the same.
    fn is_idle(&self, now_ns: u64) -> bool {
        let rests =
            |rate: &Option<Arc<Rate>>| rate.as_ref().is_none_or(|rate| rate.is_idle(now_ns));
        let has_no_call =
            self.calls.as_ref().is_none_or(|calls| calls.available_permits() == self.calls_max);
        has_no_call && rests(&self.writes) && rests(&self.reads)
    }
}

/// Whoever forgets or administers comes in although followers hold all places.
fn waits_for_a_place(operation: &Operation) -> bool {
    !matches!(operation.permission, Permission::Forget | Permission::Admin | Permission::Operate)
}

#[cfg(test)]
mod tests {
    use engram_api::OPERATIONS;

    use super::*;

    fn operation(name: &str) -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.name == name).unwrap()
    }

    fn quotas(each: QuotaSettings) -> SpaceQuotas {
        SpaceQuotas::new(QuotasSettings { each, ..QuotasSettings::default() })
    }

    #[test]
    fn reads_and_writes_and_spaces_are_counted_apart() {
        let quotas = quotas(QuotaSettings {
            writes_per_second: Some(2),
            reads_per_second: Some(3),
            ..QuotaSettings::default()
        });
        let taken = |space: &str, name: &str| {
            (0..10).filter(|_| quotas.enter(space, operation(name)).is_ok()).count()
        };
        assert_eq!(taken("a", "remember"), 2);
        assert_eq!(taken("a", "recall"), 3);
        assert_eq!(taken("b", "remember"), 2);
        let refusal = quotas.enter("a", operation("forget")).unwrap_err();
        assert_eq!(
            (refusal.0.code.as_str(), refusal.0.retry_after_seconds),
            ("rate_limited", Some(1))
        );
    }

    #[test]
    fn a_place_is_free_again_when_its_call_ends_and_waiting_for_one_uses_nothing_up() {
        let quotas = quotas(QuotaSettings {
            reads_per_second: Some(2),
            calls: Some(1),
            ..QuotaSettings::default()
        });
        let place = quotas.enter("a", operation("recall")).unwrap();
        for _ in 0..5 {
            assert!(quotas.enter("a", operation("recall")).is_err());
        }
        assert!(quotas.enter("b", operation("recall")).is_ok());
        assert!(quotas.enter("a", operation("forget")).is_ok(), "readers keep no curator out");
        drop(place);
        assert!(quotas.enter("a", operation("recall")).is_ok());
    }

    #[test]
    fn idle_spaces_are_not_kept_in_mind_and_busy_ones_are() {
        let quotas = quotas(QuotaSettings { calls: Some(1), ..QuotaSettings::default() });
        let place = quotas.enter("busy", operation("recall")).unwrap();
        for number in 0..METERS_MAX + 10 {
            quotas.enter(&format!("s{number}"), operation("recall")).unwrap();
        }
        assert!(quotas.meters.lock().unwrap().len() <= METERS_MAX);
        assert!(quotas.enter("busy", operation("recall")).is_err());
        drop(place);
    }
}
