//! Runs one case of the path of a token for callgrind, which counts its instructions: see
//! `bench/compare/instructions.sh`.
//!
//! `counts` lists the cases: name, events and bytes of a round, and `less` where something is taken off.
//! `counts CASE ROUNDS` runs rounds of a case, `counts CASE ROUNDS less` those of what is taken off.
#![forbid(unsafe_code)]

use ringload_bench::case::{Case, count};
use ringload_bench::cases::stages;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let all = stages();
    let cases = all.iter().flat_map(|stage| {
        let named = |case| (format!("{}/{}", stage.name, case_name(case)), case);
        stage.cases.iter().map(named)
    });
    let wanted = match &args[..] {
        [] => {
            for (name, case) in cases {
                let less = if case.has_apart() { "less" } else { "-" };
                println!("{name}\t{}\t{}\t{less}", case.events, case.bytes);
            }
            return ExitCode::SUCCESS;
        }
        [name, rounds] => (name, rounds, false),
        [name, rounds, less] if less == "less" => (name, rounds, true),
        _ => return usage("too many arguments"),
    };
    let (name, Ok(rounds), less) = (wanted.0, wanted.1.parse(), wanted.2) else {
        return usage("ROUNDS is a number");
    };
    let Some((_, case)) = cases.into_iter().find(|(other, _)| other == name) else {
        return usage("there is no such case: `counts` alone lists them");
    };
    let run = if less { case.apart() } else { Some(case.rounds()) };
    match run {
        Some(mut run) => count(&mut *run, rounds),
        None => return usage("nothing is taken off this case"),
    }
    ExitCode::SUCCESS
}

fn case_name(case: &Case) -> &str {
    &case.name
}

fn usage(what: &str) -> ExitCode {
    eprintln!("counts: {what}\nusage: counts [CASE ROUNDS [less]]");
    ExitCode::from(2)
}
