//! What the threads of a run share while it goes on: its stop and live figures, its memory, and the slots under its
//! caps.

mod memory;
pub(crate) mod permits;
mod stop;

pub(crate) use memory::Allowance;
pub use memory::Budget;
pub use stop::{Control, Progress};
