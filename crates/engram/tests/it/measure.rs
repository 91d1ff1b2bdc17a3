//! `eval` and `bench`: shapes and refusals; no test looks at a time.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::world::World;

fn set(world: &World) -> String {
    world.write(
        "set/corpus.jsonl",
        "{\"_id\":\"a\",\"text\":\"Ada sold the green bicycle\",\"group\":\"g\"}\n\
         {\"_id\":\"b\",\"text\":\"Bo plays the cello\",\"group\":\"h\"}\n",
    );
    world.write(
        "set/queries.jsonl",
        "{\"_id\":\"q\",\"text\":\"Who sold a bicycle?\",\"group\":\"g\",\"category\":\"plain\"}\n",
    );
    world.write("set/qrels.tsv", "query-id\tcorpus-id\tscore\nq\ta\t1\n");
    world.path("set").to_str().unwrap().to_owned()
}

#[test]
fn eval_writes_shares_by_mode_and_category() {
    let world = World::new();
    let set = set(&world);
    let report = world.run(&["eval", &set, "--output", "json"]).ok().json();
    assert_eq!(report["set"], "set");
    for mode in ["keyword", "similarity", "hybrid"] {
        assert_eq!(report["modes"][mode]["r@5"], 1.0, "{mode}: {report}");
        assert_eq!(report["categories"]["plain"]["modes"][mode]["mrr"], 1.0);
    }
    for figure in ["r@5", "r@10", "any@10", "all@10", "ndcg@10", "mrr"] {
        assert!(report["baselines"]["bm25"][figure].is_f64(), "{figure}");
    }
    let one = world.run(&["eval", &set, "--mode", "keyword", "--pooled", "--markdown"]).ok();
    assert!(one.stdout.contains("| overall | 1 | keyword | 100.0 |"), "{}", one.stdout);
    assert!(!one.stdout.contains("hybrid"), "{}", one.stdout);
}

#[test]
fn eval_refuses_what_it_cannot_measure() {
    let world = World::new();
    let set = set(&world);
    world.run(&["eval", &set, "--mode", "magic"]).fails(2, &["keyword, similarity"]);
    world.run(&["eval", &set, "--limit", "5"]).fails(2, &["10"]);
    world.write("set/qrels.tsv", "q\ta\t1\nr\ta\t1\n");
    world.run(&["eval", &set]).fails(2, &["qrels.tsv line 2: there is no query \"r\""]);
    world.run(&["eval", "nowhere"]).fails(1, &["nowhere"]);
}

/// An array of NumPy with rows of `columns` numbers.
fn npy(kind: &str, columns: usize, data: &[u8], width: usize) -> Vec<u8> {
    let rows = data.len() / columns / width;
    let text =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// Thirty rows of four components, far enough from each other.
fn vectors(world: &World) -> String {
    let mut codes = Vec::new();
    let mut texts = GzEncoder::new(Vec::new(), Compression::fast());
    for row in 0..30_u8 {
        codes.extend([row * 4, 120 - row * 3, row % 7 * 9, row % 5 * 20]);
        writeln!(texts, "{{\"l\":[\"word{row}\"],\"d\":\"meaning of number {row}\"}}").unwrap();
    }
    let floats =
        |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
    world.write("v/base_x_i8.npy", npy("|i1", 4, &codes, 1));
    world.write("v/base_x_scale_f32.npy", npy("<f4", 1, &floats(&[0.01; 30]), 4));
    world.write(
        "v/query_x.npy",
        npy("<f4", 4, &floats(&[0.5, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0]), 4),
    );
    world.write("v/queries_x.json", "[{\"src\":3,\"q\":\"word3\"},{\"src\":-1,\"q\":\"number\"}]");
    world.write("v/texts_x.jsonl.gz", texts.finish().unwrap());
    world.path("v").to_str().unwrap().to_owned()
}

#[test]
fn growth_is_measured_on_servers_of_its_own() {
    let world = World::new();
    let data = vectors(&world);
    let plots = world.path("plots");
    let report = world
        .run(&[
            "bench",
            "growth",
            "--quick",
            "--data",
            &data,
            "--n",
            "20,50",
            "--plots",
            plots.to_str().unwrap(),
            "--output",
            "json",
        ])
        .ok()
        .json();
    let sizes: Vec<&Value> =
        report["points"].as_array().unwrap().iter().map(|point| &point["memories"]).collect();
    assert_eq!(sizes, [20, 50]);
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    assert_eq!(report["points"][1]["modes"]["hybrid"]["refused"], 0);
    assert!(std::fs::read_to_string(plots.join("growth-latency.svg")).unwrap().contains("</svg>"));
}

#[test]
fn written_sets_are_read_again() {
    let world = World::new();
    let data = vectors(&world);
    let out = world.path("grown").to_str().unwrap().to_owned();
    world.run(&["bench", "gen", "--data", &data, "--n", "70", "--out", &out]).ok();
    let recall = ["bench", "recall", "--quick", "--data", &out, "--output", "json"];
    let report = world.run(&recall).ok().json();
    assert_eq!(report["similarity_recall@10"], 1.0, "{report}");
    assert_eq!(report["modes"]["similarity"]["half"]["refused"], 0);
}

#[test]
fn backups_are_measured_with_what_becomes_of_them() {
    let world = World::new();
    // 8 × 4 bytes of a vector and 1,024 of a text.
    let bytes = (150 * 1_056).to_string();
    let args = ["bench", "backup", "--quick", "--seconds", "1", "--dimension", "8"];
    let report = world.run(&[&args[..], &["--bytes", &bytes, "--output", "json"]].concat());
    let report = report.ok().json();
    let size = &report["sizes"][0];
    assert_eq!(size["memories"], 150);
    let positive = [
        &size["plain_copy"]["bytes"],
        &size["full"]["stored_bytes"],
        &size["full_content"]["mb_per_second"],
        &size["incremental_content"]["bytes"],
        &size["incremental_grown_bytes"],
        &size["restore"]["bytes"],
        &size["replay"]["open_seconds"],
        &size["recovery_seconds"],
        &size["checks"]["1"]["seconds"],
        &size["checks"]["4"]["seconds_per_gb"],
        &size["writes"]["before"]["requests"],
    ];
    for (number, figure) in positive.into_iter().enumerate() {
        assert!(figure.as_f64().is_some_and(|figure| figure > 0.0), "{number}: {report}");
    }
    assert_eq!(size["writes"]["during"]["refused"], 0);
    assert_eq!(report["at_10_gb_seconds"], Value::Null, "no line goes through one size");
}

#[test]
fn benchmarks_say_what_they_lack() {
    let world = World::new();
    world.run(&["bench", "nonsense"]).fails(2, &["growth"]);
    world.run(&["bench", "recall"]).fails(2, &["--data"]);
    world.run(&["bench", "backup", "--n", "5"]).fails(2, &["100"]);
    world.run(&["bench", "backup", "--n", "500", "--bytes", "900000"]).fails(2, &["not both"]);
    world.run(&["bench", "gen", "--data", "nowhere"]).fails(2, &["--out"]);
    world.run(&["bench", "scan", "--data", "nowhere"]).fails(1, &["nowhere"]);
    let spread = world.run(&["bench", "spread", "--quick", "--n", "500", "--markdown"]).ok();
    assert!(spread.stdout.contains("| hops |"), "{}", spread.stdout);
}
