//! What was run, and what was written.

use super::layout::{count, heading, line};
use crate::result::run::Outcome;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{
    Arrival, Cap, CapPolicy, Length, LengthDistribution, Load, Passages, Phase, Plan, Ramp, Rate, Reuse, Shape,
    TokenizerSource, without_query_secrets,
};
use std::path::PathBuf;

/// What was run.
pub(super) fn run(outcome: &Outcome) -> String {
    let (plan, client) = (&outcome.plan, &outcome.summary.client);
    let mut out = heading("RUN");
    out += &line("server", &plan.targets.iter().map(|t| t.url.as_str()).collect::<Vec<_>>().join(" "));
    out += &line("model", &plan.models.join(" "));
    out += &line("endpoint", &endpoint(plan));
    if plan.network.tls.insecure {
        out += &line("tls", "certificates NOT CHECKED (--insecure)");
    }
    if plan.network.tcp.quickack {
        out += &line("tcp", "each read was acknowledged at once (--tcp-quickack)");
    }
    if let Some(warmup) = &plan.warmup {
        out += &line("warm-up", &phase(warmup));
    }
    out += &line("load", &phase(&plan.profiling));
    out += &line("prompts", &prompts(outcome));
    out += &line("seed", &plan.seed.to_string());
    let note = client.driver_note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
    let cores: Vec<String> =
        client.cores.iter().map(|c| c.core.map_or_else(|| "unpinned".into(), |c| c.to_string())).collect();
    out += &line("client", &format!("{}{note}, {} stamps, cores {}", client.driver, client.stamps, cores.join(" ")));
    out
}

/// Where the files are.
pub(super) fn files(files: &[PathBuf]) -> String {
    let Some(dir) = files.first().and_then(|f| f.parent()) else {
        return String::new();
    };
    let names: Vec<_> = files.iter().filter_map(|f| f.file_name()).map(|n| n.to_string_lossy()).collect();
    heading("FILES") + &line("folder", &dir.display().to_string()) + &line("files", &names.join(" "))
}

pub(crate) fn endpoint(plan: &Plan) -> String {
    let kind = plan.endpoint.name();
    let path = plan.custom_endpoint.as_ref().map(|p| format!(" at {}", without_query_secrets(p))).unwrap_or_default();
    let stream = if plan.streaming { "streaming" } else { "not streaming" };
    let reuse = match plan.reuse {
        Reuse::Pooled => "kept connections",
        Reuse::Never => "a connection per request",
        Reuse::StickySessions => "a connection per session",
    };
    format!("{kind}{path}, {stream}, {reuse}")
}

pub(crate) fn phase(phase: &Phase) -> String {
    let mut text = match &phase.load {
        Load::Closed { concurrency, ramp } => {
            let ramp = ramp.map_or_else(String::new, |r| format!(", opened {}", over(r)));
            format!("closed loop, {} in flight{ramp}", count((*concurrency).into()))
        }
        Load::Open { rate, pattern, cap } => {
            let pattern = match pattern {
                Arrival::Constant => "constant".into(),
                Arrival::Poisson => "poisson".into(),
                Arrival::Gamma { smoothness } => format!("gamma (smoothness {smoothness})"),
            };
            format!("open loop, {}, {pattern}{}", arrivals(rate), most(*cap))
        }
        Load::Users { rate, users } => format!(
            "{} users, {rate} turns/s of all, one of each every {:.3} s",
            count((*users).into()),
            f64::from(*users) / rate
        ),
        Load::Fixed { trace, cap } => format!(
            "open loop, at the instants of a trace of {} requests in {} s{}",
            count(trace.0.len() as u64),
            seconds(trace.0.last().copied().unwrap_or(0)),
            most(*cap)
        ),
    };
    if let Some(prefill) = phase.prefill {
        text += &format!(", at most {} without a first token", count(prefill.concurrency.into()));
        text += &prefill.ramp.map_or_else(String::new, |r| format!(" (opened {})", over(r)));
    }
    if let Some(n) = phase.requests {
        text += &format!(", {} requests", count(n));
    }
    if let Some(n) = phase.sessions {
        text += &format!(", {} conversations", count(n));
    }
    if let Some(duration) = phase.duration {
        text += &format!(", {} s", seconds(duration));
        text += &phase.grace.map_or_else(|| ", all responses awaited".into(), |g| format!(" + {} s grace", seconds(g)));
    }
    text
}

