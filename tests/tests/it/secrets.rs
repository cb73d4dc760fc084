//! Secrets are on the wire and nowhere else: not in what is printed, not in a file, not in the list of processes.

use crate::cli::FILES;
use crate::known_answers::paced;
use ringload_tests::peer::{self, Peer, closed_port};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{together, until};
use serde_json::json;
use std::fs;
use std::path::Path;

#[test]
fn secrets_are_on_the_wire_and_nowhere_else() {
    let _turn = together();
    let server = indiscreet();
    let folder = tempfile::tempdir().unwrap();
    let file = key_file(folder.path());
    for (args, env) in
        [(&["--api-key", KEY][..], None), (&["--api-key-file", &file], None), (&[], Some(("RINGLOAD_API_KEY", KEY)))]
    {
        let mut profile =
            Profile::of(server.addr()).args(["--request-count", "2", "--verbose", "--header", HEADER]).args(args);
        if let Some((name, value)) = env {
            profile = profile.env(name, value);
        }
        let ended = profile.run().exits(3);
        let request = server.requests().pop().expect("a request");
        let bearer = format!("Bearer {KEY}");
        assert_eq!(request.field("authorization"), Some(&bearer[..]));
        assert_eq!(request.field("x-token"), Some(TOKEN));
        assert_eq!(ended.files(), FILES);
        keeps(&ended, "a run that is refused");
        let error = &ended.summary()["error_summary"][0]["error_details"];
        assert_eq!(error["code"], 401);
    }
}

#[test]
fn a_key_that_a_long_message_repeats_is_struck_out_before_the_message_is_cut() {
    let _turn = together();
    // Its last letter is past what is kept of a message; past what is shown of a body that is no answer; and a
    // character that no terminal shows is in it.
    let shapes: [fn(&str) -> String; 3] = [
        |key| {
            let body = format!("{}{key}{}", "x".repeat(201 - key.len()), "!".repeat(300));
            peer::whole("401 Unauthorized", &body)
        },
        |key| {
            let body = format!("{}{key}", "x".repeat(101 - key.len()));
            peer::whole("200 OK", &body).replace("application/json", "text/plain")
        },
        |key| peer::whole("401 Unauthorized", &format!("no {}\u{200b}{}", &key[..12], &key[12..])),
    ];
    for shape in shapes {
        let server = Peer::start(move |to, request| {
            let key = request.field("authorization").unwrap_or_default();
            peer::write(to, &shape(key.trim_start_matches("Bearer ")))
        });
        let ended = Profile::of(server.addr()).args(["--request-count", "2", "--api-key", KEY]).run().exits(3);
        let mut texts = vec![("stdout".to_owned(), ended.stdout.clone())];
        collect(ended.artifacts(), &mut texts);
        for (place, text) in texts {
            assert!(!text.contains(&KEY[..KEY.len() / 2]), "{place}: {text}");
        }
        let said = ended.summary().to_string();
        assert!(said.contains("<redacted>"), "{said}");
    }
}

#[test]
fn what_is_kept_of_responses_has_no_secret_that_they_repeat() {
    let _turn = together();
    let server = Peer::start(|to, request| {
        let [key, token] = ["authorization", "x-token"].map(|name| request.field(name).unwrap_or_default().to_owned());
        let said = format!("{key} {token}");
        let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": said, "reasoning": said},
            "finish_reason": "stop"}], "usage": {"prompt_tokens": 8, "completion_tokens": 4}});
        peer::write(to, &peer::whole("200 OK", &body.to_string()))
    });
    let ended = Profile::of(server.addr())
        .args(["--request-count", "2", "--api-key", KEY, "--header", HEADER, "--allow-invalid"])
        .args(["--export-level", "raw", "--keep-records"])
        .run()
        .exits(0);
    keeps(&ended, "responses that repeat secrets");
    assert!(ended.text("profile_export_raw.jsonl").contains("<redacted>"));
}

