//! In the place of `nvml` in a build without that feature: no library is loaded.

/// Never.
pub(super) enum Library {}

impl Library {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub(super) fn load() -> Result<Self, String> {
        Err("this ringload was built without NVML (the feature `nvml`)".into())
    }

    /// Never.
    pub(super) fn page(&self) -> String {
        match *self {}
    }
}
