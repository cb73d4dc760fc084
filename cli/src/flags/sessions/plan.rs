//! Conversation flags → the turns of synthetic conversations, and how many are begun.

use crate::flags::ConversationArgs;
use ringload_engine::plan::{Length, Turns};
use ringload_engine::{Error, Result};

/// The turns of synthetic conversations.
pub(crate) fn turns(args: &ConversationArgs, from_file: bool) -> Result<Turns> {
    let count =
        Length { mean: args.session_turns_mean.unwrap_or(1.0), stddev: args.session_turns_stddev.unwrap_or(0.0) };
    let turns = Turns {
        count,
        delay_mean_ms: args.session_turn_delay_mean.unwrap_or(0.0),
        delay_stddev_ms: args.session_turn_delay_stddev.unwrap_or(0.0),
        delay_ratio: args.session_delay_ratio.unwrap_or(1.0),
    };
    let synthetic = [
        ("--session-turns-mean", args.session_turns_mean.is_some()),
        ("--session-turns-stddev", args.session_turns_stddev.is_some()),
        ("--session-turn-delay-mean", args.session_turn_delay_mean.is_some()),
        ("--session-turn-delay-stddev", args.session_turn_delay_stddev.is_some()),
    ];
    let mut given = synthetic.iter().filter(|(_, given)| *given);
    if from_file && let Some((flag, _)) = given.next() {
        return Err(Error::usage(
            format!("{flag} with --input-file: the file says what its conversations are"),
            format!("drop {flag}; --session-delay-ratio stretches the delays of a file"),
        ));
    }
    let delays = synthetic[2..].iter().copied().chain([("--session-delay-ratio", args.session_delay_ratio.is_some())]);
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
