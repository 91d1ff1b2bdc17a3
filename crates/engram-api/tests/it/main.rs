//! Integration tests: the tables against the types, and the generated pages against the tables.

mod checker;
mod contract;
mod generated;
