//! The comparison of the points of a sweep.

use super::super::layout::{heading, line, percent, short};
use crate::flags::Tier;
use crate::result::campaign::{Campaign, SweepPointOutcome};
use crate::result::search::{ALL_FOUND, SearchOutcome, TierBoundary};
use ringload_engine::campaign::Knee;
use ringload_engine::measure::SloFigures;
use ringload_engine::plan::metric;

/// The knee, and the best sweep points.
pub(super) fn render(campaign: &Campaign) -> String {
    let lines: String = in_words(campaign).iter().map(|(name, words)| line(name, words)).collect();
    if lines.is_empty() { lines } else { heading("WHAT IT SHOWS") + &lines }
}

/// The same, each with its name.
pub(crate) fn in_words(campaign: &Campaign) -> Vec<(&'static str, String)> {
    let sweep = &campaign.sweep;
    let label = |i: usize| campaign.points[i].label.as_str();
    let mut found = Vec::new();
    found.extend(campaign.search.as_ref().map(|search| ("search", search_in_words(search))));
    found.extend(campaign.search.iter().flat_map(tiers_in_words).map(|words| ("tier", words)));
    if let Some(text) = out_of_reach(campaign) {
        found.push(("goodput", text));
    } else if let Some(text) = degradation_in_words(campaign) {
        found.push(("capacity", text));
    } else if let Some(text) = sweep.knee.and_then(|knee| knee_in_words(campaign, knee)) {
        found.push(("capacity", text));
    }
    let as_good_as = &sweep.indistinguishable;
    for (name, at, as_good) in [
        ("most goodput", sweep.most_goodput, &as_good_as.most_goodput),
        ("most tokens/s", sweep.most_tokens, &as_good_as.most_tokens),
        ("least latency", sweep.least_latency, &as_good_as.least_latency),
    ] {
        let Some(i) = at else { continue };
        let others: Vec<&str> = as_good.iter().map(|other| label(*other)).collect();
        let text = match others.is_empty() {
            true => label(i).to_owned(),
            false => format!("{}, not distinguishable from {}: their intervals overlap", label(i), others.join(", ")),
        };
        found.push((name, text));
    }
    let excluded: Vec<&str> =
        campaign.points.iter().filter(|p| p.figures.invalid_by_client).map(|p| p.label.as_str()).collect();
    if !excluded.is_empty() {
        let text =
            format!("{}: INVALID by the client, so that they are excluded from the comparison", excluded.join(", "));
        found.push(("left out", text));
    }
    found
}

/// What a search has found, after how many points, and why it ended.
fn search_in_words(found: &SearchOutcome) -> String {
    let search = &found.search;
    let points = count_of(found.tried.len(), "point");
    let ended = match found.ended {
        Some("max_iterations") => "no more are allowed (--search-max-iterations)",
        Some("improvement_patience") => "the last ten were no better",
        Some("plateau_cv") => "the last eight differ by under 1 %",
        Some("nothing_expected") => "no other point is expected to be better by more than 0.2 %",
        Some("exhausted") => "there are no others",
        Some("upper_end_holds") => "the largest value of the range keeps every bound: go further",
        Some("lower_end_breaks") => "the smallest value of the range breaks a bound: go lower",
        Some(ALL_FOUND) => "each tier is known to 2 %",
        Some("client_limited") => "larger values were INVALID by the client",
        Some(_) => "the bound is known to 2 %",
        None => "it was interrupted",
    };
    let unit = metric::find(search.metric).map_or("", |info| info.unit);
    match found.best().and_then(|place| Some((place, found.tried[place].figure?))) {
        Some((place, figure)) => format!(
            "{} has the {} {} {} ({} {unit}) of {points} tried; {ended}",
            found.label(place),
            if search.maximize { "largest" } else { "smallest" },
            search.metric,
            search.stat,
            short(figure)
        ),
        None if search.bounds.is_empty() => format!("none of {points} tried has a {}; {ended}", search.metric),
        None => format!("none of {points} tried keeps every bound of --search-sla; {ended}"),
    }
}

/// The largest value of each SLO tier, and what breaks it above.
fn tiers_in_words(found: &SearchOutcome) -> Vec<String> {
    let tiers = found.search.tiers.iter().zip(found.tier_boundaries()).enumerate();
    let words = |(i, (tier, at)): (usize, (&Tier, TierBoundary))| {
        let over = |place: usize| {
            let held = &found.tried[place].tiers[i];
            let broken = held.iter().position(|held| held.violation.is_none_or(|v| v > 0.0));
            let why = broken.map(|b| {
                let bound = &tier.bounds[b];
                let figure = held[b].figure.map_or_else(|| "unknown".to_owned(), short);
                format!(": {} {} is {figure}, the bound is {}", bound.metric, bound.stat, short(bound.bound))
            });
            format!("{} breaks it{}", found.label(place), why.unwrap_or_default())
        };
        let name = &tier.label;
        match (at.holds, at.fails) {
            (Some(holds), Some(fails)) => format!("{name}: {} keeps it, {}", found.label(holds), over(fails)),
            (Some(holds), None) => {
                format!("{name}: {} keeps it, and nothing that was tried breaks it", found.label(holds))
            }
            (None, Some(fails)) => format!("{name}: nothing that was tried keeps it, {}", over(fails)),
            (None, None) => format!("{name}: no point of it counts"),
        }
    };
    tiers.map(words).collect()
}

