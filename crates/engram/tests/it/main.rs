//! The real program against a real server on 127.0.0.1, with a data directory and a home of its own.

#[cfg(test)]
mod world;

#[cfg(test)]
mod bucket;

#[cfg(test)]
mod recovery;

#[cfg(test)]
mod traps;

#[cfg(test)]
mod backup;

#[cfg(test)]
mod commands;

#[cfg(test)]
mod doors;

#[cfg(test)]
mod drill;

#[cfg(test)]
mod harden;

#[cfg(test)]
mod import;

#[cfg(test)]
mod measure;

#[cfg(test)]
mod runbooks;
mod secured;

#[cfg(test)]
mod start;

#[cfg(test)]
mod store;

#[cfg(test)]
mod trust;
