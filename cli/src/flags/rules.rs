//! Rules across groups: what one group of flags asks for and another leaves no place for.

use super::load::Objectives;
use super::{ProfileArgs, RampShape};
use ringload_engine::plan::Reuse;
use ringload_engine::plan::metric::{MetricInfo, needs_output_tokens};
use ringload_engine::{Error, Result};

/// A rule: the refusal of flags that break it.
type Rule = fn(&ProfileArgs, &Objectives) -> Option<Error>;

/// Every rule, in the order in which refusals are given.
const RULES: [Rule; 9] = [
    turns_are_those_of_the_file,
    a_ramp_shape_needs_a_ramp,
    a_stream_needs_output_tokens,
    an_output_length_needs_output_tokens,
    a_judgement_needs_output_tokens,
    an_objective_needs_its_stream,
    a_condition_needs_its_stream,
    prompts_are_those_of_the_file,
    a_job_is_asked_for_on_its_connection,
];

/// Holds flags against the rules.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] of the first that is broken.
pub(super) fn check(args: &ProfileArgs, objectives: &Objectives) -> Result<()> {
    RULES.iter().find_map(|rule| rule(args, objectives)).map_or(Ok(()), Err)
}

fn first_given(flags: &[(&'static str, bool)]) -> Option<&'static str> {
    flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
}

fn turns_are_those_of_the_file(args: &ProfileArgs, _: &Objectives) -> Option<Error> {
    args.trace.input_file.as_ref()?;
    let turns = &args.conversation;
    let flag = first_given(&[
        ("--session-turns-mean", turns.session_turns_mean.is_some()),
        ("--session-turns-stddev", turns.session_turns_stddev.is_some()),
        ("--session-turn-delay-mean", turns.session_turn_delay_mean.is_some()),
        ("--session-turn-delay-stddev", turns.session_turn_delay_stddev.is_some()),
    ])?;
    Some(Error::usage(
        format!("{flag} with --input-file: the file says what its conversations are"),
        format!("drop {flag}; --session-delay-ratio stretches the delays of a file"),
    ))
}

fn a_job_is_asked_for_on_its_connection(args: &ProfileArgs, _: &Objectives) -> Option<Error> {
    let kind = args.endpoint.endpoint_type;
    let flag = first_given(&[
        ("--http2", args.network.http2),
        ("--connection-reuse-strategy never", args.endpoint.connection_reuse_strategy == Reuse::Never),
    ])?;
    kind.answers_with_jobs().then(|| {
        Error::usage(
            format!("{flag} with --endpoint-type {}: its jobs are asked for over HTTP/1.1, on the connection of their request", kind.name()),
            format!("drop {flag}"),
        )
    })
}

fn prompts_are_those_of_the_file(args: &ProfileArgs, _: &Objectives) -> Option<Error> {
    args.trace.input_file.as_ref()?;
    let (input, context) = (&args.input, &args.prefixes);
    let flag = first_given(&[
        ("--seq-dist", input.seq_dist.is_some()),
        ("--random-range-ratio", input.random_range_ratio.is_some()),
        ("--num-prefix-prompts", context.num_prefix_prompts.is_some()),
        ("--prefix-prompt-length", context.prefix_prompt_length.is_some()),
        ("--user-context-prompt-length", context.user_context_prompt_length.is_some()),
    ])?;
    Some(Error::usage(
        format!("{flag} with --input-file: the file says what its prompts are"),
        format!("drop {flag}; --system-prompt and --cache-bust go with a file"),
    ))
}

fn a_ramp_shape_needs_a_ramp(args: &ProfileArgs, _: &Objectives) -> Option<Error> {
    let (main, warmup) = (&args.load, &args.warmup);
    let ramps = [
        main.concurrency_ramp_duration,
        main.prefill_concurrency_ramp_duration,
        main.request_rate_ramp_duration,
        warmup.warmup_concurrency_ramp_duration,
        warmup.warmup_prefill_concurrency_ramp_duration,
        warmup.warmup_request_rate_ramp_duration,
    ];
    let shape = match main.ramp_shape.filter(|_| ramps.iter().all(Option::is_none))? {
        RampShape::Linear => "linear",
        RampShape::Exponential => "exponential",
    };
    Some(Error::usage(
        format!("--ramp-shape {shape} without a ramp"),
        "add --request-rate-ramp-duration or --concurrency-ramp-duration SECONDS, or drop it",
    ))
}

/// The name of an endpoint type whose responses have no output tokens.
fn without_tokens(args: &ProfileArgs) -> Option<&'static str> {
    let kind = args.endpoint.endpoint_type;
    (!kind.produces_tokens()).then(|| kind.name())
}

fn a_stream_needs_output_tokens(args: &ProfileArgs, _: &Objectives) -> Option<Error> {
    let name = without_tokens(args).filter(|_| args.endpoint.streaming)?;
    Some(Error::usage(
        format!("--streaming with --endpoint-type {name}: its answers come whole"),
        "leave --streaming out",
    ))
}

fn an_output_length_needs_output_tokens(args: &ProfileArgs, _: &Objectives) -> Option<Error> {
    let name = without_tokens(args).filter(|_| args.input.output_tokens_mean.is_some())?;
    Some(Error::usage(format!("--output-tokens-mean with --endpoint-type {name}: no tokens come out"), "leave it out"))
}

fn a_judgement_needs_output_tokens(args: &ProfileArgs, objectives: &Objectives) -> Option<Error> {
    let name = without_tokens(args)?;
    let of_tokens = |info: Option<&MetricInfo>| info.is_some_and(needs_output_tokens);
    let objective = objectives.all().find(|slo| of_tokens(slo.info())).map(|slo| format!("objective {}", slo.tag));
    let condition = objectives.thresholds.iter().find(|t| of_tokens(t.info()));
    let what = objective.or(condition.map(|t| format!("--fail-if {}", t.text)))?;
    Some(Error::usage(
        format!("{what}: no tokens come out of --endpoint-type {name}, so no request has this metric"),
        "name request_latency or response_time",
    ))
}

fn an_objective_needs_its_stream(args: &ProfileArgs, objectives: &Objectives) -> Option<Error> {
    let of_stream = |info: Option<&MetricInfo>| !args.endpoint.streaming && info.is_some_and(|i| i.streaming_only);
    let slo = objectives.all().find(|slo| of_stream(slo.info()))?;
    Some(Error::usage(
        format!("objective {}: without --streaming no request has this metric, so none would be good", slo.tag),
        "add --streaming",
    ))
}

fn a_condition_needs_its_stream(args: &ProfileArgs, objectives: &Objectives) -> Option<Error> {
    let of_stream = |info: Option<&MetricInfo>| !args.endpoint.streaming && info.is_some_and(|i| i.streaming_only);
    let threshold = objectives.thresholds.iter().find(|t| of_stream(t.info()))?;
    Some(Error::usage(
        format!("--fail-if {}: without --streaming no request has this metric", threshold.text),
        "add --streaming, or compare request_latency",
    ))
}
