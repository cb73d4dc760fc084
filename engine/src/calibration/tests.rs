use super::*;
use crate::clock::SECOND;
use crate::measure::testing::{facts, fed, open_plan, plan};
use crate::measure::{CoreFigures, Summary, TargetFacts};
use crate::record::testing::streamed;

const VERSION: &str = "1.2.3";

fn machine() -> Machine {
    Machine { cpu_model: Some("CPU".into()), kernel: Some("6.1".into()) }
}

fn shape(streams_per_core: f64) -> Shape {
    Shape {
        driver: "epoll".into(),
        http: "1.1".into(),
        tls: false,
        stamps: "kernel".into(),
        batch_wait_us: 0,
        streaming: true,
        kept_connections: true,
        streams_per_core,
        input_tokens: 550.0,
    }
}

/// An event costs 1 µs, a request 10 µs.
pub(crate) fn calibration(streams_per_core: f64) -> Calibration {
    let ceiling = |user_ns, system_ns, basis| Ceiling { user_ns, system_ns, basis };
    Calibration {
        made_at: "2026-01-01T00:00:00Z".into(),
        ringload_version: VERSION.into(),
        machine: machine(),
        shape: shape(streams_per_core),
        event: Some(ceiling(400.0, 600.0, Basis::Measured)),
        request: ceiling(4_000.0, 6_000.0, Basis::Estimated),
        steps: Vec::new(),
    }
}

fn chosen(kept: &[Calibration], shape: &Shape) -> Result<f64, Unfit> {
    choose(kept, &machine(), VERSION, shape).map(|c| c.shape.streams_per_core)
}

#[test]
fn two_loads_tell_the_cost_of_a_request_from_that_of_an_event() {
    let load = |requests: f64, events: f64| Load {
        requests,
        events,
        user_ns: 7_000.0 * requests + 300.0 * events,
        system_ns: 9_000.0 * requests + 500.0 * events,
    };
    let found = costs(&load(1_000.0, 128_000.0), &load(50_000.0, 50_000.0)).unwrap();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * b;
    assert!(near(found.request.0, 7_000.0) && near(found.request.1, 9_000.0));
    assert!(near(found.event.0, 300.0) && near(found.event.1, 500.0));
}

#[test]
fn loads_that_contradict_each_other_make_no_cost_negative() {
    // The long responses cost 10 a request and 1 an event; the short ones less than that.
    let long = Load { requests: 10.0, events: 1_000.0, user_ns: 1_100.0, system_ns: 1_000.0 };
    let short = Load { requests: 100.0, events: 100.0, user_ns: 50.0, system_ns: 5_100.0 };
    let found = costs(&long, &short).unwrap();
    assert_eq!(found.request.0, 0.0);
    assert_eq!(found.event.0, 1.1, "all of it is the events'");
    assert!(found.request.1 > 0.0 && found.event.1 > 0.0);
    let nothing = Load { events: 0.0, ..long };
    assert_eq!(costs(&nothing, &short), None);
}

#[test]
fn ceilings_are_what_fills_a_core_and_shares_add_up() {
    let c = calibration(8.0);
    assert_eq!(c.events_per_s(), Some(1e6));
    assert!((c.requests_per_s().unwrap() - 1e9 / 11_000.0).abs() < 1e-6);
    // 20 000 requests of 10 µs and 500 000 events of 1 µs.
    assert!((c.share(20_000.0, 500_000.0) - 0.7).abs() < 1e-12);
}

#[test]
fn the_nearest_of_the_same_kind_is_chosen_and_of_equals_the_newest() {
    let mut newer = calibration(8.0);
    newer.made_at = "2026-02-01T00:00:00Z".into();
    let kept = [calibration(1.0), calibration(8.0), newer.clone(), calibration(64.0)];
    assert_eq!(chosen(&kept, &shape(9.0)), Ok(8.0));
    let found = choose(&kept, &machine(), VERSION, &shape(9.0)).unwrap();
    assert_eq!(found.made_at, newer.made_at);
    assert_eq!(chosen(&kept, &shape(40.0)), Ok(64.0));
    assert_eq!(chosen(&kept, &shape(0.2)), Ok(1.0), "less than one is one");
    assert_eq!(chosen(&kept, &shape(256.0)), Ok(64.0), "a factor of four");
}

#[test]
fn what_does_not_fit_is_not_used_and_says_why() {
    let kept = [calibration(8.0)];
    assert_eq!(chosen(&[], &shape(8.0)), Err(Unfit::None));
    let far = Unfit::Far([8.0, 550.0], [40.0, 550.0]);
    assert_eq!(chosen(&kept, &shape(40.0)), Err(far));
    let long_prompts = Shape { input_tokens: 4_000.0, ..shape(8.0) };
    let far = Unfit::Far([8.0, 550.0], [8.0, 4_000.0]);
    assert_eq!(chosen(&kept, &long_prompts), Err(far));
    let other = Machine { kernel: None, ..machine() };
    let elsewhere = choose(&kept, &other, VERSION, &shape(8.0));
    assert_eq!(elsewhere.unwrap_err(), Unfit::Machine);
    let later = choose(&kept, &machine(), "2.0.0", &shape(8.0));
    assert_eq!(later.unwrap_err(), Unfit::Version(VERSION.into()));
    let change = |change: fn(&mut Shape)| {
        let mut shape = shape(8.0);
        change(&mut shape);
        let unfit = chosen(&kept, &shape).unwrap_err().to_string();
        assert!(unfit.starts_with("what is kept is of"), "{unfit}");
        unfit
    };
    let unfit = change(|s| s.driver = "io_uring".into());
    assert!(unfit.contains("of epoll, not io_uring"), "{unfit}");
    let unfit = change(|s| s.tls = true);
    assert!(unfit.contains("HTTP/1.1, not HTTP/1.1 under TLS"), "{unfit}");
    for unfit in [
        change(|s| s.http = "2".into()),
        change(|s| s.stamps = "user".into()),
        change(|s| s.batch_wait_us = 200),
        change(|s| s.streaming = false),
        change(|s| s.kept_connections = false),
    ] {
        assert!(unfit.contains(", not "), "{unfit}");
    }
}

