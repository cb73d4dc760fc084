//! The server's own metrics, read while it is under load, from the built-in server over a real socket.

use ringload_mock::batching::Settings;
use ringload_mock::{Config, Server, Timing, start};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{on_both, until};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Four slots of continuous batching: of twelve requests in flight eight wait.
fn crowded() -> Server {
    start(Config {
        timing: Timing::Batching(Settings {
            max_batch: 4,
            prefill_tokens_per_s: 1e6,
            decode_step_base: Duration::from_millis(10),
            decode_step_per_seq: Duration::ZERO,
        }),
        output_tokens: 10,
        ..Config::default()
    })
    .unwrap()
}

fn profile(server: &Server, requests: u32) -> Profile {
    Profile::of(server.addr()).scraping().args([
        "--concurrency",
        "12",
        "--request-count",
        &requests.to_string(),
        "--osl",
        "10",
        "--allow-invalid",
    ])
}

/// A server of pages, a connection for each; how many it has sent. It ends with the test's process.
fn pages(page: impl Fn(u64) -> String + Send + 'static) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let body = page(count.fetch_add(1, Ordering::SeqCst) + 1);
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
        }
    });
    (address, sent)
}

fn file(run: &Ended, name: &str) -> Value {
    serde_json::from_str(&run.text(name)).unwrap()
}

#[test]
fn the_servers_counters_are_those_of_its_answers_to_the_token() {
    on_both(|io| {
        let server = crowded();
        let run = profile(&server, 96)
            .on(io)
            .args(["--warmup-request-count", "8", "--server-metrics-formats", "json", "csv", "jsonl"])
            .args(["--slice-duration", "0.5"])
            .run()
            .exits(0);
        let state = server.state();
        let figures = &run.report()["summary"]["server"];
        let check = &figures["check"];
        assert_eq!((check["requests"].as_u64(), check["unknown"].as_u64()), (Some(104), Some(0)));
        assert_eq!(check["prompt"].as_u64(), Some(state.prompt_tokens));
        assert_eq!(check["generation"].as_u64(), Some(state.output_tokens));
        assert_eq!(check["server"]["prompt"].as_f64(), Some(state.prompt_tokens as f64));
        assert_eq!(check["server"]["generation"].as_f64(), Some(state.output_tokens as f64));
        assert!(run.findings("VALID").iter().all(|gate| gate != "server_tokens"));
        // Of the twelve in flight four run, and eight wait; all but the first do until the end of its step.
        let most = |gauge: &str| figures[gauge]["max"].as_f64().unwrap();
        assert!(most("running") <= 4.0 && (6.0..=11.0).contains(&most("waiting")), "{figures}");
        assert!(run.findings("VALID").contains(&"server_queue".to_owned()));
        assert_eq!(figures["preemptions"], 0);
        assert!(!figures["slices"].as_array().unwrap().is_empty());
        for words in ["\nSERVER (vLLM), BY ITS OWN METRICS\n", "waiting (at most "] {
            assert!(run.text("report.txt").contains(words), "{words}");
        }
        files(&run, &state);
    });
}

/// The files of the run of which the server is in this state now.
fn files(run: &Ended, state: &ringload_mock::State) {
    let json = file(run, "server_metrics_export.json");
    let waiting = &json["metrics"]["vllm:num_requests_waiting"];
    assert_eq!(waiting["type"].as_str(), Some("gauge"));
    assert_eq!(waiting["series"][0]["stats"]["max"], run.report()["summary"]["server"]["waiting"]["max"]);
    let queue = &json["metrics"]["vllm:request_queue_time_seconds"]["series"][0];
    assert!(queue["stats"]["count"].as_f64().unwrap() >= 96.0 - 12.0, "{queue}");
    let url = json["summary"]["endpoints_successful"][0].as_str().unwrap().to_owned();
    let info = &json["summary"]["endpoint_info"][&url];
    let updates = info["unique_updates"].as_u64().unwrap();
    let lines = run.text("server_metrics_export.jsonl");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, updates, "a line for each scrape that brought something new");
    let last = lines.last().unwrap();
    assert_eq!(last["benchmark_phase"], "profiling");
    let tokens = &last["metrics"]["vllm:generation_tokens"][0]["value"];
    assert_eq!(tokens.as_f64(), Some(state.output_tokens as f64));
    assert!(run.text("server_metrics_export.csv").contains(",counter,vllm:generation_tokens,tokens,"));
}

