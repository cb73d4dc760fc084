//! Conversations of several turns: flags, checks and their part of the plan.

use super::values;
use clap::Args;
use ringload_engine::plan::{Length, Turns};
use ringload_engine::{Error, Result};

/// Conversations of several turns: each is sent when the one before has been answered, with what was said before.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Conversations")]
pub(crate) struct ConversationArgs {
    /// Conversations to begin; each goes to its last turn unless one fails.
    #[arg(
        long,
        visible_aliases = ["conversation-num", "num-sessions"],
        value_name = "N",
        value_parser = values::one_total
    )]
    pub(crate) num_conversations: Option<u64>,

    /// Mean turns of a synthetic conversation [default: 1].
    #[arg(
        long,
        visible_alias = "conversation-turn-mean",
        value_name = "TURNS",
        value_parser = values::mean_turns
    )]
    pub(crate) session_turns_mean: Option<f64>,

    /// Standard deviation of the number of turns [default: 0].
    #[arg(
        long,
        visible_alias = "conversation-turn-stddev",
        value_name = "TURNS",
        value_parser = values::one_not_negative
    )]
    pub(crate) session_turns_stddev: Option<f64>,

    /// Mean time between the response to a turn and the next turn [default: 0].
    #[arg(
        long,
        visible_alias = "conversation-turn-delay-mean",
        value_name = "MS",
        value_parser = values::one_milliseconds
    )]
    pub(crate) session_turn_delay_mean: Option<f64>,

    /// Standard deviation of that time [default: 0].
    #[arg(
        long,
        visible_alias = "conversation-turn-delay-stddev",
        value_name = "MS",
        value_parser = values::one_milliseconds
    )]
    pub(crate) session_turn_delay_stddev: Option<f64>,

    /// What every time between two turns is multiplied by [default: 1].
    #[arg(
        long,
        visible_alias = "conversation-turn-delay-ratio",
        value_name = "RATIO",
        value_parser = values::one_not_negative
    )]
    pub(crate) session_delay_ratio: Option<f64>,
}

impl ConversationArgs {
    /// The turns of synthetic conversations.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] for a delay that no turn follows.
    pub(super) fn plan(&self, from_file: bool) -> Result<Turns> {
        let turns = Turns {
            count: Length {
                mean: self.session_turns_mean.unwrap_or(1.0),
                stddev: self.session_turns_stddev.unwrap_or(0.0),
            },
            delay_mean_ms: self.session_turn_delay_mean.unwrap_or(0.0),
            delay_stddev_ms: self.session_turn_delay_stddev.unwrap_or(0.0),
            delay_ratio: self.session_delay_ratio.unwrap_or(1.0),
        };
        let delays = [
            ("--session-turn-delay-mean", self.session_turn_delay_mean.is_some()),
            ("--session-turn-delay-stddev", self.session_turn_delay_stddev.is_some()),
            ("--session-delay-ratio", self.session_delay_ratio.is_some()),
        ];
        if turns.is_one()
            && !from_file
            && let Some((flag, _)) = delays.into_iter().find(|(_, given)| *given)
        {
            return Err(Error::usage(
                format!("{flag} where conversations have one turn: no turn follows"),
                format!("add --session-turns-mean TURNS, or drop {flag}"),
            ));
        }
        Ok(turns)
    }
}
