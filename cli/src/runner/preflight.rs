//! One request to each target before the load: that the server answers, how, and what to do where it does not. A short
//! load is sent without it, so that the server sees the requests that were asked for and no other; it follows only
//! where none of them succeeds.

use crate::flags::EndpointArgs;
use crate::live::signals;
use crate::result::run::Outcome as RunOutcome;
use crate::runner::estimate::Pace;
use crate::runner::models;
use crate::terminal::eprint_line;
use ringload_engine::api;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::measure::TargetFacts;
use ringload_engine::plan::{Cores, EndpointKind, Length, Phase, Plan, Secrets, Target};
use ringload_engine::record::{Cause, FinishReason, Outcome, Record};
use ringload_engine::{Error, Result, Run};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Asks each target once, and says what it answered; how fast the first did. Where one does not, waits for it as long
/// as the flags say. Before a short load nothing is asked, unless a server is to be waited for.
///
/// # Errors
/// [`ringload_engine::Blame::Peer`] with the next step, when a target does not serve such a request; when a signal
/// came.
pub(crate) fn check(plan: &Plan, args: &EndpointArgs, quiet: bool) -> anyhow::Result<Option<Pace>> {
    let asks = !args.no_probe && (args.wait_for_server.is_some() || !is_short(plan));
    let Some(probe) = probe_of(plan).filter(|_| asks) else {
        return Ok(None);
    };
    let wait = Duration::from_secs_f64(args.wait_for_server.unwrap_or(0.0));
    let until = Instant::now() + wait;
    let (mut tries, mut last_said) = (0, Instant::now());
    loop {
        tries += 1;
        let asked = probe.clone();
        let answers = signals::unless_stopped(move || ask(&asked))??;
        let Some(problem) = answers.iter().find_map(|answer| problem(&probe, answer)) else {
            if !quiet {
                answers.iter().for_each(|answer| eprint_line(answer.words(&probe)));
            }
            return Ok(answers.first().and_then(|answer| Pace::of(&answer.record)));
        };
        if Instant::now() < until {
            if !quiet && (tries == 1 || last_said.elapsed() > SAY_EVERY) {
                eprint_line(format_args!(
                    "waiting for the server ({:.0} s at most): {}",
                    wait.as_secs_f64(),
                    problem.what
                ));
                last_said = Instant::now();
            }
            signals::unless_stopped(|| thread::sleep(PAUSE))?;
        } else if problem.passing && tries < TRIES {
            signals::unless_stopped(|| thread::sleep(PAUSE / 4))?;
        } else {
            return Err(Error::peer(
                problem.what,
                format!("{}; --no-probe starts the load all the same", problem.remedy),
            )
            .into());
        }
    }
}

/// Says why nothing succeeded in the runs of a short load, where one more request to each target tells.
pub(crate) fn explain(args: &EndpointArgs, runs: &[&RunOutcome]) {
    let Some(plan) = runs.first().map(|run| &run.plan) else { return };
    let failed = runs.iter().all(|run| run.summary.counts.succeeded == 0 && run.summary.counts.failures() > 0);
    let asks = failed && !args.no_probe && args.wait_for_server.is_none() && is_short(plan);
    let Some(probe) = probe_of(plan).filter(|_| asks) else {
        return;
    };
    let asked = probe.clone();
    if let Ok(Ok(answers)) = signals::unless_stopped(move || ask(&asked))
        && let Some(problem) = answers.iter().find_map(|answer| problem(&probe, answer))
    {
        eprint_line(format_args!("probe: {}: {}", problem.what, problem.remedy));
    }
}

/// Whether a load is over so soon that it shows by itself whether the server answers.
fn is_short(plan: &Plan) -> bool {
    let is_small = |file: &Path| fs::metadata(file).is_ok_and(|of| of.is_file() && of.len() <= SHORT_FILE);
    let file = plan.prompts.replay.as_ref().map(|replay| replay.file.as_path());
    let is_short = |phase: &Phase| match (phase.requests.or(phase.sessions), phase.duration) {
        (None, None) => file.is_some_and(is_small),
        (most, duration) => {
            most.is_some_and(|most| most <= SHORT_REQUESTS) || duration.is_some_and(|duration| duration <= SHORT_TIME)
        }
    };
    plan.warmup.iter().chain([&plan.profiling]).all(is_short)
}

/// What was answered by one target.
struct Answer {
    target: Target,
    spoken: Option<TargetFacts>,
    record: Record,
}

