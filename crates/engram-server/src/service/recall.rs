//! Recall and recognize.

use std::time::Instant;

use engram_api::{Permission, RecallRequest, RecognizeRequest};
use engram_engine::EngineError;

use crate::convert;
use crate::cursor::CursorScope;
use crate::metrics::RecallSample;
use crate::service::call::{Call, Context, Outcome};

pub(crate) fn recall(context: &Context, call: &Call) -> Outcome {
    let mut request: RecallRequest = call.decode()?;
    // Who may not train only looks.
    request.observe |= !call.caller.grant().permits(Permission::Train);
    let space = context.engine.space(call.space())?;
    let (shown, scope) = (Shown::of(&request), convert::recall_scope(&request));
    let scope = CursorScope { space: space.id.0, listing: &scope };
    let after = match &request.cursor {
        None => None,
        Some(text) => Some(scope.decode_rank(text).ok_or(EngineError::CursorInvalid)?),
    };
    let cue = convert::cue(request, after, &context.engine.settings().weights);
    let started = Instant::now();
    let recall = context.engine.recall(call.space(), &cue)?;
    context.metrics.recall(&RecallSample {
        mode: convert::mode_name(recall.explanation.mode).as_str(),
        outcome: convert::outcome_name(recall.outcome).as_str(),
        elapsed: started.elapsed(),
    });
    let prompt = shown.tokens.map(|tokens| context.engine.context(&recall, tokens)).transpose()?;
    let presentation = convert::Presentation {
        explain: shown.explain,
        include_vectors: shown.include_vectors,
        neighbours: cue.neighbours > 0,
        next_cursor: recall.next.map(|cursor| scope.encode_rank(cursor)),
        context: prompt,
    };
    Ok(call.answer(&convert::recall_response(recall, presentation)))
}

/// What a request says of the looks of its answer.
struct Shown {
    explain: bool,
    include_vectors: bool,
    tokens: Option<u32>,
}

impl Shown {
    fn of(request: &RecallRequest) -> Shown {
        Shown {
            explain: request.explain,
            include_vectors: request.include_vectors,
            tokens: request.context_tokens,
        }
    }
}

pub(crate) fn recognize(context: &Context, call: &Call) -> Outcome {
    let request: RecognizeRequest = call.decode()?;
    let recognition = context.engine.recognize(call.space(), &convert::recognize(request))?;
    Ok(call.answer(&convert::recognize_response(recognition)))
}
