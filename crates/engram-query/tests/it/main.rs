//! Integration tests: statements to plans, errors as they are shown, conditions against a plain evaluator, and the page.

#[cfg(test)]
mod check;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod robust;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod suggestions;