/// A plan of one short request to each target, with a prompt that no run sends; `None` where only a file has requests,
/// or none is short, as a picture is not.
fn probe_of(plan: &Plan) -> Option<Plan> {
    if plan.endpoint == EndpointKind::Raw || plan.endpoint.is_of_pictures() {
        return None;
    }
    let targets = plan.targets.len().min(MOST_TARGETS);
    let mut probe = Plan::new(plan.targets[..targets].to_vec(), "", Phase::closed(targets as u32, targets as u64));
    probe.models = plan.models.first().cloned().into_iter().collect();
    probe.endpoint = plan.endpoint;
    probe.custom_endpoint.clone_from(&plan.custom_endpoint);
    probe.streaming = plan.streaming;
    probe.headers.clone_from(&plan.headers);
    probe.extra_inputs.clone_from(&plan.extra_inputs);
    probe.use_legacy_max_tokens = plan.use_legacy_max_tokens;
    probe.per_chunk_usage = plan.per_chunk_usage;
    probe.server_timings = plan.server_timings;
    probe.payload.clone_from(&plan.payload);
    (probe.payload.images, probe.payload.audio, probe.payload.videos) = (None, None, None);
    probe.session_header.clone_from(&plan.session_header);
    probe.network.clone_from(&plan.network);
    probe.network.prewarm = 0;
    probe.timeouts = plan.timeouts;
    probe.timeouts.connect = probe.timeouts.connect.min(CONNECT);
    probe.timeouts.request = probe.timeouts.request.min(ANSWER);
    probe.limits = plan.limits;
    probe.io = plan.io;
    probe.seed = !plan.seed;
    probe.cores = match &plan.cores {
        Cores::List(cores) => Cores::List(cores.iter().take(1).copied().collect()),
        _ => Cores::Count(1),
    };
    probe.prompts.isl = Length { mean: 8.0, stddev: 0.0 };
    probe.prompts.osl = plan.endpoint.produces_tokens().then_some(Length { mean: 4.0, stddev: 0.0 });
    probe.prompts.entries = targets;
    Some(probe)
}

fn ask(probe: &Plan) -> Result<Vec<Answer>> {
    let result = Run::prepare(probe)?.execute()?;
    let records = result.records()?.collect::<Result<Vec<_>>>()?;
    let spoken = &result.summary.network.targets;
    let answer = |record: Record| {
        let target = probe.targets.get(usize::from(record.target))?.clone();
        let spoken = spoken.iter().find(|spoken| spoken.url == target.url).cloned();
        Some(Answer { target, spoken, record })
    };
    let mut answers: Vec<Answer> = records.into_iter().filter_map(answer).collect();
    answers.sort_by_key(|answer| answer.record.target);
    Ok(answers)
}

impl Answer {
    /// Where the request went.
    fn url(&self, plan: &Plan) -> String {
        let base = self.target.url.strip_suffix(&self.target.base_path).unwrap_or(&self.target.url);
        ringload_engine::plan::without_query_secrets(&format!("{base}{}", api::path(plan, &self.target)))
    }

    /// `http://h/v1/chat/completions answers over HTTP/1.1 as model m: …`
    fn words(&self, plan: &Plan) -> String {
        let record = &self.record;
        let protocol = self.spoken.as_ref().map_or("?", |spoken| spoken.http);
        let model = plan.models.first().map_or("", String::as_str);
        let after = |at: Option<Nanos>| at.map(|at| ms(at.saturating_sub(record.instants.issued)));
        let first = match (plan.streaming, after(record.instants.first_token)) {
            (true, Some(first)) => format!("first token after {first}"),
            (streaming, _) => {
                let no_ttft =
                    if streaming || !plan.endpoint.produces_tokens() { "" } else { " (no TTFT without --streaming)" };
                format!("answered after {}{no_ttft}", ms(record.instants.end.saturating_sub(record.instants.issued)))
            }
        };
        let tokens = record.usage.map_or_else(
            || if plan.endpoint.produces_tokens() { ", no usage".to_owned() } else { String::new() },
            |usage| {
                let count = |n: Option<u32>| n.map_or_else(|| "?".into(), |n| n.to_string());
                format!(", {} tokens in and {} out by usage", count(usage.prompt), count(usage.completion))
            },
        );
        let said = record.observed.reason.filter(|reason| *reason != FinishReason::Unsaid);
        let reason = said.map_or_else(String::new, |reason| format!(", finish reason {}", reason.name()));
        format!("probe: {} (HTTP/{protocol}, model {model}): {first}{tokens}{reason}", self.url(plan))
    }
}

/// Why the load cannot be played.
struct Problem {
    what: String,
    remedy: String,
    /// It may be another time: it is asked again.
    passing: bool,
}

