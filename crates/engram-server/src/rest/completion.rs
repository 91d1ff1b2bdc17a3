//! Complete, predict, imagine.

use engram_api::{CompleteRequest, ImagineRequest, PredictRequest, decode};

use crate::convert;
use crate::rest::call::{Call, Context, Outcome};

pub(crate) fn complete(context: &Context, call: &Call) -> Outcome {
    let request: CompleteRequest = decode(&call.body)?;
    let completion = context.engine.complete(call.space(), &convert::complete(request)?)?;
    Ok(call.answer(&convert::complete_response(completion)))
}

pub(crate) fn predict(context: &Context, call: &Call) -> Outcome {
    let request: PredictRequest = decode(&call.body)?;
    let predictions = context.engine.predict(call.space(), &convert::predict(request))?;
    Ok(call.answer(&convert::predict_response(predictions)))
}

pub(crate) fn imagine(context: &Context, call: &Call) -> Outcome {
    let request: ImagineRequest = decode(&call.body)?;
    let imagined = context.engine.imagine(call.space(), &convert::imagine(request)?)?;
    Ok(call.answer(&convert::imagine_response(imagined)))
}
