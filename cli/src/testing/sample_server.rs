//! What a server said of itself in the sample.

use ringload_engine::telemetry::{
    EndpointFigures, GaugeFigures, QueueFigures, ServerFigures, ServerSlice, ServerTokens, ShareFigures, TokenCheck,
};

pub(super) fn figures() -> ServerFigures {
    let tokens = |prompt, generation| ServerTokens { prompt: Some(prompt), generation: Some(generation) };
    ServerFigures {
        endpoints: vec![EndpointFigures {
            url: "http://vllm-server:8000/metrics".into(),
            fetches: 240,
            failed: 1,
            updates: 239,
            first_at: 1_785_304_909_000_000_000,
            last_at: 1_785_304_988_700_000_000,
            first_update_at: 1_785_304_909_000_000_000,
            last_update_at: 1_785_304_988_700_000_000,
            took_ns: 480_000_000,
            largest_bytes: 81_920,
            series: 412,
            ..EndpointFigures::default()
        }],
        servers: vec!["vLLM".into()],
        running: Some(GaugeFigures { avg: 27.5, min: 4.0, max: 32.0 }),
        waiting: Some(GaugeFigures { avg: 3.25, min: 0.0, max: 14.0 }),
        waiting_share: Some(0.42),
        kv_use: Some(GaugeFigures { avg: 0.61, min: 0.1, max: 0.985 }),
        preemptions: Some(3),
        prefix_hits: Some(ShareFigures { part: 12_000.0, whole: 269_500.0 }),
        accepted_drafts: Some(ShareFigures { part: 700.0, whole: 1_000.0 }),
        queue: Some(QueueFigures {
            count: 490.0,
            avg_ms: 38.5,
            p50_ms: Some(20.0),
            p99_ms: Some(300.0),
            p99_is_over: true,
        }),
        prefill: Some(QueueFigures { count: 490.0, avg_ms: 71.25, p50_ms: None, p99_ms: None, p99_is_over: false }),
        tokens: tokens(269_500.0, 125_440.0),
        check: Some(TokenCheck {
            server: tokens(275_000.0, 128_000.0),
            prompt: 275_000,
            generation: 127_900,
            requests: 517,
            unknown: 17,
        }),
        slices: vec![ServerSlice {
            index: 0,
            running: Some(24.0),
            waiting: Some(1.5),
            kv_use: Some(0.5),
            preemptions: Some(1.0),
            prefix_hits: Some(0.25),
            accepted_drafts: Some(0.7),
        }],
        over_time: None,
    }
}
