//! Flags of other load generators (vLLM's and SGLang's benchmarks, guidellm, inference-perf, k6, wrk) and short forms
//! that users try, each with ringload's flag for it.

/// ringload's flag, or flags, for one of another tool.
pub(super) fn ours(flag: &str) -> Option<&'static str> {
    let name = flag.trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
    NAMES.iter().find(|(_, theirs)| theirs.contains(&name.as_str())).map(|(ours, _)| *ours)
}

const NAMES: &[(&str, &[&str])] = &[
    ("--request-rate", &["rps", "qps", "rate", "req-rate", "r"]),
    ("--benchmark-duration", &["duration", "max-seconds", "max-duration", "time", "d"]),
    ("--request-count", &["requests", "max-requests", "num-req", "n"]),
    ("--concurrency", &["max-concurrency", "vus", "connections", "clients", "parallel", "c"]),
    ("--num-users with --user-centric-rate, or --concurrency", &["users"]),
    ("--url", &["base-url", "target", "host", "server", "api-base", "openai-api-base"]),
    ("--model", &["models", "model-name", "served-model-name"]),
    ("--endpoint-type", &["backend", "api", "request-type"]),
    ("--random-seed", &["seed"]),
    ("--request-timeout-seconds", &["timeout", "request-timeout"]),
    ("--osl", &["max-tokens", "output-len", "output-length", "random-output-len", "osl-mean", "max-new-tokens"]),
    ("--osl", &["output-tokens", "tokens-out", "sharegpt-output-len", "max-output-tokens", "max-completion-tokens"]),
    (
        "--isl",
        &["input-len", "input-length", "random-input-len", "isl-mean", "prompt-tokens", "input-tokens", "tokens-in"],
    ),
    ("--input-file", &["dataset-path", "dataset", "data", "dataset-file"]),
    ("--custom-dataset-type or --public-dataset", &["dataset-name", "dataset-type"]),
    ("--warmup-request-count or --warmup-duration", &["warmup", "num-warmups", "warmup-requests", "warm-up"]),
    ("--concurrency-ramp-duration or --request-rate-ramp-duration", &["ramp-up", "ramp", "ramp-up-strategy"]),
    ("--arrival-smoothness with --arrival-pattern gamma", &["burstiness"]),
    ("--artifact-dir", &["output-dir", "result-dir", "results-dir", "output-path", "out", "o"]),
    ("--percentiles", &["metric-percentiles", "selected-percentiles", "percentile-metrics"]),
    ("--input-file with timestamps, or --fixed-schedule", &["replay", "trace", "trace-file"]),
    ("--extra-inputs", &["extra-body", "backend-kwargs", "extra-request-body"]),
    ("--insecure", &["no-verify", "skip-tls-verify", "insecure-skip-tls-verify"]),
    ("--quiet", &["q", "silent"]),
    ("--no-probe", &["skip-test-request", "ready-check-timeout-sec"]),
];

#[cfg(test)]
mod tests {
    use crate::flags::profile_command;
    use crate::flags::testing::refused;

    #[test]
    fn each_flag_of_others_is_answered_with_ones_that_exist() {
        let profile = profile_command();
        let known = |long: &str| {
            profile.get_arguments().any(|arg| {
                let aliases = arg.get_all_aliases().unwrap_or_default();
                arg.get_long().into_iter().chain(aliases).any(|own| own == long)
            })
        };
        for (ours, theirs) in super::NAMES {
            for flag in ours.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
                assert!(known(flag.trim_end_matches(',')), "{flag}");
            }
            for name in *theirs {
                let flag = if name.len() == 1 { format!("-{name}") } else { format!("--{name}") };
                let said = refused(&format!("-m x {flag} 3"));
                assert!(said.contains(ours), "{flag}: {said}");
                assert!(!known(name), "{flag} is a flag of ringload's");
            }
        }
        assert!(refused("-m x --stream").contains("--streaming"));
    }
}
