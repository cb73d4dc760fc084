//! Scrapes in a row.

use super::super::{Collector, Estimate, Kind, Role, SeriesStats, ServerFigures, Window};
use crate::clock::SECOND;

/// Scrapes a second apart, from second 1 on.
fn collected(scrapes: &[(Window, &str)]) -> Collector {
    let mut collector = Collector::new("http://h:1/metrics");
    for (at, (window, body)) in (1..).zip(scrapes) {
        collector.handle_scrape(body, at * SECOND, 1_000, *window);
    }
    collector
}

fn stats(collector: &Collector, name: &str) -> Option<SeriesStats> {
    collector.metrics().into_iter().find(|m| m.name == name).map(|m| m.series[0].stats.clone())
}

use Window::{After, Before, Inside};

#[test]
fn a_counter_is_counted_from_before_the_window_and_a_restart_adds_what_it_grew() {
    let x = |value: u32| format!("# TYPE x_total counter\nx_total {value}\n");
    let texts = [x(100), x(130), x(140), x(7), x(9)];
    let windows = [Before, Before, Inside, Inside, After];
    let scrapes: Vec<_> = windows.into_iter().zip(texts.iter().map(String::as_str)).collect();
    let collector = collected(&scrapes);
    let Some(SeriesStats::Counter(x)) = stats(&collector, "x") else {
        panic!("no counter");
    };
    // 130 → 140, then 7 after a restart, then 2 more: 19 in the 3 s from the last scrape before the window.
    assert_eq!((x.total, x.rate, x.resets), (19.0, 19.0 / 3.0, 1));
    assert_eq!(collector.metrics()[0].kind, Kind::Counter);
}

#[test]
fn a_series_that_appears_in_the_run_began_at_nothing() {
    let none = "# TYPE x counter\n# TYPE y gauge\ny 1\n";
    let some = "# TYPE x counter\n# TYPE y gauge\ny 1\nx_total{a=\"b\"} 5\n";
    let Some(SeriesStats::Counter(x)) = stats(&collected(&[(Before, none), (Inside, some)]), "x") else {
        panic!("no counter");
    };
    assert_eq!(x.total, 5.0);
    // Without a scrape before it, what it stood at is not of the run.
    assert_eq!(stats(&collected(&[(Inside, some)]), "x"), None);
}

#[test]
fn a_gauge_has_the_values_of_the_window_alone_also_where_nothing_changed() {
    let y = |value: u32| format!("# TYPE y gauge\ny {value}\n");
    let texts = [y(50), y(1), y(1), y(4), y(0)];
    let windows = [Before, Inside, Inside, Inside, After];
    let scrapes: Vec<_> = windows.into_iter().zip(texts.iter().map(String::as_str)).collect();
    let collector = collected(&scrapes);
    let Some(SeriesStats::Gauge(y)) = stats(&collector, "y") else {
        panic!("no gauge");
    };
    assert_eq!((y.avg, y.min, y.max), (2.0, 1.0, 4.0));
    assert!((y.std - 3.0_f64.sqrt()).abs() < 1e-12);
    assert_eq!((y.percentiles[4], y.percentiles[8]), (1.0, 3.94));
    let endpoint = collector.endpoint();
    assert_eq!((endpoint.fetches, endpoint.updates), (5, 4));
    assert_eq!(endpoint.update_interval_ms(), Some(4_000.0 / 3.0));
}

