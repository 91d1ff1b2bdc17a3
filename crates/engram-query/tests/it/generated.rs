//! The committed page is what the tables say, and every example in it compiles. `UPDATE_EXPECT=1` writes the page.

use std::path::Path;

use engram_query::{STATEMENTS, reference_page};

use crate::check::plan;

#[test]
fn the_generated_reference_page_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = reference_page();
    expect_test::expect_file![root.join(page.path)].assert_eq(&page.content);
}

#[test]
fn every_example_of_the_page_compiles() {
    let page = reference_page().content;
    let examples: Vec<&str> =
        page.split("```sql\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(examples.len() > STATEMENTS.len());
    for example in examples {
        plan(example);
    }
}

#[test]
fn every_example_runs_the_operation_of_its_row() {
    for entry in STATEMENTS {
        for example in entry.examples {
            assert_eq!(plan(example).operation, entry.operation, "{example}");
        }
        let explained = plan(&format!("EXPLAIN {}", entry.examples[0]));
        assert!(explained.explain, "{}", entry.keyword);
        assert_eq!(explained.is_shown_only(), entry.operation != "recall");
        assert_eq!(explained.request["explain"] == true, entry.operation == "recall");
    }
}
