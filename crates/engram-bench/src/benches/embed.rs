//! `embed`: what a text costs on its way in.

use std::time::Duration;

use engram_api::CreateSpaceRequest;
use engram_embed::{EmbedText, builtin, kernel_name};
use serde_json::json;

use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::{quantile, round};
use crate::stage::{ChildServer, Latencies, Load, Pace, ThreadCpu, Wire};

const SPACE: &str = "embed";

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

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let rounds = if options.quick { 3 } else { 20 };
    progress("the model alone");
    let (single_ms, batch_rate) = model_alone(rounds)?;
    progress("behind the interface");
    let served = Served::measure(options)?;
    let share = |with: &Latencies, without: &Latencies| {
        round(1.0 - without.mean_ms / with.mean_ms.max(1e-9), 3)
    };
    let remember_share = share(&served.remember_text, &served.remember_vector);
    let recall_share = share(&served.recall_text, &served.recall_vector);
    report.set("kernels", kernel_name());
    report.set(
        "model",
        json!({ "one_text_cpu_ms": round(single_ms, 3), "batch_texts_per_cpu_second": round(batch_rate, 1) }),
    );
    report.set(
        "served",
        json!({
            "remember_text": served.remember_text, "remember_vector": served.remember_vector,
            "recall_text": served.recall_text, "recall_vector": served.recall_vector,
            "embedding_share_remember": remember_share, "embedding_share_recall": recall_share,
            "batches": served.batches, "batches_server_cpu_seconds": served.batches_cpu_seconds,
            "batches_texts_per_second": served.batches.per_second * BATCH as f64,
        }),
    );
    let title = format!("Text in, with the built-in model (kernels {}).", kernel_name());
    let mut grid = Grid::new(title, &["what", "figure"]);
    let mut row = |what: &str, figure: String| grid.rows.push(vec![what.to_owned(), figure]);
    row("one text of 20 tokens, CPU ms", format!("{single_ms:.2}"));
    row("texts per CPU second in batches of 64", format!("{batch_rate:.0}"));
    row("remember by text, p50 ms", format!("{:.2}", served.remember_text.p50_ms));
    row("remember by vector, p50 ms", format!("{:.2}", served.remember_vector.p50_ms));
    row("share of embedding in remember", format!("{remember_share:.2}"));
    row("recall by text, p50 ms", format!("{:.2}", served.recall_text.p50_ms));
    row("recall by vector, p50 ms", format!("{:.2}", served.recall_vector.p50_ms));
    row("share of embedding in recall", format!("{recall_share:.2}"));
    let rate = served.batches.per_second * BATCH as f64;
    row("texts a second, batches of 64 by 2 clients", format!("{rate:.0}"));
    report.grid(grid);
    Ok(())
}

/// Median CPU milliseconds of a text alone, and texts per CPU second in batches, in this thread.
fn model_alone(rounds: usize) -> Result<(f64, f64), BenchError> {
    let failed = |error: engram_embed::EmbedError| BenchError::Program {
        program: "built-in model".to_owned(),
        message: error.to_string(),
    };
    let model = builtin().map_err(failed)?;
    let texts = texts();
    let inputs: Vec<EmbedText<'_>> =
        texts.iter().map(|text| EmbedText { text, ..EmbedText::default() }).collect();
    let (mut single, mut batch) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let cpu = ThreadCpu::start();
        for text in &texts {
            model.embed_query(text).map_err(failed)?;
        }
        single.push(cpu.seconds() * 1e3 / texts.len() as f64);
        let cpu = ThreadCpu::start();
        model.embed_documents(&inputs).map_err(failed)?;
        batch.push(texts.len() as f64 / cpu.seconds());
    }
    single.sort_by(f64::total_cmp);
    batch.sort_by(f64::total_cmp);
    Ok((quantile(&single, 0.5), quantile(&batch, 0.5)))
}

/// Texts in a batch.
const BATCH: usize = 64;

/// The same operation with a text to embed and with a vector given.
struct Served {
    remember_text: Latencies,
    remember_vector: Latencies,
    recall_text: Latencies,
    recall_vector: Latencies,
    batches: Latencies,
    batches_cpu_seconds: f64,
}

impl Served {
    fn measure(options: &BenchOptions) -> Result<Served, BenchError> {
        let server = ChildServer::start(&options.program)?;
        let request =
            CreateSpaceRequest { name: SPACE.to_owned(), ..CreateSpaceRequest::default() };
        let dimension = server.client()?.create_space(&request)?.dimension as usize;
        let texts = texts();
        let count = if options.quick { 100 } else { 1_000 };
        let run = |clients: usize, requests: usize, request: &(dyn Fn(usize) -> Vec<u8> + Sync)| {
            let time_max = Duration::from_secs(60);
            let (addr, pace) = (server.addr, Pace::Closed);
            Load { addr, clients, pace, requests_max: requests, time_max, request }.run()
        };
        let path = |operation: &str| format!("/api/v1/spaces/{SPACE}/{operation}");
        let (remember, recall) = (path("remember"), path("recall"));
        let text = |n: usize| format!("{} It was number {n}.", texts[n % texts.len()]);
        let vector = |n: usize| -> Vec<f32> {
            (0..dimension).map(|i| if (n * 31 + i * 7) % 13 < 6 { 1.0 } else { -1.0 }).collect()
        };
        let post = |path: &str, body: serde_json::Value| Wire::post(path, &body.to_string());
        let remember_text = run(1, count, &|n| post(&remember, json!({ "text": text(n) })))?;
        let given = json!("given");
        let remember_vector = run(1, count, &|n| {
            let id = format!("{given}-{n}");
            post(&remember, json!({ "id": id, "text": text(n), "vector": vector(n) }))
        })?;
        let recall_text =
            run(1, count, &|n| post(&recall, json!({ "text": text(n), "observe": true })))?;
        let recall_vector = run(1, count, &|n| {
            post(&recall, json!({ "text": text(n), "vector": vector(n), "observe": true }))
        })?;
        let many = path("remember_many");
        let before = server.cpu_seconds();
        let batches = run(2, count / 10, &|n| {
            let one = |i: usize| json!({ "text": text(1_000_000 + n * BATCH + i) });
            post(&many, json!({ "memories": (0..BATCH).map(one).collect::<Vec<_>>() }))
        })?;
        let batches_cpu_seconds = round(server.cpu_seconds() - before, 2);
        Ok(Served {
            remember_text,
            remember_vector,
            recall_text,
            recall_vector,
            batches,
            batches_cpu_seconds,
        })
    }
}