/// A rate and how it moves.
pub(super) fn arrivals(rate: &Rate) -> String {
    if let Some(rate) = rate.constant() {
        return format!("{rate} arrivals/s");
    }
    let pieces: Vec<String> = rate
        .pieces()
        .iter()
        .map(|p| {
            let span = if p.from == p.to { p.from.to_string() } else { format!("{} to {}", p.from, p.to) };
            format!("{span} for {} s", seconds(p.lasting))
        })
        .collect();
    let mut shown = pieces[..pieces.len().min(PIECES)].join(", ");
    if pieces.len() > PIECES {
        shown += &format!(", … {} in all", count(pieces.len() as u64));
    }
    match rate.after() {
        0.0 => format!("arrivals/s: {shown}"),
        after => format!("arrivals/s: {shown}, then {after}"),
    }
}

fn most(cap: Option<Cap>) -> String {
    cap.map_or_else(String::new, |c| {
        let policy = match c.policy {
            CapPolicy::Queue => "queue",
            CapPolicy::Drop => "drop",
        };
        let ramp = c.ramp.map_or_else(String::new, |r| format!(", opened {}", over(r)));
        format!(", at most {} in flight ({policy}{ramp})", count(c.concurrency.into()))
    })
}

pub(super) fn over(ramp: Ramp) -> String {
    let shape = match ramp.shape {
        Shape::Linear => "linearly",
        Shape::Exponential => "exponentially",
    };
    format!("{shape} over {} s", seconds(ramp.lasting))
}

fn prompts(outcome: &Outcome) -> String {
    let prompts = &outcome.plan.prompts;
    let osl = match (&prompts.distribution, &prompts.osl, &prompts.replay) {
        _ if !outcome.plan.endpoint.produces_tokens() => "none out".into(),
        (LengthDistribution::Pairs(pairs), ..) => format!("{} pairs of lengths", pairs.len()),
        (_, None, Some(_)) => "output as it says".into(),
        (_, Some(l), Some(_)) => format!("output as it says, else {}", length(*l)),
        (_, Some(l), None) => format!("{} out", length(*l)),
        (_, None, None) => "output as the server decides".into(),
    };
    let isl = match &prompts.replay {
        Some(replay) if prompts.isl.mean > 0.0 => {
            format!("tokens in as {} says (mean {:.1})", replay.file.display(), prompts.isl.mean)
        }
        Some(replay) => format!("texts of {} ({})", replay.file.display(), replay.format.name()),
        None if matches!(prompts.distribution, LengthDistribution::Pairs(_)) => "tokens by --seq-dist".into(),
        None => format!("{} tokens in", length(prompts.isl)),
    };
    let tokenizer = match &prompts.tokenizer {
        TokenizerSource::Builtin => "builtin",
        TokenizerSource::Named { name, .. } => name,
    };
    let approximate = if outcome.summary.tokens.approximate { ", approximate" } else { "" };
    format!(
        "{isl}, {osl}{}; {} distinct; tokenizer {tokenizer}{approximate}",
        payload(&outcome.plan),
        count(prompts.entries as u64)
    )
}

/// What a request holds beside one text.
fn payload(plan: &Plan) -> String {
    let payload = &plan.payload;
    let mut text = String::new();
    if plan.endpoint.ranks() {
        let Passages { count, tokens } = payload.passages;
        text += &format!(", {} passages of {} tokens", length(count), length(tokens));
    } else if payload.texts > 1 {
        text += &format!(", {} texts a request", payload.texts);
    }
    if let Some(images) = &payload.images {
        text += &format!(", {} image(s) of {} by {} pixels", images.count, length(images.width), length(images.height));
    }
    if let Some(audio) = &payload.audio {
        text += &format!(
            ", {} sound(s) of {} s",
            audio.count,
            length(Length { mean: audio.seconds_mean, stddev: audio.seconds_stddev })
        );
    }
    if let Some(videos) = &payload.videos {
        text += &format!(
            ", {} video(s) of {} s, {} by {} pixels, {} frames a second",
            videos.count, videos.seconds, videos.width, videos.height, videos.fps
        );
    }
    text
}

fn length(length: Length) -> String {
    if length.stddev > 0.0 { format!("{}±{}", length.mean, length.stddev) } else { length.mean.to_string() }
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

/// Pieces of a rate that are written out.
const PIECES: usize = 4;
