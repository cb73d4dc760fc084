//! The plan of a run, as each member drives its share of it.

use ringload_engine::plan::{CoreRange, Cores, Load, Plan};
use ringload_engine::{Result, run};
use ringload_fleet::differences;
use serde_json::Value;

/// The cores of this machine for a plan of a fleet of so many members: no more than make each member of the fleet busy,
/// where the plan has fewer requests in flight than there are cores.
///
/// # Errors
/// When the plan names cores that the process may not use.
pub(super) fn cores(plan: &Plan, members: usize) -> Result<Vec<usize>> {
    let mut cores = run::cores(plan)?;
    let phases = plan.warmup.iter().chain([&plan.profiling]);
    let bounds: Vec<Option<u32>> = phases.map(|phase| phase.load.most_in_flight()).collect();
    if let Some(most) = bounds.into_iter().collect::<Option<Vec<u32>>>().and_then(|all| all.into_iter().max()) {
        cores.truncate((most as usize / members).max(1));
    }
    Ok(cores)
}

/// What keeps a plan from being shared by so many members, each of which has cores.
pub(super) fn unshareable(plan: &Plan, members: usize) -> Option<String> {
    let phases = plan.warmup.iter().chain([&plan.profiling]);
    let caps = phases.flat_map(|phase| {
        let cap = phase.load.cap().map(|cap| cap.concurrency);
        [cap, phase.prefill.map(|prefill| prefill.concurrency)].into_iter().flatten()
    });
    let least = caps.min().filter(|cap| (*cap as usize) < members)?;
    Some(format!("a cap of {least} has no place for each of {members} members"))
}

/// The share of the member `rank` of a plan, on these cores, where the members have so many each.
pub(super) fn share(plan: &Plan, rank: usize, cores: Vec<usize>, counts: &[usize]) -> Plan {
    let range = CoreRange::stretches(counts).get(rank).copied();
    Plan { cores: Cores::List(cores), core_range: range, ..plan.clone() }
}

/// The plan that the leader has published, with what it does not show and what each machine has of its own from the
/// plans that this member's command line makes.
///
/// # Errors
/// In what it is none of them.
pub(super) fn adopted(published: &Value, own: &[Plan]) -> std::result::Result<Plan, String> {
    let plan: Plan = serde_json::from_value(published.clone()).map_err(|e| format!("the plan cannot be read ({e})"))?;
    let same_load = |other: &&Plan| serde_json::to_value(&other.profiling).ok().as_ref() == published.get("profiling");
    let Some(like) = own.iter().find(same_load).or(own.first()) else {
        return Err("its command line makes no plan".into());
    };
    let shown = |load: &Load| matches!(load, Load::Fixed { .. });
    let prewarm = plan.network.prewarm;
    let mut plan = Plan {
        headers: like.headers.clone(),
        custom_endpoint: like.custom_endpoint.clone(),
        extra_inputs: like.extra_inputs.clone(),
        network: like.network.clone(),
        cores: like.cores.clone(),
        io: like.io,
        fifo: like.fifo,
        // The instants of a trace are not shown.
        profiling: if shown(&plan.profiling.load) { like.profiling.clone() } else { plan.profiling.clone() },
        core_range: None,
        ..plan
    };
    plan.network.prewarm = prewarm;
    let own = serde_json::to_value(&plan).map_err(|e| e.to_string())?;
    match differences(&own, published).as_slice() {
        [] => Ok(plan),
        found => Err(found.join("; ")),
    }
}

/// Whether plans that two members' command lines make are the same.
///
/// # Errors
/// In what they differ.
pub(super) fn same(own: &[Plan], announced: &Value) -> std::result::Result<(), String> {
    let announced = announced.as_array().map(Vec::as_slice).unwrap_or_default();
    if announced.len() != own.len() {
        return Err(format!("its command line asks for {} plans, the leader's for {}", own.len(), announced.len()));
    }
    for (own, announced) in own.iter().zip(announced) {
        let own = serde_json::to_value(own).map_err(|e| e.to_string())?;
        let found = differences(&own, announced);
        if !found.is_empty() {
            return Err(format!("its plan differs from the leader's in {}", found.join("; ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::testing::made;

    #[test]
    fn a_published_plan_is_taken_with_what_it_does_not_show() {
        let line = "-m x --request-rate 50 --benchmark-duration 3 --header Authorization:secret --random-seed 4";
        let mine = made(line);
        let mut published = mine.clone();
        published.cores = Cores::Count(3);
        published.prompts.offset = 40;
        let shown = serde_json::to_value(&published).unwrap();
        assert!(!shown.to_string().contains("secret"));
        let taken = adopted(&shown, std::slice::from_ref(&mine)).unwrap();
        assert_eq!(
            (taken.prompts.offset, &taken.headers[0].value, &taken.cores),
            (40, &"secret".to_owned(), &mine.cores)
        );
        let other = made("-m x --request-rate 50 --benchmark-duration 3 --random-seed 4");
        let error = adopted(&shown, &[other]).unwrap_err();
        assert!(error.starts_with("headers: "), "{error}");
    }

    #[test]
    fn plans_that_differ_say_in_what() {
        let line = |rate| made(&format!("-m x --request-rate {rate} --benchmark-duration 3 --random-seed 4"));
        let announced = serde_json::to_value([line(50)]).unwrap();
        assert_eq!(same(&[line(50)], &announced), Ok(()));
        let error = same(&[line(60)], &announced).unwrap_err();
        assert!(error.contains("profiling.load.rate") && error.contains("60") && error.contains("50"), "{error}");
        assert!(same(&[], &announced).unwrap_err().contains("0 plans"));
    }

    #[test]
    fn a_cap_below_the_members_cannot_be_shared_and_a_closed_loop_can() {
        let capped = made("-m x --request-rate 50 --concurrency 3 --benchmark-duration 3");
        assert!(unshareable(&capped, 4).unwrap().contains("a cap of 3"));
        assert_eq!(unshareable(&capped, 3), None);
        assert_eq!(unshareable(&made("-m x --concurrency 1"), 4), None);
    }
}
