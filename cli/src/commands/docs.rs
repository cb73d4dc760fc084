//! Documents made from the table of flags.

use crate::flags;
use clap::Arg;
use ringload_engine::{Error, Result};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// A document by its name; without a name, which there are.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] where there is none of that name.
pub(crate) fn document(name: Option<&str>) -> Result<String> {
    let Some(name) = name else {
        let title = |text: &str| text.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
        let guides = GUIDES.iter().map(|(name, text)| format!("{name:<12}{}\n", title(text)));
        return Ok(guides.chain([format!("{:<12}Every flag\n", "flags")]).collect());
    };
    if name == "flags" {
        return Ok(flags());
    }
    let guide = GUIDES.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    guide.ok_or_else(|| {
        Error::usage(
            format!("there is no document {name}"),
            format!("name one of {}, flags", GUIDES.map(|(name, _)| name).join(", ")),
        )
    })
}

/// The guides of `docs/guide`.
const GUIDES: [(&str, &str); 7] = [
    ("capacity", include_str!("../../../docs/guide/capacity.md")),
    ("network", include_str!("../../../docs/guide/network.md")),
    ("client", include_str!("../../../docs/guide/client.md")),
    ("replay", include_str!("../../../docs/guide/replay.md")),
    ("gate", include_str!("../../../docs/guide/gate.md")),
    ("kubernetes", include_str!("../../../docs/guide/kubernetes.md")),
    ("switch", include_str!("../../../docs/guide/switch.md")),
];

/// `docs/flags.md`
pub(crate) fn flags() -> String {
    let command = flags::command();
    let mut text = String::from(INTRODUCTION);
    for name in ["profile", "capacity", "calibrate", "selftest", "mock"] {
        let Some(sub) = command.find_subcommand(name) else {
            continue;
        };
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n## ringload {name}\n\n{about}\n");
        let mut heading = None;
        let known = |arg: &&Arg| {
            let profile = command.find_subcommand("profile");
            let of_profile = |p: &clap::Command| p.get_arguments().any(|a| a.get_id() == arg.get_id());
            matches!(name, "capacity" | "calibrate" | "selftest") && profile.is_some_and(of_profile)
        };
        for arg in sub
            .get_arguments()
            .filter(|a| !a.is_hide_set() && !matches!(a.get_id().as_str(), "help" | "version"))
            .filter(|a| !known(a))
        {
            if heading != Some(arg.get_help_heading()) {
                heading = Some(arg.get_help_heading());
                let title = arg.get_help_heading().unwrap_or("Options");
                let _ = write!(text, "\n### {title}\n\n");
                if let Some((_, file)) = FILES.iter().find(|(heading, _)| *heading == title) {
                    let _ = write!(text, "In the code: `cli/src/flags/{file}`.\n\n");
                }
                text += "| flag | default | meaning |\n|---|---|---|\n";
            }
            let _ = writeln!(text, "| {} | {} | {} |", spellings(arg), default(arg), meaning(arg));
        }
    }
    text.push_str(TAKEN);
    text.push_str(&flags::table_without_effect());
    text.push_str("\n## Others\n\n");
    for sub in command.get_subcommands().filter(|s| {
        !s.is_hide_set() && !matches!(s.get_name(), "profile" | "capacity" | "calibrate" | "selftest" | "mock")
    }) {
        let _ = writeln!(
            text,
            "- `ringload {}`: {}",
            sub.get_name(),
            sub.get_about().map(ToString::to_string).unwrap_or_default()
        );
    }
    text
}

/// The manual page.
///
/// # Errors
/// When the output is closed.
pub(crate) fn man(to: &mut dyn Write) -> io::Result<()> {
    let command = flags::command();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    if let Some(profile) = command.find_subcommand("profile") {
        clap_mangen::Man::new(profile.clone()).render_options_section(&mut page)?;
    }
    to.write_all(&page)
}

/// Writes a manual page for each command into a folder: `ringload.1`, `ringload-profile.1` …
///
/// # Errors
/// [`ringload_engine::Blame::Environment`] when the folder cannot be written to.
pub(crate) fn man_pages(dir: &Path) -> Result<()> {
    let made = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(flags::command(), dir));
    made.map_err(|e| Error::environment(format!("{}: {e}", dir.display()), "name a folder that can be written to"))
}

/// A completion script.
pub(crate) fn completions(shell: clap_complete::Shell, to: &mut dyn Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut flags::command(), "ringload", &mut script);
    to.write_all(&script)
}

