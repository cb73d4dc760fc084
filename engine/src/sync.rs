//! What threads of a run meet by. The files that use this module have no other shared state and no tests of their own:
//! `tests/models` runs them as they are, with a `sync` that is loom's, in every interleaving.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::thread::park_timeout;
