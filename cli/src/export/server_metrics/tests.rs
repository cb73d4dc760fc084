//! The files of two scrapes.

use super::*;
use crate::testing::sample::outcome;
use ringload_engine::clock::SECOND;
use ringload_engine::telemetry::{Collector, SeriesStats, Window};
use serde_json::{Value, json};

fn page(n: u32) -> String {
    format!(
        "# HELP vllm:num_requests_running Requests, in \"batches\".\n# TYPE vllm:num_requests_running gauge\n\
         vllm:num_requests_running{{engine=\"0\"}} {n}\n\
         # TYPE vllm:prompt_tokens_total counter\nvllm:prompt_tokens_total{{engine=\"0\",model_name=\"m\"}} {n}0\n\
         # TYPE x_seconds histogram\nx_seconds_bucket{{le=\"0.1\"}} 0\nx_seconds_bucket{{le=\"+Inf\"}} {n}\n\
         x_seconds_sum {n}.5\nx_seconds_count {n}\n\
         # TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{{block_size=\"16\"}} 1\n"
    )
}

fn collector() -> Collector {
    let mut collector = Collector::new("http://h:8000/metrics");
    collector.handle_scrape(&page(1), 100 * SECOND, 1_000_000, Window::Before);
    collector.handle_scrape(&page(5), 102 * SECOND, 3_000_000, Window::Inside);
    collector
}