#[test]
fn a_histogram_is_the_difference_of_its_buckets() {
    let h = |a: u32, b: u32, all: u32, sum: f64| {
        format!(
            "# TYPE h_seconds histogram\nh_seconds_bucket{{le=\"0.5\"}} {a}\nh_seconds_bucket{{le=\"1.0\"}} {b}\n\
             h_seconds_bucket{{le=\"+Inf\"}} {all}\nh_seconds_sum {sum}\nh_seconds_count {all}\nh_seconds_created 1\n"
        )
    };
    let (before, after) = (h(10, 10, 10, 1.0), h(12, 18, 20, 11.0));
    let Some(SeriesStats::Histogram(h)) = stats(&collected(&[(Before, &before), (Inside, &after)]), "h_seconds") else {
        panic!("no histogram");
    };
    assert_eq!((h.count, h.sum, h.seconds, h.mean()), (10.0, 10.0, 1.0, Some(1.0)));
    assert_eq!(h.buckets, [("0.5".into(), 2.0), ("1.0".into(), 8.0), ("+Inf".into(), 10.0)]);
    assert_eq!(h.quantile(0.2), Some(Estimate::About(0.5)));
    assert_eq!(h.quantile(0.5), Some(Estimate::About(0.75)));
    assert_eq!(h.quantile(0.9), Some(Estimate::Over(1.0)), "more than the last bound");
}

#[test]
fn a_restart_empties_a_histogram_and_the_same_bound_is_written_in_two_ways() {
    let first = "# TYPE h histogram\nh_bucket{le=\"1\"} 5\nh_bucket{le=\"+Inf\"} 6\nh_sum 9\nh_count 6\n";
    let second = "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n";
    let Some(SeriesStats::Histogram(h)) = stats(&collected(&[(Before, first), (Inside, second)]), "h") else {
        panic!("no histogram");
    };
    assert_eq!((h.count, h.sum, h.resets), (3.0, 4.0, 1));
    assert_eq!(h.buckets, [("1".into(), 1.0), ("+Inf".into(), 3.0)]);
}

#[test]
fn what_says_nothing_of_a_run_is_left_out() {
    let text = "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 3\n# TYPE c counter\nc_total 1\nc_created 5\n\
                process_uptime 9\n# TYPE g gauge\ng NaN\nunknown_thing 3\n";
    let collector = collected(&[(Before, text), (Inside, &text.replace("c_total 1", "c_total 4"))]);
    let names: Vec<_> = collector.metrics().into_iter().map(|m| (m.name, m.kind)).collect();
    assert_eq!(names, [("c".into(), Kind::Counter), ("unknown_thing".into(), Kind::Unknown)]);
}

#[test]
fn a_series_that_is_there_twice_counts_once_and_labels_have_no_order() {
    let text = "# TYPE g gauge\ng{a=\"1\",b=\"2\"} 3\ng{b=\"2\",a=\"1\"} 4\n";
    let collector = collected(&[(Inside, text)]);
    assert_eq!(collector.metrics()[0].series.len(), 1);
    assert_eq!(collector.endpoint().duplicates, 1);
    let Some(SeriesStats::Gauge(g)) = stats(&collector, "g") else {
        panic!("no gauge");
    };
    assert_eq!(g.avg, 4.0, "the last counts");
}

#[test]
fn many_values_of_a_gauge_keep_their_sums_and_about_their_percentiles() {
    let mut collector = Collector::new("u");
    for value in 0..20_000_u64 {
        let text = format!("# TYPE g gauge\ng {value}\n");
        collector.handle_scrape(&text, value * SECOND, 1, Inside);
    }
    let Some(SeriesStats::Gauge(g)) = stats(&collector, "g") else {
        panic!("no gauge");
    };
    assert_eq!((g.avg, g.min, g.max), (9_999.5, 0.0, 19_999.0));
    assert!((g.percentiles[4] - 10_000.0).abs() < 10.0, "{}", g.percentiles[4]);
}

#[test]
fn a_page_that_is_no_exposition_is_none_and_changes_nothing() {
    let text = "# TYPE x counter\nx_total 1\n";
    let mut collector = collected(&[(Before, text)]);
    for page in ["<html><body>404</body></html>", "[{\"iter\": 1}]", "{}", ""] {
        assert!(!collector.handle_scrape(page, 9 * SECOND, 1, Inside).is_metrics, "{page}");
    }
    collector.handle_scrape("# TYPE x counter\nx_total 3\n", 10 * SECOND, 1, Inside);
    let Some(SeriesStats::Counter(x)) = stats(&collector, "x") else {
        panic!("no counter");
    };
    assert_eq!((x.total, collector.endpoint().failed), (2.0, 4));
    assert_eq!(ServerFigures::of(&[Collector::new("u")]), None);
}

