//! The selftest on one screen: what was said against what was true, the schedule, what a core drives, and the answer.

use super::Style;
use super::calibrate::{cost, head, step_line};
use super::layout::{count, line, percent, short, time, wrap};
use crate::result::selftest::{Selftest, Truthfulness};
use ringload_engine::calibration::{Calibration, DriveLimit, QUIET_SHARE};
use ringload_mock::comparison::Percentiles;
use std::path::Path;

/// What was driven, and where what was found is kept.
pub(crate) struct Setting<'a> {
    /// The core that was measured.
    pub(crate) core: usize,
    /// Requests in flight on it.
    pub(crate) streams: u32,
    /// Whether the server had a core of its own.
    pub(crate) alone: bool,
    /// The file, where there is something to keep.
    pub(crate) path: Option<&'a Path>,
}

/// All of it, the answer last; with `verbose` the loads that were tried too.
pub(crate) fn render(found: &Selftest, setting: &Setting<'_>, style: &Style) -> String {
    if style.quiet {
        return answer(found);
    }
    let mut out = String::from("SELFTEST\n");
    out += &truth(&found.truth);
    let schedule = &found.schedule;
    out += &line(
        "schedule",
        &format!(
            "{} requests at {}/s leave {}",
            count(schedule.arrivals as u64),
            whole(schedule.per_s),
            both(&schedule.taken_up_us, "late")
        ),
    );
    out += &line("", &format!("and are at the server {}", both(&schedule.received_us, "late")));
    out += &line("floor", &format!("a first token that costs nothing takes {}", both(&schedule.floor_us, "")));
    if let Some(calibration) = &found.calibration {
        out += &core(calibration, setting, style);
    }
    out + &answer(found)
}

/// What a core drives.
fn core(calibration: &Calibration, setting: &Setting<'_>, style: &Style) -> String {
    let mut out = String::new();
    if style.verbose {
        out.push('\n');
        out += &head(setting.core, setting.streams, setting.alone);
        calibration.steps.iter().for_each(|step| out += &step_line(step));
        out.push('\n');
        out += &line("shape", &calibration.shape.to_string());
    }
    let most = |rate: Option<f64>, what: &str| {
        rate.map_or_else(String::new, |rate| format!(", {} {what}/s on a core", short(rate)))
    };
    if let Some(event) = &calibration.event {
        out += &line("a token", &(cost(event) + &most(calibration.events_per_s(), "tokens")));
    }
    out += &line("a request", &(cost(&calibration.request) + &most(calibration.requests_per_s(), "requests")));
    let half = calibration.steps.iter().find(|step| step.kind == "headroom");
    if let Some(lag) = half.and_then(|step| step.receive_lag_p99_ms) {
        out += &line("half full", &format!("a core that is half full reads {} late at p99", time(lag)));
    }
    if let Some(path) = setting.path {
        out += &line("kept in", &path.display().to_string());
    }
    out
}

fn truth(truth: &Truthfulness) -> String {
    let held = format!(
        "{} of {} requests, each against the server's own write",
        count(truth.tokens as u64),
        count(truth.requests as u64)
    );
    let mut out = line("tokens", &held);
    out += &line("", &format!("stamped {}", both(&truth.stamp_us, "apart")));
    out += &line("", &format!("gaps {}", both(&truth.gap_us, "apart")));
    out += &line("", &format!("TTFT {}, with the way there", both(&truth.first_token_us, "apart")));
    if truth.mismatched > 0 {
        out +=
            &line("MISMATCHED", &format!("{} requests are not the same to both sides", count(truth.mismatched as u64)));
    }
    if truth.off > 0 {
        let share = truth.off as f64 / truth.tokens.max(1) as f64;
        out += &line("OFF", &format!("{} of the tokens have a stamp that is off by over 1 ms", percent(share)));
    }
    out
}

fn both(of: &Percentiles, how: &str) -> String {
    let of = [(of.p50, "p50"), (of.p99, "p99")].map(|(us, name)| format!("{} at {name}", time(us / 1e3)));
    let [p50, p99] = of;
    match how {
        "" => format!("{p50}, {p99}"),
        how => format!("{how} by {p50}, {p99}"),
    }
}

