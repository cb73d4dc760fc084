//! Requests to the server's control interface before and after a run.

use crate::flags::HookArgs;
use crate::live::signals;
use crate::runner::scrape::agent;
use crate::terminal::eprint_line;
use ringload_engine::plan::{Plan, Target};
use ringload_engine::{Error, Result};
use std::thread;
use std::time::{Duration, Instant};

/// What is asked of the server before a run: the cache emptied, then its profiler started.
///
/// # Errors
/// [`ringload_engine::Blame::Peer`] where the server does not do it; when a signal came.
pub(crate) fn before(hooks: &HookArgs, plan: &Plan) -> anyhow::Result<()> {
    if hooks.reset_kv_cache {
        let path = hooks.reset_kv_cache_path.as_deref().unwrap_or("/reset_prefix_cache");
        all(plan, "--reset-kv-cache", path, hooks.reset_kv_cache_timeout_seconds)?;
    }
    if hooks.server_profiler {
        let path = hooks.server_profiler_start_path.as_deref().unwrap_or("/start_profile");
        all(plan, PROFILER, path, hooks.server_profiler_timeout_seconds)?;
    }
    Ok(())
}

/// What is asked of it after a run, also of one that a signal ended: then the answer is not awaited for longer than the
/// grace allows. A server that does not do it changes nothing of what was measured: it is said.
pub(crate) fn after(hooks: &HookArgs, plan: &Plan) {
    if hooks.server_profiler {
        let path = hooks.server_profiler_stop_path.as_deref().unwrap_or("/stop_profile");
        let patience = patience(hooks.server_profiler_timeout_seconds);
        for target in plan.targets.clone() {
            let (own, asked, url) = (plan.clone(), path.to_owned(), target.url.clone());
            let told = signals::unless_late(move || post(&own, &target, PROFILER, &asked, patience));
            match told {
                Some(Ok(())) => {}
                Some(Err(error)) => eprint_line(format_args!("note: {error:#}")),
                None => eprint_line(format_args!(
                    "note: {PROFILER}: {url} was asked to end its profile ({path}), and has not answered"
                )),
            }
        }
    }
}

fn all(plan: &Plan, flag: &'static str, path: &str, seconds: Option<f64>) -> anyhow::Result<()> {
    let patience = patience(seconds);
    for target in &plan.targets {
        let (plan, target, path) = (plan.clone(), target.clone(), path.to_owned());
        signals::unless_stopped(move || post(&plan, &target, flag, &path, patience))??;
    }
    Ok(())
}

fn patience(seconds: Option<f64>) -> Duration {
    Duration::from_secs_f64(seconds.unwrap_or(PATIENCE_S))
}

/// Asks one server, again while it says that it is busy.
fn post(plan: &Plan, target: &Target, flag: &str, path: &str, patience: Duration) -> Result<()> {
    if target.unix.is_some() || target.zone.is_some() {
        return Err(Error::usage(
            format!("{flag} over {}", target.url),
            "use it over http://host:port and https://host:port",
        ));
    }
    let root = target.url.strip_suffix(&target.base_path).unwrap_or(&target.url);
    let url = format!("{root}{path}");
    let agent = agent(&plan.network.tls, patience);
    let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        let mut request = agent.post(&url);
        for header in &plan.headers {
            request = request.header(&header.name, &header.value);
        }
        let said = match request.send_empty() {
            Ok(response) => response.status().as_u16(),
            Err(e) => return Err(refused(flag, &url, &e.to_string())),
        };
        match said {
            200..300 => return Ok(()),
            409 | 423 | 429 | 503 if begun.elapsed() + pause < BUSY => thread::sleep(pause),
            status => return Err(refused(flag, &url, &format!("status {status}"))),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn refused(flag: &str, url: &str, why: &str) -> Error {
    Error::peer(
        format!("{flag}: {url} does not do it ({why})"),
        "start the server with this interface (vLLM: VLLM_SERVER_DEV_MODE=1; SGLang has /flush_cache), or drop the flag",
    )
}

const PROFILER: &str = "--server-profiler";
/// Longest time for one request where the user says none.
const PATIENCE_S: f64 = 30.0;
/// How long a server may be busy.
const BUSY: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
