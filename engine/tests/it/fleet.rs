//! A load that several processes share: what they send together, and when, is what one process sends that has the cores
//! of all.

use crate::simulated::{START, end, head, lasting, plan, token};
use proptest::test_runner::{Config, TestRunner};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::plan::{
    Arrival, Cap, CapPolicy, CoreRange, Length, Load, Phase, Piece, Plan, Ramp, Rate, Shape, Trace, Turns,
};
use ringload_engine::record::PhaseKind;

/// How long an answer takes.
const ANSWER: Nanos = 30 * MILLI;

/// Answers each request after [`ANSWER`], and keeps what came.
#[derive(Default)]
struct Keeper {
    came: Vec<Sent>,
}

/// A request as it came: when, from the start of the run, and its bytes.
type Sent = (Nanos, Vec<u8>);

impl Peer for Keeper {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        assert!(bytes.starts_with(b"POST "), "a request comes in one piece");
        self.came.push((now - START, bytes.to_vec()));
        script.send(now + ANSWER, key, [head(), token("word"), end()].concat());
    }
}

/// What came of the requests of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    sent: Vec<Sent>,
    /// Requests of the measured phase: issued, dropped.
    counts: (u64, u64),
    begun: [u64; 2],
}

/// Plays a plan by processes with so many cores each.
fn play(plan: &Plan, members: &[usize]) -> Outcome {
    let mut all = Outcome::default();
    for range in CoreRange::stretches(members) {
        let mut plan = plan.clone();
        plan.core_range = (members.len() > 1).then_some(range);
        let played = SimulatedRun::new(&plan).workers(range.count).play_each(|_| Keeper::default());
        let counts = played.counts();
        all.counts = (all.counts.0 + counts.issued, all.counts.1 + counts.dropped);
        for phase in [PhaseKind::Warmup, PhaseKind::Profiling] {
            all.begun[phase as usize] += played.shard.phase(phase).sessions.begun;
        }
        all.sent.extend(played.peers.into_iter().flat_map(|peer| peer.came));
    }
    all.sent.sort();
    all
}

/// Holds the requests of several ways to share a load against those of one process with as many cores, and against a
/// process with one core where `cores_matter` is not set.
fn check(name: &str, plan: &Plan, cores_matter: bool) {
    let whole = play(plan, &[4]);
    assert!(whole.sent.len() > 20, "{name}: {} requests", whole.sent.len());
    for members in [&[1, 1, 1, 1][..], &[2, 2], &[1, 3]] {
        let shared = play(plan, members);
        assert!(shared == whole, "{name} by {members:?}: {:?} for {:?}", shared.counts, whole.counts);
    }
    if !cores_matter {
        assert!(play(plan, &[1]) == whole, "{name} by one core");
    }
}

fn open(rate: impl Into<Rate>, pattern: Arrival) -> Load {
    Load::Open { rate: rate.into(), pattern, cap: None }
}

/// As `phase`, with a plan that has enough prompts to tell requests from one another.
fn of(phase: Phase) -> Plan {
    let mut plan = plan(phase);
    plan.prompts.entries = 64;
    plan.prompts.isl = Length { mean: 12.0, stddev: 4.0 };
    plan.seed = 5;
    plan
}

#[test]
fn arrivals_at_any_rate_are_those_of_one_process() {
    let saw = |i: u64| Piece::linear(20.0, 90.0, (1 + i % 2) * SECOND / 2);
    for (name, rate) in [
        ("steady", Rate::from(80.0)),
        ("ramp", Rate::ramped(120.0, Ramp { lasting: SECOND, shape: Shape::Linear })),
        ("exponential ramp", Rate::ramped(120.0, Ramp { lasting: SECOND, shape: Shape::Exponential })),
        ("series", Rate::new((0..4).map(saw).collect(), 40.0)),
    ] {
        for pattern in [Arrival::Constant, Arrival::Poisson, Arrival::Gamma { smoothness: 0.4 }] {
            check(&format!("{name} {pattern:?}"), &of(lasting(open(rate.clone(), pattern), Some(2 * SECOND))), false);
        }
    }
}

#[test]
fn a_number_of_requests_a_trace_and_a_warm_up_are_shared_without_a_rest() {
    let mut bounded = of(lasting(open(90.0, Arrival::Poisson), None));
    bounded.profiling.requests = Some(101);
    check("requests", &bounded, false);
    bounded.warmup = Some(Phase { requests: Some(13), ..lasting(open(50.0, Arrival::Constant), None) });
    // The measured phase of each process begins when its own warm-up is over: in a fleet a barrier stands between.
    let (shared, whole) = (play(&bounded, &[1, 3]), play(&bounded, &[4]));
    assert_eq!((shared.sent.len(), shared.counts), (whole.sent.len(), whole.counts));
    let instants: Vec<Nanos> = (0..77).map(|k: u64| k * k % 23 * MILLI + k * 9 * MILLI).collect();
    let mut instants = instants;
    instants.sort_unstable();
    let mut trace = of(lasting(Load::Fixed { trace: Trace(instants.into()), cap: None }, None));
    trace.profiling.requests = Some(77);
    check("trace", &trace, false);
}

