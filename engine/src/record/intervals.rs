//! How exactly it is known when what came of a response arrived.

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// How much earlier than their stamps the output events of a response can have arrived. Zero where each ended its read,
/// and that read emptied the queue: the stamp is then the event's own.
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
    /// The end of the response, where it is that of its connection, which the kernel does not stamp.
    pub end: Nanos,
}
