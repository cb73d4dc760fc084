//! What the servers call the figures that a run is read beside.

use super::gpu::REASONS;
use super::labels::Labels;

/// A figure of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Gauge: requests in the batch.
    Running,
    /// Gauge: requests that wait to be admitted.
    Waiting,
    /// Gauge: share of the key-value cache in use, 0 to 1.
    KvUse,
    /// Counter: prompt tokens that were looked up in the prefix cache.
    PrefixQueries,
    /// Counter: of them those that were found.
    PrefixHits,
    /// Counter: prompt tokens.
    PromptTokens,
    /// Counter: output tokens.
    GenerationTokens,
    /// Counter: requests that lost their place in the batch.
    Preemptions,
    /// Counter: tokens that speculative decoding drafted.
    DraftTokens,
    /// Counter: of them those that were accepted.
    AcceptedTokens,
    /// Histogram: from arrival to admission, in seconds.
    QueueTime,
    /// Histogram: prefill, in seconds.
    PrefillTime,
    /// Gauge: what GPUs draw, in watts.
    GpuPower,
    /// Gauge: how warm GPUs are, in °C.
    GpuTemperature,
    /// Gauge: whether any GPU has lowered its clocks for heat, 0 or 1.
    GpuHeat,
    /// The same for a limit of power.
    GpuPowerLimit,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Running,
        Self::Waiting,
        Self::KvUse,
        Self::PrefixQueries,
        Self::PrefixHits,
        Self::PromptTokens,
        Self::GenerationTokens,
        Self::Preemptions,
        Self::DraftTokens,
        Self::AcceptedTokens,
        Self::QueueTime,
        Self::PrefillTime,
        Self::GpuPower,
        Self::GpuTemperature,
        Self::GpuHeat,
        Self::GpuPowerLimit,
    ];

    /// The names that families of it have, without `_total`: where an endpoint has several, the first counts.
    pub(super) fn families(self) -> &'static [&'static str] {
        match self {
            Self::Running => &[
                "vllm:num_requests_running",
                "sglang:num_running_reqs",
                "trtllm_num_requests_running",
                "num_requests_running",
                "llamacpp:requests_processing",
                "tgi_batch_current_size",
                "dynamo_frontend_inflight_requests",
            ],
            Self::Waiting => &[
                "vllm:num_requests_waiting",
                "sglang:num_queue_reqs",
                "trtllm_num_requests_waiting",
                "num_requests_waiting",
                "llamacpp:requests_deferred",
                "tgi_queue_size",
                "dynamo_frontend_queued_requests",
            ],
            Self::KvUse => &[
                "vllm:kv_cache_usage_perc",
                "vllm:gpu_cache_usage_perc",
                "sglang:token_usage",
                "trtllm_kv_cache_utilization",
                "gpu_cache_usage_perc",
                "dynamo_component_kvstats_gpu_cache_usage_percent",
            ],
            Self::PrefixQueries => {
                &["vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries", "gpu_prefix_cache_queries"]
            }
            Self::PrefixHits => &["vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits", "gpu_prefix_cache_hits"],
            Self::PromptTokens => &[
                "vllm:prompt_tokens",
                "sglang:prompt_tokens",
                "trtllm_prompt_tokens",
                "prompt_tokens",
                "llamacpp:prompt_tokens",
            ],
            Self::GenerationTokens => &[
                "vllm:generation_tokens",
                "sglang:generation_tokens",
                "trtllm_generation_tokens",
                "generation_tokens",
                "llamacpp:tokens_predicted",
            ],
            Self::Preemptions => &["vllm:num_preemptions", "sglang:num_retracted_requests", "num_preemptions"],
            Self::DraftTokens => &[
                "vllm:spec_decode_num_draft_tokens",
                "trtllm_spec_decode_num_draft_tokens",
                "llamacpp:spec_decode_num_draft_tokens",
            ],
            Self::AcceptedTokens => &[
                "vllm:spec_decode_num_accepted_tokens",
                "trtllm_spec_decode_num_accepted_tokens",
                "llamacpp:spec_decode_num_accepted_tokens",
            ],
            Self::QueueTime => &[
                "vllm:request_queue_time_seconds",
                "sglang:queue_time_seconds",
                "trtllm_request_queue_time_seconds",
                "request_queue_time_seconds",
                "tgi_request_queue_duration",
            ],
            Self::PrefillTime => &[
                "vllm:request_prefill_time_seconds",
                "trtllm_request_prefill_time_seconds",
                "request_prefill_time_seconds",
            ],
            Self::GpuPower => &["DCGM_FI_DEV_POWER_USAGE"],
            Self::GpuTemperature => &["DCGM_FI_DEV_GPU_TEMP"],
            Self::GpuHeat | Self::GpuPowerLimit => &REASONS,
        }
    }

    /// Whether a series of the family counts: of SGLang's ranks, which each tell of the same requests, the first.
    pub(super) fn counts(labels: &Labels) -> bool {
        ["tp_rank", "pp_rank", "moe_ep_rank"].iter().all(|rank| labels.get(rank).is_none_or(|rank| rank == "0"))
    }
}

/// The server whose names a family's name is of.
#[must_use]
pub fn dialect_of(family: &str) -> Option<&'static str> {
    DIALECTS.iter().find(|(begins, _)| family.starts_with(begins)).map(|(_, name)| *name)
}

const DIALECTS: [(&str, &str); 7] = [
    ("vllm:", "vLLM"),
    ("sglang:", "SGLang"),
    ("trtllm_", "TensorRT-LLM"),
    ("llamacpp:", "llama.cpp"),
    ("dynamo_", "Dynamo"),
    ("tgi_", "TGI"),
    ("nv_inference_", "Triton"),
];
