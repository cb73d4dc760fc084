//! How exactly it is known when what came of a response arrived.

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// How much earlier than their stamps the output events of a response, its head and its end can have arrived. Zero
/// where each ended its read, and that read emptied the queue: the stamp is then its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervals {
    /// The first event, in nanoseconds before its stamp at most.
    pub first: Nanos,
    /// The last event.
    pub last: Nanos,
    /// The event of which the least is known.
    pub widest: Nanos,
    /// Events of which the arrival is not known to [`NARROW`](crate::arrival::NARROW).
    pub wide: u32,
    /// The end of the response, be it that of its connection, which the kernel does not stamp.
    pub end: Nanos,
    /// The first byte of the response, or the end of its head.
    pub begin: Nanos,
}