/// The answer, in a sentence.
fn answer(found: &Selftest) -> String {
    let text = match &found.drive {
        _ if !found.truth.holds() => {
            "NO: what ringload said here was not what its server did; keep other programs off these cores, and try again".into()
        }
        None => {
            let why = found.not_calibrated.as_deref().unwrap_or("what streams cost could not be measured");
            format!("NOT KNOWN: {why}")
        }
        Some(drive) => {
            let cores = if drive.cores == 1 { "1 core".to_owned() } else { format!("{} cores", drive.cores) };
            let limit = match drive.limit {
                DriveLimit::Cpu => format!("{} of the CPU, over which a run says so", percent(QUIET_SHARE)),
                DriveLimit::OpenFiles => "the limit of open files (ulimit -Hn)".into(),
                DriveLimit::LocalPorts => {
                    "the local ports, of which a connection takes one (net.ipv4.ip_local_port_range)".into()
                }
            };
            format!(
                "{}: {} streams at {} tokens/s take {} of {cores}; the most from here is {}: {limit}",
                if drive.can() { "YES" } else { "NO" },
                count(drive.asked.streams),
                whole(drive.asked.tokens_per_s),
                percent(drive.share),
                count(drive.most_streams),
            )
        }
    };
    wrap(&text, super::layout::WIDTH).join("\n") + "\n"
}

/// A number without places that are zero.
fn whole(value: f64) -> String {
    let text = short(value);
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::selftest::ScheduleError;
    use crate::testing::sample_machine::calibration;
    use ringload_engine::calibration::{Asked, drive};
    use ringload_engine::host::HostFacts;

    fn found(streams: u64, off: usize) -> Selftest {
        let figures = Percentiles { p50: 3.2, p99: 1_234.5, p999: 2_000.0, max: 2_000.0 };
        let calibration = calibration(16.0);
        let host = HostFacts { local_ports: Some((32_768, 60_999)), ..HostFacts::default() };
        let asked = Asked { streams, tokens_per_s: 50.0, answer_tokens: 128.0 };
        let drive = drive(&calibration, 1, &host, asked);
        Selftest {
            schema_version: "1.0",
            ringload_version: "1.2.3",
            truth: Truthfulness {
                requests: 160,
                tokens: 5_120,
                mismatched: 0,
                off,
                stamp_us: figures,
                gap_us: figures,
                first_token_us: figures,
            },
            schedule: ScheduleError {
                arrivals: 857,
                per_s: 500.0,
                taken_up_us: figures,
                received_us: figures,
                floor_us: figures,
            },
            calibration: Some(calibration),
            not_calibrated: None,
            drive,
        }
    }

    #[test]
    fn the_screen_has_at_most_24_lines_and_ends_in_the_answer() {
        let path = Path::new("/home/somebody/.cache/ringload/calibration.json");
        let setting = Setting { core: 1, streams: 1_000, alone: true, path: Some(path) };
        for (streams, off, word) in [
            (100, 0, "YES: 100 streams at 50 tokens/s take "),
            (50_000, 0, "NO: 50 000 streams"),
            (100, 5_000, "NO: what ringload said"),
        ] {
            let found = found(streams, off);
            let text = render(&found, &setting, &Style::default());
            assert!(text.lines().count() <= 24 && text.lines().all(|l| l.chars().count() <= 80), "{text}");
            assert_eq!(text.contains("OFF"), off > 0, "{text}");
            let answer = answer(&found);
            assert!(text.ends_with(&answer) && answer.starts_with(word), "{text}");
            assert_eq!(found.passed(), word.starts_with("YES"));
            assert_eq!(render(&found, &setting, &Style { quiet: true, ..Style::default() }), answer);
        }
        let unknown = Selftest {
            calibration: None,
            not_calibrated: Some("every load arrived coalesced".into()),
            drive: None,
            ..found(100, 0)
        };
        let text = render(&unknown, &Setting { path: None, ..setting }, &Style::default());
        assert!(text.ends_with("\nNOT KNOWN: every load arrived coalesced\n") && !unknown.passed(), "{text}");
        let no = answer(&found(50_000, 0)).replace('\n', " ");
        assert!(no.contains("the most from here is 5 145: 70.0 % of the CPU"), "{no}");
    }
}
