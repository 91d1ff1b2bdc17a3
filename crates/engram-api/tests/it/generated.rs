//! The committed reference pages are what the tables say. `UPDATE_EXPECT=1` writes them.

use std::path::Path;

#[test]
fn generated_reference_pages_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in engram_api::reference_pages() {
        expect_test::expect_file![root.join(page.path)].assert_eq(&page.content);
    }
}
