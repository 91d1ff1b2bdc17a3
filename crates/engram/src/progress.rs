//! What a long run is doing, on a line of the terminal that goes when it ends.

use indicatif::{ProgressBar, ProgressStyle};

/// Runs something that tells its steps, and shows the one it is at.
pub(crate) fn with_spinner<T>(run: impl FnOnce(&mut dyn FnMut(&str)) -> T) -> T {
    let bar = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg}").expect("it is valid"));
    let outcome = run(&mut |step| {
        bar.set_message(step.to_owned());
        bar.tick();
    });
    bar.finish_and_clear();
    outcome
}
