//! What this machine can drive, asked and answered in one command. No figure is asserted that depends on the machine:
//! on one that is busy with something else, what a core can do may not be known.

use ringload_tests::profile::{Ended, Profile};
use ringload_tests::schema::follows;
use ringload_tests::together;
use serde_json::Value;

/// In the shortest time that there is.
fn selftest(flags: &[&str]) -> Ended {
    Profile::selftest().args(["--calibrate-seconds", "1", "--osl", "20"]).args(flags).run()
}

#[test]
fn one_screen_ends_in_an_answer_that_the_exit_status_says_too() {
    let _turn = together();
    let ended = selftest(&["--streams", "4", "--tokens-per-second", "1"]);
    assert!(ended.stdout.lines().count() <= 24, "{}", ended.stdout);
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ended.stdout);
    for words in ["each against the server's own write", "500/s leave late by", "a first token that costs nothing"] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    let yes = ended.stdout.contains("\nYES: 4 streams at 1 tokens/s take ");
    assert!(yes || ended.stdout.contains("\nNO: ") || ended.stdout.contains("\nNOT KNOWN: "), "{}", ended.stdout);
    assert_eq!(yes, ended.stdout.contains("\n  kept in") && ended.code == Some(0), "{}", ended.stdout);
}

#[test]
fn what_it_cannot_drive_is_a_number_and_exit_status_1() {
    let _turn = together();
    let unable = selftest(&["--streams", "8", "--tokens-per-second", "10000000", "--json"]).exits(1);
    let found: Value = serde_json::from_str(&unable.stdout).unwrap();
    follows("ringload_selftest", &found);
    let truth = &found["truth"];
    assert_eq!(truth["mismatched"], 0, "{truth:#}");
    let requests = truth["requests"].as_u64().unwrap();
    assert_eq!(truth["tokens"].as_u64().unwrap(), requests * 32, "{truth:#}");
    assert!(requests >= 32 && found["schedule"]["arrivals"].as_u64().unwrap() > 0, "{found:#}");
    let Some(calibration) = found.get("calibration") else {
        assert!(found["not_calibrated"].is_string() && found.get("drive").is_none(), "{found:#}");
        return;
    };
    assert_eq!(calibration["shape"]["streams_per_core"], 8.0);
    let drive = &found["drive"];
    assert_eq!((&drive["limit"], &drive["asked"]["streams"]), (&"cpu".into(), &8.into()), "{drive:#}");
    assert!(drive["most_streams"].as_u64().unwrap() < 8 && drive["share"].as_f64().unwrap() > 1.0, "{drive:#}");
}
