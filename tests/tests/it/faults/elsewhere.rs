//! Faults that other tests are about, and those of which there is no test, with the reason.

/// A fault of the matrix that another test makes.
pub(super) struct Elsewhere {
    pub(super) what: &'static str,
    pub(super) becomes: &'static str,
    /// Where, and by which tests.
    pub(super) tests: &'static [(&'static str, &'static str)],
}

pub(super) const ROWS: &[Elsewhere] = &[
    Elsewhere {
        what: "a whole stream byte by byte, over HTTP/1.1 and as frames and segments of a byte over HTTP/2",
        becomes: "served, to the byte",
        tests: &[
            (WIRE, "a_stream_byte_by_byte_is_the_same_stream"),
            (H2_LEGAL, "odd_answers_that_keep_the_rules_are_answers"),
        ],
    },
    Elsewhere {
        what: "a kept connection that is closed between requests, or together with its last answer",
        becomes: "retried over a new connection, once, counted as `closed_while_idle`",
        tests: &[
            (WIRE, "a_connection_that_is_closed_while_idle_costs_no_request"),
            (WIRE, "a_server_that_closes_although_it_said_keep_alive_costs_no_request"),
            (H2_RETRIES, "requests_that_find_their_connection_closed_are_retried_together"),
        ],
    },
    Elsewhere {
        what: "a kept connection that ends after the server has read the request",
        becomes: "fails: `closed_before_response` or `reset`; not retried; the message names the server's keep-alive time-out",
        tests: &[
            (WIRE, "a_connection_that_breaks_under_a_request_is_a_failure"),
            (WIRE, "a_request_that_was_read_before_a_reset_is_not_retried"),
            (H2_RETRIES, "a_request_that_was_read_before_a_reset_is_not_retried"),
            (KEPT_CONNECTIONS, "a_request_of_which_a_part_was_taken_is_not_retried"),
        ],
    },
    Elsewhere {
        what: "choices, embeddings, rankings or pictures, fewer than the request asks for, or with results that are `null`, empty or begin with `null`; a response that is still being made",
        becomes: "fails: `no_output`, “the response has 2 of 3 results”; in a stream `truncated`",
        tests: &[
            (KNOWN_RESPONSES, "fewer_vectors_than_inputs_are_a_failure"),
            (KNOWN_RESPONSES, "fewer_choices_than_were_asked_for_are_a_failure"),
            (KNOWN_RESPONSES, "a_whole_response_that_is_still_being_made_is_a_failure"),
            (API, "results_are_counted_and_empty_ones_are_none"),
            (REQUESTS, "bodies_tell_how_many_results_they_want"),
        ],
    },
    Elsewhere {
        what: "an answer that comes before the request was sent whole, on a connection that stays open",
        becomes: "fails by its status, with its words; the connection serves no other request before the rest was sent, over TLS too",
        tests: &[
            (EARLY, "an_early_answer_lets_no_request_into_the_body_of_another"),
            (EARLY, "an_early_answer_under_tls_lets_no_request_into_the_body_of_another"),
            (KEPT_CONNECTIONS, "a_connection_serves_no_other_request_before_its_own_was_taken_whole"),
        ],
    },
    Elsewhere {
        what: "an answer that comes before the request was sent whole, and a close with the rest unread (RST)",
        becomes: "fails by its status, with its words; without an answer `reset`, `closed_before_response` or `send_failed`",
        tests: &[
            (EARLY, "an_early_answer_and_a_close_keep_status_and_words"),
            (EARLY, "a_close_while_a_request_is_sent_that_says_nothing_is_told_as_what_it_is"),
            (KEPT_CONNECTIONS, "an_answer_that_came_before_the_send_failed_is_the_answer"),
        ],
    },
    Elsewhere {
        what: "a request of which the kernel took a part before the send failed",
        becomes: "fails; not retried",
        tests: &[(KEPT_CONNECTIONS, "a_request_of_which_a_part_was_taken_is_not_retried")],
    },
    Elsewhere {
        what: "HTTP/2: a server that breaks a rule of the protocol, in frames, settings, header blocks, windows or floods",
        becomes: "fails: `http2_protocol` or `head_limit`; all on the connection, or the one whose stream it is",
        tests: &[
            (H2_CONNECTION_RULES, "frames_of_a_wrong_length_end_the_connection"),
            (H2_CONNECTION_RULES, "header_blocks_that_are_out_of_order_end_the_connection"),
            (H2_CONNECTION_RULES, "floods_end_the_connection"),
            (H2_STREAM_RULES, "malformed_answers_end_their_stream_alone"),
            (H2_STREAM_RULES, "limits_of_a_stream_end_it_alone"),
        ],
    },
    Elsewhere {
        what: "HTTP/2: GOAWAY in order; streams above its last",
        becomes: "served, those above over new connections, up to 32 times (once where the server names an error)",
        tests: &[
            (H2_ENDS, "a_server_that_goes_away_in_two_steps_costs_no_request"),
            (H2_ENDS, "a_server_that_refuses_while_it_goes_away_costs_no_request"),
            (H2_RETRIES, "streams_above_the_last_of_a_good_bye_are_retried_and_the_others_finished"),
        ],
    },
    Elsewhere {
        what: "HTTP/2: a stream that is reset before an answer, by every kind of code",
        becomes: "fails: `http2_refused` or `http2_reset`; the connection serves on",
        tests: &[(H2_ENDS, "a_stream_that_the_server_resets_fails_under_its_code_and_the_connection_serves_on")],
    },
    Elsewhere {
        what: "HTTP/2: a server that allows no stream (SETTINGS_MAX_CONCURRENT_STREAMS 0), for ever or until later settings",
        becomes: "requests wait, on one connection; then fail: `http2_refused`, with the limit, or are served",
        tests: &[
            (H2_LEGAL, "a_server_that_takes_no_streams_is_told_apart"),
            (H2_LEGAL, "requests_go_when_later_settings_let_them"),
        ],
    },
    Elsewhere {
        what: "HTTP/2: a response that ends with an empty frame, without terminator or finish reason",
        becomes: "fails: `truncated`; the connection serves on",
        tests: &[(H2_ENDS, "an_empty_frame_that_ends_a_stream_does_not_make_it_complete")],
    },
    Elsewhere {
        what: "a port that closes without a byte when HTTP/2 is spoken to it",
        becomes: "fails: `closed_before_response` or `reset`, and names the flag",
        tests: &[(H2_ENDS, "a_port_that_closes_without_a_byte_may_speak_http_1")],
    },
    Elsewhere {
        what: "addresses of a target that refuse, of either family, or of which none lives",
        becomes: "served by the others, whose failures are counted; else fails: `connect_refused`",
        tests: &[
            (ADDRESSES, "addresses_that_refuse_cost_no_request_while_one_lives"),
            (ADDRESSES, "a_target_of_which_no_address_lives_is_told_as_that"),
            (ADDRESSES, "alpn_is_asked_of_every_address"),
        ],
    },
    Elsewhere {
        what: "HTTP/2: a server that never greets, or never answers",
        becomes: "fails: `timeout`",
        tests: &[
            (H2_ENDS, "a_server_that_never_greets_meets_the_time_out"),
            (H2_ENDS, "a_silent_stream_meets_its_time_out_and_is_cancelled_alone"),
        ],
    },
    Elsewhere {
        what: "certificates that are untrusted, expired or for another name; a client certificate that is wanted; no TLS at all",
        becomes: "fails: `tls_untrusted`, `tls_expired`, `tls_wrong_name`, `tls_alert`, `tls_failed`",
        tests: &[(TLS, "each_failure_of_tls_is_of_its_own_kind")],
    },
    Elsewhere {
        what: "a key in `--api-key-file`, `--api-key` or RINGLOAD_API_KEY, which the server repeats",
        becomes: "it is in no file and no output",
        tests: &[
            (SECRETS, "secrets_are_on_the_wire_and_nowhere_else"),
            (SECRETS, "no_way_to_use_or_to_misuse_it_tells_a_secret"),
            (SECRETS, "a_key_in_a_file_is_not_in_the_list_of_processes"),
        ],
    },
    Elsewhere {
        what: "10 000 streams of servers that never stop sending: heads, events, bodies, errors, comments and tokens without an end",
        becomes: "each fails by the limit that it meets (`head_limit`, `event_limit`, `body_limit`, `memory_limit`), or times out; memory stays below what the limits say",
        tests: &[
            (MEMORY, "ten_thousand_streams_that_never_end_stay_below_their_limits"),
            (MEMORY, "ten_thousand_streams_that_never_end_stay_below_the_limit_of_the_run"),
        ],
    },
    Elsewhere {
        what: "a run of ten million requests",
        becomes: "no figure is rounded: a request of one token takes under 24 bytes of the client's memory until the summary, and 24 more while it is made",
        tests: &[
            (SUMMARY, "a_request_of_one_token_takes_under_24_bytes_until_the_summary"),
            (KEPT_OF_REQUESTS, "any_request_is_kept_as_it_was"),
        ],
    },
    Elsewhere {
        what: "one answer without an end among others, and little room",
        becomes: "it fails: `memory_limit`; the others have their part of the room, and are served",
        tests: &[(
            KNOWN_LIMITS,
            "an_answer_without_an_end_fails_by_the_memory_of_the_run_and_takes_no_room_of_the_others",
        )],
    },
    Elsewhere {
        what: "a client that is stopped, starved of CPU, or crowded out",
        becomes: "the verdict says so, and is not VALID",
        tests: &[
            (VERDICT, "a_client_that_is_stopped_is_invalid_and_says_why"),
            (VERDICT, "a_client_that_is_starved_of_cpu_is_not_valid"),
        ],
    },
    Elsewhere {
        what: "a wall clock that is set forward or back in mid-run",
        becomes: "instants are monotonic; a step is seen with the next batch of reads, and the conversion renewed at once; a kernel stamp that lies in the future, or may be from before the step, is not used (`stamp_fallbacks`)",
        tests: &[
            (STAMP, "a_stamp_later_than_the_read_falls_back_to_the_read"),
            (STAMP, "a_wall_clock_that_is_set_is_followed_with_the_next_batch_and_stamps_from_before_are_not_used"),
        ],
    },
    Elsewhere {
        what: "connections that are given up while the kernel still works on them, and whose descriptors are used again at once, also by another worker",
        becomes: "no byte, connect or answer reaches another connection; a descriptor is free again once the kernel has let go of it",
        tests: &[
            (DRIVERS, "two_drivers_that_use_each_others_descriptors_again_never_mix_connections"),
            (DRIVERS, "connects_that_are_given_up_do_not_keep_their_descriptors"),
            (CONNECTIONS, "nothing_is_released_while_an_entry_names_it_and_all_is_released_in_the_end"),
        ],
    },
    Elsewhere {
        what: "a worker gets no ring: locked memory (RLIMIT_MEMLOCK) is too small for all",
        becomes: "before anything is sent all use epoll, and the report says why; with `--io uring` exit 2",
        tests: &[
            (PREPARATION, "where_memory_cannot_be_locked_all_workers_use_epoll_and_the_report_says_why"),
            (PREPARATION, "io_uring_that_cannot_be_had_ends_the_run_before_a_request_is_sent"),
        ],
    },
    Elsewhere {
        what: "a thread that cannot be started (RLIMIT_NPROC, no memory for its stack)",
        becomes: "exit 2 before anything is sent, with what to raise",
        tests: &[
            (PREPARATION, "threads_that_cannot_be_had_end_the_run_with_a_sentence_and_no_request"),
            (PREPARATION, "each_number_of_threads_is_enough_or_is_said_to_be_too_small"),
        ],
    },
    Elsewhere {
        what: "a worker that panics or fails while others wait for it",
        becomes: "the run ends at once with its failure",
        tests: &[
            (RUN, "a_worker_that_panics_before_all_are_ready_ends_the_wait_of_the_others"),
            (RUN, "a_worker_that_never_came_to_be_ends_the_wait_of_the_others"),
        ],
    },
    Elsewhere {
        what: "a worker that panics or fails after requests have ended",
        becomes: "the run ends; what was measured is reported and written, INVALID (`unfinished`), and the failure is said; exit by the failure",
        tests: &[(RUN, "what_was_measured_before_a_worker_failed_is_kept")],
    },
    Elsewhere {
        what: "a kernel or sandbox without io_uring, or without `epoll_pwait2` (before Linux 5.11)",
        becomes: "epoll, with waits by `ppoll`; the report says why",
        tests: &[
            (DRIVERS, "epoll_serves_where_the_kernel_does_not_know_its_newest_wait"),
            (DRIVERS, "a_ring_that_is_refused_is_refused_in_words"),
            (PREPARATION, "on_an_older_kernel_a_run_uses_epoll_and_says_why"),
        ],
    },
    Elsewhere {
        what: "a client that reads late, so that tokens wait for it together",
        becomes: "they share the kernel's stamp of the last; each has the interval in which it can have arrived, and the report says how far TTFT, ITL and latency can be off",
        tests: &[
            (ARRIVALS, "a_late_reader_knows_how_little_epoll_can_tell"),
            (ARRIVALS, "a_late_reader_knows_how_little_io_uring_can_tell"),
        ],
    },
    Elsewhere {
        what: "a reset, or the close of a Unix socket, right behind the last bytes or while the request is sent",
        becomes: "it ends the request at once, as what it is, also where a multishot receive of io_uring misses it",
        tests: &[
            (ENDS, "an_end_right_behind_the_last_bytes_is_reported"),
            (ENDS, "a_reset_while_a_request_is_sent_is_told_before_an_end"),
            (EARLY, "a_close_while_a_request_is_sent_that_says_nothing_is_told_as_what_it_is"),
        ],
    },
];

