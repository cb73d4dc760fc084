//! Faults that end a run early or meet its files, that other tests are about.

use super::elsewhere::Elsewhere;

pub(super) const ROWS: &[Elsewhere] = &[
    Elsewhere {
        what: "too many failures (--failed-request-threshold, --max-errors)",
        becomes: "the run ends early, says so, and writes all",
        tests: &[
            (LIMITS, "a_run_ends_early_when_too_many_requests_have_failed"),
            (LIMITS, "a_run_ends_early_with_as_many_failures_as_it_bears"),
        ],
    },
    Elsewhere {
        what: "SIGINT or SIGTERM, once",
        becomes: "what is in flight is awaited, all is written; exit 130",
        tests: &[(CLI, "a_signal_drains_what_is_in_flight"), (CLI, "a_signal_in_the_warm_up_ends_the_run")],
    },
    Elsewhere {
        what: "SIGINT, twice",
        becomes: "what is in flight is counted as such, all is written; exit 130",
        tests: &[(CLI, "a_second_signal_abandons_what_is_in_flight")],
    },
    Elsewhere {
        what: "a signal while prompts are made, names are looked up or a server is asked for its HTTP",
        becomes: "nothing is sent, no file is left; exit 130",
        tests: &[
            (SIGNALS, "while_prompts_are_made"),
            (SIGNALS, "while_a_name_is_looked_up"),
            (SIGNALS, "while_a_server_is_asked_for_its_http"),
        ],
    },
    Elsewhere {
        what: "a signal while connections are made ahead",
        becomes: "no load begins; all is written; exit 130",
        tests: &[(SIGNALS, "while_connections_are_made_ahead")],
    },
    Elsewhere {
        what: "one signal, and requests that do not end",
        becomes: "they are awaited within --shutdown-grace and counted as in flight; all is written; exit 130",
        tests: &[(SIGNALS, "the_grace_bounds_the_wait_for_what_is_in_flight")],
    },
    Elsewhere {
        what: "signals while results are summed up",
        becomes: "one: all is written; three: the process ends at once without results and temporary files; exit 130",
        tests: &[(SIGNALS, "while_results_are_summed_up")],
    },
    Elsewhere {
        what: "a signal while nobody reads what is printed (a pipe that is full)",
        becomes: "all is written; three seconds after the signal the process ends without what it could not print; exit 130",
        tests: &[(SIGNALS, "while_nobody_reads_the_output")],
    },
    Elsewhere {
        what: "a signal in a sweep, repeats or a search",
        becomes: "the report says first that it was interrupted, and which cells did not run; exit 130",
        tests: &[
            (CAMPAIGN, "a_signal_ends_the_campaign_and_what_was_measured_is_there"),
            (SIGNALS, "a_search_says_what_its_probes_found"),
        ],
    },
    Elsewhere {
        what: "SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU (a batch system warns of the end)",
        becomes: "as SIGTERM, unless it is ignored; exit 130",
        tests: &[(SIGNALS, "while_prompts_are_made")],
    },
    Elsewhere {
        what: "one signal, and a collector, a tracking server or a profiler that does not answer",
        becomes: "each has 1 s of --shutdown-grace at most; all is written, and who was not told is said; exit 130",
        tests: &[
            (SIGNALS, "the_grace_bounds_what_others_are_told"),
            (LIVE, "who_is_told_of_a_run_has_a_part_of_the_grace"),
        ],
    },
    Elsewhere {
        what: "a folder that is removed or renamed in mid-run",
        becomes: "it is made again; all is written, the log of --keep-records too",
        tests: &[
            (KEPT, "a_folder_that_is_removed_in_mid_run_is_made_again"),
            (FILES, "a_folder_that_has_gone_is_made_again_with_all_that_was_written"),
        ],
    },
    Elsewhere {
        what: "two runs, sweeps or searches into one folder at the same time",
        becomes: "the second is refused before it sends anything, and names the process of the first; exit 2. Where a file system has no locks, that is said",
        tests: &[
            (KEPT, "the_log_of_a_run_under_way_is_left_alone"),
            (LOCK, "a_folder_is_one_runs_at_a_time_and_empty_ones_that_were_made_go"),
        ],
    },
    Elsewhere {
        what: "a killed process that its parent has not waited for (a zombie)",
        becomes: "it has ended: `ringload report` reads its records",
        tests: &[(UNFINISHED, "a_process_that_its_parent_has_not_asked_for_has_ended")],
    },
    Elsewhere {
        what: "a process that is killed (SIGKILL, no memory, no power)",
        becomes: "its records, to within a second, are in its folder: `ringload report` makes report and files from them, INVALID (`unfinished`)",
        tests: &[
            (KEPT, "what_a_run_measured_that_was_killed_can_be_read"),
            (KEPT, "a_run_is_the_same_when_it_is_made_again_from_its_log"),
            (KEPT, "the_log_of_a_run_under_way_is_left_alone"),
        ],
    },
    Elsewhere {
        what: "a record log that somebody has made: paths, counts and names of their choice in its head, records without prompts, impossible lengths",
        becomes: "it chooses no path, and takes no more memory than a run does; what cannot be is refused in a sentence; exit 2",
        tests: &[
            (KEPT, "a_log_chooses_no_path_and_takes_no_more_than_a_run_does"),
            (LOG, "damaged_bytes_never_panic"),
            (LOG, "a_length_that_promises_too_much_reserves_nothing"),
        ],
    },
    Elsewhere {
        what: "a folder with the files of an earlier run",
        becomes: "they move to `previous-N/` there when the new ones are written (`--overwrite` replaces them)",
        tests: &[
            (KEPT, "a_second_run_moves_the_files_of_the_first_aside"),
            (KEPT, "a_second_sweep_moves_the_first_aside_as_a_whole"),
        ],
    },
    Elsewhere {
        what: "an artifact folder that cannot be written to",
        becomes: "nothing is sent; exit 2",
        tests: &[(CLI, "a_folder_that_cannot_be_written_to_is_exit_2_before_anything_is_sent")],
    },
];

/// The sources of the tests that are named here.
pub(super) fn source(file: &str) -> Option<&'static str> {
    Some(match file {
        CAMPAIGN => include_str!("../campaign.rs"),
        CLI => include_str!("../cli.rs"),
        FILES => include_str!("../../../../cli/src/export/files.rs"),
        KEPT => include_str!("../kept.rs"),
        LIMITS => include_str!("../limits.rs"),
        LIVE => include_str!("../../../../cli/src/live/signals.rs"),
        LOCK => include_str!("../../../../cli/src/export/folder_lock.rs"),
        LOG => include_str!("../../../../engine/src/record/log/tests.rs"),
        SIGNALS => include_str!("../signals.rs"),
        UNFINISHED => include_str!("../../../../cli/src/export/unfinished.rs"),
        _ => return None,
    })
}

const CAMPAIGN: &str = "tests/tests/it/campaign.rs";
const CLI: &str = "tests/tests/it/cli.rs";
const FILES: &str = "cli/src/export/files.rs";
const KEPT: &str = "tests/tests/it/kept.rs";
const LIMITS: &str = "tests/tests/it/limits.rs";
const LIVE: &str = "cli/src/live/signals.rs";
const LOCK: &str = "cli/src/export/folder_lock.rs";
const LOG: &str = "engine/src/record/log/tests.rs";
const SIGNALS: &str = "tests/tests/it/signals.rs";
const UNFINISHED: &str = "cli/src/export/unfinished.rs";