#[test]
fn a_run_without_warm_up_has_the_tokens_of_its_window_to_the_token() {
    let server = crowded();
    let run = profile(&server, 24).run().exits(0);
    let (state, tokens) = (server.state(), &run.report()["summary"]["server"]["tokens"]);
    assert_eq!(tokens["prompt"].as_f64(), Some(state.prompt_tokens as f64));
    assert_eq!(tokens["generation"].as_f64(), Some(state.output_tokens as f64));
    assert!(!run.files().contains(&"server_metrics_export.jsonl".to_owned()), "it was not asked for");
    // What the run before left in the counters is not of the next.
    let again = profile(&server, 12).run().exits(0);
    let check = &again.report()["summary"]["server"]["check"];
    assert_eq!(check["generation"].as_u64(), Some(120));
    assert_eq!(check["server"]["generation"].as_f64(), Some(120.0));
}

#[test]
fn each_run_of_a_sweep_has_a_window_of_its_own_and_the_table_shows_the_queue() {
    let server = crowded();
    let run = Profile::of(server.addr())
        .scraping()
        .args(["--concurrency", "2,12", "--request-count", "36", "--osl", "10", "--allow-invalid", "--verbose"])
        .run()
        .exits(0);
    let of = |cell: &str| file(&run, &format!("{cell}/ringload_report.json"))["summary"]["server"].clone();
    let (few, many) = (of("concurrency_2"), of("concurrency_12"));
    for server in [&few, &many] {
        assert_eq!(server["check"]["server"]["generation"].as_f64(), Some(360.0));
    }
    // Two wait for the end of a step at most, and never for a slot.
    assert!(few["running"]["max"].as_f64() <= Some(2.0), "{few}");
    assert!(many["waiting"]["avg"].as_f64() > few["waiting"]["avg"].as_f64(), "{few} {many}");
    assert!(run.stdout.contains("SERVER AT EACH POINT"), "{}", run.stdout);
}

#[test]
fn a_server_without_metrics_is_no_error_and_one_that_the_user_named_is_told() {
    let server = crowded();
    let (address, _) = pages(|_| "<html>metrics</html>".to_owned());
    let named = profile(&server, 12).args(["--server-metrics", &format!("http://{address}")]).run().exits(0);
    assert!(named.stderr.contains(&format!("no metrics at http://{address}/metrics")), "{}", named.stderr);
    assert_eq!(named.report()["summary"]["server"]["check"]["server"]["generation"].as_f64(), Some(120.0));
    let refused = profile(&server, 12).args(["--gpu-telemetry", "http://127.0.0.1:1"]).run().exits(0);
    assert!(refused.stderr.contains("no metrics at http://127.0.0.1:1/metrics"), "{}", refused.stderr);
    assert!(!refused.files().iter().any(|name| name.starts_with("gpu")));
    let off = profile(&server, 12).args(["--no-server-metrics"]).run().exits(0);
    assert!(off.report()["summary"]["server"].is_null() && !off.files().iter().any(|name| name.starts_with("server")));
}

#[test]
fn an_exporter_of_gpus_is_read_and_its_energy_is_shared_out() {
    let server = crowded();
    // A kilojoule from one scrape to the next.
    let (address, sent) = pages(|number| {
        let labels = "gpu=\"0\",UUID=\"GPU-1\",device=\"nvidia0\",modelName=\"H100\",hostname=\"n1\"";
        format!(
            "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\nDCGM_FI_DEV_POWER_USAGE{{{labels}}} 300\n\
             # TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n\
             DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels}}} {number}000000\n\
             # TYPE DCGM_FI_DEV_CLOCKS_EVENT_REASONS gauge\nDCGM_FI_DEV_CLOCKS_EVENT_REASONS{{{labels}}} 64\n"
        )
    });
    let run = profile(&server, 48).args(["--gpu-telemetry", &format!("http://{address}")]).run().exits(0);
    let figures = run.report()["summary"]["gpu"].clone();
    // From the last scrape before the load on, of which there may be several, to the very last.
    let joules = figures["energy_j"].as_f64().unwrap();
    let most = 1_000.0 * (sent.load(Ordering::SeqCst) - 1) as f64;
    assert!(
        (1_000.0..=most + 1e-6).contains(&joules) && (joules / 1_000.0).round() * 1_000.0 - joules < 1e-6,
        "{figures}"
    );
    let is = |value: &Value, expected: f64| (value.as_f64().unwrap() / expected - 1.0).abs() < 1e-9;
    assert!(is(&figures["joules_per_output_token"], joules / 480.0), "{figures}");
    assert!(is(&figures["gpus"][0]["metrics"]["nvidia_power_usage"]["avg"], 300.0), "{figures}");
    assert!(run.findings("VALID").contains(&"thermal_throttling".to_owned()));
    let lines = run.text("gpu_telemetry_export.jsonl");
    assert_eq!(lines.lines().count() as u64, sent.load(Ordering::SeqCst), "each scrape brought something new");
    assert!(lines.lines().all(|line| line.contains("\"nvidia_power_usage\":300.0")));
    let export = file(&run, "profile_export_aiperf.json");
    let gpu = &export["telemetry_data"]["endpoints"][&address.to_string()]["gpus"]["gpu_0"];
    assert!(is(&gpu["metrics"]["nvidia_energy_consumption"]["avg"], joules / 1e6), "{export}");
    assert!(run.text("report.txt").contains("GPU POWER EFFICIENCY"));
}