fn written(write: impl Fn(&mut dyn std::io::Write)) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// A value follows the schema of this name, of which every field is named in it.
fn follows(name: &str, value: &Value) {
    let path = format!("{}/../docs/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    crate::export::tests::close(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

#[test]
fn the_json_has_aiperfs_keys_and_the_figures_of_the_window() {
    let absent = ["http://h:9/metrics".to_owned()];
    let text = written(|to| json(&outcome(), &[collector()], &absent, to).unwrap());
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut ours = file.clone();
    // The plan's own words are told by the schema of another file.
    ours["input_config"] = json!({});
    follows("server_metrics_export", &ours);
    assert_eq!(
        file["summary"]["endpoints_configured"],
        json!(["http://h:8000/metrics", "http://h:9/metrics"]),
        "one that brought nothing was asked for all the same"
    );
    assert_eq!(file["summary"]["endpoints_successful"], json!(["http://h:8000/metrics"]));
    let info = &file["summary"]["endpoint_info"]["http://h:8000/metrics"];
    assert_eq!(
        (info["total_fetches"].as_u64(), info["unique_updates"].as_u64(), info["avg_fetch_latency_ms"].as_f64()),
        (Some(2), Some(2), Some(2.0))
    );
    assert_eq!((info["duration_seconds"].as_f64(), info["avg_update_interval_ms"].as_f64()), (Some(2.0), Some(2000.0)));
    let metrics = &file["metrics"];
    assert_eq!(
        metrics["vllm:prompt_tokens"],
        json!({"type": "counter", "description": "", "unit": "tokens", "series": [{
            "endpoint_url": "http://h:8000/metrics", "labels": {"engine": "0", "model_name": "m"},
            "stats": {"total": 40.0, "rate": 20.0}}]})
    );
    let gauge = &metrics["vllm:num_requests_running"]["series"][0]["stats"];
    assert_eq!(
        (gauge["avg"].as_f64(), gauge["p99"].as_f64(), gauge["std"].as_f64()),
        (Some(5.0), Some(5.0), Some(0.0))
    );
    let histogram = &metrics["x_seconds"]["series"][0];
    assert_eq!(histogram["buckets"], json!({"0.1": 0.0, "+Inf": 4.0}));
    assert_eq!(histogram["stats"]["count_rate"].as_f64(), Some(2.0));
    assert_eq!(histogram["estimates_end_at"].as_f64(), Some(0.1), "all observations are over the last bound");
    assert_eq!(metrics["x_seconds"]["unit"], "s");
    assert!(!text.contains("null"), "what is not known is absent");
}

#[test]
fn the_csv_has_a_section_for_each_kind() {
    let text = written(|to| csv(&outcome(), &[collector()], to).unwrap());
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        [
            "Endpoint,Type,Metric,Unit,avg,min,max,std,p1,p5,p10,p25,p50,p75,p90,p95,p99,engine,Description",
            "h:8000,gauge,vllm:num_requests_running,,5,5,5,0,5,5,5,5,5,5,5,5,5,0,\"Requests, in \"\"batches\"\".\"",
            "",
            "Endpoint,Type,Metric,Unit,total,rate,rate_avg,rate_min,rate_max,rate_std,engine,model_name,Description",
            "h:8000,counter,vllm:prompt_tokens,tokens,40,20,,,,,0,m,",
            "",
            "Endpoint,Type,Metric,Unit,count,count_rate,sum,sum_rate,avg,p1_estimate,p5_estimate,p10_estimate,p25_estimate,p50_estimate,p75_estimate,p90_estimate,p95_estimate,p99_estimate,Description,buckets",
            "h:8000,histogram,x_seconds,s,4,2,4,2,1,0.1000,0.1000,0.1000,0.1000,0.1000,0.1000,0.1000,0.1000,0.1000,,0.1=0;+Inf=4",
            "",
            "Endpoint,Metric,Key,Value,Description",
            "h:8000,vllm:cache_config_info,block_size,16,",
        ]
    );
}

#[test]
fn a_line_has_the_scrape_as_it_stands() {
    let at = LineAt { sent_at: 2, first_byte_at: 5, took: 3, window: Window::Inside };
    let line: Value = serde_json::from_str(&LineOf::Server { warmup: true }.line(&collector(), &at)).unwrap();
    follows("server_metrics_export_lines", &line);
    assert_eq!(
        line,
        json!({"endpoint_url": "http://h:8000/metrics", "timestamp_ns": 5, "endpoint_latency_ns": 3,
            "metrics": {
                "vllm:num_requests_running": [{"labels": {"engine": "0"}, "value": 5.0}],
                "vllm:prompt_tokens": [{"labels": {"engine": "0", "model_name": "m"}, "value": 50.0}],
                "x_seconds": [{"buckets": {"0.1": 0.0, "+Inf": 5.0}, "sum": 5.5, "count": 5.0}]},
            "request_sent_ns": 2, "first_byte_ns": 5, "benchmark_phase": "profiling", "phase_index": 1,
            "profiling_index": 0, "phase_name": "profiling", "phase_kind": "profiling"})
    );
}

#[test]
fn a_line_of_a_gpu_is_in_aiperfs_units() {
    let mut collector = Collector::new("http://localhost:9400/metrics");
    let page = "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n\
        DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"GPU-ef6e\",device=\"nvidia0\",modelName=\"H100\",hostname=\"n1\"} 412.5\n\
        # TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n\
        DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"0\",UUID=\"GPU-ef6e\",device=\"nvidia0\",modelName=\"H100\",hostname=\"n1\"} 2000000\n";
    collector.handle_scrape(page, 7, 1, Window::Inside);
    let at = LineAt { sent_at: 6, first_byte_at: 7, took: 1, window: Window::Inside };
    let line: Value = serde_json::from_str(&LineOf::Gpus.line(&collector, &at)).unwrap();
    follows("gpu_telemetry_export", &line);
    assert_eq!(
        line,
        json!({"gpu_index": 0, "gpu_uuid": "GPU-ef6e", "gpu_model_name": "H100", "device": "nvidia0", "hostname": "n1",
            "platform": "nvidia", "timestamp_ns": 7, "telemetry_source_url": "http://localhost:9400/metrics",
            "telemetry_data": {"nvidia_power_usage": 412.5, "nvidia_energy_consumption": 0.002}})
    );
}

#[test]
fn gpus_are_in_the_summary_as_aiperf_has_them() {
    use ringload_engine::telemetry::{EndpointFigures, Gpu, GpuFigures, GpuMetric};
    let mut run = outcome();
    assert!(gpu_fields(&run).is_empty());
    let energy = GpuMetric { unit: "MJ".into(), avg: 0.024, ..GpuMetric::default() };
    let power = GpuMetric {
        unit: "W".into(),
        avg: 300.5,
        min: Some(300.0),
        max: Some(301.0),
        std: Some(0.5),
        percentiles: Some([300.5; 9]),
        count: Some(4),
    };
    let url = "http://h:9400/metrics".to_owned();
    let gpu = Gpu {
        url: url.clone(),
        uuid: "GPU-ef6e".into(),
        name: "H100".into(),
        hostname: Some("n1".into()),
        metrics: [("nvidia_energy_consumption".to_owned(), energy), ("nvidia_power_usage".to_owned(), power)].into(),
        ..Gpu::default()
    };
    run.summary.gpu = Some(GpuFigures {
        endpoints: vec![
            EndpointFigures { url, fetches: 4, ..EndpointFigures::default() },
            EndpointFigures { url: "http://g:9400/metrics".into(), failed: 4, ..EndpointFigures::default() },
        ],
        gpus: vec![gpu],
        energy_j: Some(24_000.0),
        average_power_w: Some(400.0),
        power_w: Some(300.5),
        joules_per_output_token: Some(0.25),
        joules_per_request: Some(12.0),
        joules_per_user: Some(6.0),
        energy_delay_js: Some(24.0),
        goodput_per_watt: Some(0.5),
        ..GpuFigures::default()
    });
    let fields: serde_json::Map<String, Value> = gpu_fields(&run).into_iter().collect();
    // Units are AIPerf 0.13's.
    for (tag, unit, avg) in [
        ("total_gpu_energy", "J", 24_000.0),
        ("average_gpu_power", "W", 400.0),
        ("total_gpu_power", "W", 300.5),
        ("energy_per_output_token", "mJ/token", 250.0),
        ("energy_per_request", "joules/request", 12.0),
        ("energy_per_user", "joules/user", 6.0),
        ("energy_delay_product", "J*s", 24.0),
        ("goodput_per_watt", "good-req/s/W", 0.5),
    ] {
        assert_eq!(fields[&format!("nvidia_{tag}")], json!({"unit": unit, "avg": avg}), "{tag}");
    }
    assert_eq!(fields.len(), 8 + 1, "what is not known is left out: {:?}", fields.keys());
    let data = &fields["telemetry_data"];
    let configured = json!(["http://h:9400/metrics", "http://g:9400/metrics"]);
    assert_eq!(data["summary"]["endpoints_configured"], configured);
    assert_eq!(data["summary"]["endpoints_successful"], json!(["http://h:9400/metrics"]));
    assert_eq!(
        data["endpoints"]["h:9400"]["gpus"]["gpu_0"],
        json!({"gpu_index": 0, "gpu_name": "H100", "gpu_uuid": "GPU-ef6e", "platform": "nvidia", "hostname": "n1",
            "metrics": {"nvidia_energy_consumption": {"unit": "MJ", "avg": 0.024},
                "nvidia_power_usage": {"unit": "W", "avg": 300.5, "min": 300.0, "max": 301.0, "std": 0.5, "count": 4,
                    "sum": 1202.0, "p1": 300.5, "p5": 300.5, "p10": 300.5, "p25": 300.5, "p50": 300.5, "p75": 300.5,
                    "p90": 300.5, "p95": 300.5, "p99": 300.5}}})
    );
    let report = crate::report::whole(&run, &crate::report::Style::of_file());
    let row = report.lines().find(|line| line.starts_with("Energy per Output Token (mJ/token)"));
    assert!(row.is_some_and(|row| row.trim_end().ends_with("250.00")), "{report}");

    let mut table = Vec::new();
    crate::export::csv::write(&run.summary, &[], &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    assert!(table.contains("\r\nEnergy per Request (joules/request),12.00\r\n"), "{table}");
    let (_, section) = table.split_once("\r\n\r\n\r\n").expect("two empty lines before the section");
    assert_eq!(
        section,
        "Endpoint,GPU_Index,GPU_Name,GPU_UUID,Platform,Metric,avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std,Hostname\r\n\
         h:9400,0,H100,GPU-ef6e,nvidia,NVIDIA GPU Power Usage (W),300.50,300.00,301.00,1202.00,300.50,300.50,300.50,300.50,300.50,300.50,300.50,300.50,300.50,0.50,n1\r\n\
         h:9400,0,H100,GPU-ef6e,nvidia,NVIDIA Energy Consumption (MJ),0.02,,,,,,,,,,,,,,n1\r\n"
    );
}

#[test]
fn columns_have_a_row_for_each_sample_of_the_phase_and_what_grew_in_it() {
    use crate::export::parquet::{Cells, Table, Texts, Type};
    use std::io::Write;
    let (mut collector, mut lines) = (Collector::new("http://h:8000/metrics"), tempfile::tempfile().unwrap());
    for (n, at, window) in [(1, 100, Window::Before), (5, 102, Window::Inside)] {
        let at = at * SECOND;
        collector.handle_scrape(&page(n), at, 1, window);
        let at = LineAt { sent_at: at, first_byte_at: at, took: 1, window };
        lines.write_all(LineOf::Server { warmup: false }.line(&collector, &at).as_bytes()).unwrap();
    }
    let (outcome, mut bytes) = (outcome(), Vec::new());
    columns(&outcome, &[collector], &[lines], &mut bytes).unwrap();

    let text = |cells: [Option<&str>; 4]| {
        let mut texts = Texts::default();
        cells.into_iter().for_each(|cell| texts.push(cell));
        Cells::Text(texts)
    };
    let real = |cells: [Option<f64>; 4]| Cells::Real(cells.to_vec());
    let rows = [
        ("endpoint_url", text([Some("http://h:8000/metrics"); 4])),
        (
            "metric_name",
            text([Some("vllm:num_requests_running"), Some("vllm:prompt_tokens"), Some("x_seconds"), Some("x_seconds")]),
        ),
        ("metric_type", text([Some("gauge"), Some("counter"), Some("histogram"), Some("histogram")])),
        ("unit", text([None, Some("tokens"), Some("s"), Some("s")])),
        ("description", text([Some("Requests, in \"batches\"."), Some(""), Some(""), Some("")])),
        ("timestamp_ns", Cells::Int(vec![Some(102 * SECOND as i64); 4])),
        ("engine", text([Some("0"), Some("0"), None, None])),
        ("model_name", text([None, Some("m"), None, None])),
        ("value", real([Some(5.0), Some(40.0), None, None])),
        ("sum", real([None, None, Some(4.0), Some(4.0)])),
        ("count", real([None, None, Some(4.0), Some(4.0)])),
        ("bucket_le", text([None, None, Some("0.1"), Some("+Inf")])),
        ("bucket_count", real([None, None, Some(0.0), Some(4.0)])),
    ];
    let mut expected = Vec::new();
    let of = |cells: &Cells| match cells {
        Cells::Int(_) => Type::Int,
        Cells::Real(_) => Type::Real,
        Cells::Text(_) => Type::Text,
    };
    let named = rows.iter().map(|(name, cells)| ((*name).to_owned(), of(cells))).collect();
    let mut table = Table::new(named, &mut expected).unwrap();
    table.group(&rows.map(|(_, cells)| cells)).unwrap();
    table
        .finish(&[
            ("aiperf.schema_version", "1.0".into()),
            ("aiperf.benchmark_id", outcome.identity.benchmark_id.clone()),
            ("ringload.version", env!("CARGO_PKG_VERSION").into()),
        ])
        .unwrap();
    assert_eq!(bytes, expected);
}

#[test]
fn a_histogram_that_a_restart_emptied_grows_alike_in_all_files() {
    use std::io::Write;
    let page = |first: u32, all: u32| {
        format!(
            "# TYPE x_seconds histogram\nx_seconds_bucket{{le=\"0.1\"}} {first}\nx_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             x_seconds_sum {all}\nx_seconds_count {all}\n"
        )
    };
    let scraped = |before: String| {
        let (mut collector, mut lines) = (Collector::new("http://h:8000/metrics"), tempfile::tempfile().unwrap());
        for (text, at, window) in [(before, 100, Window::Before), (page(7, 20), 102, Window::Inside)] {
            let at = at * SECOND;
            collector.handle_scrape(&text, at, 1, window);
            let at = LineAt { sent_at: at, first_byte_at: at, took: 1, window };
            lines.write_all(LineOf::Server { warmup: false }.line(&collector, &at).as_bytes()).unwrap();
        }
        (collector, lines)
    };
    let outcome = outcome();
    // The first bucket has passed what it was before the restart; the others have not.
    let [restarted, new] = [page(5, 100), page(0, 0)].map(|before| {
        let (collector, lines) = scraped(before);
        let SeriesStats::Histogram(figures) = collector.metrics().remove(0).series.remove(0).stats else {
            panic!("no histogram")
        };
        assert_eq!(figures.buckets, [("0.1".to_owned(), 7.0), ("+Inf".to_owned(), 20.0)]);
        let mut bytes = Vec::new();
        columns(&outcome, &[collector], &[lines], &mut bytes).unwrap();
        bytes
    });
    assert!(restarted == new, "the columns have what a server that began at 0 has");
}
