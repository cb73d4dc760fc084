//! Requests to the server's control interface around each run: flags and checks.

use super::values;
use clap::Args;
use ringload_engine::{Error, Result};

/// Requests to the server's control interface around each run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Control hooks")]
pub(crate) struct HookArgs {
    /// Empty the server's prefix cache before each run: POST to /reset_prefix_cache of each --url.
    #[arg(long)]
    pub(crate) reset_kv_cache: bool,

    /// Path of --reset-kv-cache [default: /reset_prefix_cache].
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) reset_kv_cache_path: Option<String>,

    /// Longest time for one request of --reset-kv-cache [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) reset_kv_cache_timeout_seconds: Option<f64>,

    /// Have the server profile itself during each run: POST to /start_profile before it and to /stop_profile after it.
    /// A warm-up is profiled as well.
    #[arg(long)]
    pub(crate) server_profiler: bool,

    /// Path that begins --server-profiler [default: /start_profile].
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) server_profiler_start_path: Option<String>,

    /// Path that ends --server-profiler [default: /stop_profile].
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) server_profiler_stop_path: Option<String>,

    /// Longest time for one request of --server-profiler [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) server_profiler_timeout_seconds: Option<f64>,
}

impl HookArgs {
    /// Refuses what belongs to a hook that is not asked for.
    pub(super) fn check(&self) -> Result<()> {
        let orphans = [
            ("--reset-kv-cache-path", self.reset_kv_cache_path.is_some(), self.reset_kv_cache, "--reset-kv-cache"),
            (
                "--reset-kv-cache-timeout-seconds",
                self.reset_kv_cache_timeout_seconds.is_some(),
                self.reset_kv_cache,
                "--reset-kv-cache",
            ),
            (
                "--server-profiler-start-path",
                self.server_profiler_start_path.is_some(),
                self.server_profiler,
                "--server-profiler",
            ),
            (
                "--server-profiler-stop-path",
                self.server_profiler_stop_path.is_some(),
                self.server_profiler,
                "--server-profiler",
            ),
            (
                "--server-profiler-timeout-seconds",
                self.server_profiler_timeout_seconds.is_some(),
                self.server_profiler,
                "--server-profiler",
            ),
        ];
        match orphans.iter().find(|(_, given, asked, _)| *given && !asked) {
            Some((flag, .., hook)) => {
                Err(Error::usage(format!("{flag} without {hook}"), format!("add {hook}, or drop {flag}")))
            }
            None => Ok(()),
        }
    }
}

/// A path of the server.
fn path(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.contains("://") || text.bytes().any(|b| b <= b' ' || b == b'#' || b == 0x7f) {
        return Err("write a path of the server, as in /reset_prefix_cache".into());
    }
    Ok(if text.starts_with('/') { text.to_owned() } else { format!("/{text}") })
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::{args, refused};

    #[test]
    fn paths_begin_with_a_slash_and_belong_to_their_hook() {
        let hooks = args("-m x --reset-kv-cache --reset-kv-cache-path flush_cache --server-profiler").hooks;
        assert!(hooks.reset_kv_cache && hooks.server_profiler);
        assert_eq!(hooks.reset_kv_cache_path.as_deref(), Some("/flush_cache"));
        assert!(refused("-m x --reset-kv-cache-path /flush_cache").contains("add --reset-kv-cache"));
        assert!(refused("-m x --server-profiler-stop-path /x").contains("add --server-profiler"));
        assert!(refused("-m x --reset-kv-cache --reset-kv-cache-path http://h/x").contains("a path of the server"));
    }
}
