//! Integration tests: the tables against the types, and the generated pages against the tables.

#[cfg(test)]
mod checker;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod protobuf;