#[test]
fn engines_and_endpoints_are_added_and_slices_are_means() {
    let page = |running: u32, waiting: u32, tokens: u32| {
        format!(
            "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{{engine=\"0\"}} {running}\n\
             vllm:num_requests_running{{engine=\"1\"}} 1\n# TYPE vllm:num_requests_waiting gauge\n\
             vllm:num_requests_waiting{{engine=\"0\"}} {waiting}\n# TYPE vllm:kv_cache_usage_perc gauge\n\
             vllm:kv_cache_usage_perc{{engine=\"0\"}} 0.5\nvllm:kv_cache_usage_perc{{engine=\"1\"}} 0.1\n\
             # TYPE vllm:generation_tokens_total counter\nvllm:generation_tokens_total{{engine=\"0\"}} {tokens}\n"
        )
    };
    let texts = [page(0, 0, 10), page(3, 0, 20), page(5, 2, 40), page(0, 0, 50)];
    let windows = [Before, Inside, Inside, After];
    let one = || {
        let scrapes: Vec<_> = windows.into_iter().zip(texts.iter().map(String::as_str)).collect();
        collected(&scrapes)
    };
    let endpoints = [one(), one()];
    let mut figures = ServerFigures::of(&endpoints).unwrap();
    let (running, waiting, kv) = (figures.running.unwrap(), figures.waiting.unwrap(), figures.kv_use.unwrap());
    assert_eq!((running.avg, running.max), (10.0, 12.0));
    assert_eq!((waiting.avg, waiting.max, figures.waiting_share), (2.0, 4.0, Some(0.5)));
    assert!((kv.avg - 0.3).abs() < 1e-12 && figures.servers == ["vLLM"]);
    assert_eq!(figures.tokens.generation, Some(80.0));
    assert_eq!(ServerFigures::tokens_since_first(&endpoints).unwrap().generation, Some(80.0));
    figures
        .cut(&endpoints, [(0, 0, 3 * SECOND), (1, 3 * SECOND, 9 * SECOND), (2, 9 * SECOND, 10 * SECOND)].into_iter());
    let slices: Vec<_> = figures.slices.iter().map(|s| (s.index, s.running, s.waiting)).collect();
    assert_eq!(slices, [(0, Some(8.0), Some(0.0)), (1, Some(12.0), Some(4.0))]);
    assert_eq!(endpoints[0].now(Role::Running), Some(1.0));
}

#[test]
fn slices_have_what_counters_grew_in_them() {
    let page = |(drafted, accepted): (u32, u32)| {
        format!(
            "# TYPE vllm:spec_decode_num_draft_tokens counter\nvllm:spec_decode_num_draft_tokens_total {drafted}\n\
             # TYPE vllm:spec_decode_num_accepted_tokens counter\nvllm:spec_decode_num_accepted_tokens_total {accepted}\n\
             # TYPE vllm:num_preemptions counter\nvllm:num_preemptions_total {}\n",
            drafted / 100
        )
    };
    let pages = [(100, 10), (200, 70), (400, 170), (400, 170), (50, 9)].map(page);
    let scrapes: Vec<_> = pages.iter().map(|page| (Inside, page.as_str())).collect();
    let collector = collected(&scrapes);
    let mut figures = ServerFigures::of(std::slice::from_ref(&collector)).unwrap();
    let slices = [
        (0, SECOND, 3 * SECOND),
        (1, 3 * SECOND, 4 * SECOND),
        (2, 4 * SECOND, 5 * SECOND),
        (3, 5 * SECOND, 6 * SECOND),
    ];
    figures.cut(&[collector], slices.into_iter());
    let of: Vec<_> = figures.slices.iter().map(|s| (s.index, s.accepted_drafts, s.preemptions)).collect();
    // From the first scrape where none is before the slice; nothing is drafted in the third; a restart is not known.
    assert_eq!(of, [(0, Some(0.6), Some(1.0)), (1, Some(0.5), Some(2.0)), (2, None, Some(0.0))]);
}
