//! Help in one screen: what `-h` prints of the commands with many flags, and `ringload help`.

use super::command;
use clap::Arg;
use ringload_engine::Error;

/// What `-h` prints of a command; `None` of one whose flags fit on a screen.
pub(crate) fn short(name: &str) -> Option<String> {
    let text = SHORT.iter().find(|(of, _)| *of == name)?.1;
    Some(format!("{text}\n{}", more(name)))
}

/// The examples of a command with many flags.
pub(super) fn examples(name: &str) -> Option<&'static str> {
    let text = SHORT.iter().find(|(of, _)| *of == name)?.1;
    text.split_once("Examples:\n").map(|(_, examples)| examples)
}

/// What `ringload help TOPIC` prints: of a command what its `-h` does, of a group its flags.
///
/// # Errors
/// The topics there are, where this is none.
pub(crate) fn topic(topic: Option<&str>) -> Result<String, Error> {
    let mut command = command();
    let Some(topic) = topic else {
        return Ok(command.render_help().to_string());
    };
    if let Some(text) = short(topic) {
        return Ok(text);
    }
    if let Some(sub) = command.find_subcommand_mut(topic) {
        return Ok(sub.render_help().to_string());
    }
    let groups = groups(&command);
    match groups.iter().find(|group| name_of(group) == topic.to_lowercase() || group.eq_ignore_ascii_case(topic)) {
        Some(group) => Ok(flags_of(&command, group)),
        None => {
            let commands = command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(clap::Command::get_name);
            let commands: Vec<&str> = commands.collect();
            let near = groups.iter().map(|group| name_of(group)).chain(commands.iter().map(ToString::to_string));
            let near = near.max_by(|a, b| strsim::jaro_winkler(a, topic).total_cmp(&strsim::jaro_winkler(b, topic)));
            let near = near.filter(|near| strsim::jaro_winkler(near, topic) > 0.8);
            let near = near.map_or_else(String::new, |near| format!("did you mean `ringload help {near}`? "));
            let groups: Vec<String> = groups.iter().map(|group| name_of(group)).collect();
            let remedy = format!("{near}groups of flags: {}; commands: {}", groups.join(", "), commands.join(", "));
            Err(Error::usage(format!("no help on `{topic}`"), remedy))
        }
    }
}

/// The groups of flags of a run, in their order.
fn groups(command: &clap::Command) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    let subs =
        ["profile", "capacity", "calibrate", "selftest"].into_iter().filter_map(|name| command.find_subcommand(name));
    for heading in subs.flat_map(clap::Command::get_arguments).filter_map(Arg::get_help_heading) {
        if !groups.iter().any(|known| known == heading) {
            groups.push(heading.to_owned());
        }
    }
    groups
}

/// `Several runs` as one word: `runs`; of a list the first word.
fn name_of(group: &str) -> String {
    let word = if group.contains(',') { group.split(',').next() } else { group.split(' ').next_back() };
    word.unwrap_or(group).to_lowercase()
}

fn flags_of(command: &clap::Command, group: &str) -> String {
    let has = |sub: &&clap::Command| sub.get_arguments().any(|arg| arg.get_help_heading() == Some(group));
    let subs =
        ["profile", "capacity", "calibrate", "selftest"].into_iter().filter_map(|name| command.find_subcommand(name));
    let Some(sub) = subs.into_iter().find(has) else {
        return String::new();
    };
    let shown = sub.clone().mut_args(|arg| {
        let hide = arg.is_hide_set() || arg.get_help_heading() != Some(group);
        arg.hide(hide)
    });
    shown.disable_help_flag(true).help_template("{all-args}\n").render_help().to_string()
}

fn more(name: &str) -> String {
    let command = command();
    let groups = groups(&command).into_iter().map(|group| name_of(&group));
    // A command's own page is shown under its name.
    let groups: Vec<String> = groups.filter(|group| command.find_subcommand(group).is_none()).collect();
    let mut text = format!("All flags: ringload {name} --help");
    if matches!(name, "profile" | "capacity" | "calibrate" | "selftest") {
        text += ", or of a group: ringload help GROUP, of\n";
        let mut line = String::from(" ");
        for group in groups {
            if line.len() + group.len() + 1 > WIDTH {
                text += &line;
                text.push('\n');
                line = String::from(" ");
            }
            line.push(' ');
            line += &group;
        }
        text += &line;
    }
    text.push('\n');
    text
}

const WIDTH: usize = 80;

