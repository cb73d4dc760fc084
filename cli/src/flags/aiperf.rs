//! Flags that AIPerf has and ringload does not yet: data, so that a refusal can name them.

/// What is known of a flag that is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The flag.
    pub(crate) flag: &'static str,
    /// Its group in AIPerf.
    pub(crate) group: &'static str,
    /// What to do instead.
    pub(crate) remedy: &'static str,
}

/// Looks a flag up (`--name`, without a value).
pub(crate) fn find(flag: &str) -> Option<Known> {
    let (group, flag) = all().find(|(_, name)| *name == flag)?;
    let remedy = REMEDIES.iter().find(|(flags, _)| flags.contains(&flag)).map_or("leave it out", |(_, remedy)| remedy);
    Some(Known { flag, group, remedy })
}

/// The flag of AIPerf most like a mistyped one.
pub(crate) fn nearest(flag: &str) -> Option<&'static str> {
    all()
        .map(|(_, name)| (strsim::jaro_winkler(name, flag), name))
        .filter(|(likeness, _)| *likeness > 0.92)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS.iter().flat_map(|(group, flags)| flags.iter().map(move |flag| (*group, *flag)))
}

/// Endpoint types of AIPerf that ringload does not have.
pub(crate) const ENDPOINT_TYPES: &[&str] = &[
    "chat_embeddings",
    "image_generation",
    "image_edit",
    "video_generation",
    "image_retrieval",
    "audio_transcription",
    "solido_rag",
    "rankings",
];

const REMEDIES: &[(&[&str], &str)] = &[
    (&["--config", "-f"], "write the same settings as flags; --dry-run shows the plan that they make"),
    (
        &["--workers-max", "--max-workers", "--record-processor-service-count", "--record-processors"],
        "use --cores to say how many cores drive the load",
    ),
    (&["--log-level", "--extra-verbose"], "use --verbose"),
    (
        &["--search-space", "--search-sla", "--search-recipe"],
        "use `ringload capacity`, or a comma list such as --concurrency 1,4,16",
    ),
    (
        &["--wait-for-model-timeout", "--wait-for-model-mode", "--wait-for-model-interval"],
        "use --wait-for-server SECONDS",
    ),
    (&["--stream"], "it exports records there; to ask for streamed answers write --streaming"),
    (&["--tokenizer-trust-remote-code"], "leave it out: ringload never runs code from a hub"),
];

/// Group, and its flags.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "endpoint",
        &[
            "--wait-for-model-timeout",
            "--wait-for-model-mode",
            "--wait-for-model-interval",
            "--reset-kv-cache",
            "--reset-kv-cache-timeout-seconds",
            "--reset-kv-cache-path",
            "--server-profiler",
            "--server-profiler-timeout-seconds",
            "--server-profiler-start-path",
            "--server-profiler-stop-path",
            "--transport",
            "--transport-type",
            "--download-video-content",
            "--request-content-type",
            "--uuid-and-strip",
        ],
    ),
    ("tokenizer", &["--tokenizer-trust-remote-code"]),
    (
        "datasets",
        &[
            "--public-dataset",
            "--hf-subset",
            "--hf-weka-dataset",
            "--dataset-filter",
            "--use-think-time-only",
            "--max-context-length",
            "--allow-dataset-wrap",
            "--no-allow-dataset-wrap",
            "--trace-session-sample-ratio",
            "--config",
            "-f",
        ],
    ),
    (
        "conversations",
        &[
            "--open-loop-replay",
            "--no-open-loop-replay",
            "--open-loop-strict",
            "--omit-kv-hints",
            "--force-min-tokens",
            "--no-force-min-tokens",
        ],
    ),
    ("prompts", &["--prompt-corpus"]),
    ("input lengths", &["--random-corpus-style"]),
    ("images", &["--image-source", "--image-source-sampling"]),
    (
        "load",
        &[
            "--trajectory-start-min-ratio",
            "--trajectory-start-max-ratio",
            "--burst-phase-starts",
            "--trace-idle-gap-cap-seconds",
            "--system-idle-gap-cap-seconds",
        ],
    ),
    ("scenarios", &["--scenario", "--unsafe-override"]),
    ("warm-up", &["--agentic-cache-warmup-duration", "--agentic-warmup-grace-period", "--num-warmup-sessions"]),
    (
        "output",
        &[
            "--auto-plot",
            "--plot-required",
            "--export-outputs-json",
            "--otel-url",
            "--stream",
            "--otel-resource-attributes",
            "--gen-ai-provider",
            "--mlflow-tracking-uri",
            "--mlflow-experiment",
            "--mlflow-run-name",
            "--mlflow-tag",
            "--mlflow-parent-run-id",
            "--mlflow-artifact-glob",
            "--wandb-project",
            "--wandb-entity",
            "--wandb-run-name",
            "--wandb-tag",
        ],
    ),
    ("network latency", &["--network-latency-automatic", "--network-latency-mean", "--network-latency-ping-interval"]),
    (
        "sweeps, repeats and searches",
        &[
            "--search-space",
            "--search-metric",
            "--search-stat",
            "--search-direction",
            "--search-max-iterations",
            "--search-initial-points",
            "--search-random-seed",
            "--search-planner",
            "--optuna-sampler",
            "--optuna-acquisition",
            "--optuna-terminator",
            "--search-percentile-pooling",
            "--bo-constraint-mode",
            "--search-sla",
            "--search-sla-tier",
            "--search-recipe",
            "--ttft-sla-ms",
            "--isl-osl-pairs",
            "--itl-sla-ms",
            "--tpot-sla-ms",
            "--e2e-sla-ms",
            "--error-rate-sla",
            "--slo-attainment-fraction",
            "--search-style",
            "--degradation-threshold",
            "--degradation-metric-tag",
            "--degradation-stat",
            "--isl-min",
            "--isl-max",
            "--isl-steps",
            "--concurrency-min",
            "--concurrency-max",
            "--concurrency-steps",
            "--osl-min",
            "--osl-max",
            "--osl-steps",
        ],
    ),
    (
        "accuracy",
        &[
            "--accuracy-benchmark",
            "--accuracy-tasks",
            "--accuracy-n-shots",
            "--accuracy-enable-cot",
            "--accuracy-no-enable-cot",
            "--accuracy-grader",
            "--accuracy-system-prompt",
            "--accuracy-verbose",
        ],
    ),
    (
        "service",
        &[
            "--log-level",
            "--extra-verbose",
            "--record-processor-service-count",
            "--record-processors",
            "--api-port",
            "--api-host",
            "--stats-interval",
        ],
    ),
    ("workers", &["--workers-max", "--max-workers"]),
    ("ZMQ", &["--zmq-host", "--zmq-ipc-path", "--zmq-dual-bind"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flag_is_both_refused_and_taken() {
        let command = super::super::profile_command();
        for (_, flag) in all() {
            let name = flag.trim_start_matches('-');
            let taken = command.get_arguments().any(|a| {
                a.get_long() == Some(name)
                    || a.get_all_aliases().is_some_and(|all| all.contains(&name))
                    || (name.len() == 1 && a.get_short() == name.chars().next())
            });
            assert!(!taken, "{flag} is supported: take it out of the table");
        }
    }

    #[test]
    fn every_remedy_belongs_to_a_flag() {
        for flag in REMEDIES.iter().flat_map(|(flags, _)| flags.iter()) {
            assert!(find(flag).is_some(), "{flag}");
        }
    }
}
