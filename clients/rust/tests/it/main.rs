//! The client against a small HTTP server on 127.0.0.1 that answers from a script, and against a real server.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod following;
#[cfg(test)]
mod real;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tls;