/// What the matrix leaves out, and why.
pub(super) const MISSING: &[(&str, &str)] = &[
    (
        "a wall clock that is set under a real run",
        "it is the whole machine's: the conversion of stamps alone is tested. A step of under 1 ms is followed within a second, and bytes that lay unread for over 100 ms when it came keep their old stamp: `--stamps user` where that may happen",
    ),
    (
        "no descriptor in the whole system (ENFILE)",
        "it would take the machine down with it; it is counted as `descriptors_exhausted`, as EMFILE is",
    ),
    (
        "a network that loses packets, or a host that vanishes without a word",
        "loopback loses nothing; `--tcp-user-timeout` and the time-outs of requests bound both",
    ),
];

/// The sources of the tests that are named here.
pub(super) fn source(file: &str) -> &'static str {
    match file {
        WIRE => include_str!("../wire.rs"),
        EARLY => include_str!("../early.rs"),
        KEPT_CONNECTIONS => include_str!("../../../../engine/tests/it/kept_connections.rs"),
        KNOWN_RESPONSES => include_str!("../../../../engine/tests/it/known_answers/responses.rs"),
        API => include_str!("../../../../engine/src/api/api_tests.rs"),
        REQUESTS => include_str!("../../../../engine/src/api/request_tests.rs"),
        SECRETS => include_str!("../secrets.rs"),
        MEMORY => include_str!("../memory.rs"),
        SUMMARY => include_str!("../../../../engine/src/measure/summarizer/tests.rs"),
        KEPT_OF_REQUESTS => include_str!("../../../../engine/src/measure/requests.rs"),
        KNOWN_LIMITS => include_str!("../../../../engine/tests/it/known_answers/limits.rs"),
        ADDRESSES => include_str!("../network/addresses.rs"),
        TLS => include_str!("../network/tls.rs"),
        VERDICT => include_str!("../verdict.rs"),
        H2_LEGAL => include_str!("../http2/legal.rs"),
        H2_ENDS => include_str!("../http2/ends.rs"),
        H2_RETRIES => include_str!("../http2/retries.rs"),
        H2_CONNECTION_RULES => include_str!("../http2/rules/connection.rs"),
        H2_STREAM_RULES => include_str!("../http2/rules/stream.rs"),
        STAMP => include_str!("../../../../engine/driver/src/stamp.rs"),
        PREPARATION => include_str!("../preparation.rs"),
        RUN => include_str!("../../../../engine/src/run/tests.rs"),
        DRIVERS => include_str!("../../../../engine/driver/src/tests.rs"),
        ENDS => include_str!("../../../../engine/driver/src/end_tests.rs"),
        ARRIVALS => include_str!("../../../../engine/tests/it/late_reader.rs"),
        CONNECTIONS => include_str!("../../../../engine/driver/src/connections/tests.rs"),
        other => super::input::source(other)
            .or_else(|| super::process::source(other))
            .or_else(|| super::figures::source(other))
            .unwrap_or_else(|| panic!("{other} is not among the sources")),
    }
}

