//! Three examples under the help of each command.

use super::help;
use clap::Command;

/// The command, with examples under its help and that of each command below it; the exit status, where a command says
/// it, is in the long one.
pub(super) fn with_examples(command: Command) -> Command {
    let name = command.get_name().to_owned();
    below(command, &name)
}

fn below(command: Command, path: &str) -> Command {
    let named = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect::<Vec<_>>();
    let command = named
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, |sub| below(sub, &format!("{path} {name}"))));
    let short = path.split_once(' ').and_then(|(_, name)| help::examples(name));
    let Some(lines) = short.or_else(|| EXAMPLES.iter().find(|(of, _)| *of == path).map(|(_, lines)| *lines)) else {
        return command;
    };
    let examples = format!("Examples:\n{}", lines.trim_end());
    let long = command.get_after_help().map(|after| format!("{examples}\n\n{after}"));
    let command = command.after_help(examples);
    match long {
        Some(long) => command.after_long_help(long),
        None => command,
    }
}

/// Of each command, what a user would type.
const EXAMPLES: [(&str, &str); 21] = [
    (
        "ringload",
        "  ringload profile --demo
  ringload profile --url http://localhost:8000 --streaming --concurrency 32
  ringload capacity --streaming --goodput time_to_first_token:500
",
    ),
    (
        "ringload report",
        "  ringload report artifacts/killed-run
  ringload report artifacts/run --only page --overwrite
  ringload report artifacts/run --verbose --percentiles 50,99,99.9
",
    ),
    (
        "ringload merge",
        "  ringload merge member-1 member-2 --artifact-dir together
  ringload merge member-1/ringload_records.log member-2/ringload_records.log
  ringload merge member-1 member-2 --only page,summary
",
    ),
    (
        "ringload fleet",
        "  ringload fleet up --members 2 -- profile --demo
  ringload fleet status --fleet nats://bus:4222 nightly
  ringload fleet results --fleet nats://bus:4222 nightly
",
    ),
    (
        "ringload fleet up",
        "  ringload fleet up -- profile --demo
  ringload fleet up --members 4 -- profile --streaming --concurrency 64
  ringload fleet up --fleet nats://bus:4222 -- profile --streaming
",
    ),
    (
        "ringload fleet status",
        "  ringload fleet status --fleet nats://bus:4222 nightly
  ringload fleet status --fleet tls://bus:4222 --fleet-ca ca.pem nightly
  ringload fleet status --fleet tls://bus:4222 --fleet-cert me.pem --fleet-key me.key nightly
",
    ),
    (
        "ringload fleet results",
        "  ringload fleet results --fleet nats://bus:4222 nightly
  ringload fleet results --fleet nats://bus:4222 nightly --artifact-dir out
  ringload fleet results --fleet tls://bus:4222 --fleet-ca ca.pem nightly
",
    ),
    (
        "ringload config",
        "  ringload config init bench.yaml
  ringload config validate bench.yaml
  ringload config show bench.yaml
",
    ),
    (
        "ringload config init",
        "  ringload config init
  ringload config init bench.yaml
  ringload config init configs/nightly.yaml
",
    ),
    (
        "ringload config validate",
        "  ringload config validate bench.yaml
  ringload config validate artifacts/run/config.yaml
  ringload config validate artifacts/run/ringload_report.json
",
    ),
    (
        "ringload config show",
        "  ringload config show bench.yaml
  ringload config show artifacts/run/config.yaml
  MODEL=llama ringload config show bench.yaml
",
    ),
    (
        "ringload compare",
        "  ringload compare artifacts/before artifacts/after
  ringload compare artifacts/before artifacts/after --fail-if 'ttft.p99>+10%'
  ringload compare benchmarks.json artifacts/run --format markdown
",
    ),
    (
        "ringload dataset",
        "  ringload dataset inspect prompts.jsonl
  ringload dataset inspect trace.jsonl --show 1
  ringload dataset convert chats.json --to multi_turn --output chats.jsonl
",
    ),
    (
        "ringload dataset inspect",
        "  ringload dataset inspect prompts.jsonl
  ringload dataset inspect trace.jsonl --show 1
  ringload dataset inspect trace.csv --custom-dataset-type burst_gpt_trace
",
    ),
    (
        "ringload dataset convert",
        "  ringload dataset convert chats.json --to multi_turn --output chats.jsonl
  ringload dataset convert trace.csv --to mooncake_trace --output trace.jsonl
  ringload dataset convert prompts.jsonl --to inputs_json -o inputs.json
",
    ),
    (
        "ringload analyze-trace",
        "  ringload analyze-trace trace.jsonl
  ringload analyze-trace trace.jsonl --block-size 16
  ringload analyze-trace trace.jsonl --output-file analysis.json
",
    ),
    (
        "ringload help",
        "  ringload help
  ringload help profile
  ringload help load
",
    ),
    (
        "ringload completions",
        "  ringload completions bash
  ringload completions zsh
  ringload completions fish
",
    ),
    (
        "ringload schema",
        "  ringload schema
  ringload schema ringload_report.json
  ringload schema profile_export_aiperf.json
",
    ),
    (
        "ringload man",
        "  ringload man
  ringload man --dir man1
  ringload man --dir /usr/local/share/man/man1
",
    ),
    (
        "ringload docs",
        "  ringload docs
  ringload docs capacity
  ringload docs flags
",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{command, try_parse};
    use std::ffi::OsString;

    /// Every command with its path.
    fn all(command: &Command, path: &str) -> Vec<(String, Command)> {
        let sub = |sub: &Command| all(sub, &format!("{path} {}", sub.get_name()));
        // clap's own `help` of the commands that have commands is none of ours.
        let ours = |sub: &&Command| !sub.is_hide_set() && (path == "ringload" || sub.get_name() != "help");
        let below = command.get_subcommands().filter(ours).flat_map(sub);
        [(path.to_owned(), command.clone())].into_iter().chain(below).collect()
    }

    #[test]
    fn every_command_has_three_examples_on_a_screen() {
        for (path, mut command) in all(&command(), "ringload") {
            let name = path.split_once(' ').map(|(_, name)| name);
            let text = name.and_then(help::short).unwrap_or_else(|| command.render_help().to_string());
            assert!(text.lines().count() <= 40, "{path} has {} lines", text.lines().count());
            assert!(!text.contains('…'), "{path}");
            let Some((_, examples)) = text.split_once("Examples:\n") else { panic!("{path} has no examples") };
            let examples = examples.split("\n\n").next().unwrap().replace("\\\n", " ");
            assert_eq!(examples.lines().count(), 3, "{path}: {examples}");
            assert!(command.render_long_help().to_string().contains("Examples:\n"), "{path}");
        }
    }

    #[test]
    fn examples_are_command_lines() {
        let mut seen = 0;
        for (path, lines) in EXAMPLES {
            for line in lines.lines() {
                let words = line.split_whitespace().map(|word| OsString::from(word.trim_matches('\'')));
                let words = words.skip_while(|word| word.to_string_lossy().contains('=') && word != "ringload");
                let words: Vec<OsString> = words.collect();
                assert!(line.trim().contains(path), "{path}: {line}");
                try_parse(words).unwrap_or_else(|e| panic!("{line}: {}", e.text()));
                seen += 1;
            }
        }
        assert_eq!(seen, 3 * EXAMPLES.len());
    }
}
