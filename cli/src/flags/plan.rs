//! Flags → [`Plan`]: parsed, not validated later. What cannot be run is refused here, with what to write instead.

pub(crate) use crate::flags::network::proxy::Proxies;

use crate::flags::endpoint::{endings, headers};
use crate::flags::input::extra;
use crate::flags::input::plan as prompts;
use crate::flags::load::objectives;
use crate::flags::load::plan as load;
use crate::flags::media::plan as payload;
use crate::flags::network::{plan as network, proxy};
use crate::flags::output::slices;
use crate::flags::sessions::plan as conversation;
use crate::flags::trace::plan as trace;
use crate::flags::{EndpointArgs, ExportLevel, IoArg, MachineArgs, ProfileArgs, StampsArg};
use ringload_engine::clock::{MICRO, Nanos, SECOND};
use ringload_engine::plan::{Cores, Io, Limits, Plan, Slo, Stamps, Target, Tier};
use ringload_engine::{Error, Result};

/// A plan, and what was chosen for the user.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The plan.
    pub(crate) plan: Plan,
    /// Choices the user should know of, a sentence each.
    pub(crate) notes: Vec<String>,
}

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

/// Makes the plan.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] with what to write instead.
pub(crate) fn plan(args: &ProfileArgs, environment: &Environment) -> Result<Planned> {
    let mut notes = Vec::new();
    let endpoint = &args.endpoint;
    let models = models(endpoint)?;
    let asked = args.conversation.num_conversations.or(args.load.request_count);
    let draws = prompts::draws(&args.input, asked);
    let requests = trace::requests(&args.trace, draws, &mut notes)?;
    let profiling = load::profiling(
        &args.load,
        requests.as_ref(),
        args.conversation.num_conversations,
        endpoint.streaming,
        &mut notes,
    )?;
    let turns = conversation::turns(&args.conversation, requests.is_some())?;
    let warmup = load::warmup(&args.warmup, &args.load, endpoint.streaming)?;
    load::shaped_ramp(&args.load, &args.warmup)?;
    let slos = Slo::parse_all(&args.load.goodput)?;
    let tiers = objectives::tiers(args.load.slo_file.as_deref())?;
    payload::fits(args, &slos, &tiers)?;
    needs_stream(endpoint, &slos, &tiers)?;
    let thresholds = objectives::thresholds(args, !slos.is_empty(), &tiers)?;
    let slice = slices::slice(args.output.slice_duration, &profiling)?;
    let stamps = match args.machine.stamps {
        StampsArg::Kernel => Stamps::Kernel,
        StampsArg::User => Stamps::User,
    };
    http_trace(args)?;
    let targets: Vec<Target> = endpoint.url.iter().map(|u| Target::parse(u)).collect::<Result<_>>()?;
    proxy::check(&targets, &environment.proxies, args.network.ignore_proxy, &mut notes)?;
    let network =
        network::network(&args.network, &targets, &profiling, endpoint.connection_reuse_strategy, &mut notes)?;
    let mut prompts = prompts::prompts(&args.input, &args.context, asked, turns, requests, &mut notes)?;
    prompts.isl = payload::first_text(args, prompts.isl);
    let mut extra_inputs = extra::inputs(&args.input.extra_inputs)?;
    let payload = payload::payload(args, &mut extra_inputs)?;
    several_choices(&extra_inputs, &mut notes);
    let plan = Plan {
        targets,
        endpoint: endpoint.endpoint_type,
        custom_endpoint: custom_endpoint(endpoint)?,
        streaming: endpoint.streaming,
        models,
        headers: headers::headers(endpoint, environment.api_key.as_deref())?,
        extra_inputs,
        use_legacy_max_tokens: endpoint.use_legacy_max_tokens,
        per_chunk_usage: endpoint.per_chunk_usage,
        use_server_token_count: endpoint.use_server_token_count,
        prompts,
        payload,
        session_header: endpoint.session_header.clone(),
        warmup,
        profiling,
        slos,
        tiers,
        thresholds,
        slice,
        seed: seed(args.input.random_seed, environment.fresh_seed, &mut notes),
        timeouts: endings::timeouts(endpoint)?,
        cancellation: endings::cancellation(&args.load)?,
        failed_request_threshold: args.load.failed_request_threshold,
        max_errors: args.load.max_errors,
        limits: Limits {
            head_bytes: endpoint.max_head_bytes,
            event_bytes: endpoint.max_event_bytes,
            body_bytes: endpoint.max_body_bytes,
            buffered_bytes: endpoint.max_buffered_bytes.map(|bytes| bytes as u64),
            ..Limits::default()
        },
        reuse: endpoint.connection_reuse_strategy,
        network,
        io: match args.machine.io {
            IoArg::Auto => Io::Auto,
            IoArg::Uring => Io::Uring,
            IoArg::Epoll => Io::Epoll,
        },
        stamps,
        cores: args.machine.cores.clone().unwrap_or(Cores::Auto),
        fifo: args.machine.fifo,
        batch_wait: batch_wait(&args.machine, stamps)?,
    };
    Ok(Planned { plan, notes })
}

