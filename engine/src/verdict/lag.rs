//! Gates on the client's own delay: late issues, late reads, busy cores, shared reads.

use super::machine::interruptions;
use super::{CLIENT, Finding, PEER, POLICY, Status, median, shown_ms, shown_share};
use crate::measure::{Distribution, Summary};
use crate::plan::{Plan, Stamps};

pub(super) fn findings(plan: &Plan, summary: &Summary) -> Vec<Finding> {
    // Who reads slowly on purpose has no lag of his own to be judged by, and no say in what shares a read; in a closed
    // loop he also comes late to what follows an answer that he has left unread.
    let slow = plan.network.read_rate.is_some();
    [
        dispatch_lag(summary).filter(|_| !slow || plan.profiling.load.is_scheduled()),
        slow_reader(plan),
        receive_lag(plan, summary).filter(|_| !slow),
        busy_core(summary),
        coalesced(summary).filter(|_| !slow),
        user_stamps(plan, summary),
        stamp_fallbacks(summary),
        buffers(summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `issued - scheduled` with a slot free, in both loops.
fn dispatch_lag(summary: &Summary) -> Option<Finding> {
    let lag = summary.client.dispatch_lag.as_ref()?;
    let base = Base::of(summary, &["time_to_first_token"]);
    let judged = judge(lag, |ms| Status::over(ms, SUSPECT_MS, LATE_DISPATCH_MS).max(base.status(ms)))?;
    Some(Finding {
        gate: "dispatch_lag",
        status: judged.status,
        blame: CLIENT,
        evidence: format!(
            "requests were taken up late by the loop, whatever slots there were: {}{}; bounds: suspect over {}, invalid over {}{}",
            judged.figures,
            interruptions(&summary.client.cores),
            shown_ms(SUSPECT_MS),
            shown_ms(LATE_DISPATCH_MS),
            base.bound()
        ),
        remedy: "give the client more cores (--cores) or less to do (a lower --request-rate or --concurrency), and keep the server and \
                 other programs off its cores"
            .into(),
    })
}

/// `seen - arrived` of every read.
///
/// The relative bound asks whether the client's delay is a visible part of the time between tokens. It is applied where
/// 10 % of that time is at least 100 µs, that is, from 1 ms between tokens on: below, the bound would lie in the noise
/// of any kernel's wake-ups, no model decodes that fast token by token, and a mock that writes a whole answer at once
/// would make every run invalid. A fast server's run is still held to the absolute bound and to the share of coalesced
/// events, and token times keep the kernel's stamps.
///
/// The wait for a batch that was asked for is no delay of the client's and counts in neither bound. A late read alone
/// makes no figure wrong: an event that ends its read has the kernel's time, however late that was. It can make the
/// time of an event wrong that other bytes followed in the read. How far that can move percentiles is known, and caps
/// what the lag makes of the run: see [`Effect`].
fn receive_lag(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let lag = summary.client.receive_lag.as_ref()?;
    let base = Base::of(summary, &["inter_token_latency", "inter_chunk_latency"]);
    let wait_ms = plan.batch_wait as f64 / 1e6;
    let client = &summary.client;
    let judged = judge(lag, |ms| {
        let own = ms - wait_ms;
        Status::over(own, SUSPECT_MS, f64::INFINITY).max(base.status(own))
    })?;
    let effect = Effect::of(summary);
    let waits = match plan.batch_wait {
        0 => String::new(),
        wait => format!(
            " (of which up to {} is the batch wait that was asked for, and is not judged)",
            shown_ms(wait as f64 / 1e6)
        ),
    };
    let bound = base.bound();
    Some(Finding {
        gate: "receive_lag",
        status: judged.status.min(effect.status),
        blame: CLIENT,
        evidence: format!(
            "arrived bytes waited for the client: {}{waits}{}; {}; bounds: suspect over {}{bound}, and no worse than what it can move",
            judged.figures,
            interruptions(&client.cores),
            effect.words,
            shown_ms(SUSPECT_MS),
        ),
        remedy: "give the client more cores (--cores), try the other driver (--io), and keep the server and other programs off its cores"
            .into(),
    })
}

/// What late reads can have done to the figures: the worst that the possible shifts of TTFT and ITL allow.
///
/// A shift of a median by over 10 % makes a run invalid, by over 1 %, or of a p99 by over 10 %, suspect. Shifts within
/// 0.1 ms are none, medians under [`SHORTEST_BASE_MS`] are not compared with, and under 100 requests there is no p99.
/// Reads without a stamp have the client's own time.
struct Effect {
    status: Status,
    words: String,
}

impl Effect {
    fn of(summary: &Summary) -> Self {
        let client = &summary.client;
        if client.stamp_fallbacks as f64 > FALLBACKS_REMARK * client.reads as f64 {
            return Self {
                status: Status::Invalid,
                words: "many reads had no stamp of the kernel, so that the lag is in their times".into(),
            };
        }
        let Some(arrivals) = &client.arrivals else {
            return Self { status: Status::Valid, words: "no output event was read".into() };
        };
        let figures = [
            ("time_to_first_token", "p50"),
            ("inter_token_latency", "p50"),
            ("time_to_first_token", "p99"),
            ("inter_token_latency", "p99"),
        ];
        let moved = figures.into_iter().filter_map(|(tag, percentile)| {
            let value = exact(summary, tag, percentile).filter(|ms| *ms >= SHORTEST_BASE_MS)?;
            let by = arrivals.shift(tag, percentile)?.largest_ms();
            let share = if by > NARROW_MS { by / value } else { 0.0 };
            let status = match percentile {
                "p50" => Status::over(share, MOVED, RELATIVE),
                _ => Status::over(share, RELATIVE, f64::INFINITY),
            };
            Some((status, share, by, tag, percentile))
        });
        let worst = moved.max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        match worst {
            Some((status, share, by, tag, percentile)) if share > 0.0 => Self {
                status,
                words: format!(
                    "{} of {} output events can have arrived over 0.1 ms before their stamp, up to {}, which can move {tag} {percentile} by {} ({})",
                    arrivals.wide_events,
                    client.events,
                    shown_ms(arrivals.widest_ms),
                    shown_ms(by),
                    shown_share(share)
                ),
            },
            _ => Self {
                status: Status::Valid,
                words: format!(
                    "{} of {} output events can have arrived over 0.1 ms before their stamp, which moves no median of TTFT or ITL by 1 %",
                    arrivals.wide_events, client.events
                ),
            },
        }
    }
}

/// A percentile of a metric, from exact values; a p99 where enough requests stand behind it.
fn exact(summary: &Summary, tag: &str, percentile: &str) -> Option<f64> {
    let metric = summary.metrics.iter().find(|m| m.info.tag == tag)?;
    let stats = metric.stats?;
    match percentile {
        "p50" => Some(stats.p50),
        _ => (stats.count >= FEW).then_some(stats.p99),
    }
}

/// A remark: what was asked for shows in figures that are judged otherwise.
fn slow_reader(plan: &Plan) -> Option<Finding> {
    plan.network.read_rate.map(|rate| Finding {
        gate: "slow_reader",
        status: Status::Valid,
        blame: POLICY,
        evidence: format!(
            "each connection was read at no more than {rate} bytes/s, as asked: receive lag and coalesced events are of that, and are not judged"
        ),
        remedy: "read the figures as those of slow clients; leave out --read-rate-limit to measure the server alone".into(),
    })
}

fn busy_core(summary: &Summary) -> Option<Finding> {
    let busiest = summary.client.cores.iter().max_by(|a, b| a.busy_share.total_cmp(&b.busy_share))?;
    let mut status = Status::over(busiest.busy_share, BUSY_SUSPECT, BUSY_INVALID);
    if status == Status::Valid {
        return None;
    }
    let mut short = String::new();
    if summary.phase_duration_s < SHORTEST_BUSY_S {
        // A handful of requests is one burst of work: no statement about the client's capacity.
        status = Status::Valid;
        short = format!(", over {:.0} ms only", summary.phase_duration_s * 1e3);
    }
    let core = busiest.core.map_or_else(|| "an unpinned core".into(), |core| format!("core {core}"));
    Some(Finding {
        gate: "busy_core",
        status,
        blame: CLIENT,
        evidence: format!(
            "{core} was busy {} of the time{short}; bounds: suspect over {}, invalid over {}",
            shown_share(busiest.busy_share),
            shown_share(BUSY_SUSPECT),
            shown_share(BUSY_INVALID)
        ),
        remedy:
            "the client is near its own ceiling: give it more cores (--cores), or lower --concurrency or --request-rate"
                .into(),
    })
}

/// Events that shared a read. Where the client read in time, it was the peer who sent several at once.
fn coalesced(summary: &Summary) -> Option<Finding> {
    let client = &summary.client;
    if client.coalesced_share <= COALESCED_SUSPECT {
        return None;
    }
    let enough = client.events >= FEW;
    let late = client.receive_lag.as_ref().and_then(|lag| lag.percentile("p99")).is_none_or(|p99| p99.ms > SUSPECT_MS);
    Some(Finding {
        gate: "coalesced",
        status: if enough { Status::Suspect } else { Status::Valid },
        blame: if late { CLIENT } else { PEER },
        evidence: format!(
            "{} of {} output events ({}) shared their read with a later one and have its time; bound: suspect over {}",
            client.coalesced,
            client.events,
            shown_share(client.coalesced_share),
            shown_share(COALESCED_SUSPECT)
        ),
        remedy: if late {
            "the client read late: give it more cores (--cores); until then trust inter_token_latency, not inter_chunk_latency".into()
        } else {
            "the server or a proxy sends several events at once: look at its buffering; trust inter_token_latency, not \
             inter_chunk_latency"
                .into()
        },
    })
}

fn user_stamps(plan: &Plan, summary: &Summary) -> Option<Finding> {
    if summary.client.stamps != "user" {
        return None;
    }
    let asked = plan.stamps == Stamps::User;
    Some(Finding {
        gate: "user_stamps",
        status: Status::Valid,
        blame: if asked { super::POLICY } else { super::HOST },
        evidence: "arrivals were stamped by the client when it read them: its own delay is part of every token time and cannot be known"
            .into(),
        remedy: if asked {
            "run with --stamps kernel".into()
        } else {
            "run where the kernel stamps arrivals (SO_TIMESTAMPING), or read small differences with care".into()
        },
    })
}

fn stamp_fallbacks(summary: &Summary) -> Option<Finding> {
    let client = &summary.client;
    if client.reads == 0 || client.stamps == "user" {
        return None;
    }
    let share = client.stamp_fallbacks as f64 / client.reads as f64;
    (share > FALLBACKS_REMARK).then(|| Finding {
        gate: "stamp_fallbacks",
        status: Status::Valid,
        blame: super::HOST,
        evidence: format!(
            "{} of {} reads ({}) had no plausible kernel stamp and have the time of the read",
            client.stamp_fallbacks,
            client.reads,
            shown_share(share)
        ),
        remedy: "loopback and some virtual interfaces do not stamp every packet: measure over a real interface where it matters".into(),
    })
}

fn buffers(summary: &Summary) -> Option<Finding> {
    let starved = summary.client.buffer_starved;
    (starved > 0).then(|| Finding {
        gate: "buffers",
        status: Status::Valid,
        blame: CLIENT,
        evidence: format!("{starved} receives found no free buffer and began again; nothing was lost"),
        remedy: "spread the connections over more cores (--cores)".into(),
    })
}

/// What a lag is compared with: a median of the server's, where it is long enough for 10 % of it to mean something.
struct Base {
    median: Option<(&'static str, f64)>,
}

impl Base {
    /// The first of the metrics that the run has.
    fn of(summary: &Summary, tags: &[&'static str]) -> Self {
        Self {
            median: tags
                .iter()
                .find_map(|tag| Some((*tag, median(summary, tag)?)))
                .filter(|(_, ms)| *ms >= SHORTEST_BASE_MS),
        }
    }

    fn status(&self, lag_ms: f64) -> Status {
        match self.median {
            Some((_, ms)) if lag_ms > RELATIVE * ms => Status::Invalid,
            _ => Status::Valid,
        }
    }

    fn bound(&self) -> String {
        self.median.map_or_else(String::new, |(tag, ms)| {
            format!(", invalid over {} ({} of {tag} p50)", shown_ms(RELATIVE * ms), shown_share(RELATIVE))
        })
    }
}

struct Judged {
    status: Status,
    figures: String,
}

/// Judges the p99 of a lag. Under 100 samples the p99 is the single worst of them: it then counts one step less, and
/// the p90 in full (from 10 samples on), so that a short run with one hiccup is not invalid and one with a stall is.
fn judge(lag: &Distribution, status_of: impl Fn(f64) -> Status) -> Option<Judged> {
    let p99 = lag.percentile("p99")?;
    let mut status = status_of(p99.ms);
    let mut figures = format!("p99 {}", shown_ms(p99.ms));
    if !p99.enough_samples {
        status = status.milder();
        figures = format!("{figures} of only {}", lag.count);
        if let Some(p90) = lag.percentile("p90").filter(|_| lag.count >= FEW / 10) {
            status = status.max(status_of(p90.ms));
            figures = format!("{figures}, p90 {}", shown_ms(p90.ms));
        }
    }
    (status > Status::Valid).then_some(Judged { status, figures })
}

const SUSPECT_MS: f64 = 1.0;
const LATE_DISPATCH_MS: f64 = 10.0;
/// Share of the server's median that the client's lag may reach.
const RELATIVE: f64 = 0.1;
/// Medians under this are not compared with.
const SHORTEST_BASE_MS: f64 = 1.0;
pub(super) const BUSY_SUSPECT: f64 = 0.8;
const BUSY_INVALID: f64 = 0.95;
const SHORTEST_BUSY_S: f64 = 0.1;
const COALESCED_SUSPECT: f64 = 0.2;
const FALLBACKS_REMARK: f64 = 0.01;
const FEW: u64 = 100;
/// Share of a median by which late reads may move it.
const MOVED: f64 = 0.01;
/// What is within this is no shift.
const NARROW_MS: f64 = crate::arrival::NARROW as f64 / 1e6;
