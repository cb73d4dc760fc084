//! Faults of names, of input that is not trusted, and of what servers say of their figures, that other tests are about.

use super::elsewhere::Elsewhere;

pub(super) const ROWS: &[Elsewhere] = &[
    Elsewhere {
        what: "names with underscores, of other scripts (IDNA), with IPv6 zones",
        becomes: "looked up as curl does, and written in ASCII in Host and SNI; what cannot be a name is a usage error",
        tests: &[
            (HOSTS, "hosts_are_looked_up_and_written_in_ascii"),
            (HOSTS, "hosts_that_cannot_be_are_usage_errors"),
            (RESOLVE, "names_with_underscores_and_a_labels_are_asked_for_as_they_are"),
            (ZONES, "zones_are_numbers_or_interfaces_of_this_host"),
        ],
    },
    Elsewhere {
        what: "a name server that leaves questions for one family unanswered, or denies a name for one family",
        becomes: "the addresses of the other family count, within 250 ms",
        tests: &[
            (RESOLVE, "a_family_that_is_not_answered_does_not_hold_up_the_other"),
            (RESOLVE, "a_name_that_is_denied_for_one_family_has_the_address_of_the_other"),
        ],
    },
    Elsewhere {
        what: "name servers that fail, are silent or know less than those before them",
        becomes: "the next is asked; an address counts whoever has it, its absence once those before have failed",
        tests: &[
            (SERVERS, "the_next_server_is_asked_where_one_fails_or_is_silent"),
            (SERVERS, "that_there_is_no_name_is_believed_of_a_later_server_once_the_first_has_failed"),
            (SERVERS, "addresses_that_come_later_follow_those_that_are_made_use_of"),
        ],
    },
    Elsewhere {
        what: "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY in the environment",
        becomes: "refused before anything is sent, unless NO_PROXY or --ignore-proxy lets the target go direct",
        tests: &[
            (HOSTS, "a_proxy_of_the_environment_is_refused_before_anything_is_sent"),
            (PROXY, "no_proxy_lists_names_networks_and_ports"),
        ],
    },
    Elsewhere {
        what: "a file that a flag names and that is a FIFO, a device or endless",
        becomes: "read up to its limit, and waited for 30 s at most; a FIFO where an earlier run's file would be is left alone",
        tests: &[
            (FILES, "a_fifo_is_read_to_its_end_however_late_it_is_written"),
            (FILES, "a_fifo_that_nobody_writes_or_closes_is_not_waited_for_without_end"),
            (FILES, "a_fifo_of_any_length_is_read_while_it_is_written"),
            (EARLIER_FILES, "a_document_that_is_a_fifo_is_not_waited_for"),
        ],
    },
    Elsewhere {
        what: "a dataset that names files outside its folder, links, FIFOs, devices, files over the limit",
        becomes: "not opened, unless --media-root or --allow-local-media allows it",
        tests: &[
            (MEDIA, "what_lies_outside_needs_a_flag"),
            (MEDIA, "fifos_devices_folders_and_sockets_are_not_opened"),
            (MEDIA, "no_more_than_the_limit_is_read"),
        ],
    },
    Elsewhere {
        what: "a tokenizer.json at which the tokenizers library panics; a row of a trace that asks for a prompt without an end",
        becomes: "refused in a sentence that names the file or the length; exit 2. A request for memory that the kernel refuses still aborts the process: sizes have limits before that",
        tests: &[
            (TOKENIZER, "a_failure_of_the_library_is_an_error_that_names_the_file"),
            (REPLAY, "no_row_makes_a_prompt_over_the_limit"),
        ],
    },
    Elsewhere {
        what: "a template without an end, in time or in size",
        becomes: "refused, and the limit named",
        tests: &[
            (JINJA, "no_value_outgrows_its_limit"),
            (JINJA, "widths_counts_and_nesting_have_limits"),
            (JINJA, "instructions_and_work_have_limits"),
            (CHAT_TEMPLATES, "a_template_of_strangers_is_bounded_and_the_limit_named"),
        ],
    },
    Elsewhere {
        what: "a hub that redirects, names paths, sends without an end, stalls or drips",
        becomes: "the token goes to no other origin; no response chooses a path; sizes are bounded; a tokenizer of which under 30 KiB come in 30 s is given up",
        tests: &[
            (HUB, "redirects_are_followed_without_the_token"),
            (HUB, "names_that_could_leave_the_cache_are_refused"),
            (HUB, "a_commit_that_could_leave_the_cache_is_not_followed"),
            (HUB, "bodies_have_a_limit_and_an_end"),
            (HUB, "a_body_that_stalls_or_drips_is_given_up"),
        ],
    },
    Elsewhere {
        what: "controls, bidirectional and invisible characters in what a server says",
        becomes: "removed from the terminal",
        tests: &[(SECRETS, "what_a_server_says_cannot_steer_the_terminal")],
    },
    Elsewhere {
        what: "token counts that cannot be (2^32 for 2 asked, more from a cache than the prompt has)",
        becomes: "refused as counts, and told",
        tests: &[
            (ENDPOINTS, "impossible_token_counts_are_refused_and_told"),
            (USAGE, "impossible_counts_are_refused_one_by_one"),
        ],
    },
    Elsewhere {
        what: "cached tokens that an API counts beside the prompt's; reasoning in an earlier turn",
        becomes: "a prompt has its cached tokens; later turns carry the visible text alone",
        tests: &[
            (CAPTURES, "cached_tokens_of_anthropics_api_are_in_the_prompt"),
            (USAGE, "a_prompt_has_its_cached_tokens_and_an_output_its_reasoning"),
            (SESSIONS, "reasoning_is_not_carried_into_later_turns"),
        ],
    },
    Elsewhere {
        what: "HTTP/2: a peer that ends connections for small window updates, or returns its window frame by frame",
        becomes: "windows are given back in steps of over half; no frame is a sliver",
        tests: &[
            (FLOW, "windows_are_given_back_in_steps_of_more_than_half"),
            (FLOW, "a_peer_that_returns_its_window_frame_by_frame_is_not_sent_slivers"),
        ],
    },
    Elsewhere {
        what: "a steady server whose last requests are cut off; an outage longer than a slice",
        becomes: "no trend; the slice has 0 tokens, and the others are tested",
        tests: &[
            (SLICES, "a_steady_server_has_no_trend_though_the_end_of_the_run_cuts_off_what_is_long"),
            (SLICES, "an_outage_is_no_output_and_the_other_slices_are_tested"),
            (OVER_TIME, "a_server_that_gets_slower_is_found_and_a_steady_one_is_not"),
        ],
    },
];

