//! The evaluation against a real server in this process.

#[cfg(test)]
mod quality;
