//! No download: in place of `fetch.rs` where the feature `hub` is off.

use super::failure::Failure;
use url::Url;

/// Nothing is limited, as nothing is fetched.
#[derive(Clone, Copy, Debug)]
pub(in crate::workload) struct Limits;

impl Limits {
    pub(super) const DEFAULT: Self = Self;
}

/// Says that this build downloads nothing.
pub(super) fn get(_url: &Url, _token: Option<&str>, _limits: Limits) -> Result<Vec<u8>, Failure> {
    Err(Failure::Other("this build cannot download, as ringload-engine was built without its feature `hub`".into()))
}
