//! What each request sent and was answered (`--export-level raw`), and runs noted at a tracking server of MLflow.

use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::Profile;
use ringload_tests::schema::follows;
use serde_json::{Value, json};

#[test]
fn raw_records_have_the_body_and_the_text_of_the_answer() {
    let server = Peer::start(|to, _| peer::write(to, &peer::chat(3)));
    let ended = Profile::of(server.addr())
        .args(["--request-count", "3", "--concurrency", "1", "--export-level", "raw", "--allow-invalid"])
        .args(["--extra-inputs", "user:hidden-no"])
        .run()
        .all_well();
    let text = ended.text("profile_export_raw.jsonl");
    let raw: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (records, sent) = (ended.records(), server.requests());
    assert_eq!((raw.len(), records.len(), sent.len()), (3, 3, 3));
    for ((raw, record), request) in raw.iter().zip(&records).zip(&sent) {
        follows("profile_export_raw", raw);
        assert_eq!(raw["metadata"], record["metadata"]);
        assert_eq!(raw["payload"], request.json());
        assert_eq!((&raw["status"], &raw["error"]), (&json!(200), &Value::Null));
        let said = raw["responses"][0]["text"].as_str().expect("a text");
        assert_eq!(said.split_whitespace().count(), 3, "{said}");
    }
}

#[test]
fn a_run_is_noted_at_a_tracking_server_and_one_that_refuses_changes_nothing() {
    let model = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
    let run = |tracking: &Peer| {
        Profile::of(model.addr())
            .args(["--request-count", "2", "--concurrency", "1", "--allow-invalid"])
            .args(["--mlflow-tracking-uri", &format!("http://{}", tracking.addr()), "--mlflow-tag", "team:a"])
            .run()
            .all_well()
    };
    let tracking = Peer::start(|to, request| {
        let (status, body) = match request.head.split(' ').nth(1).unwrap_or_default() {
            path if path.contains("get-by-name") => ("404 Not Found", r#"{"error_code":"RESOURCE_DOES_NOT_EXIST"}"#),
            path if path.ends_with("experiments/create") => ("200 OK", r#"{"experiment_id":"7"}"#),
            path if path.ends_with("runs/create") => ("200 OK", r#"{"run":{"info":{"run_id":"r1"}}}"#),
            _ => ("200 OK", "{}"),
        };
        peer::write(to, &peer::whole(status, body))
    });
    run(&tracking);
    let requests = tracking.requests();
    let bodies: Vec<Value> = requests[1..].iter().map(peer::Request::json).collect();
    assert!(requests[0].head.starts_with("GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=ringload "));
    assert_eq!((&bodies[0], &bodies[1]["experiment_id"]), (&json!({"name": "ringload"}), &json!("7")));
    assert!(bodies[1]["tags"].as_array().expect("tags").contains(&json!({"key": "team", "value": "a"})));
    let logged = bodies.iter().filter_map(|body| body["metrics"].as_array()).flatten();
    assert!(logged.clone().any(|metric| metric["key"] == "request_count" && metric["value"] == 2.0));
    let last = bodies.last().expect("an end");
    assert_eq!((&last["run_id"], &last["status"]), (&json!("r1"), &json!("FINISHED")));

    let refusing = Peer::start(|to, _| peer::write(to, &peer::whole("503 Service Unavailable", "{}")));
    let ended = run(&refusing);
    assert!(ended.stderr.contains("not noted at") && ended.stderr.contains("status 503"), "{}", ended.stderr);
}

#[test]
fn answers_under_load_are_held_against_those_one_at_a_time() {
    let server = Peer::start(|to, request| {
        // Two prompts, each twice; then, under load, every third answer is another.
        let other = request.serial >= 4 && request.serial.is_multiple_of(3);
        peer::write(to, &peer::chat(if other { 3 } else { 2 }))
    });
    let run = Profile::of(server.addr())
        .args(["--allow-invalid", "--check-output", "2", "--concurrency", "3", "--request-count", "9"])
        .run()
        .exits(0);
    let text = std::fs::read_to_string(run.artifacts().join("output_check.json")).expect("a file");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&found["prompts"], &found["prompts_sent_twice"], &found["unstable_prompts"]),
        (&2.into(), &2.into(), &0.into())
    );
    assert_eq!((&found["compared"], &found["different"]), (&9.into(), &3.into()));
    assert!(run.stdout.contains("3 of 9 responses differ from those one at a time"), "{}", run.stdout);
    let bodies: Vec<Value> = server.requests().iter().map(|request| request.json()).collect();
    assert!(bodies.iter().all(|body| body["temperature"] == 0 && body["seed"].is_number()));
}
