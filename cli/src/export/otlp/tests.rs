use super::*;
use crate::testing::sample::{SECRET, outcome, records};
use std::collections::BTreeSet;

fn attribute<'a>(of: &'a Value, key: &str) -> Option<&'a Value> {
    let found = of["attributes"].as_array()?.iter().find(|one| one["key"] == key)?;
    found["value"].as_object()?.values().next()
}

fn spans(most: usize) -> Spans {
    let mut spans = Spans::new(most);
    for (record, metrics) in records() {
        spans.add(&record, &metrics, &|at| 1_700_000_000_000_000_000 + at);
    }
    spans
}

#[test]
fn a_run_is_metrics_and_the_spans_of_requests() {
    let outcome = outcome();
    let more = [("gen_ai.provider.name".to_owned(), "vllm".to_owned())];
    let documents = documents(&outcome, spans(10), &more);
    assert_eq!(documents.iter().map(|(path, _)| *path).collect::<Vec<_>>(), [METRICS, TRACES]);
    let resource = &documents[0].1["resourceMetrics"][0]["resource"];
    assert_eq!(attribute(resource, "service.name").unwrap(), "ringload");
    assert_eq!(attribute(resource, "gen_ai.provider.name").unwrap(), "vllm");
    let metrics = documents[0].1["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let finite = outcome.summary.metrics.iter().filter(|metric| metric.avg.is_finite()).count();
    assert_eq!(metrics.len(), finite, "what is not finite is absent");
    let ttft = metrics.iter().find(|metric| metric["name"] == "ringload.time_to_first_token").unwrap();
    let point = &ttft["summary"]["dataPoints"][0];
    let stats = outcome.metric("time_to_first_token").unwrap().stats.unwrap();
    assert_eq!((ttft["unit"].as_str(), point["count"].as_str()), (Some("ms"), Some(&*stats.count.to_string())));
    assert_eq!(point["quantileValues"][2], json!({"quantile": 0.5, "value": stats.p50}));
    let rate = metrics.iter().find(|metric| metric["name"] == "ringload.request_throughput").unwrap();
    assert_eq!(rate["gauge"]["dataPoints"][0]["asDouble"], 6.174_395);

    let spans = documents[1].1["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 2);
    let good = spans.iter().find(|span| span["status"] == json!({})).unwrap();
    assert_eq!((good["name"].as_str(), good["kind"].as_u64()), (Some("chat llama3-8b"), Some(3)));
    assert_eq!(good["traceId"], "ce1c73790000400080000000000000ff");
    let (start, end) = (good["startTimeUnixNano"].as_str().unwrap(), good["endTimeUnixNano"].as_str().unwrap());
    assert_eq!((start, end), ("1700000001001000000", "1700000001108000000"));
    assert!(
        good["events"]
            .as_array()
            .unwrap()
            .contains(&json!({"timeUnixNano": "1700000001097000000", "name": "first_token"}))
    );
    assert_eq!(attribute(good, "ringload.time_to_first_token").unwrap(), 96.0);
    assert_eq!(attribute(good, "server.port").unwrap(), "8000");
    let bad = spans.iter().find(|span| span["status"]["code"] == 2).unwrap();
    assert_eq!(attribute(bad, "error.type").unwrap(), "http_status");
    assert!(documents.iter().all(|(_, document)| !document.to_string().contains(SECRET)));
}

#[test]
fn spans_are_of_no_more_requests_than_are_wanted_and_of_late_ones_too() {
    let [(record, metrics), _] = records();
    let mut spans = Spans::new(50);
    for n in 0..5_000_u64 {
        let record = ringload_engine::record::Record { request_id: u128::from(n), ..record.clone() };
        spans.add(&record, &metrics, &|at| at);
    }
    let kept = spans.finish(&outcome());
    let ids: BTreeSet<&str> = kept.iter().map(|span| span["traceId"].as_str().unwrap()).collect();
    assert_eq!((kept.len(), ids.len()), (50, 50));
    let late = ids.iter().filter(|id| u64::from_str_radix(id, 16).unwrap() >= 2_500).count();
    assert!((10..=40).contains(&late), "{late} of the later half");
    let most = documents(&outcome(), self::spans(0), &[]);
    assert_eq!(most.len(), 1, "metrics alone");
}
