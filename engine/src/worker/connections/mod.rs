//! Connections and the requests on them.

mod addresses;
mod close;
mod connect;
mod expiry;
mod h2_connection;
mod h2_targets;
mod http1;
mod http2;
mod pool;
mod slot;
mod tls;

pub(super) use addresses::Addresses;
pub(super) use h2_targets::StreamLimits;
pub(super) use pool::{Core, Todo};
