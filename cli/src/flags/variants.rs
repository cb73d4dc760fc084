//! Plans that are made from another plan: the runs of a sweep, repeats, probes, and the steps of a calibration.

use super::CampaignArgs;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{
    Cores, Dns, Family, HttpVersion, Length, Load, Phase, Plan, Prompts, Reuse, Target, TokenizerSource,
};
use ringload_engine::random::derive;

/// A seed of 32 bits that is made from another; every JSON reader keeps such a number whole.
fn derived(seed: u64, index: u64) -> u64 {
    derive(seed, index) >> 32
}

/// The plan with connections that are there before the clock of the run starts, so that what it has to connect is not
/// taken for what the load does: where they are kept at all, and where it is known how many there will be.
pub(crate) fn prewarmed(mut plan: Plan) -> Plan {
    if plan.reuse != Reuse::Pooled || plan.network.prewarm > 0 {
        return plan;
    }
    let Some(bound) = plan.profiling.load.most_in_flight() else {
        return plan;
    };
    let secured = plan.targets.iter().any(|t| t.tls);
    plan.network.prewarm = match plan.network.http {
        HttpVersion::Http2 => bound.div_ceil(plan.network.streams_per_connection.max(1)),
        HttpVersion::Auto if secured => return plan,
        HttpVersion::Http1 | HttpVersion::Auto => bound,
    };
    plan
}

/// The plan of a sweep point, whose seed is its own unless all have the same; `earlier` are the points before it.
pub(crate) fn sweep_point<'a>(plan: Plan, same_seed: bool, earlier: impl Iterator<Item = &'a Plan>) -> Plan {
    let earlier: Vec<&Plan> = earlier.collect();
    let seed = if same_seed { plan.seed } else { derived(plan.seed, earlier.len() as u64) };
    let mut plan = Plan { seed, ..plan };
    let before = earlier.iter().filter(|other| send_the_same(other, &plan)).count();
    plan.prompts.runs_before = u32::try_from(before).ok().filter(|n| *n > 0);
    plan
}

/// Whether two plans send the same prompts.
fn send_the_same(one: &Plan, other: &Plan) -> bool {
    let of_file = one.prompts.replay.is_some() && one.prompts.replay == other.prompts.replay;
    let alike = |plan: &Plan| {
        let prompts = Prompts { runs_before: None, ..plan.prompts.clone() };
        serde_json::to_string(&(prompts, &plan.payload)).ok()
    };
    of_file || one.seed == other.seed && alike(one) == alike(other)
}

/// A run of a plan that is made several times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Repeat {
    /// Which of the repeats, from 0.
    pub(crate) index: usize,
    /// How often this one was made before, and came to nothing.
    pub(crate) tries: usize,
}

/// The plan of a repeat: the first is the plan itself; later ones warm up, and have seeds of their own, as asked. With
/// one seed they have its schedule, and prompts of their own all the same, unless they are to have the same or a file
/// says what they are: a server would answer from its cache what it has seen.
pub(crate) fn repeat(plan: &Plan, repeat: Repeat, args: &CampaignArgs) -> Plan {
    let Repeat { index, tries } = repeat;
    let varied = index > 0 && args.varies_seeds();
    // Tries are numbered behind all repeats.
    let before = index + tries * args.num_profile_runs as usize;
    let mut prompts = plan.prompts.clone();
    if prompts.replay.is_some() || args.set_consistent_seed || prompts.shared && !varied {
        let before = u32::try_from(index + tries).unwrap_or(u32::MAX);
        prompts.runs_before = prompts.runs_before.map(|n| n + before).or(Some(before).filter(|n| *n > 0));
    } else if !varied || tries > 0 {
        prompts.offset = before * prompts.entries.max(plan.warmup_conversations());
    }
    Plan {
        warmup: plan.warmup.clone().filter(|_| index == 0 || args.warms_up_each_time()),
        seed: if varied { derived(plan.seed, (1 << 16) + index as u64) } else { plan.seed },
        prompts,
        ..plan.clone()
    }
}

