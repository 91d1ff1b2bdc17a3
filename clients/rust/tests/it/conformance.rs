//! The conformance cases of all clients, whose format clients/conformance/README.md specifies.
//!
//! Every step goes through the typed method of its operation where its request can be said in the types, else through
//! [`Client::call`]; a second round takes all steps through `call`.

mod cases;
mod methods;
mod patterns;

use std::collections::BTreeSet;

use engram_api::{OPERATIONS, Operation};
use engram_client::{Client, ClientError};
use serde_json::{Value, json};

use self::cases::{Case, Step};
use self::methods::Called;
use self::patterns::Meanings;
use crate::real::Server;

/// How the steps of a round are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Typed,
    Json,
}

/// One round over all cases.
struct Round<'a> {
    client: &'a Client,
    way: Way,
    /// Operations whose typed method was called.
    typed: BTreeSet<&'static str>,
}

/// How a step ended.
struct Outcome {
    called: Called,
    told: Vec<Value>,
}

impl Round<'_> {
    /// Runs the steps of a case; says what the first does that does not do as expected.
    fn run(&mut self, case: &Case, suffix: String) -> Result<(), String> {
        let mut meanings = Meanings::new(suffix);
        for (at, step) in case.steps.iter().enumerate() {
            let fault =
                |fault| format!("{:?}, step {}, {}: {fault}", case.name, at + 1, step.operation);
            let space = step.space.as_deref().map(|name| meanings.space(name));
            let request = meanings.filled(&Value::Object(step.request.clone()));
            let outcome = self
                .perform(step, space.as_deref().unwrap_or_default(), &request)
                .map_err(fault)?;
            judge(&meanings, step, &outcome).map_err(fault)?;
            for (name, pointer) in &step.capture {
                meanings.capture(name, outcome.called.as_ref().unwrap(), pointer);
            }
        }
        Ok(())
    }

    fn perform(&mut self, step: &Step, space: &str, request: &Value) -> Result<Outcome, String> {
        let operation = Operation::by_name(&step.operation).unwrap();
        let request = request.to_string().into_bytes();
        if step.stream {
            let (called, told) = methods::told(self.client, space, &request)
                .map_err(|refused| format!("not of its type: {}", refused.0))?;
            return Ok(Outcome { called, told });
        }
        let called = match self.way {
            Way::Json => self.client.call(operation, space, &request),
            Way::Typed => self.by_method((step, operation), space, &request)?,
        };
        Ok(Outcome { called, told: Vec::new() })
    }

    /// Calls the typed method. What the types refuse, the server must refuse as well, unless the step says otherwise.
    fn by_method(
        &mut self,
        (step, operation): (&Step, &'static Operation),
        space: &str,
        request: &[u8],
    ) -> Result<Called, String> {
        let method = methods::typed(operation.name).expect("a test of its own checks that");
        match method(self.client, space, request) {
            Ok(called) => {
                self.typed.insert(operation.name);
                Ok(called)
            }
            Err(refused) => match self.client.call(operation, space, request) {
                Ok(_) if !step.untyped => {
                    Err(format!("the types refuse what the server takes: {}", refused.0))
                }
                called => Ok(called),
            },
        }
    }
}

/// Whether an outcome is what the step expects.
fn judge(meanings: &Meanings, step: &Step, outcome: &Outcome) -> Result<(), String> {
    let any = json!("$any");
    let expected = |key: &str| step.expect.get(key).unwrap_or(&any);
    match (&outcome.called, step.expect.get("problem")) {
        (Ok(answer), None) => {
            if !meanings.matches(expected("answer"), answer) {
                return Err(format!("the answer does not match: {answer:#}"));
            }
            let told = Value::Array(outcome.told.clone());
            match meanings.matches(expected("steps"), &told) {
                true => Ok(()),
                false => Err(format!("the steps do not match: {told:#}")),
            }
        }
        (Err(ClientError::Api(problem)), Some(code)) => {
            let document = serde_json::to_value(problem).unwrap();
            let as_said =
                code == problem.code.as_str() && meanings.matches(expected("fields"), &document);
            if as_said { Ok(()) } else { Err(format!("another problem than {code}: {document:#}")) }
        }
        (Ok(answer), Some(code)) => Err(format!("no {code}: {answer:#}")),
        (Err(error), _) => Err(error.to_string()),
    }
}

/// Runs all cases on a server; says which operations were called by their typed methods.
fn run_all(way: Way) -> BTreeSet<&'static str> {
    let server = Server::start();
    let client = Client::new(server.url()).unwrap();
    let mut round = Round { client: &client, way, typed: BTreeSet::new() };
    let cases = cases::read();
    let run = |(at, case): (usize, &Case)| round.run(case, format!("{at}")).err();
    let faults: Vec<String> = cases.iter().enumerate().filter_map(run).collect();
    assert!(faults.is_empty(), "{} of {} cases\n{}", faults.len(), cases.len(), faults.join("\n"));
    round.typed
}

fn operations() -> BTreeSet<&'static str> {
    OPERATIONS.iter().map(|operation| operation.name).collect()
}

#[test]
fn cases_are_well_formed_and_leave_no_operation_out() {
    let cases = cases::read();
    for case in &cases {
        for (at, step) in case.steps.iter().enumerate() {
            assert_eq!(step.fault(), None, "{:?}, step {}", case.name, at + 1);
        }
    }
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    let steps = || cases.iter().flat_map(|case| &case.steps);
    let called: BTreeSet<&str> = steps().map(|step| step.operation.as_str()).collect();
    assert_eq!(called, operations());
    assert!(steps().any(|step| step.stream && step.operation == "consolidate"));
}

#[test]
fn every_operation_has_a_typed_method() {
    let missing: Vec<_> =
        operations().into_iter().filter(|name| methods::typed(name).is_none()).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
#[ignore = "needs ENGRAM_BINARY"]
fn every_case_does_as_it_says_by_typed_methods() {
    assert_eq!(run_all(Way::Typed), operations());
}

#[test]
#[ignore = "needs ENGRAM_BINARY"]
fn every_case_does_as_it_says_as_json() {
    run_all(Way::Json);
}
