//! The control plane of ringload's fleets: one run from many machines, over NATS JetStream.
//!
//! Members find one another under the name of a run, agree on what is sent, begin at one instant, and upload their
//! record logs; the member of rank 0 leads. Nothing here carries load or counts a token: all runs on one thread of its
//! own, which is kept off the cores of the load. Of ringload it needs sockets with the kernel's stamps alone. What
//! members say to each other is in [`message`].
#![forbid(unsafe_code)]

mod address;
mod board;
mod bus;
mod clock;
mod collect;
mod datagrams;
mod difference;
mod echoes;
mod error;
mod heartbeats;
mod identity;
mod member;
pub mod message;
mod names;
mod results;
mod runs;
mod silence;
mod state;
mod status;
#[cfg(test)]
mod thousand_tests;
mod thread;
mod upload;

pub use address::{Address, Credentials, Tls};
pub use bus::OnWait;
pub use clock::{Alignment, Echo, Interval, QUARTZ};
pub use collect::MemberResult;
pub use difference::differences;
pub use error::{Blame, Error, Result};
pub use identity::{Identity, RequestedIdentity};
pub use member::{Counting, Joining, Member};
pub use names::name_of;
pub use results::fetch_results;
pub use runs::Next;
pub use state::{Load, OnLoss, Options, Stopped};
pub use status::{MemberStatus, RunStatus};