/// A library in the place of NVIDIA's, in a folder of its own.
fn stub_of_nvml() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/nvml/stub.c");
    let library = dir.path().join("libnvidia-ml.so.1");
    let made = std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(library).arg(source).status();
    assert!(made.expect("a C compiler").success());
    dir
}

#[test]
fn gpus_of_this_host_are_read_by_the_library_of_their_driver() {
    let server = crowded();
    let library = stub_of_nvml();
    let run = profile(&server, 48)
        .env("LD_LIBRARY_PATH", library.path().to_str().unwrap())
        .args(["--gpu-telemetry", "nvml"])
        .run()
        .exits(0);
    let figures = run.report()["summary"]["gpu"].clone();
    assert_eq!(figures["endpoints"][0]["url"], "pynvml://localhost");
    let metric = |gpu: usize, name: &str| figures["gpus"][gpu]["metrics"][name]["avg"].as_f64();
    let is = |value: Option<f64>, expected: f64| value.is_some_and(|value| (value / expected - 1.0).abs() < 1e-9);
    assert!(is(metric(0, "nvidia_power_usage"), 300.0) && is(metric(1, "nvidia_power_usage"), 100.5), "{figures}");
    assert!(is(metric(0, "nvidia_memory_used"), 60.0) && is(metric(1, "nvidia_temperature"), 71.0), "{figures}");
    assert_eq!(figures["gpus"][1]["uuid"], "GPU-2");
    assert_eq!(
        (figures["gpus"][0]["name"].as_str(), metric(1, "nvidia_energy_consumption")),
        (Some("NVIDIA \"Stub\""), None)
    );
    // A kilojoule for each reading of the window by the counter of one, mean power for as long of the other.
    let joules = figures["energy_j"].as_f64().unwrap();
    let readings = 1e3 * metric(0, "nvidia_energy_consumption").unwrap();
    let seconds = (joules - 1e3 * readings) / 100.5;
    assert!(
        readings >= 1.0 && (readings - readings.round()).abs() < 1e-6 && (0.0..60.0).contains(&seconds),
        "{figures}"
    );
    assert!(run.findings("VALID").contains(&"thermal_throttling".to_owned()));
    let lines = run.text("gpu_telemetry_export.jsonl");
    assert!(lines.lines().all(|line| line.contains("\"telemetry_source_url\":\"pynvml://localhost\"")), "{lines}");
    // A run that asked for it is told where it cannot be loaded.
    std::fs::write(library.path().join("libnvidia-ml.so.1"), "no library").unwrap();
    let absent = profile(&server, 12)
        .env("LD_LIBRARY_PATH", library.path().to_str().unwrap())
        .args(["--gpu-telemetry", "pynvml"])
        .run()
        .exits(0);
    assert!(absent.stderr.contains("no metrics at pynvml://localhost: NVML"), "{}", absent.stderr);
}

#[test]
fn ringload_shows_its_own_figures_while_it_runs() {
    let server = crowded();
    let running = profile(&server, 120).args(["--prometheus-port", "0"]).start();
    let address = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("live figures: http://")?.strip_suffix("/metrics"));
        line.map(str::to_owned)
    };
    until("the port is told", || address(running.stderr()).is_some());
    let address = address(running.stderr()).unwrap();
    let page = || {
        let Ok(mut stream) = TcpStream::connect(&address) else {
            return String::new();
        };
        let mut text = String::new();
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
        let _ = stream.read_to_string(&mut text);
        text
    };
    until("requests are under way", || page().contains("\nringload_requests_in_flight 12\n"));
    let ended = running.end().exits(0);
    assert_eq!(ended.count("issued"), 120);
}

#[test]
fn a_report_from_the_log_keeps_what_the_run_wrote_of_its_server() {
    let server = crowded();
    let run = profile(&server, 24).args(["--keep-records"]).run().exits(0);
    let dir = run.artifacts();
    let written = file(&run, "server_metrics_export.json");
    let elsewhere = Profile::report(dir).args(["--allow-invalid"]).run().exits(0);
    assert_eq!(elsewhere.report()["summary"]["server"], run.report()["summary"]["server"]);
    // In the place of the run's own files those of its server stay; the others move aside.
    let before = run.report()["summary"]["server"].clone();
    let again = std::process::Command::new(ringload_tests::binary::ringload())
        .args(["report", "--allow-invalid", "--quiet"])
        .arg(dir)
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(run.report()["summary"]["server"], before);
    assert!(run.text("report.txt").contains("SERVER (vLLM), BY ITS OWN METRICS"));
    assert_eq!(file(&run, "server_metrics_export.json"), written);
    assert!(dir.join("previous-1/ringload_report.json").is_file());
}
