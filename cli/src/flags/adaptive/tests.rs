use super::space::SearchAxis;
use super::*;
use crate::flags::testing::{args, parsed};
use ringload_engine::optimization::Dimension;

fn searched(line: &str) -> Result<Option<AdaptiveSearch>> {
    args(&format!("-m x --streaming {line}")).adaptive_search()
}

#[test]
fn a_search_is_taken_in_aiperfs_words() {
    let search = searched(
        "--search-space phases.profiling.concurrency:1,1000:int --search-space request_rate:0.5,50 \
         --search-metric output_token_throughput --search-direction maximize --search-max-iterations 25 \
         --search-initial-points 4 --search-random-seed 42 --search-sla time_to_first_token:p95:lt:200 \
         --search-sla request_error_rate:p99:lt:0.01",
    )
    .unwrap()
    .unwrap();
    assert_eq!(
        search.space.iter().map(|v| v.axis).collect::<Vec<_>>(),
        [SearchAxis::Concurrency, SearchAxis::RequestRate]
    );
    assert_eq!(search.space[0].dimension, Dimension { low: 1.0, high: 1000.0, whole: true });
    let settings = &search.settings;
    assert_eq!((settings.most_trials, settings.initial_trials, settings.seed), (25, 4, 42));
    assert_eq!(
        (search.metric, search.stat, search.maximize, search.halves),
        ("output_token_throughput", "avg", true, false)
    );
    assert_eq!((search.bounds[1].metric, search.bounds[1].stat), ("request_error_rate", "avg"));
    let least =
        searched("--search-space concurrency:1,8 --search-metric request_latency --search-stat p99").unwrap().unwrap();
    assert_eq!((least.maximize, least.stat, least.settings.most_trials), (false, "p99", 30));
    assert!(searched("").unwrap().is_none());
}

#[test]
fn a_figure_of_streams_needs_streams() {
    let space = "--search-space concurrency:1,100:int";
    for line in [
        "--search-metric inter_token_latency",
        "--search-metric request_throughput --search-sla time_to_first_token:p95:lt:200",
    ] {
        let line = format!("-m x {space} {line}");
        let error = args(&line).adaptive_search().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("a metric of streams") && error.contains("--streaming"), "{line}: {error}");
        assert!(args(&format!("{line} --streaming")).adaptive_search().is_ok(), "{line}");
    }
}

#[test]
fn what_is_no_search_is_refused_with_what_to_write() {
    for (line, said) in [
        ("--search-space concurrency", "NAME:LOW,HIGH"),
        ("--search-space concurrency:1000,1:int", "smaller value first"),
        ("--search-space concurrency:1,10:integer", "int or real"),
        ("--search-space concurrency:1,10:real", "whole number"),
        ("--search-space phase.profiling.concurrency:1,10", "cannot be varied"),
        ("--search-space concurrency:1,2e9", "up to 1000000"),
        ("--search-sla ttft:p95:lt:200", "not a metric"),
        ("--search-sla time_to_first_token:p95:below:200", "lt, le, gt or ge"),
        ("--search-percentile-pooling pooled", "mean of theirs"),
    ] {
        let error = parsed(&format!("-m x {line}")).unwrap_err();
        assert!(error.contains(said), "{line}: {error}");
    }
    let space = "--search-space concurrency:1,100:int";
    for (line, said) in [
        (space.to_owned(), "--search-metric"),
        ("--search-metric request_latency".into(), "without --search-space"),
        (
            format!("{space} --search-metric request_latency --search-max-iterations 3 --search-initial-points 3"),
            "more iterations",
        ),
        (format!("{space} --search-metric request_latency --concurrency 4"), "drop --concurrency"),
        (format!("{space} --search-metric request_latency --isl 4,8"), "a comma list"),
        (format!("{space} {space} --search-metric request_latency"), "varied twice"),
        (format!("{space} --search-metric request_latency --search-planner monotonic_sla"), "--search-sla"),
        (format!("{space} --search-metric request_latency --search-recipe concurrency-ramp"), "--search-recipe"),
    ] {
        let error = searched(&line).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
}

#[test]
fn a_bound_says_by_what_share_it_is_broken() {
    let bound = |text: &str| space::bound(text).unwrap();
    assert_eq!(bound("request_latency:avg:lt:200").violation(250.0), 0.25);
    assert_eq!(bound("request_latency:avg:le:200").violation(200.0), 0.0);
    assert!(bound("request_latency:avg:lt:200").violation(200.0) > 0.0);
    assert_eq!(bound("request_throughput:avg:ge:10").violation(5.0), 0.5);
}

#[test]
fn tiers_have_names_and_bounds_of_their_own() {
    let space = "--search-space concurrency:1,100:int --search-metric request_throughput";
    let search = searched(&format!(
        "{space} --search-sla-tier gold:time_to_first_token:p95:lt:200,request_latency:p99:le:900 \
         --search-sla-tier time_to_first_token:p95:lt:500 --search-sla request_error_rate:avg:lt:1"
    ))
    .unwrap()
    .unwrap();
    let of = |tier: &Tier| (tier.label.clone(), tier.bounds.iter().map(|bound| bound.bound).collect::<Vec<_>>());
    let tiers: Vec<_> = search.tiers.iter().map(of).collect();
    assert_eq!(tiers, [("gold".to_owned(), vec![200.0, 900.0]), ("tier_2".to_owned(), vec![500.0])]);
    assert_eq!(search.bounds.len(), 1);
    let one = "--search-sla-tier a:request_latency:p99:le:900";
    for (line, said) in [
        (format!("{space} {one}"), "2 to 10"),
        (format!("{space} {one} {one}"), "called a"),
        (format!("{space} --search-space isl:5,9 {one} --search-sla-tier b:request_latency:p99:le:9"), "one setting"),
        (one.to_owned(), "--search-sla-tier without --search-space"),
    ] {
        let error = searched(&line).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
    for (tier, said) in [("gold", "LABEL:METRIC"), ("gold:", "LABEL:METRIC"), ("gold:ttft:p95:lt:5", "not a metric")] {
        let error = parsed(&format!("-m x {space} --search-sla-tier {tier}")).unwrap_err();
        assert!(error.contains(said), "{tier}: {error}");
    }
}
