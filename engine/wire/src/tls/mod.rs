//! TLS 1.2 and 1.3 for one client connection, without sockets (RFC 5246, RFC 8446).
//!
//! ```text
//!   read ──► Session::receive ──► plaintext slices          Session::send ──► Session::take_output ──► write
//! ```
//!
//! [`Client`] is made once for a server's name and shared; [`Session`] belongs to one connection. After every call that
//! may have produced bytes, errors included, [`Session::take_output`] has to be written: it holds handshake messages
//! and alerts.
//!
//! Two things come from rustls rather than by argument: the date that a certificate is checked against, and randomness.

mod certificates;
mod client;
mod error;
mod options;
mod session;
mod tickets;
mod verifier;

pub use certificates::Certificates;
pub use client::Client;
pub use error::{Offered, TlsError};
pub use options::{CertificateUse, TlsOptions, TlsSetupError};
pub use rustls::pki_types::CertificateDer;
pub use session::{Alpn, Facts, Session, Version};

#[cfg(test)]
mod tests;
