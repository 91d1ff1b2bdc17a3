//! An evaluation is the same twice, and leaves out what it says.

use std::path::Path;

use engram_api::ModeName;
use engram_bench::{EvalOptions, EvalReport, EvalScope, evaluate};
use serde_json::Value;

const CORPUS: &str = r#"{"_id":"a/1","text":"Ada planted tomatoes on the balcony","group":"ada","when":"2026-01-05T10:00:00Z","who":["Ada"]}
{"_id":"a/2","text":"Ada sold her bicycle to a neighbour","group":"ada","when":"2026-01-06T10:00:00Z","who":["Ada"]}
{"_id":"b/1","text":"Bo is afraid of thunder","group":"bo"}
{"_id":"b/2","text":"Bo plays the cello in an orchestra","group":"bo"}
"#;
const QUERIES: &str = r#"{"_id":"q1","text":"What did Ada plant?","group":"ada","category":"plain"}
{"_id":"q2","text":"Which instrument does Bo play?","group":"bo","category":"plain"}
{"_id":"q3","text":"Did Bo sell a bicycle?","group":"bo","category":"adversarial"}
{"_id":"q4","text":"Who is the mayor of Riga?","group":"bo","category":"no-answer"}
"#;
const QRELS: &str = "query-id\tcorpus-id\tscore\nq1\ta/1\t1\nq2\tb/2\t1\nq3\ta/2\t1\n";

fn evaluated(dir: &Path, scope: EvalScope) -> EvalReport {
    let options = EvalOptions {
        dir: dir.to_owned(),
        modes: ModeName::ALL.to_vec(),
        scope,
        limit: 10,
        with_adversarial: false,
        cross: scope == EvalScope::Groups,
        calibrate: false,
    };
    evaluate(&options, &mut |_| {}).unwrap()
}

fn written(report: &EvalReport) -> Value {
    let mut json = serde_json::to_value(report).unwrap();
    json.as_object_mut().unwrap().remove("times").unwrap();
    json
}

#[test]
fn two_runs_give_the_same_figures() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES), ("qrels.tsv", QRELS)]
    {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let first = evaluated(dir.path(), EvalScope::Groups);
    assert_eq!(written(&first), written(&evaluated(dir.path(), EvalScope::Groups)));
    assert_eq!((first.spaces, first.memories, first.queries), (2, 4, 2));
    assert_eq!(first.left_out, ["adversarial"]);
    assert_eq!(written(&first)["modes"]["hybrid"]["r@5"], 1.0);
    assert_eq!(written(&first)["baselines"]["bm25"]["mrr"], 1.0);
    // The trap of the adversarial question lies in the other space.
    assert_eq!(written(&first)["categories"]["adversarial"]["modes"]["hybrid"]["r@10"], 0.0);
    assert_eq!(written(&first)["no_answer"]["keyword"]["nothing"], 1.0);
    assert_eq!(written(&first)["cross"]["keyword"]["queries"], 2);
    let pooled = evaluated(dir.path(), EvalScope::Pooled);
    assert_eq!((pooled.spaces, pooled.memories), (1, 4));
    assert_eq!(written(&pooled)["categories"]["adversarial"]["modes"]["hybrid"]["r@10"], 1.0);
    assert!(
        first
            .grids()
            .iter()
            .all(|grid| { grid.rows.iter().all(|row| row.len() == grid.header.len()) })
    );
}
