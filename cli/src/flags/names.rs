//! What the user of the command line writes for a setting that a message of the engine names.

use ringload_engine::setting::{Setting, name_with};

/// Has the engine's messages name flags: what a user of the command line can change.
pub(crate) fn name_settings() {
    // A second time nothing changes: there is only this table.
    let _ = name_with(flag);
}

/// The flag of a setting, with its value where one value is meant.
fn flag(setting: Setting) -> &'static str {
    match setting {
        Setting::Targets => "--url",
        Setting::MergedRecords => "--fleet-merge records",
        Setting::Endpoint => "--endpoint-type",
        Setting::CustomEndpoint => "--custom-endpoint",
        Setting::Models => "--model",
        Setting::Headers => "--header",
        Setting::Credentials => "--api-key or --header",
        Setting::ServerTokenCount => "--use-server-token-count",
        Setting::LegacyMaxTokens => "--use-legacy-max-tokens",
        Setting::Seed => "--random-seed",

        Setting::Tokenizer => "--tokenizer",
        Setting::TokenizerRevision => "--tokenizer-revision",
        Setting::ChatTemplate => "--apply-chat-template",
        Setting::InputLength => "--isl",
        Setting::OutputLength => "--osl",
        Setting::ExtraInputs => "--extra-inputs",
        Setting::LengthPairs => "--seq-dist",
        Setting::Entries => "--num-dataset-entries",
        Setting::Turns => "--session-turns-mean",
        Setting::Prefixes => "--num-prefix-prompts",
        Setting::PrefixTokens => "--prefix-prompt-length",
        Setting::UserTokens => "--user-context-prompt-length",
        Setting::SystemPrompt => "--system-prompt",

        Setting::Dataset => "--input-file",
        Setting::DatasetFormat => "--custom-dataset-type",
        Setting::BlockSize => "--isl-block-size",
        Setting::FirstOffset => "--fixed-schedule-auto-offset",
        Setting::ScheduleFrom => "--fixed-schedule-start-offset",
        Setting::ScheduleUntil => "--fixed-schedule-end-offset",
        Setting::ClientsRate => "--clients-rate",
        Setting::ReplaySpeedup => "--replay-speedup",
        Setting::LongestInput => "--synthesis-max-isl",
        Setting::MediaRoot => "--media-root",
        Setting::AnyMedia => "--allow-local-media",

        Setting::Template => "--extra-inputs payload_template",
        Setting::Texts => "--prompt-batch-size",
        Setting::Passages => "--rankings-passages-mean",
        Setting::PassageTokens => "--rankings-passages-prompt-token-mean",
        Setting::VideoSize => "--video-width",
        Setting::ImageWidth => "--image-width-mean",
        Setting::ImageHeight => "--image-height-mean",
        Setting::AudioLength => "--audio-length-mean",

        Setting::Concurrency => "--concurrency",
        Setting::PrefillConcurrency => "--prefill-concurrency",
        Setting::RequestRate => "--request-rate",
        Setting::UserRate => "--user-centric-rate",
        Setting::Users => "--num-users",
        Setting::Requests => "--request-count",
        Setting::Duration => "--benchmark-duration",
        Setting::Grace => "--benchmark-grace-period",

        Setting::Slos => "--goodput",
        Setting::Tiers => "--slo-file",
        Setting::Thresholds => "--fail-if",
        Setting::Slice => "--slice-duration",

        Setting::RequestTimeout => "--request-timeout-seconds",
        Setting::ConnectTimeout => "--connect-timeout-seconds",
        Setting::TtftTimeout => "--ttft-timeout-seconds",
        Setting::InterTokenTimeout => "--inter-token-timeout-seconds",
        Setting::CancellationShare => "--request-cancellation-rate",
        Setting::CancellationDelay => "--request-cancellation-delay",
        Setting::FailedShare => "--failed-request-threshold",
        Setting::MaxErrors => "--max-errors",

        Setting::HeadBytes => "--max-head-bytes",
        Setting::EventBytes => "--max-event-bytes",
        Setting::BodyBytes => "--max-body-bytes",
        Setting::BufferedBytes => "--max-buffered-bytes",

        Setting::Reuse => "--connection-reuse-strategy",
        Setting::Http1 => "--http1.1",
        Setting::Http2 => "--http2",
        Setting::Dns => "--dns",
        Setting::DnsServers => "--dns-servers",
        Setting::Family => "--ipv4 and --ipv6",
        Setting::Ipv4Only => "--ipv4 (-4)",
        Setting::Ipv6Only => "--ipv6 (-6)",
        Setting::Resolve => "--resolve",
        Setting::SourceIps => "--source-ip",
        Setting::ReadRate => "--read-rate-limit",
        Setting::QuickAck => "--tcp-quickack",
        Setting::TlsRoots => "--cacert",
        Setting::TlsCertificate => "--cert",
        Setting::TlsKey => "--key",
        Setting::TlsInsecure => "--insecure",
        Setting::TlsServerName => "--server-name",
        Setting::TlsLeast => "--tls-min",
        Setting::TlsMost => "--tls-max",
        Setting::Tls13Least => "--tls-min 1.3",
        Setting::Tls12Most => "--tls-max 1.2",

        Setting::Io => "--io",
        Setting::Stamps => "--stamps",
        Setting::Cores => "--cores",

        Setting::OutputFolder => "--artifact-dir",
        Setting::RecordFolder => "--output-artifact-dir",
        Setting::SameSeed => "--set-consistent-seed",
        Setting::Calibration => "`ringload calibrate`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::command;

    /// Whether `word`, which begins with a dash, is a flag of the command.
    fn is_flag(command: &clap::Command, word: &str) -> bool {
        command.get_arguments().any(|arg| match word.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|all| all.contains(&long)),
            None => arg.get_short().is_some_and(|short| word[1..] == *short.to_string()),
        })
    }

    #[test]
    fn every_setting_is_a_flag_of_profile_or_a_command() {
        let command = command();
        let profile = command.find_subcommand("profile").unwrap();
        for setting in Setting::ALL {
            let name = flag(*setting);
            if let Some(words) = name.strip_prefix("`ringload ") {
                assert!(command.find_subcommand(words.trim_end_matches('`')).is_some(), "{setting:?}: {name}");
                continue;
            }
            let words = name.split([' ', '(', ')']).filter(|word| word.starts_with('-'));
            let flags: Vec<&str> = words.collect();
            assert!(!flags.is_empty() && name.starts_with("--"), "{setting:?}: {name}");
            for word in flags {
                assert!(is_flag(profile, word), "{setting:?}: {word} is no flag");
            }
        }
    }

    #[test]
    fn messages_of_the_engine_name_flags() {
        name_settings();
        for setting in Setting::ALL {
            assert_eq!(setting.to_string(), flag(*setting));
        }
    }
}
