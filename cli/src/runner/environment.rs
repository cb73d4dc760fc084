//! From flags and environment to the plan, and the notes on it that the user sees.

use crate::dashboard;
use crate::flags::Proxies;
use crate::flags::environment::Environment;
use crate::flags::plan::{Planned, plan as make_plan};
use crate::flags::{OutputArgs, ProfileArgs, Ui};
use crate::live::signals;
use crate::terminal::eprint_line;
use ringload_engine::plan::Plan;

/// The plan of a command line; its files are read while signals are handled.
///
/// # Errors
/// When it makes none, with what to write instead; when a signal came.
pub(crate) fn planned(args: &ProfileArgs, environment: Environment) -> anyhow::Result<Planned> {
    let args = args.clone();
    Ok(signals::unless_stopped(move || make_plan(&args, &environment))??)
}

/// What the environment adds to the flags.
pub(crate) fn environment() -> Environment {
    Environment {
        api_key: std::env::var("RINGLOAD_API_KEY").ok(),
        // 32 bits: every JSON reader keeps such a number whole.
        fresh_seed: u64::from(rand::random::<u32>()),
        proxies: Proxies::of(|name| std::env::var(name).ok()),
    }
}

/// The same with a seed that others have chosen.
pub(crate) fn with_seed(seed: Option<u64>) -> Environment {
    let environment = environment();
    Environment { fresh_seed: seed.unwrap_or(environment.fresh_seed), ..environment }
}

/// Prints what was chosen for the user.
pub(crate) fn announce(output: &OutputArgs, plan: &Plan, notes: &[String]) -> anyhow::Result<()> {
    if output.quiet {
        return Ok(());
    }
    for note in notes {
        eprint_line(format_args!("note: {note}"));
    }
    if output.ui == Some(Ui::Dashboard) && !dashboard::fits() {
        eprint_line("note: --ui dashboard takes a terminal of 100 columns and 20 rows: one line is shown");
    }
    if output.verbose > 0 {
        eprint_line(format_args!("{}", serde_json::to_string_pretty(plan)?));
    }
    Ok(())
}
