//! What the environment adds to the flags.

use super::network::proxy::Proxies;

/// What the environment adds to the flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `RINGLOAD_API_KEY`.
    pub(crate) api_key: Option<String>,
    /// A seed, for when none was given.
    pub(crate) fresh_seed: u64,
    /// `HTTP_PROXY` and the like.
    pub(crate) proxies: Proxies,
}
