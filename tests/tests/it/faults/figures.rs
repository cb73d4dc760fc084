//! Faults that would move or split a figure, that other tests are about.

use super::elsewhere::Elsewhere;

pub(super) const ROWS: &[Elsewhere] = &[
    Elsewhere {
        what: "a server that allows few streams a connection, or is slow to say how many",
        becomes: "connections are opened for what the limit needs, and connections made ahead wait for its SETTINGS",
        tests: &[
            (H2, "a_server_that_takes_few_streams_is_not_asked_for_more"),
            (SHARED, "prewarmed_connections_wait_for_the_settings_of_the_server"),
        ],
    },
    Elsewhere {
        what: "a flow-control window of the server that stays closed until a time-out or the end of the run",
        becomes: "counted in `window_zero`, as one that opens again is",
        tests: &[(SHARED, "a_window_that_closes_for_good_counts_until_the_time_out")],
    },
    Elsewhere {
        what: "output in other shapes: `content` as a list of parts, `reasoning`, `reasoning_content`, `reasoning_details`",
        becomes: "output, each text once",
        tests: &[
            (API, "output_is_content_reasoning_or_tool_call_text_that_is_not_empty"),
            (API_TABLES, "answers_of_unknown_shape_are_read_by_their_usual_names"),
        ],
    },
    Elsewhere {
        what: "a figure that is printed or written in several places",
        becomes: "it is the same in all of them: screen, report, JSON, CSV, lines of records, page",
        tests: &[
            (FILES, "five_files_that_agree"),
            (FILES, "files_of_a_run_with_failures_agree_too"),
            (PAGE, "every_figure_of_a_page_is_that_of_the_json"),
        ],
    },
    Elsewhere {
        what: "one stall in a run whose latencies do not change",
        becomes: "no change is found by MSER",
        tests: &[(MSER, "one_stall_is_no_change_wherever_it_happens")],
    },
    Elsewhere {
        what: "more gaps between tokens than are kept exactly",
        becomes: "they are kept as a histogram, no metric is lost, and every file says so",
        tests: &[
            (GAPS, "beyond_the_limit_they_are_rounded_and_none_is_lost"),
            (SLICES, "gaps_beyond_the_limit_are_rounded_in_their_slice"),
        ],
    },
    Elsewhere {
        what: "a server that answers a few requests at once and hangs for the rest of the run",
        becomes: "`standstill`: the verdict says that the rate is of its first moments",
        tests: &[
            (STANDSTILL, "four_answers_and_a_server_that_hangs_stood_still_for_the_rest"),
            (STANDSTILL, "a_pause_of_the_load_and_failures_that_come_at_once_are_no_standstill"),
        ],
    },
    Elsewhere {
        what: "a process that a larger one started",
        becomes: "the peak of memory is its own, from `VmHWM`",
        tests: &[(THREAD, "the_peak_is_that_of_the_process_memory")],
    },
    Elsewhere {
        what: "a run that checks no certificate (`--insecure`), or whose files are for its user alone (`--private`)",
        becomes: "each file says so; each file has mode 0600",
        tests: &[
            (FILES, "a_run_that_checks_no_certificate_says_so_in_every_file"),
            (SECRETS, "private_files_are_their_users_alone"),
        ],
    },
    Elsewhere {
        what: "a segment that comes between the wake-up of a batch and its read",
        becomes: "it keeps its own stamp; no token is stamped before it arrived",
        tests: &[
            (STAMP, "a_segment_between_the_batch_and_its_read_keeps_its_stamp"),
            (STAMP, "a_stamp_later_than_the_read_falls_back_to_the_read"),
        ],
    },
];

/// The sources of the tests that are named here.
pub(super) fn source(file: &str) -> Option<&'static str> {
    Some(match file {
        H2 => include_str!("../network/http2.rs"),
        SHARED => include_str!("../../../../engine/tests/it/shared_connections.rs"),
        API => include_str!("../../../../engine/src/api/tests.rs"),
        API_TABLES => include_str!("../../../../engine/src/api/api_tests.rs"),
        FILES => include_str!("../files.rs"),
        PAGE => include_str!("../../../../cli/src/page/tests.rs"),
        MSER => include_str!("../../../../engine/src/statistics/mser/tests.rs"),
        GAPS => include_str!("../../../../engine/src/measure/gaps.rs"),
        SLICES => include_str!("../../../../engine/src/measure/slices/tests.rs"),
        STANDSTILL => include_str!("../../../../engine/src/measure/standstill.rs"),
        THREAD => include_str!("../../../../engine/driver/src/thread.rs"),
        SECRETS => include_str!("../secrets.rs"),
        STAMP => include_str!("../../../../engine/driver/src/stamp.rs"),
        _ => return None,
    })
}

const H2: &str = "tests/tests/it/network/http2.rs";
const SHARED: &str = "engine/tests/it/shared_connections.rs";
const API: &str = "engine/src/api/tests.rs";
const API_TABLES: &str = "engine/src/api/api_tests.rs";
const FILES: &str = "tests/tests/it/files.rs";
const PAGE: &str = "cli/src/page/tests.rs";
const MSER: &str = "engine/src/statistics/mser/tests.rs";
const GAPS: &str = "engine/src/measure/gaps.rs";
const SLICES: &str = "engine/src/measure/slices/tests.rs";
const STANDSTILL: &str = "engine/src/measure/standstill.rs";
const THREAD: &str = "engine/driver/src/thread.rs";
const SECRETS: &str = "tests/tests/it/secrets.rs";
const STAMP: &str = "engine/driver/src/stamp.rs";
