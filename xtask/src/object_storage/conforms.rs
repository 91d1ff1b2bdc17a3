//! The suite of the seam `BlobStore` over the service: the one that every implementation of it runs.

use super::ground::Ground;
use super::service::{ACCESS_KEY, SECRET_KEY};
use crate::run;

/// The bucket that the test expects, empty.
const BUCKET: &str = "bucket";
const TEST: &str = "blobs::tests::a_real_service_conforms";

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    let service = ground.service.borrow();
    service.create_bucket(BUCKET)?;
    // Of all crates, as the gate has built the tests before: alone it would be built anew with other features.
    let arguments = ["test", "--quiet", "--locked", "--workspace", "--lib", "--"];
    let mut command = run::cargo(ground.root, &arguments);
    command.args(["--ignored", "--exact", TEST]).env("S3_ENDPOINT", service.endpoint());
    command.env("S3_ACCESS_KEY", ACCESS_KEY).env("S3_SECRET_KEY", SECRET_KEY);
    let told = run::output(&mut command)?;
    let told = String::from_utf8_lossy(&told);
    // A test that was renamed would pass by not being there.
    if !told.contains("1 passed") {
        return Err(format!("{TEST} did not run: {told}"));
    }
    run::say("s3: the service conforms: conditional creation, parts, ranges, listings, refusals");
    Ok(())
}
