//! AIPerf's spellings of a command line → the spellings of the table of flags.
//!
//! AIPerf's parser takes `_` for `-` in flags, either in choices, choices in any case, `--flag=true`, and `--no-flag`.
//! Flags that AIPerf has and that have nothing to do here are taken out of the line, each with a note.

use super::aiperf;
use std::ffi::OsString;

/// A command line in the spellings of the table, and what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    /// The line.
    pub(super) argv: Vec<OsString>,
    /// A sentence for each flag that was taken and changes nothing.
    pub(super) notes: Vec<String>,
}

/// Spells a command line (program, command, flags) as `command` does.
///
/// # Errors
/// What is wrong with a flag that is only taken out.
pub(super) fn spell(argv: &[OsString], command: &clap::Command) -> Result<Spelled, String> {
    let mut spelled = Spelled { argv: argv.iter().take(2).cloned().collect(), notes: Vec::new() };
    let mut words = argv.iter().skip(2).cloned().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            spelled.argv.push(word);
            spelled.argv.extend(words);
            break;
        }
        let Some(text) = word.to_str().and_then(|text| text.strip_prefix("--")) else {
            spelled.argv.push(if word == "-vv" { "-v".into() } else { word });
            continue;
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.to_owned(), None),
        };
        let name = known_name(&name, command);
        if let Some(row) = aiperf::without_effect(&name) {
            let behind = std::iter::from_fn(|| words.next_if(|word| !word.to_string_lossy().starts_with('-')));
            let values: Vec<String> = match (row.takes_value, value) {
                (_, Some(value)) => vec![value],
                (true, None) => behind.take(1).map(|word| word.to_string_lossy().into_owned()).collect(),
                (false, None) => Vec::new(),
            };
            if row.takes_value && values.is_empty() {
                return Err(format!("--{name}: a value is missing ({})", row.why));
            }
            spelled.take(&name, row, &values.concat());
            continue;
        }
        spelled.flag(&name, value, &mut words, command);
    }
    Ok(spelled)
}

/// The words of a command line that are still to be read.
type Words<I> = std::iter::Peekable<I>;

impl Spelled {
    /// Notes a flag that changes nothing; one that stands for another becomes that.
    fn take(&mut self, name: &str, row: &aiperf::WithoutEffect, value: &str) {
        match row.instead {
            Some(flag) if value == "0" => self.notes.push(format!("--{name} 0 is as without it: --{flag} stays out")),
            Some(flag) => {
                self.argv.push(format!("--{flag}={value}").into());
                self.notes.push(format!("--{name} is taken as --{flag} {value}: {}", row.why));
            }
            None => self.notes.push(format!("--{name} changes nothing: {}", row.why)),
        }
    }

    /// A flag of the table, or one that the parser of the table will refuse.
    fn flag<I: Iterator<Item = OsString>>(
        &mut self,
        name: &str,
        value: Option<String>,
        words: &mut Words<I>,
        command: &clap::Command,
    ) {
        let Some(arg) = find(name, command) else {
            match name.strip_prefix("no-").filter(|name| find(name, command).is_some_and(is_switch)) {
                // The last word on a switch counts.
                Some(switch) => self.argv.retain(|word| word != format!("--{switch}").as_str()),
                None => self.push(name, value),
            }
            return;
        };
        if is_switch(arg) {
            match value.as_deref().map(str::to_ascii_lowercase).as_deref() {
                None | Some("true" | "yes" | "1") => self.push(name, None),
                Some("false" | "no" | "0") => {}
                Some(_) => self.push(name, value),
            }
            return;
        }
        let single = arg.get_num_args().is_none_or(|values| values.max_values() <= 1);
        if choices(arg).is_empty() || !single {
            return self.push(name, value);
        }
        let given = value.or_else(|| {
            let next = words.next_if(|word| word.to_str().is_some_and(|text| !text.starts_with("--")))?;
            next.to_str().map(str::to_owned)
        });
        let given = given.map(|text| choice(arg, &text).unwrap_or(text));
        self.push(name, given);
    }

    fn push(&mut self, name: &str, value: Option<String>) {
        self.argv.push(match value {
            Some(value) => format!("--{name}={value}").into(),
            None => format!("--{name}").into(),
        });
    }
}

/// A name as the table has it, where it is in the table or among AIPerf's flags in another spelling.
fn known_name(name: &str, command: &clap::Command) -> String {
    let plain = name.to_ascii_lowercase().replace('_', "-");
    let known = |name: &str| find(name, command).is_some() || aiperf::find(&format!("--{name}")).is_some();
    let denied = |name: &str| name.strip_prefix("no-").is_some_and(known);
    let taken = |name: &str| aiperf::without_effect(name).is_some();
    let found = !known(name) && (known(&plain) || denied(&plain) || taken(&plain));
    if found { plain } else { name.to_owned() }
}