fn count_of(n: usize, what: &str) -> String {
    if n == 1 { format!("one {what}") } else { format!("{n} {what}s") }
}

fn knee_in_words(campaign: &Campaign, knee: Knee) -> Option<String> {
    let label = |i: usize| campaign.points[i].label.as_str();
    let good = |i: usize| {
        let share = campaign.points[i].figures.good_fraction;
        share.map_or_else(String::new, percent)
    };
    Some(match knee {
        Knee::Goodput { last: Some(last), first_over: Some(over) } => format!(
            "goodput follows throughput up to {} ({} good), and leaves it by {} ({})",
            label(last),
            good(last),
            label(over),
            good(over)
        ),
        Knee::Goodput { last: Some(last), first_over: None } => format!(
            "goodput follows throughput up to the heaviest load, {} ({} good): go further",
            label(last),
            good(last)
        ),
        Knee::Goodput { last: None, first_over: Some(over) } => format!(
            "the lightest load misses the SLOs already: {} ({} good); go lower, or ask whether the SLOs can be met at all",
            label(over),
            good(over)
        ),
        Knee::Latency { last: Some(last), first_over: Some(over) } => format!(
            "the p99 of the latency holds up to {}, and is over 1.2 times the lightest load's by {}; with --goodput the knee would be that of your SLOs",
            label(last),
            label(over)
        ),
        Knee::Latency { last: Some(last), first_over: None } => {
            format!("the p99 of the latency holds up to the heaviest load, {}: go further", label(last))
        }
        _ => return None,
    })
}

/// The knee that a recipe looks for; what SLOs say goes before.
fn degradation_in_words(campaign: &Campaign) -> Option<String> {
    if matches!(campaign.sweep.knee, Some(Knee::Goodput { .. })) {
        return None;
    }
    let (asked, found) = campaign.degradation_knee()?;
    let axis = &campaign.points.first()?.values.first()?.0;
    let unit = metric::find(asked.metric).map_or("", |info| info.unit);
    let at = |place: usize| {
        let (load, figure) = found.points[place];
        format!("{axis} {load} ({} {unit})", short(figure))
    };
    let base = format!("{} times that of {}", 1.0 + asked.share, at(0));
    let what = format!("the {} of {}", asked.stat, asked.metric);
    Some(match found.knee {
        Some(knee) => format!("{what} is over {base} from {} on", at(knee)),
        None => format!("{what} stays within {base} up to {}: go further", at(found.points.len() - 1)),
    })
}

/// Where no sweep point has any goodput, no load is the right one: what the server does at the lightest.
fn out_of_reach(campaign: &Campaign) -> Option<String> {
    let mut shares = campaign.points.iter().filter_map(|c| c.figures.good_fraction);
    if shares.next()? > 0.0 || shares.any(|share| share > 0.0) {
        return None;
    }
    let axis = |c: &&SweepPointOutcome| c.figures.axis.unwrap_or(f64::INFINITY);
    let measured = campaign.points.iter();
    let measured = measured.filter(|c| c.figures.good_fraction.is_some());
    let lightest = measured.min_by(|a, b| axis(a).total_cmp(&axis(b)))?;
    let figure = worst(lightest).map_or_else(String::new, |slo| {
        format!(
            ": at the lightest load, {}, {} (the objective is {} {} {})",
            lightest.label,
            at_best(lightest, slo),
            slo.op,
            slo.threshold,
            slo.unit
        )
    });
    Some(format!(
        "no request of any sweep point met every objective, so that they are out of reach of every load here{figure}; loosen them, or make the \
         server faster at that load first"
    ))
}

/// The objective that is furthest from being met.
fn worst(point: &SweepPointOutcome) -> Option<&SloFigures> {
    let all = point.runs.iter().filter_map(|run| {
        let goodput = run.outcome.summary.goodput.as_ref();
        goodput.map(|g| &g.slos)
    });
    let missed_by = |slo: &SloFigures| {
        let best = slo.best.unwrap_or(f64::INFINITY);
        if slo.op == ">=" { slo.threshold / best } else { best / slo.threshold }
    };
    all.flatten().min_by(|a, b| {
        let by_distance = || missed_by(b).total_cmp(&missed_by(a));
        a.met.cmp(&b.met).then_with(by_distance)
    })
}

fn at_best(point: &SweepPointOutcome, slo: &SloFigures) -> String {
    match (point.spread(slo.tag, "p50"), slo.best) {
        (Some(median), _) => format!("{} is {} {} at the median", slo.tag, short(median.mean), slo.unit),
        (None, Some(best)) => format!("{} is {} {} at best", slo.tag, short(best), slo.unit),
        (None, None) => format!("no request has a {}", slo.tag),
    }
}
