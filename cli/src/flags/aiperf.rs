//! Flags that AIPerf has and ringload does not: data. Those with nothing to do here are taken with a note; of the
//! others a refusal names the group and what to do instead.

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

/// A flag of AIPerf's that is taken, and has nothing to do here.
#[derive(Debug)]
pub(crate) struct WithoutEffect {
    /// Its names, without dashes.
    names: &'static [&'static str],
    /// Whether a value follows.
    pub(crate) takes_value: bool,
    /// The flag, without dashes, that does the same here.
    pub(crate) instead: Option<&'static str>,
    /// Why it has nothing to do, or what is another here.
    pub(crate) why: &'static str,
}

/// Looks up a flag (without dashes) that is taken, and has nothing to do here.
pub(crate) fn without_effect(name: &str) -> Option<&'static WithoutEffect> {
    WITHOUT_EFFECT.iter().find(|row| row.names.contains(&name))
}

/// The table of `docs/flags.md` of the flags that have nothing to do here.
pub(crate) fn table_without_effect() -> String {
    let mut table = String::from("| flag of AIPerf | here |\n|---|---|\n");
    for row in WITHOUT_EFFECT {
        let names: Vec<String> = row.names.iter().map(|name| format!("`--{name}`")).collect();
        let instead = row.instead.map_or_else(String::new, |flag| format!("as `--{flag}`: "));
        table += &format!("| {} | {instead}{} |\n", names.join(", "), row.why);
    }
    table
}

const WITHOUT_EFFECT: &[WithoutEffect] = &[
    WithoutEffect {
        names: &["workers-max", "max-workers", "record-processor-service-count", "record-processors"],
        takes_value: true,
        instead: None,
        why: "AIPerf spreads its work over processes, ringload over pinned cores: --cores says which",
    },
    WithoutEffect {
        names: &["zmq-host", "zmq-ipc-path"],
        takes_value: true,
        instead: None,
        why: "AIPerf's processes talk over ZMQ, and ringload is one process",
    },
    WithoutEffect {
        names: &["zmq-dual-bind"],
        takes_value: false,
        instead: None,
        why: "AIPerf's processes talk over ZMQ, and ringload is one process",
    },
    WithoutEffect {
        names: &["log-level"],
        takes_value: true,
        instead: None,
        why: "ringload keeps no log; --verbose prints the plan and the whole report",
    },
    WithoutEffect {
        names: &["extra-verbose"],
        takes_value: false,
        instead: None,
        why: "ringload keeps no log; --verbose prints the plan and the whole report",
    },
    WithoutEffect {
        names: &["stats-interval"],
        takes_value: true,
        instead: None,
        why: "the line of the live view has a pace of its own",
    },
    WithoutEffect {
        names: &["tokenizer-trust-remote-code"],
        takes_value: false,
        instead: None,
        why: "ringload reads tokenizer.json and runs no code of a hub; a tokenizer without that file is refused",
    },
    WithoutEffect {
        names: &["auto-plot", "plot-required"],
        takes_value: false,
        instead: None,
        why: "report.html has the charts of every run",
    },
    WithoutEffect {
        names: &["omit-kv-hints"],
        takes_value: false,
        instead: None,
        why: "hash_ids of a trace are never sent",
    },
    WithoutEffect {
        names: &["optuna-sampler", "optuna-acquisition", "optuna-terminator"],
        takes_value: true,
        instead: None,
        why: "--search-space fits one model and ends where nothing better is expected, whatever AIPerf would have used",
    },
    WithoutEffect {
        names: &["use-end-to-start-delays"],
        takes_value: false,
        instead: None,
        why: "the delays of a trace are counted from the response before",
    },
    WithoutEffect {
        names: &["trace-idle-gap-cap-seconds"],
        takes_value: true,
        instead: Some("inter-turn-delay-cap-seconds"),
        why: "what lies between two requests of a session is the delay of the second",
    },
    WithoutEffect { names: &["bo-constraint-mode"], takes_value: true, instead: None, why: "AIPerf leaves it out too" },
    WithoutEffect {
        names: &["wait-for-model-timeout"],
        takes_value: true,
        instead: Some("wait-for-server"),
        why: "it asks for one short answer each second until there is one",
    },
    WithoutEffect {
        names: &["wait-for-model-mode", "wait-for-model-interval"],
        takes_value: true,
        instead: None,
        why: "--wait-for-server asks for one short answer each second until there is one",
    },
    WithoutEffect {
        names: &["api-port"],
        takes_value: true,
        instead: Some("prometheus-port"),
        why: "of AIPerf's API, /metrics is served",
    },
    WithoutEffect {
        names: &["stream"],
        takes_value: true,
        instead: None,
        why: "answers are streamed with --streaming; AIPerf's --stream says what it sends to a collector, which --otel-endpoint names here",
    },
    WithoutEffect {
        names: &["wandb-project", "wandb-entity", "wandb-run-name", "wandb-tag"],
        takes_value: true,
        instead: None,
        why: "W&B takes runs from its own library alone; ringload_report.json has all that its run would have",
    },
    WithoutEffect {
        names: &["mlflow-artifact-glob"],
        takes_value: true,
        instead: None,
        why: "figures and settings are sent to MLflow, and no files",
    },
    WithoutEffect {
        names: &["api-host"],
        takes_value: true,
        instead: None,
        why: "--prometheus-port takes an address before the port, as in 0.0.0.0:9464",
    },
];

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
pub(crate) const ENDPOINT_TYPES: &[&str] = &["chat_embeddings", "audio_transcription", "solido_rag", "rankings"];