#[test]
fn users_are_shared_as_one_process_shares_them_over_its_cores() {
    let mut users = of(lasting(Load::Users { rate: 60.0, users: 7 }, Some(2 * SECOND)));
    check("users", &users, false);
    users.prompts.turns = Turns { count: Length { mean: 3.0, stddev: 1.0 }, delay_mean_ms: 10.0, ..Turns::ONE };
    check("users who talk", &users, false);
    users.profiling = Phase { duration: None, sessions: Some(18), ..users.profiling };
    check("so many conversations of users", &users, false);
}

#[test]
fn conversations_at_a_rate_stay_on_the_core_that_is_theirs() {
    let mut plan = of(lasting(open(80.0, Arrival::Poisson), None));
    plan.prompts.turns = Turns { count: Length { mean: 3.0, stddev: 1.0 }, delay_mean_ms: 10.0, ..Turns::ONE };
    plan.profiling.sessions = Some(23);
    check("conversations", &plan, true);
    assert_eq!(play(&plan, &[1, 1, 1, 1]).begun[PhaseKind::Profiling as usize], 23);
    let trace: Vec<Nanos> = (0..23).map(|k| k * 15 * MILLI).collect();
    plan.profiling.load = Load::Fixed { trace: Trace(trace.into()), cap: None };
    check("conversations of a trace", &plan, false);
}

/// The places of a closed loop take requests as they come free, so that the cores of one process, which this driver
/// plays one after the other, cannot be held against several processes. With one core they can.
#[test]
fn the_places_of_a_closed_loop_are_shared_with_the_requests_that_are_theirs() {
    let ramp = Some(Ramp { lasting: SECOND, shape: Shape::Linear });
    for (name, load) in [("at once", Load::closed(10)), ("ramp", Load::Closed { concurrency: 10, ramp })] {
        let mut plan = of(lasting(load, None));
        plan.profiling.requests = Some(143);
        let whole = play(&plan, &[1]);
        for members in [&[1, 1, 1, 1][..], &[2, 2], &[3, 1], &[1, 1]] {
            let shared = play(&plan, members);
            assert_eq!(shared.counts, whole.counts, "{name} by {members:?}");
            assert_eq!(bodies(&shared), bodies(&whole), "{name} by {members:?}");
            // Each answer takes as long as any other, so that places come free in their order.
            if name == "at once" && members.iter().all(|cores| *cores == 1) {
                assert!(shared == whole, "{name} by {members:?}");
            }
        }
    }
    // Fewer places than processes: those without one send nothing.
    let few = of(Phase::closed(2, 40));
    assert_eq!(play(&few, &[1, 1, 1]), play(&few, &[1]));
}

/// The bytes that were sent, in order.
fn bodies(of: &Outcome) -> Vec<&[u8]> {
    let mut bodies: Vec<&[u8]> = of.sent.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    bodies.sort_unstable();
    bodies
}

#[test]
fn conversations_of_a_closed_loop_and_requests_of_conversations_come_to_their_number() {
    let mut plan = of(Phase::closed(8, 90));
    plan.prompts.turns = Turns { count: Length { mean: 3.0, stddev: 1.0 }, delay_mean_ms: 10.0, ..Turns::ONE };
    let shared = play(&plan, &[1, 1, 1, 1]);
    assert_eq!(shared.counts, (90, 0));
    plan.profiling = Phase { requests: None, sessions: Some(21), ..plan.profiling };
    let (shared, whole) = (play(&plan, &[1, 2, 1]), play(&plan, &[1]));
    assert_eq!(shared.begun[PhaseKind::Profiling as usize], 21);
    assert_eq!(bodies(&shared), bodies(&whole));
}

#[test]
fn a_cap_is_shared_by_its_places() {
    let cap = |policy| Some(Cap { concurrency: 6, policy, ramp: None });
    for policy in [CapPolicy::Queue, CapPolicy::Drop] {
        let load = Load::Open { rate: 400.0.into(), pattern: Arrival::Constant, cap: cap(policy) };
        let plan = of(lasting(load, Some(SECOND)));
        let (shared, whole) = (play(&plan, &[1, 1, 1]), play(&plan, &[1]));
        assert_eq!(shared.counts.0 + shared.counts.1, 400, "{policy:?}");
        // Six places of 30 ms each: 200 requests a second.
        assert!(
            shared.counts.0.abs_diff(whole.counts.0) <= 6,
            "{policy:?}: {:?} for {:?}",
            shared.counts,
            whole.counts
        );
    }
    // A cap that never binds changes nothing.
    let load = Load::Open {
        rate: 80.0.into(),
        pattern: Arrival::Poisson,
        cap: Some(Cap { concurrency: 40, policy: CapPolicy::Queue, ramp: None }),
    };
    check("a cap that is wide enough", &of(lasting(load, Some(SECOND))), false);
}

#[test]
fn any_load_is_shared_by_any_processes() {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let loads = (1_u32..200, 1_u32..9, 0_u8..3, proptest::collection::vec(1_usize..4, 1..5));
    runner
        .run(&loads, |(rate, users, kind, members)| {
            let rate = f64::from(rate);
            let load = match kind {
                0 => open(rate, Arrival::Poisson),
                1 => open(rate, Arrival::Constant),
                _ => Load::Users { rate, users },
            };
            let plan = of(lasting(load, Some(SECOND / 2)));
            let cores = members.iter().sum();
            proptest::prop_assert!(play(&plan, &members) == play(&plan, &[cores]));
            Ok(())
        })
        .unwrap();
}
