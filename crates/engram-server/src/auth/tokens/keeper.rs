//! Keeps the keys of issuers as fresh as their settings say, away from whoever answers requests.

use std::sync::Arc;

use tokio::signal::unix::Signal;

use crate::auth::tokens::issuer::Issuer;

/// Reads the keys of an issuer again: from time to time, when a token asks for it, and on SIGHUP.
pub(crate) async fn keep(issuer: Arc<Issuer>, mut hangup: Signal) {
    loop {
        issuer.begin();
        let reading = Arc::clone(&issuer);
        let is_read = match tokio::task::spawn_blocking(move || reading.reload()).await {
            Ok(is_read) => is_read,
            Err(_) => {
                issuer.failed("the reading panicked");
                false
            }
        };
        issuer.end();
        tokio::select! {
            _ = hangup.recv() => {}
            () = issuer.wanted() => {}
            () = tokio::time::sleep(issuer.pause(is_read)) => {}
        }
    }
}
