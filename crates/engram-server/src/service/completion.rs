//! Complete, predict, imagine.

use engram_api::{CompleteRequest, ImagineRequest, PredictRequest};

use crate::convert;
use crate::service::call::{Call, Context, Outcome};

pub(crate) fn complete(context: &Context, call: &Call) -> Outcome {
    let request: CompleteRequest = call.decode()?;
    let completion = context.engine.complete(call.space(), &convert::complete(request)?)?;
    Ok(call.answer(&convert::complete_response(completion)))
}

pub(crate) fn predict(context: &Context, call: &Call) -> Outcome {
    let request: PredictRequest = call.decode()?;
    let predictions = context.engine.predict(call.space(), &convert::predict(request))?;
    Ok(call.answer(&convert::predict_response(predictions)))
}

pub(crate) fn imagine(context: &Context, call: &Call) -> Outcome {
    let request: ImagineRequest = call.decode()?;
    let imagined = context.engine.imagine(call.space(), &convert::imagine(request)?)?;
    Ok(call.answer(&convert::imagine_response(imagined)))
}