/// The sources of the tests that are named here.
pub(super) fn source(file: &str) -> Option<&'static str> {
    Some(match file {
        HOSTS => include_str!("../hosts.rs"),
        RESOLVE => include_str!("../../../../engine/src/resolve/tests.rs"),
        SERVERS => include_str!("../../../../engine/src/resolve/tests/servers.rs"),
        ZONES => include_str!("../../../../engine/src/run/addresses.rs"),
        PROXY => include_str!("../../../../cli/src/flags/network/proxy.rs"),
        FILES => include_str!("../../../../engine/src/files.rs"),
        EARLIER_FILES => include_str!("../../../../cli/src/export/earlier_files.rs"),
        MEDIA => include_str!("../../../../engine/src/workload/media/files.rs"),
        JINJA => include_str!("../../../../engine/src/jinja/tests.rs"),
        CHAT_TEMPLATES => include_str!("../../../../engine/src/workload/template_tests.rs"),
        HUB => include_str!("../../../../engine/src/workload/hub/tests.rs"),
        TOKENIZER => include_str!("../../../../engine/src/workload/tokenizer.rs"),
        REPLAY => include_str!("../../../../engine/src/workload/tests/replay.rs"),
        SECRETS => include_str!("../secrets.rs"),
        ENDPOINTS => include_str!("../endpoints.rs"),
        USAGE => include_str!("../../../../engine/src/record/usage.rs"),
        CAPTURES => include_str!("../../../../engine/tests/it/captures.rs"),
        SESSIONS => include_str!("../sessions.rs"),
        FLOW => include_str!("../../../../engine/wire/src/http2/tests/flow.rs"),
        SLICES => include_str!("../../../../engine/src/measure/slices/tests.rs"),
        OVER_TIME => include_str!("../over_time.rs"),
        _ => return None,
    })
}

const HOSTS: &str = "tests/tests/it/hosts.rs";
const SERVERS: &str = "engine/src/resolve/tests/servers.rs";
const RESOLVE: &str = "engine/src/resolve/tests.rs";
const ZONES: &str = "engine/src/run/addresses.rs";
const PROXY: &str = "cli/src/flags/network/proxy.rs";
const FILES: &str = "engine/src/files.rs";
const EARLIER_FILES: &str = "cli/src/export/earlier_files.rs";
const MEDIA: &str = "engine/src/workload/media/files.rs";
const JINJA: &str = "engine/src/jinja/tests.rs";
const CHAT_TEMPLATES: &str = "engine/src/workload/template_tests.rs";
const HUB: &str = "engine/src/workload/hub/tests.rs";
const TOKENIZER: &str = "engine/src/workload/tokenizer.rs";
const REPLAY: &str = "engine/src/workload/tests/replay.rs";
const SECRETS: &str = "tests/tests/it/secrets.rs";
const ENDPOINTS: &str = "tests/tests/it/endpoints.rs";
const USAGE: &str = "engine/src/record/usage.rs";
const CAPTURES: &str = "engine/tests/it/captures.rs";
const SESSIONS: &str = "tests/tests/it/sessions.rs";
const FLOW: &str = "engine/wire/src/http2/tests/flow.rs";
const SLICES: &str = "engine/src/measure/slices/tests.rs";
const OVER_TIME: &str = "tests/tests/it/over_time.rs";
