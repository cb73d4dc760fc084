//! What passes between the source and the connections: a request that is to be sent, and the end of one.
//!
//! Neither of the two knows the other: a source holds the key of the connection that a session keeps, gives it back
//! with the session's next request, and cannot ask for anything by it.

use crate::clock::Nanos;
use crate::driver::Key;
use crate::record::Outcome;

/// A request that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ScheduledRequest {
    /// Number of its session in the phase; where sessions have one turn, its own.
    pub(super) k: u64,
    /// Its own number in the phase.
    pub(super) index: u64,
    /// What of the dataset it sends.
    pub(super) entry: u32,
    /// Its session, where that has several turns.
    pub(super) session: Option<usize>,
    /// The messages of the session's turns before it; [`RequestEnd`] gives them back.
    pub(super) history: Vec<u8>,
    /// The connection that its session has kept for itself.
    pub(super) connection: Option<Key>,
    /// The turn of a user that it is, where the load is users.
    pub(super) user_turn: u64,
    pub(super) scheduled: Nanos,
    /// Since when the client alone has kept it from being sent.
    pub(super) ready: Nanos,
    /// What the client had added to the request whose end it waited for.
    pub(super) carried: Nanos,
    /// It waited for a slot: its lateness is the policy's, not the loop's.
    pub(super) waited: bool,
}

impl ScheduledRequest {
    /// A request that nothing has kept since it was scheduled, of no session.
    pub(super) fn new(k: u64, index: u64, entry: u32, scheduled: Nanos) -> Self {
        Self {
            k,
            index,
            entry,
            session: None,
            history: Vec::new(),
            connection: None,
            user_turn: k,
            scheduled,
            ready: scheduled,
            carried: 0,
            waited: false,
        }
    }
}

/// The end of a request, as far as it matters for the requests that follow.
#[derive(Debug)]
pub(super) struct RequestEnd {
    pub(super) session: Option<usize>,
    pub(super) user_turn: u64,
    pub(super) outcome: Outcome,
    /// [`ScheduledRequest::history`].
    pub(super) history: Vec<u8>,
    /// The text of the response, still escaped, where the request belongs to a session; `None` if it was too long to
    /// keep.
    pub(super) text: Option<Vec<u8>>,
    /// The connection, which the session's next turn may use.
    pub(super) connection: Option<Key>,
    /// No connection was established for it, which the client saw then.
    pub(super) unconnected_at: Option<Nanos>,
    /// The end of the response.
    pub(super) at: Nanos,
    /// When its connection and its slot were free.
    pub(super) freed_at: Nanos,
    /// How much earlier that can have been: the kernel does not stamp everything.
    pub(super) freed_earlier: Nanos,
    /// What the client can have added until its slot was free: [`Lags::dispatch`](crate::record::Lags::dispatch), and
    /// what it was late to see of its end.
    pub(super) lag: Nanos,
}