/// The plan of a probe, with so many prompts. Each probe has arrivals and prompts of its own: what one path of arrivals
/// shows is no evidence for another, and prompts that the server has seen would be served from its cache.
pub(crate) fn probe(plan: Plan, number: usize, entries: usize) -> Plan {
    let plan = prewarmed(plan);
    let prompts = Prompts { entries, ..plan.prompts };
    Plan { seed: derived(plan.seed, number as u64), prompts, ..plan }
}

/// The plan of a run that is no probe, made again: with prompts of its own, as a probe has.
pub(crate) fn again(plan: &Plan, tries: usize) -> Plan {
    Plan { seed: derived(plan.seed, (1 << 24) + tries as u64), ..plan.clone() }
}

/// The plan of a calibration: without what belongs to its server, its time or its judgement, on one core.
pub(crate) fn calibration(plan: Plan, core: usize) -> Plan {
    let mut common = Plan {
        custom_endpoint: None,
        models: vec!["mock".into()],
        headers: Vec::new(),
        extra_inputs: serde_json::Map::new(),
        use_server_token_count: true,
        warmup: None,
        slos: Vec::new(),
        tiers: Vec::new(),
        thresholds: Vec::new(),
        slice: None,
        cancellation: None,
        failed_request_threshold: None,
        max_errors: None,
        cores: Cores::List(vec![core]),
        ..plan
    };
    common.prompts.tokenizer = TokenizerSource::Builtin;
    common.prompts.entries = common.prompts.entries.min(MOST_PROMPTS);
    common.prompts.chat_template = false;
    // A file whose requests have texts says no lengths: those of synthetic prompts stand in.
    if common.prompts.replay.take().is_some() && common.prompts.isl.mean < 1.0 {
        common.prompts.isl.mean = 550.0;
    }
    common.timeouts.request = 60 * SECOND;
    (common.timeouts.ttft, common.timeouts.inter_token) = (None, None);
    let network = &mut common.network;
    (network.dns, network.family) = (Dns::Once, Family::Any);
    network.dns_servers.clear();
    network.resolve.clear();
    network.source_ips.clear();
    network.read_rate = None;
    network.prewarm = 0;
    network.tls.insecure = true;
    (network.tls.ca, network.tls.client, network.tls.server_name) = (None, None, None);
    common
}

/// The load of a step of a calibration.
pub(crate) struct StepLoad {
    /// Where the built-in server is.
    pub(crate) target: Target,
    /// Requests in flight.
    pub(crate) streams: u32,
    /// Output tokens of each.
    pub(crate) tokens: u32,
    /// How long they are sent.
    pub(crate) length: Nanos,
}

/// The plan of a step of a calibration.
pub(crate) fn step(plan: &Plan, load: StepLoad) -> Plan {
    let mut plan = plan.clone();
    let tls = load.target.tls;
    plan.targets = vec![load.target];
    plan.prompts.osl = Some(Length { mean: f64::from(load.tokens), stddev: 0.0 });
    plan.profiling = Phase {
        load: Load::closed(load.streams),
        prefill: None,
        // A connection each leaves its port behind for a minute.
        requests: (plan.reuse != Reuse::Pooled).then_some(MOST_CONNECTIONS),
        sessions: None,
        duration: Some(load.length),
        grace: Some(0),
    };
    if tls && plan.network.http == HttpVersion::Auto && plan.reuse == Reuse::Pooled {
        // The built-in server takes HTTP/2 where it is offered.
        let each = plan.network.streams_per_connection.max(1);
        plan.network.prewarm = load.streams.div_ceil(each);
    }
    prewarmed(plan)
}

const MOST_PROMPTS: usize = 64;
const MOST_CONNECTIONS: u64 = 8_000;
