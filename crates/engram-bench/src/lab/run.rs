//! The experiments by name, and their course.

use super::options::LabOptions;
use super::report::{Findings, LabReport};
use super::subject::START_NS;
use super::{associations, consolidation, cost, fan, forgetting, marks, spacing};
use crate::failure::BenchError;
use crate::local::LocalServer;

/// One experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExperimentEntry {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// The data that it needs, if any.
    pub needs: Option<&'static str>,
}

/// All experiments, in their order.
pub const EXPERIMENTS: &[ExperimentEntry] = &[
    ExperimentEntry { name: "forgetting", about: "The forgetting curve of 1885", needs: None },
    ExperimentEntry { name: "spacing", about: "Spaced study against massed study", needs: None },
    ExperimentEntry {
        name: "fan",
        about: "Activation of a fact by how much is known",
        needs: None,
    },
    ExperimentEntry {
        name: "consolidation",
        about: "What beliefs save and what they cost in recall, on days that are much alike",
        needs: None,
    },
    ExperimentEntry {
        name: "associations",
        about: "What comes to mind with a word, against norms",
        needs: Some("--norms"),
    },
    ExperimentEntry {
        name: "cost",
        about: "What fading costs in recall, by age of the evidence",
        needs: Some("--set"),
    },
    ExperimentEntry {
        name: "marks",
        about: "Possible updates and contradictions in labelled pairs",
        needs: Some("--pairs"),
    },
];

/// Runs experiments on a server of its own.
///
/// # Errors
/// An experiment that is not known, or asked for without its data; a set that cannot be read; the server refuses something.
pub fn run_lab(
    options: &LabOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<LabReport, BenchError> {
    let chosen = chosen(options)?;
    let server = LocalServer::start(START_NS)?;
    let mut findings = Findings::default();
    for entry in chosen {
        progress(entry.name);
        match (entry.name, &options.norms, &options.set) {
            ("forgetting", ..) => forgetting::run(&server, &mut findings)?,
            ("spacing", ..) => spacing::run(&server, &mut findings)?,
            ("fan", ..) => fan::run(&server, &mut findings)?,
            ("consolidation", ..) => consolidation::run(&mut findings, progress)?,
            ("associations", Some(norms), _) => associations::run(&server, norms, &mut findings)?,
            ("cost", _, Some(set)) => cost::run(&server, set, (&mut findings, progress))?,
            (name, ..) => match (name, &options.pairs) {
                ("marks", Some(pairs)) => {
                    let files = (pairs.as_path(), options.set.as_deref());
                    marks::run(&server, files, (&mut findings, progress))?;
                }
                _ => return Err(BenchError::BadOption(format!("{name} has no data"))),
            },
        }
    }
    let spaces = server.client.list_spaces()?.spaces;
    let embedder = spaces.into_iter().next().map(|space| space.embedder.model);
    server.stop()?;
    Ok(findings.finish(&embedder.unwrap_or_default()))
}

fn has_data(entry: &ExperimentEntry, options: &LabOptions) -> bool {
    match entry.needs {
        Some("--norms") => options.norms.is_some(),
        Some("--set") => options.set.is_some(),
        Some("--pairs") => options.pairs.is_some(),
        _ => true,
    }
}

fn chosen(options: &LabOptions) -> Result<Vec<&'static ExperimentEntry>, BenchError> {
    if options.experiments.is_empty() {
        return Ok(EXPERIMENTS.iter().filter(|entry| has_data(entry, options)).collect());
    }
    let find = |name: &String| {
        let entry = EXPERIMENTS.iter().find(|entry| entry.name == name);
        let entry =
            entry.ok_or_else(|| BenchError::BadOption(format!("no experiment {name:?}")))?;
        match entry.needs.filter(|_| !has_data(entry, options)) {
            Some(needs) => Err(BenchError::BadOption(format!("{name} needs {needs}"))),
            None => Ok(entry),
        }
    };
    options.experiments.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiments_without_data_are_left_out_unless_asked_for() {
        let none = LabOptions::default();
        let names: Vec<&str> = chosen(&none).unwrap().iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["forgetting", "spacing", "fan", "consolidation"]);
        let asked = |name: &str| LabOptions { experiments: vec![name.to_owned()], ..none.clone() };
        assert!(chosen(&asked("cost")).is_err() && chosen(&asked("nothing")).is_err());
        assert_eq!(chosen(&asked("fan")).unwrap().len(), 1);
    }
}
