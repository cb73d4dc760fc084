//! Gates on a run that several processes shared: all of them there, their clocks known well enough, one start.

use super::case::{Case, Found};
use super::finding::{Finding, Scope, Status};
use super::machine;
use super::wording::{shown_ms, shown_share};
use crate::clock::{MILLI, Nanos};
use crate::measure::{FleetFigures, MemberFigures};
use crate::setting::Setting::MergedRecords;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let Some(fleet) = &case.summary.fleet else { return Vec::new() };
    let each = fleet.members.iter();
    let lost = each.clone().filter(|member| member.lost).map(member_lost);
    let failed = each.clone().filter_map(member_failed);
    let clocks = each.clone().filter_map(|member| clock(member, case.plan.slice));
    lost.chain(failed)
        .chain(clocks)
        .chain(start_spread(fleet))
        .chain(by_histograms(fleet))
        .chain(each.flat_map(machine))
        .collect()
}

/// What the machine of a member did to it; that of the first is the run's own.
fn machine(member: &MemberFigures) -> impl Iterator<Item = Finding> {
    let found = member.machine.iter().flat_map(machine::of_member);
    found.map(|finding| Finding { evidence: format!("{}: {}", name(member), finding.evidence), ..finding })
}

fn name(member: &MemberFigures) -> String {
    format!("member {} ({})", member.rank, member.host)
}

fn member_lost(member: &MemberFigures) -> Finding {
    Found::new("member_lost", Scope::Client).at_least(Status::Invalid).counted(member.lost_requests, "requests").says(
        format!(
            "{} sent no more heartbeats: of {} requests that were its nothing is known, and what it sent meanwhile is in no figure",
            name(member),
            member.lost_requests
        ),
        "look for the cause on its machine and on its way to the bus; its own record log, where it is left, can be merged",
    )
}

fn member_failed(member: &MemberFigures) -> Option<Finding> {
    let failure = member.failure.as_ref()?;
    let found = Found::new("member_failed", Scope::Client).at_least(Status::Invalid);
    Some(found.says(format!("{} ended early: {failure}", name(member)), "read its messages, and run again"))
}

/// Slices and rates over time put instants of several clocks side by side.
fn clock(member: &MemberFigures, slice: Option<Nanos>) -> Option<Finding> {
    let Some(uncertainty) = member.clock_uncertainty_ns else {
        return Some(Found::new("clock", Scope::Client).at_least(Status::Suspect).says(
            format!(
                "nobody knows how the clock of {} stands to that of the first: slices and rates mix them",
                name(member)
            ),
            "see that echoes pass between the members; latencies need no common clock",
        ));
    };
    let share = uncertainty as f64 / slice? as f64;
    if uncertainty <= UNCERTAIN || share <= OF_A_SLICE {
        return None;
    }
    let found = Found::new("clock", Scope::Client).at_least(Status::Suspect).measured(share, OF_A_SLICE, "ratio");
    Some(found.says(
        format!(
            "the clock of {} is known to {} among those of the others, {} of a slice; bound: {}",
            name(member),
            shown_ms(uncertainty as f64 / MILLI as f64),
            shown_share(share),
            shown_share(OF_A_SLICE)
        ),
        "cut longer slices, or bring the members nearer to one another: the uncertainty is half the least round trip",
    ))
}

/// A note: requests have instants of their own, and those that began late are in the dispatch lag.
fn start_spread(fleet: &FleetFigures) -> Option<Finding> {
    let spread = fleet.start_spread_ns.filter(|spread| *spread > SPREAD)?;
    let (spread, bound) = (spread as f64 / MILLI as f64, SPREAD as f64 / MILLI as f64);
    Some(Found::new("start_spread", Scope::Client).measured(spread, bound, "ms").says(
        format!("the measured phases of the members began {} apart (told over {})", shown_ms(spread), shown_ms(bound)),
        "see which member is slow to hear of the start",
    ))
}

/// A note: gates that look at single requests, or at when they came, have nothing to look at.
fn by_histograms(fleet: &FleetFigures) -> Option<Finding> {
    fleet.by_histograms.then(|| {
        Found::new("by_histograms", Scope::Client).says(
            "the figures are made from sums and histograms of the members: seconds that were missed, stretches \
             without output, the steady part, ceilings over time, the client's part in percentiles, connections that \
             were not kept and bounds on streams are not judged",
            format!("use {MergedRecords} where the records of all requests are not too many"),
        )
    })
}

/// What is known as well as that condemns no slice, however short.
const UNCERTAIN: Nanos = MILLI;
const OF_A_SLICE: f64 = 0.01;
const SPREAD: Nanos = 100 * MILLI;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostFacts;

    fn member(uncertainty: Option<Nanos>) -> MemberFigures {
        MemberFigures {
            rank: 1,
            host: "node7".into(),
            cores: 2,
            requests: 10,
            clock_ahead_ns: None,
            clock_uncertainty_ns: uncertainty,
            lost: false,
            lost_requests: 0,
            failure: None,
            machine: None,
        }
    }

    #[test]
    fn a_clock_is_judged_by_the_slice_that_it_touches() {
        let second = 1_000 * MILLI;
        for (uncertainty, slice, suspect) in [
            (MILLI, Some(10 * MILLI), false),
            (5 * MILLI, Some(second), false),
            (11 * MILLI, Some(second), true),
            (11 * MILLI, None, false),
        ] {
            let found = clock(&member(Some(uncertainty)), slice);
            assert_eq!(found.map(|f| f.status), suspect.then_some(Status::Suspect), "{uncertainty} {slice:?}");
        }
        let unknown = clock(&member(None), None).map(|f| (f.status, f.evidence.contains("member 1 (node7)")));
        assert_eq!(unknown, Some((Status::Suspect, true)));
    }

    #[test]
    fn what_a_machine_did_to_its_member_is_told_with_the_member() {
        let stolen = HostFacts { watched_s: 20.0, steal_share: Some(0.2), ..HostFacts::default() };
        let found: Vec<Finding> = machine(&MemberFigures { machine: Some(stolen), ..member(Some(0)) }).collect();
        assert_eq!(found.iter().map(|f| (f.gate, f.status)).collect::<Vec<_>>(), [("cpu_steal", Status::Suspect)]);
        assert!(found[0].evidence.starts_with("member 1 (node7): the hypervisor gave 20"), "{}", found[0].evidence);
        assert_eq!(machine(&member(Some(0))).count(), 0);
    }

    #[test]
    fn a_member_that_is_lost_or_failed_makes_the_run_invalid_and_a_late_start_is_a_note() {
        let lost = member_lost(&MemberFigures { lost: true, lost_requests: 7, ..member(Some(0)) });
        assert_eq!((lost.status, lost.value), (Status::Invalid, Some(7.0)));
        let failed = member_failed(&MemberFigures { failure: Some("no disk".into()), ..member(Some(0)) });
        assert!(failed.is_some_and(|f| f.status == Status::Invalid && f.evidence.ends_with("no disk")));
        let fleet = |spread| FleetFigures {
            run: "r".into(),
            members: Vec::new(),
            start_spread_ns: Some(spread),
            start_after_ready_ns: None,
            by_histograms: false,
        };
        assert!(start_spread(&fleet(SPREAD)).is_none());
        assert_eq!(start_spread(&fleet(2 * SPREAD)).map(|f| f.status), Some(Status::Valid));
    }
}
