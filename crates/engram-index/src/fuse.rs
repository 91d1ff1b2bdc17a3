//! One ranking out of two: a weighted sum of normalised scores.

use std::collections::BTreeMap;

use crate::topk::by_rank;

/// What one route contributed to one result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouteScore {
    /// The route's own score: cosine in [-1, 1], or BM25 from 0.
    pub raw: f32,
    /// The raw score on the common scale, in [0, 1].
    pub normalised: f32,
    /// Share of the route in the sum, in [0, 1]; the shares of both routes add up to 1.
    pub weight: f32,
    /// `weight * normalised`.
    pub contribution: f32,
}

/// How much each route counts. Only the ratio matters: [`fuse`] scales the two to a sum of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FuseWeights {
    /// Weight of similarity, finite and not negative.
    pub vector: f32,
    /// Weight of BM25, finite and not negative.
    pub text: f32,
}

impl Default for FuseWeights {
    fn default() -> FuseWeights {
        FuseWeights { vector: 0.4, text: 0.6 }
    }
}

/// A result of [`fuse`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fused {
    /// The key that was scored.
    pub key: u64,
    /// Sum of the contributions, in [0, 1].
    pub score: f32,
    /// Part of the vector route; `None` when that route did not find the key.
    pub vector: Option<RouteScore>,
    /// Part of the text route; `None` when that route did not find the key.
    pub text: Option<RouteScore>,
}

/// Merges the candidates of both routes, best first, ties to the smaller key.
///
/// Give it the best 100 or so of each route as they are. Fewer lose what the other route would lift; many more, or
/// looking up what a route thinks of the other's candidates, lower the worst score, which sets the scale, and with it
/// the say of the vector route.
///
/// The order of the inputs does not matter. A key that stands twice in a route counts with its better score, a score
/// that is not finite is dropped, a key that one route lacks gets nothing from it. A single route ranks alone when the
/// other list is empty and its weight 0. Panics when a weight is negative or not finite, or both are 0.
pub fn fuse(vector: &[(u64, f32)], text: &[(u64, f32)], weights: FuseWeights) -> Vec<Fused> {
    let sum = weights.vector + weights.text;
    assert!(
        weights.vector >= 0.0 && weights.text >= 0.0 && sum > 0.0 && sum.is_finite(),
        "weights must be finite, not negative and not both zero"
    );
    let mut results: BTreeMap<u64, Fused> = BTreeMap::new();
    let text_share = weights.text / sum;
    for (key, part) in normalise_route(vector, 1.0 - text_share) {
        let entry =
            results.entry(key).or_insert(Fused { key, score: 0.0, vector: None, text: None });
        entry.vector = Some(part);
    }
    for (key, part) in normalise_route(text, text_share) {
        let entry =
            results.entry(key).or_insert(Fused { key, score: 0.0, vector: None, text: None });
        entry.text = Some(part);
    }
    let mut results: Vec<Fused> = results.into_values().collect();
    for result in &mut results {
        let part = |route: Option<RouteScore>| route.map_or(0.0, |r| r.contribution);
        result.score = part(result.vector) + part(result.text);
    }
    results.sort_unstable_by(|a, b| by_rank((a.key, a.score), (b.key, b.score)));
    results
}

/// Candidates that count half: with few candidates the worst of them says little about what lies below.
const FLOOR_HALF_CANDIDATES: f32 = 4.0;

/// Stretches the scores of a route over [0, 1]: its best candidate gets 1, a floor gets 0.
///
/// The floor is the score of the worst candidate, drawn towards zero by the factor `(n - 1) / (n - 1 + 4)`. With many
/// candidates this is min-max normalisation, which ranks better than dividing by the best score because it removes what
/// all candidates share (cosines of one corpus all lie in a narrow band). With few, plain min-max would give the
/// second of two good candidates nothing; the shrunk floor does not. A worst score below zero is the floor itself, so
/// that the order of the route survives.
fn normalise_route(scores: &[(u64, f32)], weight: f32) -> BTreeMap<u64, RouteScore> {
    let mut raw: BTreeMap<u64, f32> = BTreeMap::new();
    for &(key, score) in scores {
        if score.is_finite() {
            raw.entry(key).and_modify(|kept| *kept = kept.max(score)).or_insert(score);
        }
    }
    let best = raw.values().copied().fold(f32::NEG_INFINITY, f32::max);
    let worst = raw.values().copied().fold(f32::INFINITY, f32::min);
    let others = raw.len().saturating_sub(1) as f32;
    let floor = (worst * (others / (others + FLOOR_HALF_CANDIDATES))).min(worst);
    let part = |raw: f32| {
        let normalised = if raw > floor { ((raw - floor) / (best - floor)).min(1.0) } else { 0.0 };
        RouteScore { raw, normalised, weight, contribution: weight * normalised }
    };
    raw.into_iter().map(|(key, raw)| (key, part(raw))).collect()
}

#[cfg(test)]
mod tests;
