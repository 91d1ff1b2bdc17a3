//! The client against a small HTTP server on 127.0.0.1 that answers from a script.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod scripted;