fn problem(plan: &Plan, answer: &Answer) -> Option<Problem> {
    let record = &answer.record;
    let Outcome::Failed(cause) = record.outcome else {
        return None;
    };
    let url = answer.url(plan);
    let secrets = Secrets::of(plan);
    let said = record.detail.as_deref().map(|said| secrets.excerpt(said)).unwrap_or_default();
    let said = said.lines().next().unwrap_or_default();
    let because = if said.is_empty() { String::new() } else { format!(": {said}") };
    let fatal = |what: String, remedy: String| Some(Problem { what, remedy, passing: false });
    let model = plan.models.first().map_or("", String::as_str);
    match (cause, record.status) {
        (Cause::ConnectRefused, _) => fatal(
            format!("nothing listens at {}", place(&answer.target)),
            "start the server, or correct --url; --wait-for-server 600 waits for one that is starting".into(),
        ),
        (Cause::DnsFailed | Cause::ConnectTimeout | Cause::ConnectFailed, _) => fatal(
            format!("{} is not reached{because}", answer.target.url),
            "correct --url, or what lies between: names, routes, firewalls".into(),
        ),
        (Cause::TlsUntrusted | Cause::TlsExpired | Cause::TlsWrongName, _) => fatal(
            format!("the certificate of {} is not accepted{because}", answer.target.url),
            "name its authority with --cacert FILE, or give up the check with --insecure".into(),
        ),
        (_, status @ (401 | 403)) => fatal(
            format!("{url} answers {status}{because}"),
            "give its key in RINGLOAD_API_KEY or --api-key-file FILE, or its headers with --header-file".into(),
        ),
        (_, status @ (400 | 404 | 422)) => {
            let served = models::served(&answer.target, &plan.headers).filter(|names| !names.is_empty());
            match served {
                Some(names) if !names.iter().any(|name| name == model) => fatal(
                    format!("{url} answers {status}{because}"),
                    format!("the server has no model `{model}`: write --model {}", models::listed(&names)),
                ),
                _ if status == 404 => fatal(
                    format!("{url} answers 404{because}"),
                    "correct --url, --endpoint-type or --custom-endpoint".into(),
                ),
                _ => fatal(
                    format!("{url} answers {status}{because}"),
                    "read what the server says: it does not take this request".into(),
                ),
            }
        }
        (_, 405) => {
            fatal(format!("{url} answers 405{because}"), "correct --url, --endpoint-type or --custom-endpoint".into())
        }
        (Cause::Timeout | Cause::TtftTimeout | Cause::InterTokenTimeout, _) => fatal(
            format!("{url} took the request and did not answer it{because}"),
            "read the server's log: it may be loading its model, which --wait-for-server 600 waits for".into(),
        ),
        (Cause::Redirect | Cause::UnexpectedEncoding, _) => fatal(format!("{url}{because}"), "correct --url".into()),
        (Cause::BadJson | Cause::BadHead | Cause::BadFraming, _) => fatal(
            format!("{url} answers with something else than this API{because}"),
            "correct --url and its scheme (http or https), --endpoint-type or --custom-endpoint".into(),
        ),
        (Cause::NoOutput, _) => fatal(
            format!("{url} answers without output{because}"),
            "correct --url, --endpoint-type or --custom-endpoint; ask the server by hand for one answer".into(),
        ),
        (cause, status) => {
            let status = if status == 0 { String::new() } else { format!(" {status}") };
            Some(Problem {
                what: format!("{url} does not answer ({cause}{status}{because})"),
                remedy: "read the server's log, and ask it by hand for one answer".into(),
                passing: true,
            })
        }
    }
}

/// `127.0.0.1:8000`, or the path of a socket.
fn place(target: &Target) -> String {
    match &target.unix {
        Some(path) => path.display().to_string(),
        None => format!("{}:{}", target.host, target.port),
    }
}

fn ms(nanos: Nanos) -> String {
    format!("{:.1} ms", nanos as f64 / 1e6)
}

/// Most requests, and the longest time, of a short load; and the largest file of requests, where that alone says how
/// many they are.
const SHORT_REQUESTS: u64 = 100;
const SHORT_TIME: Nanos = 5 * SECOND;
const SHORT_FILE: u64 = 64 << 10;
/// Longest wait for a connection.
const CONNECT: Nanos = 5 * SECOND;
/// Longest wait for the answer to a few tokens.
const ANSWER: Nanos = 60 * SECOND;
/// Targets that are asked.
const MOST_TARGETS: usize = 64;
/// Tries where a failure may be of the moment.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(30);