/// A run of four seconds on two cores: each second `requests` of `events` each.
fn run(requests: [u64; 4], events: usize) -> Summary {
    let mut records = Vec::new();
    for (second, requests) in (0u64..).zip(requests) {
        for k in 0..requests {
            let gaps = vec![SECOND / 1_000; events - 1];
            records.push(streamed(k, second * SECOND, 1_000, &gaps));
        }
    }
    // The last record ends the timeline: its end is in the last second.
    records.push(streamed(9_999, 4 * SECOND - 10, 5, &[]));
    let (shard, summarizer) = fed(&plan(), &records);
    let mut facts = facts();
    facts.profiling.end = 4 * SECOND;
    facts.cores = vec![core(), core()];
    facts.targets = vec![TargetFacts {
        url: "http://h".into(),
        http: "1.1",
        tls: false,
        negotiated: false,
        note: None,
        ..TargetFacts::default()
    }];
    summarizer.finish(shard, facts)
}

fn core() -> CoreFigures {
    CoreFigures {
        core: Some(1),
        busy_share: 0.1,
        user_s: 0.1,
        system_s: 0.1,
        wakes: 1,
        involuntary_switches: 0,
        core_busy_share: None,
        run_delay_s: None,
        numa_node: None,
    }
}

#[test]
fn a_run_is_held_against_the_ceiling_of_all_its_cores_in_its_busiest_second() {
    let summary = run([10, 40, 10, 10], 100);
    let used = used(&calibration(8.0), &summary);
    assert_eq!((used.cores, used.window_s.round()), (2, 1.0));
    assert!((used.requests_per_s - 40.0).abs() < 1e-3, "{used:?}");
    assert!((used.events_per_s - 4_000.0).abs() < 1e-2, "{used:?}");
    // 40 · 10 µs + 4 000 · 1 µs, over two cores.
    assert!((used.share - 0.0022).abs() < 1e-6, "{used:?}");
    let requests = 71.0 * 10.0;
    let events = 70.0 * 100.0 + 1.0;
    assert!((used.mean_share - (requests + events) / 8e6).abs() < 1e-6);
    assert_eq!(used.ceiling_events_per_s, Some(2e6));
    assert_eq!(used.basis, Basis::Measured, "most of it is events");
    let short = run([40, 10, 10, 10], 1);
    let used = super::used(&calibration(8.0), &short);
    assert_eq!(used.basis, Basis::Estimated, "most of it is requests");
}

#[test]
fn a_run_has_the_shape_of_what_it_did() {
    let summary = run([1, 1, 1, 1], 500);
    // Half a stream on each of two cores, in the closed loop of one.
    let closed = Shape::of(&plan(), &summary);
    assert_eq!(closed, Some(shape(0.5)));
    // Without a bound: in flight for half of the time.
    let open = Shape::of(&open_plan(1.0), &summary).unwrap();
    assert!((open.streams_per_core - 0.25).abs() < 0.01, "{open:?}");
    let mut mixed = summary;
    mixed.network.targets.push(TargetFacts {
        url: "https://h".into(),
        http: "2",
        tls: true,
        negotiated: true,
        note: None,
        ..TargetFacts::default()
    });
    assert_eq!(Shape::of(&plan(), &mixed), None);
}

#[test]
fn a_calibration_reads_as_it_was_written() {
    let written = serde_json::to_string(&calibration(8.0)).unwrap();
    let read: Calibration = serde_json::from_str(&written).unwrap();
    assert_eq!(read, calibration(8.0));
}

#[test]
fn streams_are_held_against_cores_files_and_ports() {
    use crate::host::HostFacts;
    let host =
        |files: Option<u64>, ports| HostFacts { open_files_hard: files, local_ports: ports, ..HostFacts::default() };
    // 50 tokens a second at 1 µs each, and half a request at 10 µs: 1 000 streams take 0.055 of a core.
    let asked = Asked { streams: 1_000, tokens_per_s: 50.0, answer_tokens: 100.0 };
    let found = |cores, host: HostFacts| drive(&calibration(8.0), cores, &host, asked).unwrap();
    let free = found(1, host(None, None));
    assert!((free.share - 0.055).abs() < 1e-12 && free.can(), "{free:?}");
    assert_eq!((free.most_streams, free.limit), (12_727, DriveLimit::Cpu));
    let ports = found(1, host(None, Some((1_001, 1_900))));
    assert_eq!((ports.most_streams, ports.limit, ports.can()), (900, DriveLimit::LocalPorts, false));
    let files = found(1, host(Some(1_128), Some((1_001, 3_000))));
    assert_eq!((files.most_streams, files.limit, files.can()), (1_000, DriveLimit::OpenFiles, true));
    assert_eq!(found(2, host(None, None)).most_streams, 25_454);
    // Streams of HTTP/2 share their connections.
    let mut shared = calibration(8.0);
    shared.shape.http = "2".into();
    let shared = drive(&shared, 1, &host(Some(1_128), Some((1_001, 1_900))), asked).unwrap();
    assert_eq!(shared.limit, DriveLimit::Cpu);
    let whole = Calibration { event: None, ..calibration(8.0) };
    assert_eq!(drive(&whole, 1, &host(None, None), asked), None);
}
