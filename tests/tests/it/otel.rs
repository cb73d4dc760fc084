//! A run sent to a collector of OpenTelemetry. What is sent does not depend on the driver.

use ringload_mock::{Config, start};
use ringload_tests::peer::{Peer, Then, closed_port};
use ringload_tests::profile::Profile;
use serde_json::Value;
use std::io::Write;

/// A collector that answers with this status.
fn collector(status: u16) -> Peer {
    Peer::start(move |stream, _| {
        write!(stream, "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}")?;
        Ok(Then::Keep)
    })
}

fn run(endpoint: &str, requests: &str, spans: &str) -> ringload_tests::profile::Ended {
    let server = start(Config::default()).unwrap();
    Profile::of(server.addr())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-scope=a%20b")
        .args(["--concurrency", "4", "--request-count", requests, "--osl", "2", "--allow-invalid"])
        .args(["--otel-endpoint", endpoint, "--otel-spans", spans])
        .run()
        .exits(0)
}

#[test]
fn a_collector_gets_the_metrics_and_a_span_of_each_chosen_request() {
    let collector = collector(200);
    let run = run(&format!("http://{}", collector.addr()), "20", "12");
    let requests = collector.requests();
    let paths: Vec<&str> = requests.iter().filter_map(|request| request.head.split(' ').nth(1)).collect();
    assert_eq!(paths, ["/v1/metrics", "/v1/traces"]);
    assert!(requests.iter().all(|request| request.field("x-scope") == Some("a b")));
    assert!(requests.iter().all(|request| request.field("content-type") == Some("application/json")));
    let metrics = requests[0].json();
    let metrics = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let ttft = metrics.iter().find(|metric| metric["name"] == "ringload.time_to_first_token").unwrap();
    let point = &ttft["summary"]["dataPoints"][0];
    assert_eq!(point["count"], "20");
    assert_eq!(point["quantileValues"][2]["value"].as_f64(), Some(run.metric("time_to_first_token", "p50")));
    let traces = requests[1].json();
    let spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 12);
    let records = run.records();
    for span in spans {
        let id = span["traceId"].as_str().unwrap();
        let of = |record: &&Value| record["metadata"]["x_request_id"].as_str().unwrap().replace('-', "") == id;
        let record = records.iter().find(of).expect("the span of a request");
        let nanos = |field: &str| record["metadata"][field].as_u64().unwrap().to_string();
        assert_eq!(span["startTimeUnixNano"], nanos("request_start_ns"));
        assert_eq!(span["endTimeUnixNano"], nanos("request_end_ns"));
    }
}

#[test]
fn a_collector_that_takes_nothing_is_a_note_and_the_run_is_whole() {
    let refusing = collector(503);
    let told = run(&format!("http://{}", refusing.addr()), "4", "4");
    assert_eq!(refusing.requests().len(), 1, "the rest is not sent");
    assert!(told.stderr.contains("note: not sent to http://") && told.stderr.contains("503"), "{}", told.stderr);
    let absent = run(&format!("http://{}", closed_port()), "4", "0");
    assert!(absent.stderr.contains("note: not sent to http://"), "{}", absent.stderr);
    assert!(absent.files().contains(&"ringload_report.json".to_owned()));
}