/// What stands before the pointer to more, of each command that has many flags.
const SHORT: [(&str, &str); 5] = [
    (
        "profile",
        "\
Load a server and report what it did, and whether the figures may be believed

Usage: ringload profile [OPTIONS]

  -u, --url URL                 server [http://localhost:8000]
  -m, --model NAME              model; without it the only one the server has
      --endpoint-type TYPE      API, such as completions [chat]
      --streaming               ask for streams: else no token has a time
      --concurrency N           requests in flight; a list is a sweep: 1,8,64
      --request-rate R          requests a second, whatever the server does
      --request-count N         requests in all [10 for each of --concurrency]
      --benchmark-duration S    seconds in which requests are sent
      --isl N, --osl N          tokens of each prompt, and of each answer
      --input-file FILE         your own requests, or a trace
      --tokenizer NAME          the model's own, so that lengths are right
      --goodput METRIC:VALUE    what a good request keeps, in ms
      --fail-if CONDITION       exit status 1 where it holds
      --artifact-dir DIR        folder for the results

Examples:
  ringload profile --url http://localhost:8000 --streaming --concurrency 32
  ringload profile --streaming --request-rate 20 --benchmark-duration 60 \\
    --goodput time_to_first_token:500 --fail-if 'ttft.p99>1000ms'
  ringload profile --streaming --concurrency 1,8,64 --isl 550 --osl 128
",
    ),
    (
        "capacity",
        "\
Find the largest load under which enough requests meet every objective

Usage: ringload capacity --goodput METRIC:VALUE [OPTIONS]

      --goodput METRIC:VALUE    what a good request keeps, in ms; repeatable
      --target SHARE            share of requests that has to be good [95%]
      --axis AXIS               what is raised: rate or concurrency [rate]
      --from LOAD, --to LOAD    where the search begins and ends
      --tolerance SHARE         how near the result has to come [0.02]
      --probe-duration S        longest time for one probe [60]
  -u, --url URL                 server [http://localhost:8000]
  -m, --model NAME              model; without it the only one the server has
      --streaming               ask for streams: else no token has a time
      --isl N, --osl N          tokens of each prompt, and of each answer
      --artifact-dir DIR        folder for the results

The flags of `ringload profile` say what each request is.

Examples:
  ringload capacity --streaming --goodput time_to_first_token:500
  ringload capacity --streaming --axis concurrency --target 99% \\
    --goodput time_to_first_token:500 --goodput inter_token_latency:50
  ringload capacity --streaming --goodput ttft:500 --from 5 --to 200
",
    ),
    (
        "calibrate",
        "\
Find out how much this machine can drive, for runs of this shape to be held
against; takes at most 20 seconds. Nothing is sent to --url.

Usage: ringload calibrate [OPTIONS]

      --streaming               as in the run to compare with it
      --concurrency N           requests in flight
      --isl N, --osl N          tokens of each prompt, and of each answer
      --cores CORES             cores of the client, as a list or a count

The flags of `ringload profile` say what is driven.

Examples:
  ringload calibrate --streaming --concurrency 32
  ringload calibrate --streaming --concurrency 1000 --cores 2-3
  ringload calibrate --streaming --concurrency 256 --http2
",
    ),
    (
        "selftest",
        "\
Say whether this machine can drive so many streams, and how true what it says
of them is; takes at most 30 seconds. Nothing is sent to --url.

Usage: ringload selftest [OPTIONS]

      --streams N               streams at a time [--concurrency, else 1000]
      --tokens-per-second R     tokens a second of each [50]
      --isl N, --osl N          tokens of each prompt, and of each answer
      --cores CORES             cores of the client, as a list or a count
      --json                    all figures as JSON

The flags of `ringload profile` say what is driven.

Examples:
  ringload selftest
  ringload selftest --streams 5000 --tokens-per-second 40 --cores 4
  ringload selftest --streams 256 --url https://server.example --http2
",
    ),
    (
        "mock",
        "\
Run the synthetic server, which records its own timing

Usage: ringload mock [OPTIONS]

      --port PORT               port; 0 takes a free one and prints it [8000]
      --ttft-ms MS              time to the first token [20]
      --itl-ms MS               time between tokens [5]
      --jitter SHARE            spread of both times, 0 to 1 [0]
      --max-batch N             continuous batching instead of fixed times
      --http2, --tls            what it speaks beside HTTP/1.1 in the clear
      --faults SHARE            share of the requests that end in a fault [0]
      --truth-log FILE          when each write was made, as JSON lines

Examples:
  ringload mock --port 8000
  ringload mock --ttft-ms 200 --itl-ms 20 --jitter 0.1
  ringload mock --max-batch 64 --prefill-rate 40000
",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_help_fits_on_a_screen_and_names_flags_that_exist() {
        let command = command();
        for (name, _) in SHORT {
            let text = short(name).unwrap();
            assert!(text.lines().count() <= 40, "{name} has {} lines", text.lines().count());
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{name} is over {WIDTH} columns");
            assert!(!text.contains('…'), "a command that cannot be pasted");
            let sub = command.find_subcommand(name).unwrap();
            let known = |flag: &str| {
                sub.get_arguments().any(|arg| {
                    let aliases = arg.get_all_aliases().unwrap_or_default();
                    arg.get_long().into_iter().chain(aliases).any(|long| long == flag)
                })
            };
            for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
                if let Some(flag) = word.strip_prefix("--") {
                    assert!(known(flag) || flag == "help", "{name}: --{flag}");
                }
            }
        }
    }

    #[test]
    fn the_examples_of_short_help_are_command_lines() {
        for (name, text) in SHORT {
            let examples = text.split_once("Examples:\n").unwrap().1.replace("\\\n", " ");
            assert_eq!(examples.lines().count(), 3, "{name}");
            for line in examples.lines() {
                let words = line.split_whitespace().map(|word| word.trim_matches('\'').into());
                super::super::try_parse(words).unwrap_or_else(|e| panic!("{line}: {}", e.text()));
            }
        }
    }

    #[test]
    fn each_group_has_a_name_of_its_own_that_shows_its_flags() {
        let command = command();
        let groups = groups(&command);
        let names: std::collections::BTreeSet<String> = groups.iter().map(|group| name_of(group)).collect();
        assert_eq!(names.len(), groups.len(), "{names:?}");
        for name in &names {
            let text = topic(Some(name)).unwrap();
            assert!(text.contains("--"), "{name}: {text}");
        }
        assert!(topic(Some("load")).unwrap().contains("--arrival-pattern"));
        assert!(topic(Some("Several runs")).unwrap().contains("--num-profile-runs"));
        assert!(topic(Some("compare")).unwrap().contains("Usage: ringload compare"));
    }

    #[test]
    fn an_unknown_topic_is_answered_with_those_there_are() {
        let error = topic(Some("netwrok")).unwrap_err().to_string();
        assert!(error.contains("ringload help network") && error.contains("warm-up"), "{error}");
    }
}
