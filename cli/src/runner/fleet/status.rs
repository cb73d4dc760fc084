//! What the bus tells of a run.

use super::{address, ours};
use crate::exit::Exit;
use crate::flags::StatusArgs;
use crate::terminal::print;
use ringload_engine::Result;
use ringload_fleet::{MemberStatus, RunStatus, name_of};
use std::fmt::Write as _;

/// Prints who has joined a run, who is alive, and how far they are.
///
/// # Errors
/// When the bus does not answer, or knows no such run.
pub(crate) fn status(args: &StatusArgs) -> Result<Exit> {
    let address = address(&args.fleet, &args.tls)?;
    let status = RunStatus::read(&address, &name_of(&args.run)).map_err(ours)?;
    print(&text(&args.run, &status))?;
    Ok(Exit::Done)
}

fn text(run: &str, status: &RunStatus) -> String {
    let state = match (status.over, status.runs) {
        (Some(status), _) => format!("over, with exit status {status}"),
        (None, 0) => "waiting for its members".into(),
        (None, runs) => format!("run {runs} has begun"),
    };
    let mut text = format!("{run}: {state}\n");
    for MemberStatus { rank, host, heartbeat } in &status.members {
        let progress = match heartbeat {
            // Nobody sends any more then.
            None if status.over.is_some() => String::new(),
            None => ": not heard".to_owned(),
            Some(heartbeat) => format!(
                ": {} done, {} failed, {} in flight{}",
                heartbeat.counters.done,
                heartbeat.counters.failed,
                heartbeat.counters.in_flight,
                heartbeat
                    .clock
                    .map_or_else(String::new, |clock| format!(", clock ±{} µs", clock.uncertainty() / 1_000))
            ),
        };
        let _ = writeln!(text, "  member {rank} ({host}){progress}");
    }
    if status.members.len() < status.size {
        let _ = writeln!(text, "  {} of {} members have joined", status.members.len(), status.size);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringload_fleet::message::{Counters, Heartbeat};

    #[test]
    fn it_says_who_is_there_and_how_far() {
        let heartbeat =
            Heartbeat { counters: Counters { done: 41, in_flight: 3, ..Counters::default() }, ..Heartbeat::default() };
        let members = vec![
            MemberStatus { rank: 0, host: "a".into(), heartbeat: Some(heartbeat) },
            MemberStatus { rank: 1, host: "b".into(), heartbeat: None },
        ];
        let mut status = RunStatus { size: 3, runs: 1, over: None, members };
        assert_eq!(
            text("r", &status),
            "r: run 1 has begun\n  member 0 (a): 41 done, 0 failed, 3 in flight\n  member 1 (b): not heard\n  2 of 3 members have joined\n"
        );
        (status.size, status.over) = (2, Some(0));
        status.members[0].heartbeat = None;
        assert_eq!(text("r", &status), "r: over, with exit status 0\n  member 0 (a)\n  member 1 (b)\n");
    }
}
