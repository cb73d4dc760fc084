//! AIPerf's scenarios: several flags under one name.

use super::ProfileArgs;
use super::prefix::Bust;
use clap::{Args, ValueEnum};
use ringload_engine::plan::Marker;
use ringload_engine::{Error, Result};

/// A scenario.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trace")]
pub(crate) struct ScenarioArgs {
    /// A scenario of AIPerf's: its flags under one name. `inferencex-agentx-mvp` replays coding sessions as
    /// SemiAnalysis' InferenceX AgentX does: --streaming --no-fixed-schedule --inter-turn-delay-cap-seconds 10
    /// --cache-bust first_turn_prefix --extra-inputs ignore_eos:true, for 1800 s. Sessions begin with their first
    /// request, and no warm-up primes the cache: no submission follows from it.
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) scenario: Option<Scenario>,
}

/// A scenario by AIPerf's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Coding sessions, as SemiAnalysis' InferenceX AgentX replays them.
    #[value(name = "inferencex-agentx-mvp")]
    AgentX,
}

impl ProfileArgs {
    /// The flags with those of their scenario, where they name one.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] where a flag contradicts it.
    pub(super) fn with_scenario(&self) -> Result<Option<Self>> {
        let Some(Scenario::AgentX) = self.scenario.scenario else { return Ok(None) };
        let against = [
            ("--fixed-schedule", self.trace.fixed_schedule),
            ("--ignore-trace-delays", self.trace.ignore_trace_delays),
            ("--request-rate", self.load.request_rate.is_some()),
            ("--cache-bust", self.prefixes.cache_bust.is_some_and(|bust| bust.0 != Some(Marker::FirstTurnPrefix))),
        ];
        if let Some((flag, _)) = against.iter().find(|(_, given)| *given) {
            return Err(Error::usage(
                format!("{flag} with --scenario inferencex-agentx-mvp, which says it otherwise"),
                format!("drop {flag}, or write the flags of the scenario instead of its name"),
            ));
        }
        if self.trace.input_file.is_none() {
            return Err(Error::usage(
                "--scenario inferencex-agentx-mvp without coding sessions",
                "add --public-dataset semianalysis_cc_traces_weka_061326, or --input-file with a folder of sessions",
            ));
        }
        let mut args = self.clone();
        args.endpoint.streaming = true;
        args.trace.no_fixed_schedule = true;
        args.trace.inter_turn_delay_cap_seconds.get_or_insert(10.0);
        args.prefixes.cache_bust = Some(Bust(Some(Marker::FirstTurnPrefix)));
        if !args.input.extra_inputs.iter().any(|field| field.contains("ignore_eos")) {
            args.input.extra_inputs.push("ignore_eos:true".into());
        }
        if args.load.benchmark_duration.is_none() && args.load.request_count.is_none() {
            args.load.benchmark_duration = Some(1800.0);
        }
        args.notes.push(
            "--scenario inferencex-agentx-mvp: sessions begin with their first request, and no warm-up primes the server's cache, \
             so that this is no submission"
                .into(),
        );
        Ok(Some(args))
    }
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::{Scratch, made, planned, refused};

    #[test]
    fn a_scenario_stands_for_its_flags() {
        let session = r#"{"id": "t", "block_size": 64, "requests": [{"t": 0, "type": "n", "in": 64, "out": 3, "hash_ids": [1]}]}"#;
        let file = Scratch::new("scenario.json", session);
        let line = format!("-m x --input-file {} --random-seed 1 --benchmark-duration 900", file.0.display());
        let spelled = "--streaming --no-fixed-schedule --inter-turn-delay-cap-seconds 10 --cache-bust first_turn_prefix \
                       --extra-inputs ignore_eos:true";
        let json = |line: &str| serde_json::to_value(made(line)).unwrap();
        assert_eq!(json(&format!("{line} --scenario inferencex-agentx-mvp")), json(&format!("{line} {spelled}")));
        let notes = planned(&format!("{line} --scenario inferencex-agentx-mvp")).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("no submission")), "{notes:?}");
        let said = refused(&format!("{line} --scenario inferencex-agentx-mvp --fixed-schedule"));
        assert!(said.contains("drop --fixed-schedule"), "{said}");
        assert!(refused("-m x --scenario inferencex-agentx-mvp").contains("--public-dataset"));
    }
}
