//! Conditions as they are written.

use super::*;

fn parsed(text: &str) -> (&'static str, Statistic, Comparison, f64) {
    let t = Threshold::parse(text).unwrap_or_else(|e| panic!("{e}"));
    (t.tag, t.statistic, t.op, t.bound)
}

#[test]
fn names_figures_comparisons_and_units() {
    use Comparison::{Above, AtLeast, AtMost, Below};
    let ttft = "time_to_first_token";
    for (text, expected) in [
        ("ttft.p99>500ms", (ttft, Statistic::P99, Above, 500.0)),
        ("time_to_first_token.p99 >= 0.5s", (ttft, Statistic::P99, AtLeast, 500.0)),
        ("ttft.p99.9>500", (ttft, Statistic::P999, Above, 500.0)),
        ("ttft.max>250us", (ttft, Statistic::Max, Above, 0.25)),
        ("error_rate>1%", ("request_error_rate", Statistic::Value, Above, 1.0)),
        ("good_request_fraction<95%", ("good_request_fraction", Statistic::Value, Below, 0.95)),
        ("good_request_fraction <= 0.95", ("good_request_fraction", Statistic::Value, AtMost, 0.95)),
        ("goodput<10", ("goodput", Statistic::Value, Below, 10.0)),
        ("rps<40req/s", ("request_throughput", Statistic::Value, Below, 40.0)),
        ("benchmark_duration>2s", ("benchmark_duration", Statistic::Value, Above, 2.0)),
        ("effective_concurrency.max>9", ("effective_concurrency", Statistic::Max, Above, 9.0)),
    ] {
        assert_eq!(parsed(text), expected, "{text}");
    }
    let tiered = Threshold::parse("goodput@gold<5").unwrap();
    assert_eq!(tiered.tier.as_deref(), Some("gold"));
}

#[test]
fn what_cannot_be_compared_says_what_to_write() {
    for (text, what, remedy) in [
        ("ttft.p99", "no comparison", "ttft.p99>500ms"),
        ("ttft.p99=5", "no comparison", "ttft.p99>500ms"),
        ("time_to_frist_token.p99>5", "unknown metric", "time_to_first_token"),
        ("tttf.p99>5", "unknown metric", "`ttft`"),
        ("eror_rate>5", "unknown metric", "`error_rate`"),
        ("ttft>5", "each request has its own", ".p99"),
        ("ttft.p98>5", "unknown figure `p98`", "p99.9"),
        ("rps.p99<5", "one value of the whole run", "request_throughput alone"),
        ("ttft.p99>fast", "no bound", "number of ms, or of ns"),
        ("ttft.p99>", "no bound", "number of ms"),
        ("ttft.p99>5%", "no bound", "number of ms"),
        ("ttft.p99>1e999", "no bound", "number of ms"),
        ("good_request_fraction<95", "no bound", "from 0 to 1, or of %"),
        ("rps@gold<5", "not of a tier", "goodput"),
    ] {
        let e = Threshold::parse(text).unwrap_err();
        assert!(e.what.contains(what) && e.remedy.contains(remedy), "{text}: {e}");
    }
}

#[test]
fn goodput_needs_something_to_be_good_by() {
    let tiers = Tier::parse_all(r#"{"gold": "request_latency:1"}"#).unwrap();
    let check = |text: &str, goodput, tiers: &[Tier]| Threshold::parse(text).unwrap().check(goodput, tiers);
    assert!(check("goodput<5", true, &[]).is_ok());
    assert!(check("ttft.p99>5", false, &[]).is_ok());
    assert!(check("goodput@gold<5", false, &tiers).is_ok());
    let e = check("goodput<5", false, &tiers).unwrap_err();
    assert!(e.remedy.contains("goodput@gold"), "{e}");
    let e = check("goodput@silver<5", true, &tiers).unwrap_err();
    assert!(e.remedy.contains("gold"), "{e}");
}