/// Seconds as nanoseconds; the values have been bounded.
pub(crate) fn nanos(seconds: f64) -> Nanos {
    (seconds * SECOND as f64).round() as Nanos
}

fn models(endpoint: &EndpointArgs) -> Result<Vec<String>> {
    let models: Vec<String> = endpoint.model.iter().map(|m| m.trim().to_owned()).filter(|m| !m.is_empty()).collect();
    if models.is_empty() {
        return Err(Error::usage(
            "no model is named",
            "add --model NAME, as the server lists it under /v1/models; or try --demo, which needs no server",
        ));
    }
    Ok(models)
}

fn custom_endpoint(endpoint: &EndpointArgs) -> Result<Option<String>> {
    let Some(path) = &endpoint.custom_endpoint else {
        return Ok(None);
    };
    if path.contains("://") {
        return Err(Error::usage(
            "--custom-endpoint is a path, not a URL",
            "put http://host:port in --url, and the path (/v1/chat/completions) here",
        ));
    }
    if path.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return Err(Error::usage(
            "--custom-endpoint holds a space, a control character or a fragment",
            "percent-encode it, as in /v1/my%20path",
        ));
    }
    Ok(Some(if path.starts_with('/') { path.clone() } else { format!("/{path}") }))
}

fn needs_stream(endpoint: &EndpointArgs, slos: &[Slo], tiers: &[Tier]) -> Result<()> {
    if endpoint.streaming {
        return Ok(());
    }
    if endpoint.per_chunk_usage {
        return Err(Error::usage("--per-chunk-usage without --streaming: there are no chunks", "add --streaming"));
    }
    match slos
        .iter()
        .chain(tiers.iter().flat_map(|tier| &tier.slos))
        .find(|s| s.info().is_some_and(|i| i.streaming_only))
    {
        Some(slo) => Err(Error::usage(
            format!("objective {}: without --streaming no request has this metric, so none would be good", slo.tag),
            "add --streaming",
        )),
        None => Ok(()),
    }
}

/// Several choices are one request: what that means for its figures is said.
fn several_choices(extra: &serde_json::Map<String, serde_json::Value>, notes: &mut Vec<String>) {
    let several = ["n", "best_of"].iter().find_map(|name| {
        let n = extra.get(*name)?.as_u64().filter(|n| *n > 1)?;
        Some((*name, n))
    });
    if let Some((name, n)) = several {
        notes.push(format!(
            "{name}:{n} in --extra-inputs: the events and tokens of all choices are the request's, so inter_token_latency is the time \
             per token of all choices together; see docs/MEASUREMENT.md"
        ));
    }
}

fn http_trace(args: &ProfileArgs) -> Result<()> {
    if args.output.export_http_trace && args.output.export_level == ExportLevel::Summary {
        return Err(Error::usage(
            "--export-http-trace with --export-level summary: there is no file of records to put it in",
            "write --export-level records, or drop it",
        ));
    }
    Ok(())
}

fn seed(given: Option<u64>, fresh: u64, notes: &mut Vec<String>) -> u64 {
    given.unwrap_or_else(|| {
        notes.push(format!("seed chosen: --random-seed {fresh} repeats this schedule and these prompts"));
        fresh
    })
}

fn batch_wait(machine: &MachineArgs, stamps: Stamps) -> Result<Nanos> {
    match (machine.batch_wait_us, stamps) {
        (Some(us), Stamps::User) if us > 0 => Err(Error::usage(
            "--batch-wait-us with --stamps user: the wait would be in every token's time",
            "drop one of them; kernel stamps keep the wait out of the figures",
        )),
        (Some(us), _) => Ok(us * MICRO),
        (None, Stamps::Kernel) => Ok(200 * MICRO),
        (None, Stamps::User) => Ok(0),
    }
}