#[test]
fn what_servers_call_themselves_and_their_metrics_has_no_secret() {
    let _turn = together();
    let server = Peer::start(|to, request| {
        let key = request.field("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned();
        if request.head.starts_with("GET ") {
            let page = format!(
                "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{{model_name=\"{key}\"}} 1\n"
            );
            return peer::write(to, &peer::whole("200 OK", &page).replace("application/json", "text/plain"));
        }
        // The second name is cut within the key.
        let names = format!("\r\nServer: gate/{key}\r\nVia: 1.1 {}{key}\r\n", "x".repeat(46));
        peer::write(to, &peer::chat(2).replacen("\r\n", &names, 1))
    });
    let metrics = format!("http://{}/metrics", server.addr());
    let ended = Profile::of(server.addr())
        .scraping()
        .args(["--request-count", "2", "--api-key", KEY, "--header", HEADER, "--allow-invalid", "--keep-records"])
        .args(["--server-metrics", &metrics, "--server-metrics-formats", "json", "csv", "jsonl"])
        .run()
        .exits(0);
    keeps(&ended, "names of software");
    assert!(ended.text("server_metrics_export.jsonl").contains("<redacted>"));
    let spoken = ended.report()["summary"]["network"]["targets"][0].clone();
    assert!(spoken["server"].as_str().is_some_and(|name| name.starts_with("gate/<redacted>")), "{spoken}");
    // The log has none to write back either.
    let again = Profile::report(ended.artifacts()).args(["--verbose", "--allow-invalid"]).run().exits(0);
    assert!(again.stdout.contains("gate/<redacted>") && !again.stdout.contains(KEY), "{}", again.stdout);
    keeps(&ended, "a report from the log");
    let mut texts = Vec::new();
    collect(ended.artifacts(), &mut texts);
    let front = format!("xx{}", &KEY[..8]);
    assert!(texts.iter().all(|(_, text)| !text.contains(&front)), "the front of a key is one too");
}

#[test]
fn a_content_type_shows_no_front_of_a_secret() {
    let _turn = together();
    let server = Peer::start(|to, request| {
        let key = request.field("authorization").unwrap_or_default().trim_start_matches("Bearer ");
        let kind = format!("x/{}{key}", "x".repeat(50));
        peer::write(to, &peer::whole("200 OK", "nothing").replace("application/json", &kind))
    });
    let ended = Profile::of(server.addr()).args(["--request-count", "2", "--api-key", KEY]).run().exits(3);
    let mut texts = vec![("stdout".to_owned(), ended.stdout.clone())];
    collect(ended.artifacts(), &mut texts);
    for (place, text) in texts {
        assert!(!text.contains(&KEY[..KEY.len() / 2]), "{place}: {text}");
    }
}

#[test]
fn no_way_to_use_or_to_misuse_it_tells_a_secret() {
    let _turn = together();
    let (good, bad) = (paced(5, 1), indiscreet());
    let folder = tempfile::tempdir().unwrap();
    let file = key_file(folder.path());
    let of = |server| Profile::of(server);
    let few = &["--request-count", "4", "--osl", "2", "--allow-invalid"][..];
    let every = &["--export-http-trace", "--slice-duration", "1", "--verbose"][..];
    let probes =
        &["--axis", "concurrency", "--goodput", "time_to_first_token:500", "--probe-duration", "1", "--to", "2"][..];
    let nobody = closed_port();
    for (what, profile) in [
        ("success", of(good.addr()).args(few).args(every)),
        ("repeats", of(good.addr()).args(few).args(["--num-profile-runs", "2"])),
        ("a sweep", of(good.addr()).args(few).args(["--concurrency", "1,2"])),
        ("nobody there", of(nobody).args(few).args(every)),
        ("dry run", of(good.addr()).args(few).args(["--dry-run"])),
        ("capacity", Profile::capacity(good.addr()).args(probes).args(["--allow-invalid"])),
        ("capacity, refused", Profile::capacity(bad.addr()).args(probes)),
        ("calibrate", Profile::calibrate().args(["--demo", "--calibrate-seconds", "1"])),
        ("no such flag", of(good.addr()).args(["--no-such-flag"])),
        ("help", of(good.addr()).args(["--help"])),
        ("a wrong value", of(good.addr()).args(["--concurrency", "many"])),
        ("two keys", of(good.addr()).args(["--header", &format!("Authorization: Bearer {KEY}")])),
        ("a key of two lines", of(good.addr()).args(["--api-key", &format!("{KEY}\n{KEY}")])),
        ("a header that is none", of(good.addr()).args(["--header", &format!("{KEY} {TOKEN}")])),
        ("a header that is no JSON", of(good.addr()).args(["--header", &format!("{{\"X-Token\": \"{TOKEN}\"")])),
        (
            "credentials in the URL",
            Profile::bare().args(["-m", "mock", "--url", &format!("http://bob:{KEY}@{nobody}/{TOKEN}?key={KEY}")]),
        ),
    ] {
        let calibrates = what == "calibrate";
        // Each is run twice: with the key in a file and a header, and with the key in the environment.
        let profile = profile.env("RINGLOAD_API_KEY", KEY);
        let profile = match calibrates || what == "two keys" {
            true => profile,
            false => profile.args(["--header", HEADER]),
        };
        keeps(&profile.run(), what);
    }
    let by_file = of(good.addr()).args(few).args(every).args(["--api-key-file", &file, "--header", HEADER]);
    keeps(&by_file.run().exits(0), "a key in a file");
}

#[test]
fn a_key_in_a_file_is_not_in_the_list_of_processes() {
    let _turn = together();
    let server = paced(5, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = key_file(folder.path());
    let running = Profile::of(server.addr())
        .args(["--api-key-file", &file, "--osl", "2"])
        .mock(&json!({"stall_after": 1}))
        .args(["--request-count", "1"])
        .start();
    until("the stream has begun", || server.state().output_tokens > 0);
    for list in ["cmdline", "environ"] {
        let text = fs::read(format!("/proc/{}/{list}", running.id())).expect("a process");
        assert!(!String::from_utf8_lossy(&text).contains(KEY), "{list}");
    }
    running.signal("INT");
    until("the first signal is heard", || running.stderr().contains("once more to abandon"));
    running.signal("INT");
    keeps(&running.end().exits(130), "an interrupted run");
}

#[test]
fn values_under_telling_names_are_hidden_wherever_a_run_leaves_them() {
    let _turn = together();
    let server = paced(5, 1);
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("headers");
    fs::write(&headers, format!("# of the gateway\nX-Token: {TOKEN}\n\nX-Other: 1\n")).unwrap();
    let inputs = json!({"api_key": KEY, "user": {"jwt": TOKEN}, "min_tokens": 2}).to_string();
    let ended = Profile::of(server.addr())
        .args(["--request-count", "4", "--osl", "2", "--allow-invalid", "--verbose"])
        .args(["--custom-endpoint", &format!("/v1/chat/completions?sas={KEY}&version=7")])
        .args(["--extra-inputs", &inputs])
        .args(["--header-file", headers.to_str().unwrap()])
        .run()
        .exits(0);
    keeps(&ended, "values under telling names");
    let told = fs::read_to_string(ended.artifacts().join("inputs.json")).unwrap();
    assert!(told.contains("\"api_key\": \"<redacted>\"") && told.contains("\"min_tokens\": 2"), "{told}");
    let command = ended.report()["command"].to_string();
    assert!(command.contains("version=7"), "{command}");
    let refused = Profile::of(server.addr())
        .args(["--variant", &format!("a: api-key={KEY}, concurrency=2"), "--variant", "b: concurrency=1"])
        .run()
        .exits(2);
    keeps(&refused, "a variant that cannot be run");
}

#[test]
fn a_literal_key_in_a_payload_template_is_on_the_wire_alone() {
    let _turn = together();
    let server = Peer::start(|to, _| peer::write(to, &peer::whole("200 OK", r#"{"text": "an answer"}"#)));
    let template =
        format!(r#"{{"text": {{{{ text|tojson }}}}, "api_key": "{KEY}", "auth": {{"bearer": "{TOKEN}"}}, "n": 3}}"#);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("template.json");
    fs::write(&file, &template).unwrap();
    for source in [template.clone(), file.display().to_string()] {
        let base = |ending: &[&str]| {
            Profile::bare()
                .args(["--url", &format!("http://{}", server.addr()), "--model", "m", "--isl", "8"])
                .args(["--endpoint-type", "template", "--custom-endpoint", "/x", "--request-count", "2"])
                .args(["--extra-inputs", &format!("payload_template:{source}"), "--allow-invalid", "--verbose"])
                .args(["--export-http-trace", "--keep-records"])
                .args(ending)
                .run()
        };
        let ended = base(&[]).exits(0);
        keeps(&ended, "a key in a template");
        let sent = server.requests().pop().expect("a request").json();
        assert_eq!((&sent["api_key"], &sent["auth"]["bearer"]), (&json!(KEY), &json!(TOKEN)));
        let told = ended.text("inputs.json");
        assert!(told.contains(r#""api_key": "<redacted>""#) && told.contains(r#""n": 3"#), "{told}");
        keeps(&base(&["--dry-run"]).exits(0), "a dry run of a template");
    }
}

/// Whatever stands in the way of a command line, its words are shown only where they can be no key.
#[test]
fn usage_errors_show_no_key() {
    let _turn = together();
    let key = "sk-proj-Zq81sEcReTkEy09aB";
    let (header, query) = (format!("Authorization: Bearer {key}"), format!("/v1/chat?api_key={key}"));
    let (url, pair) = (format!("http://127.0.0.1:1/v1?token={key}"), format!("api_key:{key}"));
    let (glued, assigned, variant) =
        (format!("--headerX:{key}"), format!("--api-kye={key}"), format!("a: api-key={key}, concurrency=0"));
    let (json, wrong_json, dashed) =
        (format!(r#"{{"api_key":"{key}"}}x"#), format!(r#"["{key}"]"#), format!("--{key}"));
    let (host, socket) = (format!("http://user:{key}@h"), format!("unix:here?key={key}"));
    let lines: &[&[&str]] = &[
        &["--api-key", key, "--api-key-file", "f"],
        &["--api-kye", key],
        &[&assigned],
        &["-k", key],
        &[key],
        &["--api-key", key, key],
        &["--api-key", &dashed],
        &["--api-key", key, "--api-key", key],
        &["--api-key", key, "--concurrency", "0"],
        &["--header", &header, "--no-such-flag"],
        &["--header", key],
        &["--header", &header, "--header", &header, "--api-key", key],
        &["-H", "Authorization:", "Bearer", key],
        &[&glued],
        &["--endpoint", &query, "--concurrency", "many"],
        &["--endpoint", &query, "--custom-endpoint", &query],
        &["--endpoint-type", &query],
        &["--url", &url, "--url", &host],
        &["--url", &socket],
        &["--extra-inputs", &pair, "stream:false"],
        &["--extra-inputs", &pair.replace(':', "")],
        &["--extra-inputs", &json],
        &["--extra-inputs", &wrong_json],
        &["--variant", &variant],
        &["--request-rate", key],
        &["--session-header", &header],
        &["--bearer", key],
    ];
    for command in ["profile", "capacity"] {
        for line in lines {
            let run = std::process::Command::new(ringload_tests::binary::ringload())
                .arg(command)
                .args(["--model", "m", "--request-count", "1", "--ui", "none"])
                .args(*line)
                .env("NO_COLOR", "1")
                .current_dir(tempfile::tempdir().unwrap().path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
            assert_eq!(run.status.code(), Some(2), "{line:?}: {said}");
            assert!(said.starts_with("error: ") && !said.contains("sEcReT"), "{line:?}: {said}");
        }
    }
}

#[test]
fn private_files_are_their_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let _turn = together();
    let server = paced(5, 1);
    let few = ["--request-count", "2", "--osl", "2", "--allow-invalid"];
    let ended = Profile::of(server.addr()).args(few).args(["--private"]).run().exits(0);
    for file in ended.files() {
        let mode = fs::metadata(ended.artifacts().join(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let _turn = together();
    let hostile = "\u{1b}]0;title\u{7}\u{1b}[2Jover\u{202e}loaded\u{200b}\u{e0041}\u{2028}now\u{9b}1m";
    let server = Peer::start(move |to, _| {
        let body = json!({"error": {"message": hostile}}).to_string();
        peer::write(to, &peer::whole("503 Service Unavailable", &body))
    });
    let ended =
        Profile::of(server.addr()).args(["--request-count", "2", "--verbose", "--model", hostile]).run().exits(3);
    for text in [&ended.stdout, &ended.stderr] {
        let bad = text
            .chars()
            .find(|c| (c.is_control() && !"\n\t".contains(*c)) || "\u{202e}\u{200b}\u{e0041}\u{2028}".contains(*c));
        assert_eq!(bad, None, "{text:?}");
    }
    assert!(ended.stdout.contains("overloaded"), "{}", ended.stdout);
}

/// A server that says what it was told, as careless ones do.
fn indiscreet() -> Peer {
    Peer::start(|to, request| {
        let key = request.field("authorization").unwrap_or_default();
        let token = request.field("x-token").unwrap_or_default();
        let body = json!({"error": {"message": format!("bad key {key}, {token}")}}).to_string();
        let server = format!("\r\nServer: gate/{}\r\n", key.trim_start_matches("Bearer "));
        peer::write(to, &peer::whole("401 Unauthorized", &body).replacen("\r\n", &server, 1))
    })
}

fn key_file(folder: &Path) -> String {
    let file = folder.join("key");
    fs::write(&file, format!("\u{feff}{KEY}\n")).unwrap();
    file.to_str().expect("a path in UTF-8").to_owned()
}

/// No secret is in what was printed, nor in any file of the run's folder or of the one around it.
#[track_caller]
fn keeps(ended: &Ended, what: &str) {
    let mut texts = vec![("stdout".to_owned(), ended.stdout.clone()), ("stderr".to_owned(), ended.stderr.clone())];
    let around = ended.artifacts().parent().expect("a folder around it");
    collect(around, &mut texts);
    for (place, text) in texts {
        for secret in [KEY, TOKEN] {
            assert!(!text.contains(secret), "{what}: {secret} in {place}: {text}");
        }
    }
}

fn collect(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, texts);
        } else {
            let bytes = fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            texts.push((path.display().to_string(), text));
        }
    }
}

const KEY: &str = "sk-very-secret-key";
const TOKEN: &str = "another secret value";
const HEADER: &str = "X-Token: another secret value";