fn find<'a>(name: &str, command: &'a clap::Command) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    })
}

fn is_switch(arg: &clap::Arg) -> bool {
    matches!(arg.get_action(), clap::ArgAction::SetTrue)
}

fn choices(arg: &clap::Arg) -> Vec<String> {
    let values = if arg.get_action().takes_values() { arg.get_possible_values() } else { Vec::new() };
    values.iter().map(|value| value.get_name().to_owned()).collect()
}

/// The choice that a text means.
fn choice(arg: &clap::Arg, text: &str) -> Option<String> {
    choices(arg).into_iter().find(|choice| is_same(choice, text))
}

/// Whether two names of a choice differ in case, or in `-` and `_`, at most.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.trim().to_ascii_lowercase().replace('_', "-");
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::{args, made, parsed, planned, refused};
    use crate::flags::{ExportLevel, Ui};

    #[test]
    fn flags_and_choices_are_taken_in_aiperfs_spellings() {
        let plain = |line: &str| serde_json::to_string(&made(line)).unwrap();
        for (theirs, ours) in [
            ("--endpoint-type hf-tei-rankings", "--endpoint-type hf_tei_rankings"),
            ("--endpoint-type CHAT", "--endpoint-type chat"),
            ("--endpoint_type=Chat", "--endpoint-type chat"),
            ("--model-selection-strategy round-robin --url-strategy ROUND-ROBIN", ""),
            ("--connection-reuse-strategy sticky_user_sessions", "--connection-reuse-strategy sticky-user-sessions"),
            ("--cache-bust first-turn-prefix", "--cache-bust first_turn_prefix"),
            ("--request_rate 50 --arrival_pattern POISSON", "--request-rate 50 --arrival-pattern poisson"),
            ("--dataset-sampling-strategy SEQUENTIAL", ""),
            ("--streaming=true", "--streaming"),
            ("--streaming=false", ""),
            ("--streaming --no-streaming", ""),
            ("--no-vary-seed-per-trial", ""),
            ("--image-width-mean 20 --image-format PNG", "--image-width-mean 20 --image-format png"),
        ] {
            assert_eq!(plain(&format!("-m x {theirs}")), plain(&format!("-m x {ours}")), "{theirs}");
        }
        let output = args("-m x --export-level RECORDS --ui=NONE -vv").output;
        assert_eq!((output.export_level, output.ui, output.verbose), (ExportLevel::Records, Some(Ui::None), 1));
        assert!(
            parsed("-m x --num-profile-runs 3 --convergence-metric request_latency --convergence-mode ci-width")
                .is_ok()
        );
    }

    #[test]
    fn what_is_a_value_keeps_its_spelling() {
        let plan = made("-m My_Model --extra-inputs Top_K:5 --session-header X_Y");
        assert_eq!(plan.models, ["My_Model"]);
        assert!(plan.extra_inputs.contains_key("Top_K"));
        assert_eq!(plan.session_header.as_deref(), Some("X_Y"));
        assert!(refused("-m x --streaming=perhaps").contains("--streaming"));
        assert!(refused("-m x --arrival-pattern even --request-rate 5").contains("constant"));
    }

    #[test]
    fn flags_with_nothing_to_do_are_taken_with_a_note() {
        for (flags, said) in [
            ("--workers-max 4", "--workers-max changes nothing: "),
            ("--max_workers=4", "--cores"),
            ("--record-processors 2 --log-level DEBUG", "--log-level changes nothing"),
            ("--zmq-dual-bind --concurrency 3", "one process"),
            ("--auto-plot", "report.html"),
            ("--extra-verbose", "--verbose"),
        ] {
            let notes = planned(&format!("-m x {flags}")).unwrap().notes;
            assert!(notes.iter().any(|note| note.contains(said)), "{flags}: {notes:?}");
        }
        assert_eq!(made("-m x --zmq-dual-bind --concurrency 3").profiling.load.most_in_flight(), Some(3));
        assert!(refused("-m x --workers-max").contains("a value is missing"));
    }

    #[test]
    fn flags_of_another_name_here_are_taken_under_it() {
        assert_eq!(args("-m x --wait-for-model-timeout 5").endpoint.wait_for_server, Some(5.0));
        assert_eq!(args("-m x --wait-for-model-timeout 0").endpoint.wait_for_server, None);
        assert_eq!(args("-m x --api-port 9464").telemetry.prometheus_port.unwrap().port(), 9464);
        let notes = planned("-m x --api-port 9464").unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("--prometheus-port 9464")), "{notes:?}");
    }
}