/// Where the flags of each heading are defined; a test holds it against the files.
const FILES: [(&str, &str); 22] = [
    ("Endpoint", "endpoint/mod.rs"),
    ("Network", "network/mod.rs"),
    ("Input", "input/mod.rs"),
    ("Batches, rankings, images, audio and video", "media/mod.rs"),
    ("Prefixes", "prefix.rs"),
    ("Trace", "trace/mod.rs"),
    ("Conversations", "conversations.rs"),
    ("Load", "load/mod.rs"),
    ("Warm-up", "warmup.rs"),
    ("Output", "output/mod.rs"),
    ("Telemetry", "telemetry.rs"),
    ("Configuration file", "mod.rs"),
    ("Control hooks", "hooks.rs"),
    ("Search recipes", "recipes.rs"),
    ("Adaptive search", "adaptive/mod.rs"),
    ("Adaptive scale", "adaptive/scale.rs"),
    ("Several runs", "campaign.rs"),
    ("Machine", "machine.rs"),
    ("Fleet", "fleet.rs"),
    ("Capacity", "capacity.rs"),
    ("Calibrate", "calibrate.rs"),
    ("Selftest", "selftest.rs"),
];

fn spellings(arg: &Arg) -> String {
    let short = arg.get_short().map(|s| format!("`-{s}`"));
    let long = arg.get_long().map(|l| format!("`--{l}`"));
    let aliases = arg.get_visible_aliases().unwrap_or_default().into_iter().map(|a| format!("`--{a}`"));
    let names: Vec<String> = long.into_iter().chain(aliases).chain(short).collect();
    let value = if arg.get_action().takes_values() {
        let names: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|n| n.as_str()).collect();
        format!(" {}", names.join(" "))
    } else {
        String::new()
    };
    names.join(", ") + &value
}

fn default(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values: Vec<String> = arg.get_default_values().iter().map(|v| format!("`{}`", v.to_string_lossy())).collect();
    values.join(" ")
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|v| !v.is_hide_set() && arg.get_action().takes_values())
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if values.is_empty() { help } else { format!("{help} ({})", values.join(", ")) }
}

const INTRODUCTION: &str = "\
# Flags

Generated by `ringload docs flags`; a test fails when it differs from the binary. Names, aliases and defaults are AIPerf's where
AIPerf has the flag; a flag of AIPerf that is not here is refused by name, with what to do instead, or taken with a note ([below](#taken-from-aiperf-with-nothing-to-do-here)). Two defaults differ: `--tokenizer`
is `builtin` where AIPerf loads the model's own, and `--request-count` is 10 for each of `--concurrency` where AIPerf sends 10 in all.
";

const TAKEN: &str = "
## Taken from AIPerf, with nothing to do here

Each is taken, and a note before the run says so. Flags, and the choices that they take, may be written as AIPerf's parser takes them: `_` for `-` and the
other way round, choices in any case, `--streaming=true`, `--no-streaming` (the last word on a switch counts).

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_flag_reference_is_the_binarys() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/flags.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == flags(), "docs/flags.md is stale: cargo run -q -p ringload -- docs flags > docs/flags.md");
    }

    #[test]
    fn the_flags_of_each_heading_are_in_the_file_that_the_reference_names() {
        for (heading, file) in FILES {
            let path = format!("{}/src/flags/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(text.contains(&format!("next_help_heading = \"{heading}\"")), "{path}");
        }
        let reference = flags();
        let (headings, files) = (reference.matches("\n### ").count(), reference.matches("\nIn the code: ").count());
        assert_eq!(headings, files + 1, "all but those of the mock server");
    }

    #[test]
    fn every_guide_is_in_the_binary_and_the_others_are_named() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.collect();
        files.sort();
        let mut names: Vec<String> = GUIDES.iter().map(|(name, _)| format!("{name}.md")).collect();
        names.sort();
        assert_eq!(files, names);
        let list = document(None).unwrap();
        for (name, text) in GUIDES {
            assert!(list.contains(name) && text.starts_with("# ") && document(Some(name)).unwrap() == text);
            for other in text.split("`ringload docs ").skip(1).filter_map(|rest| rest.split('`').next()) {
                assert!(document(Some(other)).is_ok(), "{name} names {other}");
            }
        }
        assert!(document(Some("x")).unwrap_err().remedy.contains("switch, flags"));
    }

    #[test]
    fn every_flag_says_what_it_does_in_a_line() {
        for sub in flags::command().get_subcommands() {
            for arg in sub.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.contains('\n'), "{}", arg.get_id());
            }
        }
    }

    #[test]
    fn the_man_page_and_completions_hold_the_flags() {
        let (mut page, mut script) = (Vec::new(), Vec::new());
        man(&mut page).unwrap();
        completions(clap_complete::Shell::Bash, &mut script).unwrap();
        assert!(String::from_utf8(page).unwrap().contains("goodput"));
        assert!(String::from_utf8(script).unwrap().contains("--goodput"));
        let dir = tempfile::tempdir().unwrap();
        man_pages(dir.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(page("ringload-profile.1").contains("goodput") && page("ringload-config-init.1").contains("File"));
        assert!(page("ringload.1").contains(r"ringload\-capacity"));
        assert!(man_pages(&dir.path().join("ringload.1/x")).is_err());
    }
}
