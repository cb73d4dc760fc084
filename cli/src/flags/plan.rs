//! Flags → [`Plan`]: each group makes its part, once; the plan is not changed afterwards.

use super::environment::Environment;
use super::input::{Parts, draws, extra};
use super::network::Context;
use super::{ExportLevel, ProfileArgs, rules};
use ringload_engine::plan::{HIDDEN, HttpVersion, Plan};
use ringload_engine::{Error, Result};

/// A plan, and what was chosen for the user.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The plan.
    pub(crate) plan: Plan,
    /// Choices the user should know of, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Makes the plan. The files that flags name are read here.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] with what to write instead.
pub(crate) fn plan(args: &ProfileArgs, environment: &Environment) -> Result<Planned> {
    if let Some(plan) = &args.given_plan {
        return again(plan, args, environment);
    }
    let with = args.with_scenario()?;
    let args = with.as_ref().unwrap_or(args);
    let mut notes = args.notes.clone();
    notes.extend(args.telemetry.notes());
    notes.extend(args.recipe.notes());
    let streaming = args.endpoint.streaming;
    let sessions = args.conversation.num_conversations;
    let asked = sessions.or(args.load.request_count);
    let endpoint = args.endpoint.plan(environment)?;
    let drawn_with = args.input.random_seed.unwrap_or(environment.fresh_seed);
    let requests = args.trace.plan(draws(&args.input, asked), drawn_with, &mut notes)?;
    let profiling = args.load.plan(requests.as_ref(), sessions, streaming, &mut notes)?;
    let turns = args.conversation.plan(requests.is_some())?;
    let warmup = args.warmup.plan(&args.load, streaming)?;
    let objectives = args.load.objectives()?;
    rules::check(args, &objectives)?;
    args.hooks.check()?;
    let slice = args.output.plan(&profiling)?;
    let machine = args.machine.plan()?;
    let reuse = args.endpoint.connection_reuse_strategy;
    let context = Context { targets: &endpoint.targets, proxies: &environment.proxies, profiling: &profiling, reuse };
    let mut network = args.network.plan(&context, &mut notes)?;
    if args.endpoint.endpoint_type.answers_with_jobs() {
        network.http = HttpVersion::Http1;
    }
    let first_text = args.media.query(args.endpoint.endpoint_type);
    let parts = Parts { asked, turns, context: args.prefixes.plan()?, requests, first_text };
    let prompts = args.input.plan(parts, &mut notes)?;
    let (payload, extra_inputs) = args.media.plan(&args.endpoint, extra::inputs(&args.input.extra_inputs)?)?;
    notes.extend(args.media.notes());
    extra::several_choices(&extra_inputs, &mut notes);
    let plan = Plan {
        targets: endpoint.targets,
        endpoint: args.endpoint.endpoint_type,
        custom_endpoint: endpoint.custom_path,
        streaming,
        models: endpoint.models,
        headers: endpoint.headers,
        extra_inputs,
        use_legacy_max_tokens: args.endpoint.use_legacy_max_tokens,
        per_chunk_usage: args.endpoint.per_chunk_usage,
        server_timings: args.telemetry.server_timings.into(),
        use_server_token_count: args.endpoint.use_server_token_count,
        keep_text: args.output.export_level == ExportLevel::Raw,
        prompts,
        payload,
        session_header: args.endpoint.session_header.clone(),
        warmup,
        profiling,
        slos: objectives.slos,
        tiers: objectives.tiers,
        thresholds: objectives.thresholds,
        fail_if_undecided: objectives.fail_if_undecided,
        slice,
        seed: seed(args.input.random_seed, environment.fresh_seed, &mut notes),
        timeouts: endpoint.timeouts,
        cancellation: args.load.cancellation()?,
        failed_request_threshold: args.load.failed_request_threshold,
        max_errors: args.load.max_errors,
        limits: endpoint.limits,
        reuse,
        network,
        io: machine.io,
        stamps: machine.stamps,
        cores: machine.cores,
        core_range: None,
        fifo: machine.fifo,
        batch_wait: machine.batch_wait,
        longest_batch_wait: machine.longest_batch_wait,
    };
    if !args.machine.demo {
        extra::upper_bound(&plan, &mut notes);
    }
    Ok(Planned { plan, notes })
}

/// A plan that is given, with the headers of the flags in the place of those that it hides.
fn again(plan: &Plan, args: &ProfileArgs, environment: &Environment) -> Result<Planned> {
    let mut plan = plan.clone();
    let given = args.endpoint.headers(environment)?;
    plan.headers.retain(|header| !given.iter().any(|other| other.name.eq_ignore_ascii_case(&header.name)));
    if let Some(hidden) = plan.headers.iter().find(|header| header.value == HIDDEN) {
        return Err(Error::usage(
            format!("the plan hides the value of the header {}", hidden.name),
            "give it with --header, or a key with RINGLOAD_API_KEY",
        ));
    }
    plan.headers.extend(given);
    let notes = vec!["the plan of --config is run as it is: its load, prompts and seed".to_owned()];
    Ok(Planned { plan, notes: [args.notes.clone(), notes].concat() })
}

fn seed(given: Option<u64>, fresh: u64, notes: &mut Vec<String>) -> u64 {
    given.unwrap_or_else(|| {
        notes.push(format!("seed chosen: --random-seed {fresh} repeats this schedule and these prompts"));
        fresh
    })
}
