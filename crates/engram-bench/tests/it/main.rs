//! The evaluation against a real server in this process.

#[cfg(test)]
mod gate;

#[cfg(test)]
mod quality;