const REMEDIES: &[(&[&str], &str)] = &[
    (
        &["--error-rate-sla"],
        "a request that fails is not good: write --slo-attainment-fraction, the share that has to be",
    ),
    (
        &["--download-video-content"],
        "leave it out: a request ends when its job is done, and GET /v1/videos/ID/content has the video after the run",
    ),
    (
        &[
            "--trajectory-start-min-ratio",
            "--trajectory-start-max-ratio",
            "--burst-phase-starts",
            "--agentic-cache-warmup-duration",
            "--agentic-warmup-grace-period",
        ],
        "leave it out: sessions begin with their first request; --num-warmup-sessions N plays N of them before what is measured",
    ),
    (&["--max-context-length"], "leave it out, or write --synthesis-max-isl TOKENS, which leaves out longer requests"),
    (&["--use-think-time-only"], "leave it out: the delays of a session are counted from the response before"),
];

/// Group, and its flags.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "endpoint",
        &["--transport", "--transport-type", "--download-video-content", "--request-content-type", "--uuid-and-strip"],
    ),
    (
        "datasets",
        &[
            "--use-think-time-only",
            "--max-context-length",
            "--allow-dataset-wrap",
            "--no-allow-dataset-wrap",
            "--trace-session-sample-ratio",
        ],
    ),
    (
        "conversations",
        &[
            "--open-loop-replay",
            "--no-open-loop-replay",
            "--open-loop-strict",
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
            "--system-idle-gap-cap-seconds",
        ],
    ),
    ("scenarios", &["--unsafe-override"]),
    ("warm-up", &["--agentic-cache-warmup-duration", "--agentic-warmup-grace-period"]),
    ("output", &["--export-outputs-json"]),
    ("network latency", &["--network-latency-automatic", "--network-latency-mean", "--network-latency-ping-interval"]),
    ("sweeps, repeats and searches", &["--error-rate-sla"]),
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
            assert!(without_effect(name).is_none(), "{flag} is taken with a note");
        }
        for row in WITHOUT_EFFECT {
            for name in row.names.iter().chain(&row.instead) {
                let taken = command.get_arguments().any(|a| a.get_long() == Some(name));
                assert_eq!(taken, row.instead == Some(name), "{name}");
            }
        }
    }

    #[test]
    fn every_remedy_belongs_to_a_flag() {
        for flag in REMEDIES.iter().flat_map(|(flags, _)| flags.iter()) {
            assert!(find(flag).is_some(), "{flag}");
        }
    }
}
