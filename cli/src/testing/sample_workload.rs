//! What a workload came to, for tests of renderers.

use ringload_engine::measure::{
    CacheFigures, InputFigures, OutputFigures, RepeatFigures, Sending, UnseenFigures, WorkloadFigures,
};

/// Prompts that were sent again, hidden reasoning, and all else that there can be.
pub(super) fn figures() -> WorkloadFigures {
    let sending = |count, mean_ms| Sending { count, mean_ms, std_ms: 4.0, p50_ms: mean_ms };
    WorkloadFigures {
        input: InputFigures {
            compared: 490,
            tokens: 269_500,
            usage_tokens: 284_200,
            characters_per_token: Some(5.4),
            ..InputFigures::default()
        },
        output: OutputFigures {
            compared: 490,
            longer: 2,
            shorter: 5,
            asked: 125_440,
            tokens: 99_029,
            apart: 512,
            ..OutputFigures::default()
        },
        unseen: UnseenFigures {
            responses: 490,
            hidden: 4,
            hidden_tokens: 400,
            tokens: 900,
            itl_ms: Some(5.59),
            seen_ms: Some(5.61),
            ..UnseenFigures::default()
        },
        cache: CacheFigures { told: 490, requests: 12, tokens: 192, of: 284_200, ms_per_token: Some(0.32) },
        repeats: Some(RepeatFigures {
            sent: 500,
            distinct: 480,
            again: 20,
            after_warmup: 0,
            metric: "time_to_first_token".into(),
            first: Some(sending(471, 97.1)),
            later: Some(sending(19, 92.5)),
        }),
    }
}
