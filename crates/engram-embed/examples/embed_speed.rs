//! How fast the built-in model is on this machine, on one thread: `embed_speed [ROUNDS]`.
//!
//! Prints the time to load, the time of a text of 20 tokens alone (rounds of 64 texts one by one), and
//! texts a second in batches of 64; the median and the best of the rounds. Times are CPU time of the thread where Linux tells it, else wall time.

use std::time::Instant;

use engram_embed::{EmbedText, builtin, kernel_name};

/// Texts of about 20 tokens, each different from the next.
fn texts() -> Vec<String> {
    let who = ["Ann", "Bob", "Carla", "Deniz", "Emil", "Farah", "Gus", "Hana"];
    let what = ["a recipe", "the invoice", "her passport", "a red bicycle"];
    let when = ["on Monday", "last winter"];
    let mut texts = Vec::new();
    for who in who {
        for what in what {
            for when in when {
                texts.push(format!(
                    "{who} told me {when} that she could not find {what} anywhere in the house."
                ));
            }
        }
    }
    texts
}

/// Seconds since some start: CPU time of this thread, or wall time where the system does not tell.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn seconds(start: Instant) -> f64 {
    let used = std::fs::read("/proc/thread-self/schedstat").ok();
    let used = used.and_then(|bytes| String::from_utf8(bytes).ok());
    let used = used.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    used.map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#[expect(clippy::print_stdout, reason = "the figures are this tool's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(20), |n| n.parse::<usize>())?.max(1);
    let origin = Instant::now();
    let start = seconds(origin);
    let embedder = builtin()?;
    println!("kernels         {}", kernel_name());
    println!("load            {:8.2} ms", (seconds(origin) - start) * 1e3);
    let texts = texts();
    let inputs: Vec<EmbedText<'_>> =
        texts.iter().map(|text| EmbedText { text, ..Default::default() }).collect();
    let mut single = Vec::new();
    let mut batch = Vec::new();
    for _ in 0..rounds {
        let start = seconds(origin);
        for text in &texts {
            embedder.embed_query(text)?;
        }
        single.push((seconds(origin) - start) / texts.len() as f64);
        let start = seconds(origin);
        embedder.embed_documents(&inputs)?;
        batch.push(seconds(origin) - start);
    }
    single.sort_by(f64::total_cmp);
    batch.sort_by(f64::total_cmp);
    let rate = |seconds: f64| texts.len() as f64 / seconds;
    println!("one text        {:8.2} ms median", single[single.len() / 2] * 1e3);
    println!("                {:8.2} ms best", single[0] * 1e3);
    println!("batches         {:8.0} texts/s median", rate(batch[batch.len() / 2]));
    println!("                {:8.0} texts/s best", rate(batch[0]));
    Ok(())
}