const WIRE: &str = "tests/tests/it/wire.rs";
const EARLY: &str = "tests/tests/it/early.rs";
const KEPT_CONNECTIONS: &str = "engine/tests/it/kept_connections.rs";
const KNOWN_RESPONSES: &str = "engine/tests/it/known_answers/responses.rs";
const API: &str = "engine/src/api/api_tests.rs";
const REQUESTS: &str = "engine/src/api/request_tests.rs";
const SECRETS: &str = "tests/tests/it/secrets.rs";
const KNOWN_LIMITS: &str = "engine/tests/it/known_answers/limits.rs";
const SUMMARY: &str = "engine/src/measure/summarizer/tests.rs";
const KEPT_OF_REQUESTS: &str = "engine/src/measure/requests.rs";
const MEMORY: &str = "tests/tests/it/memory.rs";
const ADDRESSES: &str = "tests/tests/it/network/addresses.rs";
const TLS: &str = "tests/tests/it/network/tls.rs";
const VERDICT: &str = "tests/tests/it/verdict.rs";
const H2_LEGAL: &str = "tests/tests/it/http2/legal.rs";
const H2_ENDS: &str = "tests/tests/it/http2/ends.rs";
const H2_RETRIES: &str = "tests/tests/it/http2/retries.rs";
const H2_CONNECTION_RULES: &str = "tests/tests/it/http2/rules/connection.rs";
const H2_STREAM_RULES: &str = "tests/tests/it/http2/rules/stream.rs";
const STAMP: &str = "engine/driver/src/stamp.rs";
const PREPARATION: &str = "tests/tests/it/preparation.rs";
const RUN: &str = "engine/src/run/tests.rs";
const DRIVERS: &str = "engine/driver/src/tests.rs";
const ENDS: &str = "engine/driver/src/end_tests.rs";
const ARRIVALS: &str = "engine/tests/it/late_reader.rs";
const CONNECTIONS: &str = "engine/driver/src/connections/tests.rs";
