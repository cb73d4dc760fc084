//! Rules of the source tree that the compiler does not know. `tests/tidy/debts.tsv` lists what breaks a rule today,
//! with how much of it there is: the test fails when there is more than listed, and when there is less, so that the
//! list can only shrink.
//!
//! ```text
//!   source     files, modules, what each name refers to
//!   cycles     no import cycle between the folders of a crate
//!   sizes      functions of at most 80 lines, files of at most 400
//!   writers    no struct of 12 fields or more that another file writes
//!   words      the words of the glossary, not private ones
//!   flags      no flag of the program in the library's messages
//!   layers     libc and unsafe code only where they belong; nothing depends on bench/
//!   docs       docs/ARCHITECTURE.md draws the graph of the crates and folders
//!   supply     licences and origins of all dependencies
//! ```

#![cfg(test)]

mod cycles;
mod debts;
mod docs;
mod flags;
mod layers;
mod purity;
mod sizes;
mod source;
mod supply;
mod words;
mod writers;
