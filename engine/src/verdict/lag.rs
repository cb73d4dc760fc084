//! Gates on the client's own delay: late issues, connections seen late, late reads, busy cores, shared reads.

use super::buffering;
use super::case::{Case, Found};
use super::connections::in_times;
use super::finding::{Direction, Effect, Finding, Scope, Status};
use super::machine::interruptions;
use super::wording::{shown_ms, shown_share};
use crate::measure::{Distribution, Lateness, MARKED, Summary};
use crate::plan::{Load, Plan, Stamps, Statistic, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    // Who reads slowly on purpose has no lag of his own to be judged by, and no say in what shares a read; in a closed
    // loop he also comes late to what follows a response that he has left unread.
    let (plan, summary) = (case.plan, case.summary);
    let slow = plan.network.read_rate.is_some();
    [
        dispatch_lag(case).filter(|_| !slow || plan.profiling.load.is_scheduled()),
        slow_reader(plan),
        set_up_lag(case).filter(|_| !slow),
        receive_lag(case).filter(|_| !slow),
        busy_core(summary),
        coalesced(case).filter(|_| !slow),
        user_stamps(plan, summary),
        stamp_fallbacks(summary),
        packets_missed(summary),
        buffers(summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `issued - scheduled` with a slot free, in both loops; in a closed one from when the slot can have been free, where
/// what freed it has no stamp of its own.
///
/// It is in every time that counts from the schedule. Times that count from the issue do not have it; in a closed loop
/// a slot that stands empty is throughput that the server was not asked for.
fn dispatch_lag(case: &Case<'_>) -> Option<Finding> {
    let lag = case.summary.client.dispatch_lag.as_ref()?;
    let effects: Vec<Effect> =
        case.effects_of(Lateness::DispatchLag).into_iter().chain(empty_slots(case, lag.mean_ms)).collect();
    let p99 = lag.percentile("p99")?.ms;
    (p99 > TOLD_MS || effects.iter().any(tells)).then(|| {
        Found::new("dispatch_lag", Scope::Client).measured(p99, TOLD_MS, "ms").moving(effects).says(
            format!(
                "requests were taken up late by the loop, whatever slots there were: {}{}",
                figures(lag),
                interruptions(&case.summary.client.cores)
            ),
            format!(
                "give the client more cores ({}) or less to do (a lower {} or {}), and keep the server and \
             other programs off its cores",
                Setting::Cores,
                Setting::RequestRate,
                Setting::Concurrency
            ),
        )
    })
}

/// What slots that stood empty for so long on average, in milliseconds, cost a closed loop: with N slots, throughput is
/// N over latency and lag.
fn empty_slots(case: &Case<'_>, mean: f64) -> Vec<Effect> {
    let latency = case.value(&tags::REQUEST_LATENCY, Statistic::Avg).unwrap_or(0.0);
    let closed = matches!(case.plan.profiling.load, Load::Closed { .. });
    if !closed || latency < super::case::SHORTEST_MS || mean <= NARROW_MS {
        return Vec::new();
    }
    let rates = [&tags::REQUEST_THROUGHPUT, &tags::OUTPUT_TOKEN_THROUGHPUT, &tags::GOODPUT];
    rates.into_iter().flat_map(|rate| case.effects(rate, Direction::Lowered, mean / latency)).collect()
}

/// Connections, flights of the server's handshake, and ends after which a request is retried, that were there before
/// the client saw them.
///
/// That is in the phases of the connect and the handshake, and in all times that hold them. How long a connect was
/// there is known as an interval: what is told is the most that it can have been.
fn set_up_lag(case: &Case<'_>) -> Option<Finding> {
    let late = case.summary.network.late_set_ups.as_ref()?;
    // Of sums it is known how many were late, and by how much, and not which.
    let is_of_sums = case.summary.fleet.as_ref().is_some_and(|fleet| fleet.by_histograms);
    let effects = match is_of_sums {
        true => in_times(case, late.requests as f64 / case.summary.counts.finished().max(1) as f64, 0.0, late.mean_ms),
        false => case.effects_of(Lateness::SetUpLag),
    };
    effects.iter().any(tells).then(|| {
        Found::new("set_up_lag", Scope::Client).measured(late.longest_ms, NARROW_MS, "ms").moving(effects).says(
            format!(
                "connections were there, or the server's part of their handshake was, or the end of one whose request is retried, up to {} before the client saw it, which {} requests waited \
                 for ({} made a connection), {} on average{}",
                shown_ms(late.longest_ms),
                late.requests,
                late.of,
                shown_ms(late.mean_ms),
                interruptions(&case.summary.client.cores)
            ),
            format!(
                "give the client more cores ({}), keep the server and other programs off them, or make the connections ahead of the load",
                Setting::Cores
            ),
        )
    })
}

/// `seen - arrived` of every read.
///
/// A late read alone makes no figure wrong: an event that ends its read has the kernel's time, however late that was.
/// It can make the time of an event wrong that other bytes followed in the read, and of one without a stamp.
///
/// The wait for a batch that was asked for is no delay of the client's.
fn receive_lag(case: &Case<'_>) -> Option<Finding> {
    let (plan, client) = (case.plan, &case.summary.client);
    let lag = client.receive_lag.as_ref()?;
    let effects = case.effects_of(Lateness::ReceiveLag);
    let batch_wait = plan.longest_batch_wait.max(plan.batch_wait);
    let own = lag.percentile("p99")?.ms - batch_wait as f64 / 1e6;
    if own <= TOLD_MS && !effects.iter().any(tells) {
        return None;
    }
    let waits = match batch_wait {
        0 => String::new(),
        wait => format!(" (of which up to {} is the wait for a batch, and is not judged)", shown_ms(wait as f64 / 1e6)),
    };
    let wide = client.arrivals.as_ref().map_or_else(String::new, |arrivals| {
        format!(
            "; {} of {} output events can have arrived over 0.1 ms before their stamp, up to {}",
            arrivals.wide_events,
            client.events,
            shown_ms(arrivals.widest_ms)
        )
    });
    // Events that came in bursts have wide intervals where nothing bounds them, for which a lag that is short beside
    // the bursts' period is no cause.
    let of_bursts = buffering::pattern(case.summary)
        .is_some_and(|bursts| 2 * client.merged >= client.coalesced && own <= bursts.period_ms / OF_BURSTS);
    let bursts = if of_bursts { ", most of them in bursts that came so (see buffering)" } else { "" };
    let seen = format!(
        "arrived bytes waited for the client: {}{waits}{}{wide}{bursts}",
        figures(lag),
        interruptions(&client.cores)
    );
    let most = if of_bursts { Status::Valid } else { Status::Invalid };
    Some(Found::new("receive_lag", Scope::Client).measured(own, TOLD_MS, "ms").moving(effects).at_most(most).says(
        seen,
        format!("give the client more cores ({}), try the other driver ({}), and keep the server and other programs off its cores", Setting::Cores, Setting::Io),
    ))
}

/// Whether an effect is large enough to be told although the lag itself is short.
fn tells(effect: &Effect) -> bool {
    effect.decides || effect.share.is_some_and(|share| share > MARKED)
}

/// `p99 1.50 ms, at most 480 ms`
fn figures(lag: &Distribution) -> String {
    let at = |name: &str| lag.at(name).map_or_else(String::new, shown_ms);
    let few = if lag.count < FEW { format!(" of only {}", lag.count) } else { String::new() };
    format!("p99 {}{few}, at most {}", at("p99"), at("max"))
}

/// A note: what was asked for shows in figures that are judged otherwise.
fn slow_reader(plan: &Plan) -> Option<Finding> {
    plan.network.read_rate.map(|rate| {
        Found::new("slow_reader", Scope::Policy).counted(rate.into(), "bytes/sec").says(
            format!(
                "each connection was read at no more than {rate} bytes/s, as asked: receive lag and coalesced events are of that, and are not judged"
            ),
            format!("read the figures as those of slow clients; leave out {} to measure the server alone", Setting::ReadRate),
        )
    })
}

/// A note: it explains lag, and warns before there is any.
fn busy_core(summary: &Summary) -> Option<Finding> {
    let busiest = summary.client.cores.iter().max_by(|a, b| a.busy_share.total_cmp(&b.busy_share))?;
    if busiest.busy_share <= BUSY {
        return None;
    }
    let core = busiest.core.map_or_else(|| "an unpinned core".into(), |core| format!("core {core}"));
    let busy = shown_share(busiest.busy_share);
    Some(Found::new("busy_core", Scope::Client).measured(busiest.busy_share, BUSY, "ratio").says(
        format!("{core} was busy {busy} of the time with the client (reported above {})", shown_share(BUSY)),
        format!(
            "the client is near its own ceiling: give it more cores ({}), or lower {} or {}",
            Setting::Cores,
            Setting::Concurrency,
            Setting::RequestRate
        ),
    ))
}

/// Events that shared their read: those of late reads are the client's. Those of reads in time came together, which is
/// told here where they came too fast for a pattern; of others [`buffering`](super::buffering) tells.
fn coalesced(case: &Case<'_>) -> Option<Finding> {
    let client = &case.summary.client;
    let buffers = buffering::pattern(case.summary).is_some();
    let share = |events: u64| events as f64 / client.events.max(1) as f64;
    let late = client.coalesced.saturating_sub(client.merged);
    let is_late = share(late) > COALESCED && !(buffers && client.merged >= late);
    if !is_late && (buffers || share(client.merged) <= COALESCED) {
        return None;
    }
    let (events, scope) = if is_late { (late, Scope::Client) } else { (client.merged, Scope::Path) };
    let asked = case.asks_for(&tags::INTER_CHUNK_LATENCY) && client.events >= FEW;
    let trust = if buffers { "" } else { "; until then trust inter_token_latency, not inter_chunk_latency" };
    Some(
        Found::new("coalesced", scope)
            .measured(share(events), COALESCED, "ratio")
            .at_least(if asked { Status::Suspect } else { Status::Valid })
            .says(
                format!(
                    "{events} of {} output events ({}) shared their read with a later one and have its time (reported above {}), and the read was {}",
                    client.events,
                    shown_share(share(events)),
                    shown_share(COALESCED),
                    if is_late { "late" } else { "in time" }
                ),
                if is_late {
                    format!("the client read late: give it more cores ({}){trust}", Setting::Cores)
                } else {
                    "the server, or a proxy between, sends several events at once: inter_chunk_latency is of these bursts".to_owned()
                },
            ),
    )
}

fn user_stamps(plan: &Plan, summary: &Summary) -> Option<Finding> {
    if summary.client.stamps != "user" {
        return None;
    }
    let asked = plan.stamps == Stamps::User;
    Some(Found::new("user_stamps", if asked { Scope::Policy } else { Scope::Client }).says(
        "arrivals were stamped by the client when it read them: its own delay is part of every token time and cannot be known",
        if asked {
            format!("run with {} kernel", Setting::Stamps)
        } else {
            "run where the kernel stamps arrivals (SO_TIMESTAMPING), or read small differences with care".to_owned()
        },
    ))
}

fn stamp_fallbacks(summary: &Summary) -> Option<Finding> {
    let client = &summary.client;
    if client.reads == 0 || client.stamps == "user" {
        return None;
    }
    let share = client.stamp_fallbacks as f64 / client.reads as f64;
    (share > FALLBACKS).then(|| {
        Found::new("stamp_fallbacks", Scope::Client).measured(share, FALLBACKS, "ratio").says(
            format!(
                "{} of {} reads ({}) had no plausible kernel stamp and have the time of the read",
                client.stamp_fallbacks,
                client.reads,
                shown_share(share)
            ),
            "loopback and some virtual interfaces do not stamp every packet: measure over a real interface where it matters",
        )
    })
}

/// Reads that fell back from the arrival of each segment to that of the read.
fn packets_missed(summary: &Summary) -> Option<Finding> {
    let client = &summary.client;
    (client.packets_missed > 0).then(|| {
        let remedy = if client.packets_missed < client.reads {
            format!("spread the connections over more cores ({}), or over more machines", Setting::Cores)
        } else {
            format!(
                "use {} kernel where this machine rewrites the addresses of packets (a rule of its firewall for the server's address: DNAT), \
                 which are then not known again",
                Setting::Stamps
            )
        };
        Found::new("packets_missed", Scope::Client).counted(client.packets_missed, "reads").says(
            format!(
                "no packet was seen of {} parts of reads ({} packets found no room): these have the kernel's stamp of their read, and how much \
                 earlier they can have arrived is in their intervals",
                client.packets_missed, client.packets_dropped
            ),
            remedy,
        )
    })
}

fn buffers(summary: &Summary) -> Option<Finding> {
    let starved = summary.client.buffer_starved;
    (starved > 0).then(|| {
        Found::new("buffers", Scope::Client).counted(starved, "receives").says(
            format!("{starved} receives found no free buffer and began again; nothing was lost"),
            format!("spread the connections over more cores ({})", Setting::Cores),
        )
    })
}

/// A lag under this is told where it moved a figure alone.
const TOLD_MS: f64 = 1.0;
/// A lag of less than that part of a period is not what made the bursts.
const OF_BURSTS: f64 = 10.0;
/// Lags within this are none.
const NARROW_MS: f64 = crate::arrival::NARROW as f64 / 1e6;
pub(super) const BUSY: f64 = 0.8;
/// The share of the output events from which on those that came together are told.
pub(super) const COALESCED: f64 = 0.2;
const FALLBACKS: f64 = 0.01;
pub(super) const FEW: u64 = 100;

#[cfg(test)]
mod tests;
