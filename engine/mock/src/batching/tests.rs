//! The engine's model under a virtual clock.

use super::*;

const MILLI: u64 = 1_000_000;

/// 1 000 prompt tokens per second, steps of 10 ms + 1 ms per sequence.
fn engine(max_batch: usize) -> Engine {
    Engine::new(Settings {
        max_batch,
        prefill_tokens_per_s: 1_000.0,
        decode_step_base: Duration::from_millis(10),
        decode_step_per_seq: Duration::from_millis(1),
    })
}

fn sequence(id: u64, prompt_tokens: u32, output_tokens: u32, arrived_ns: u64) -> Sequence {
    Sequence { id, prompt_tokens, output_tokens, arrived_ns }
}

/// The grants of all steps up to `until_ms`: (id, due in ms).
fn run(engine: &mut Engine, until_ms: u64) -> Vec<(u64, u64)> {
    let mut grants = Vec::new();
    engine.handle_step(until_ms * MILLI, &mut grants);
    let brief = grants.iter().map(|grant| (grant.id, grant.due_ns / MILLI));
    brief.collect()
}

#[test]
fn a_lone_sequence_waits_for_its_prefill_and_then_gets_a_token_a_step() {
    let mut engine = engine(8);
    engine.handle_arrival(sequence(7, 100, 3, 5 * MILLI));
    assert_eq!(engine.next_ns(), Some((5 + 100 + 11) * MILLI));
    assert_eq!(run(&mut engine, 115), []);
    assert_eq!(run(&mut engine, 1_000), [(7, 116), (7, 127), (7, 138)]);
    assert_eq!(engine.next_ns(), None);
}

#[test]
fn an_arrival_during_a_step_joins_the_next_and_its_prefill_delays_all() {
    let mut engine = engine(8);
    engine.handle_arrival(sequence(1, 1, 3, 0));
    engine.handle_arrival(sequence(2, 20, 2, MILLI));
    assert_eq!((engine.running(), engine.waiting()), (1, 1));
    // 1 + 10 + 1, then 20 + 10 + 2, then 10 + 2.
    let expected = [(1, 12), (1, 44), (2, 44), (1, 56), (2, 56)];
    assert_eq!(run(&mut engine, 1_000), expected);
}

#[test]
fn what_does_not_fit_into_the_batch_is_admitted_in_order_of_arrival() {
    let mut engine = engine(2);
    for id in 0..5 {
        engine.handle_arrival(sequence(id, 0, 2, 0));
    }
    assert_eq!((engine.running(), engine.waiting()), (1, 4));
    let mut grants = Vec::new();
    engine.handle_step(1_000 * MILLI, &mut grants);
    let first: Vec<(u64, u64)> = grants.iter().filter_map(|grant| Some((grant.id, grant.queued_ns? / MILLI))).collect();
    // Steps end at 11 (0), 23 (0, 1), 35 (1, 2), 47 (2, 3), 59 (3, 4), 70 (4).
    assert_eq!(first, [(0, 0), (1, 11), (2, 23), (3, 35), (4, 47)]);
    assert_eq!(grants.last().map(|grant| grant.due_ns), Some(70 * MILLI));
}

#[test]
fn a_cancelled_sequence_leaves_its_place_to_the_next() {
    let mut engine = engine(1);
    for id in 0..3 {
        engine.handle_arrival(sequence(id, 0, 2, 0));
    }
    engine.cancel(0);
    engine.cancel(1);
    assert_eq!(run(&mut engine, 1_000), [(2, 22), (2, 33)]);
}

#[test]
fn steps_that_are_handled_late_are_the_same_as_in_time() {
    let (mut late, mut in_time) = (engine(4), engine(4));
    let mut expected = Vec::new();
    for id in 0..10 {
        for engine in [&mut late, &mut in_time] {
            engine.handle_arrival(sequence(id, 3, 5, 0));
        }
    }
    for millisecond in 0..2_000 {
        expected.extend(run(&mut in_time, millisecond));
    }
    assert_eq!(run(&mut late, 2_000), expected);
    assert_eq!(expected.len(), 50);
}

#[test]
fn there_is_a_knee_where_the_batch_is_full() {
    // 16 sequences of 10 tokens, steps of 26 ms: at most 61.5 requests per second.
    let latency_ms = |per_second: u64| {
        let mut engine = engine(16);
        let mut grants = Vec::new();
        let arrivals: Vec<u64> = (0..2_000).map(|k| k * SECOND / per_second).collect();
        for (id, &arrived_ns) in arrivals.iter().enumerate() {
            engine.handle_step(arrived_ns, &mut grants);
            engine.handle_arrival(sequence(id as u64, 0, 10, arrived_ns));
        }
        engine.handle_step(u64::MAX, &mut grants);
        let waits = grants.iter().map(|grant| grant.due_ns - arrivals[grant.id as usize]);
        waits.max().unwrap_or(0) / MILLI
    };
    assert!(latency_ms(30) < 300, "{}", latency_ms(30));
    assert!(latency_ms(55) < 600, "{}", latency_ms(55));
    assert!(latency_ms(90) > 8_000, "{}", latency_ms(90));
}
