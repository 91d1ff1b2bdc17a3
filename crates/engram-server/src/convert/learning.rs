//! Forgetting, feedback and what beliefs rest on, both ways.

use engram_api::{
    BeliefSummaryView, ConfidenceView, ConsolidationName, CurvePoint, ErrorCode, FallView,
    FeedbackRequest, FeedbackResponse, LawName, MemoryDecay, RetentionResponse, ReviewView,
    SourceEvidenceView, SpaceDecay, StrengthView, Timestamp, VerdictName,
};
use engram_engine::{
    BeliefSummary, Confidence, Consolidation, DecayLaw, DecaySettings, Feedback, FeedbackReceipt,
    JudgedRecall, MemoryRetention, OwnDecay, PairJudgement, PastReview, SourceEvidence, Standing,
    Strength, Verdict,
};

use super::mark::decision;
use super::mode::mode;
use crate::refusal::Refusal;

fn law(name: LawName) -> DecayLaw {
    match name {
        LawName::Fsrs => DecayLaw::Fsrs,
        LawName::Power => DecayLaw::Power,
        LawName::Exponential => DecayLaw::Exponential,
        LawName::ActR => DecayLaw::ActR,
        LawName::Ebbinghaus => DecayLaw::Ebbinghaus,
    }
}

fn law_name(law: DecayLaw) -> LawName {
    match law {
        DecayLaw::Fsrs => LawName::Fsrs,
        DecayLaw::Power => LawName::Power,
        DecayLaw::Exponential => LawName::Exponential,
        DecayLaw::ActR => LawName::ActR,
        DecayLaw::Ebbinghaus => LawName::Ebbinghaus,
    }
}

pub(super) fn own_decay(decay: MemoryDecay) -> OwnDecay {
    match decay {
        MemoryDecay { pinned: true, .. } => OwnDecay::Pinned,
        MemoryDecay { law: name, half_life_days, .. } => {
            OwnDecay::Fading { law: name.map(law), half_life_days }
        }
    }
}

pub(super) fn own_decay_view(decay: OwnDecay) -> MemoryDecay {
    match decay {
        OwnDecay::Pinned => MemoryDecay { pinned: true, ..MemoryDecay::default() },
        OwnDecay::Fading { law, half_life_days } => {
            MemoryDecay { pinned: false, law: law.map(law_name), half_life_days }
        }
    }
}

pub(super) fn space_decay(decay: SpaceDecay) -> DecaySettings {
    let mut settings = DecaySettings::of(law(decay.law));
    if let Some(stability_days) = decay.stability_days {
        settings.stability_days = stability_days;
    }
    settings
}

pub(super) fn space_decay_view(settings: DecaySettings) -> SpaceDecay {
    SpaceDecay { law: law_name(settings.law), stability_days: Some(settings.stability_days) }
}

pub(super) fn strength_view(strength: &Strength) -> StrengthView {
    StrengthView {
        retrievability: strength.retrievability,
        stability_days: Some(strength.stability_days).filter(|days| days.is_finite()),
        law: strength.law.to_owned(),
        uses: strength.uses,
        used_at: strength.used_at.map(Timestamp),
    }
}

pub(super) fn confidence_view(confidence: &Confidence, stated: Option<f32>) -> ConfidenceView {
    ConfidenceView {
        mean: confidence.mean,
        low: confidence.low,
        high: confidence.high,
        evidence: confidence.evidence as f32,
        stated,
    }
}

pub(super) fn consolidation(name: ConsolidationName) -> Consolidation {
    match name {
        ConsolidationName::OnDemand => Consolidation::OnDemand,
        ConsolidationName::Scheduled => Consolidation::Scheduled,
    }
}

pub(super) fn consolidation_name(consolidation: Consolidation) -> ConsolidationName {
    match consolidation {
        Consolidation::OnDemand => ConsolidationName::OnDemand,
        Consolidation::Scheduled => ConsolidationName::Scheduled,
    }
}

pub(super) fn summary_view(summary: BeliefSummary) -> BeliefSummaryView {
    BeliefSummaryView {
        count: summary.count,
        dissent: summary.dissent,
        from: Timestamp(summary.from_ns),
        until: Timestamp(summary.until_ns),
        citations: summary.citations,
        model: (!summary.model.is_empty()).then_some(summary.model),
        held: summary.held,
    }
}

pub(crate) fn retention_response(id: String, told: MemoryRetention) -> RetentionResponse {
    let review = |review: PastReview| ReviewView {
        at: Timestamp(review.at_ns),
        before: review.before,
        after: review.after,
        stability_days: review.stability_days,
    };
    let point = |(at, retrievability)| CurvePoint { at: Timestamp(at), retrievability };
    let fall = |(retrievability, at): (f32, Option<i64>)| FallView {
        retrievability,
        at: at.map(Timestamp),
    };
    let source = |source: SourceEvidence| SourceEvidenceView {
        supports: source.supports,
        opposes: source.opposes,
    };
    RetentionResponse {
        id,
        strength: strength_view(&told.standing.strength),
        confidence: confidence_view(&told.standing.confidence, told.standing.stated),
        learned_at: Timestamp(told.learned_ns),
        difficulty: told.difficulty,
        reviews: told.reviews.into_iter().map(review).collect(),
        curve: told.ahead.into_iter().map(point).collect(),
        falls_to: told.falls.into_iter().map(fall).collect(),
        sources: told.sources.into_iter().map(source).collect(),
    }
}

pub(crate) fn feedback(request: FeedbackRequest, principal: &str) -> Result<Feedback, Refusal> {
    let half = |given: &str, missing: &str| {
        let detail = format!("`{given}` is about a pair and needs `{missing}`");
        Err(Refusal::new(ErrorCode::MissingField, detail).with_field(missing))
    };
    match (&request.other, &request.decision) {
        (Some(_), None) => return half("other", "decision"),
        (None, Some(_)) => return half("decision", "other"),
        _ => {}
    }
    if request.verdict.is_some() && request.decision.is_some() {
        let detail = "`verdict` is about one memory and `decision` about a pair; give one of them";
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("verdict"));
    }
    Ok(Feedback {
        id: request.id,
        verdict: request.verdict.map(|verdict| match verdict {
            VerdictName::Useful => Verdict::Useful,
            VerdictName::NotUseful => Verdict::NotUseful,
            VerdictName::Wrong => Verdict::Wrong,
        }),
        pair: request
            .other
            .zip(request.decision)
            .map(|(other, said)| PairJudgement { other, decision: decision(said) }),
        reason: request.reason.unwrap_or_default(),
        source: request.source.unwrap_or_default(),
        recalled: request.recalled.map(|recalled| JudgedRecall {
            relevance: recalled.relevance,
            uncalibrated: recalled.uncalibrated,
            mode: mode(recalled.mode),
        }),
        principal: principal.to_owned(),
    })
}

/// The answer to a judgement, with the memory as it is now where it is still there.
pub(crate) fn feedback_response(
    id: String,
    receipt: FeedbackReceipt,
    now: Option<Standing>,
) -> FeedbackResponse {
    FeedbackResponse {
        id,
        lsn: receipt.lsn.0,
        committed_at: Timestamp(receipt.committed_at.0),
        strength: now.map(|now| strength_view(&now.strength)),
        confidence: now.map(|now| confidence_view(&now.confidence, now.stated)),
    }
}
