//! Records for tests: by hand, and at random.

use super::{
    Cause, FinishReason, Instants, Intervals, Lags, Observed, Outcome, PhaseKind, Record, Retry, Timings, Transmission,
    Usage,
};
use crate::clock::Nanos;
use proptest::prelude::*;

/// A successful streamed request: issued (and scheduled) at `issued`, first output after `ttft`, then `gaps`. Sent
/// within 100 ns of its issue over a reused connection; the stream ends 5 ns after its last output.
pub(crate) fn streamed(k: u64, issued: Nanos, ttft: Nanos, gaps: &[Nanos]) -> Record {
    let first = issued + ttft;
    let last = first + gaps.iter().sum::<Nanos>();
    Record {
        k,
        turn: 0,
        index: k,
        phase: PhaseKind::Profiling,
        worker: 0,
        target: 0,
        entry: k as u32,
        isl: 100,
        requested_osl: None,
        request_id: u128::from(k),
        instants: Instants {
            scheduled: issued,
            issued,
            dns_start: None,
            dns_end: None,
            tcp_start: None,
            tcp_end: None,
            tls_start: None,
            tls_end: None,
            connection_ready: Some(issued),
            send_start: Some(issued + 40),
            send_end: Some(issued + 100),
            first_byte: Some(first),
            head_end: Some(first),
            first_token: Some(first),
            first_visible_token: Some(first),
            last_token: Some(last),
            end: last + 5,
        },
        outcome: Outcome::Succeeded,
        status: 200,
        usage: None,
        usage_refused: false,
        finished: true,
        observed: Observed { reason: Some(FinishReason::Length), ..Observed::default() },
        events: gaps.len() as u32 + 1,
        coalesced: 0,
        merged: 0,
        intervals: Intervals::default(),
        lags: Lags::default(),
        reads: gaps.len() as u32 + 1,
        bytes_sent: 2_048,
        bytes_received: 5_120,
        handshake: None,
        connection_reused: true,
        round_trip: None,
        transmission: None,
        retry: None,
        gaps: gaps.to_vec(),
        text: None,
        reasoning_text: None,
        detail: None,
        timings: None,
    }
}

/// The same request failed after its output.
pub(crate) fn failed(record: Record, cause: Cause, status: u16, detail: &str) -> Record {
    Record { outcome: Outcome::Failed(cause), status, finished: false, detail: Some(detail.into()), ..record }
}

/// Instants in any order, some absent.
pub(crate) fn any_instants() -> impl Strategy<Value = Instants> {
    let cut = || prop::option::of(0..2_000u64);
    (
        (0..2_000u64, 0..2_000u64, 0..2_000u64),
        (cut(), cut(), cut(), cut(), cut(), cut(), cut()),
        (cut(), cut(), cut()),
        (cut(), cut(), cut(), cut()),
    )
        .prop_map(|((scheduled, issued, end), cuts, tokens, more)| Instants {
            scheduled,
            issued,
            dns_start: more.0,
            dns_end: more.1,
            tcp_start: cuts.0,
            tcp_end: cuts.1,
            tls_start: more.2,
            tls_end: more.3,
            connection_ready: cuts.2,
            send_start: cuts.3,
            send_end: cuts.4,
            first_byte: cuts.5,
            head_end: cuts.6,
            first_token: tokens.0,
            first_visible_token: tokens.1,
            last_token: tokens.2,
            end,
        })
}

/// Durations of a server, some absent, and in contradiction.
pub(crate) fn any_timings() -> impl Strategy<Value = Timings> {
    let length = || prop::option::of(0..2_000u64);
    ((length(), length(), length(), length()), (length(), length(), length(), length())).prop_map(|(some, more)| {
        Timings {
            queue: some.0,
            prefill: some.1,
            decode: some.2,
            inference: some.3,
            front_end: more.0,
            first_token: more.1,
            total: more.2,
            upstream: more.3,
        }
    })
}

/// Records that no run would leave: every field at random, contradictions included.
pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let small = prop::option::of(0..10_000u32);
    let usage = (small.clone(), small.clone(), small.clone(), small.clone(), small.clone(), small.clone()).prop_map(
        |(prompt, completion, total, reasoning, cached, cache_written)| Usage {
            prompt,
            completion,
            total,
            reasoning,
            cached,
            cache_written,
        },
    );
    let outcome = prop_oneof![
        3 => Just(Outcome::Succeeded),
        1 => prop::sample::select(&Cause::ALL[..]).prop_map(Outcome::Failed),
        1 => Just(Outcome::InFlight),
        1 => Just(Outcome::Cancelled),
    ];
    let text = prop::option::of(".{0,12}");
    let timings = prop::option::of(any_timings().prop_map(Box::new));
    (
        (any::<u64>(), any::<bool>(), any::<u16>(), any::<u32>(), small, any::<u128>()),
        (any_instants(), outcome, any::<u16>(), prop::option::of(usage), any::<bool>()),
        (0..9u32, 0..9u32, 0..9u32, any::<u64>(), any::<u64>(), any::<bool>(), 0..4u8),
        (prop::collection::vec(any::<u64>(), 0..9), text.clone(), text.clone(), text, timings),
    )
        .prop_map(|(who, what, sizes, heap)| Record {
            k: who.0,
            turn: who.3,
            index: who.0,
            phase: if who.1 { PhaseKind::Profiling } else { PhaseKind::Warmup },
            worker: who.2,
            target: who.2,
            entry: who.3,
            isl: who.3,
            requested_osl: who.4,
            request_id: who.5,
            instants: what.0,
            outcome: what.1,
            status: what.2,
            usage: what.3,
            usage_refused: what.4,
            finished: what.4,
            observed: Observed {
                reason: what.4.then_some(FinishReason::Stop),
                reasoned: sizes.5,
                first_tokens: who.4,
                text_bytes: sizes.0,
                first_text_bytes: sizes.1,
                prompt_growth: sizes.2,
            },
            events: sizes.0,
            coalesced: sizes.1,
            merged: sizes.1,
            intervals: Intervals {
                first: sizes.1.into(),
                last: sizes.0.into(),
                widest: u64::from(sizes.1) << 30,
                wide: sizes.0,
                end: sizes.1.into(),
                begin: sizes.0.into(),
            },
            lags: Lags {
                lookup: sizes.1.into(),
                dispatch: sizes.0.into(),
                queue: sizes.1.into(),
                connect: sizes.3 >> 20,
                handshake: sizes.2.into(),
            },
            reads: sizes.2,
            bytes_sent: sizes.3,
            bytes_received: sizes.4,
            handshake: None,
            connection_reused: sizes.5,
            round_trip: sizes.5.then_some(sizes.3),
            transmission: sizes.5.then_some(Transmission { held: sizes.4, acknowledged: what.4.then_some(sizes.3) }),
            retry: Retry::ALL.get(usize::from(sizes.6)).copied(),
            gaps: heap.0,
            text: heap.1,
            reasoning_text: heap.2,
            detail: heap.3,
            timings: heap.4,
        })
}
