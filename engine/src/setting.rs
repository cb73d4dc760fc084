//! Names of settings in messages.
//!
//! A message that tells its reader what to change names a [`Setting`]. By default that is shown as the field of the
//! [`crate::Plan`] that holds it, in backticks; a program whose users write something else (flags, a form, a file of
//! its own) says once what they write, by [`name_with`]:
//!
//! ```
//! use ringload_engine::setting::{Setting, name_with};
//!
//! assert_eq!(Setting::Cores.to_string(), "`plan.cores`");
//! let ours = |setting| if setting == Setting::Cores { "Cores in the dialogue" } else { "the dialogue" };
//! name_with(ours).expect("nobody has chosen names before");
//! assert_eq!(Setting::Cores.to_string(), "Cores in the dialogue");
//! ```

use std::fmt;
use std::sync::OnceLock;

/// Declares the settings with their default names: fields of a plan, then what no plan has, in words.
macro_rules! settings {
    (fields { $($field:ident => $path:literal,)* } words { $($other:ident => $words:literal,)* }) => {
        /// Something that the user of a program has set or can set, named in messages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Setting {
            $(#[doc = concat!("`plan.", $path, "`.")] $field,)*
            $(#[doc = concat!("No field of a plan: ", $words, ".")] $other,)*
        }

        impl Setting {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$field,)* $(Self::$other,)*];

            /// The name where the program has chosen none: a path of fields from `plan` on, in backticks and with the
            /// value (as JSON has it) where it is one value that is meant; else words.
            #[must_use]
            pub fn default_name(self) -> &'static str {
                match self {
                    $(Self::$field => concat!("`plan.", $path, "`"),)*
                    $(Self::$other => $words,)*
                }
            }
        }
    };
}

settings! {
    fields {
        Targets => "targets",
        Endpoint => "endpoint",
        CustomEndpoint => "custom_endpoint",
        Models => "models",
        Headers => "headers",
        Credentials => "headers",
        ServerTokenCount => "use_server_token_count",
        LegacyMaxTokens => "use_legacy_max_tokens",
        Seed => "seed",

        Tokenizer => "prompts.tokenizer",
        TokenizerRevision => "prompts.tokenizer.revision",
        ChatTemplate => "prompts.chat_template",
        InputLength => "prompts.isl",
        OutputLength => "prompts.osl",
        ExtraInputs => "extra_inputs",
        LengthPairs => "prompts.distribution.pairs",
        Entries => "prompts.entries",
        Turns => "prompts.turns.count.mean",
        Prefixes => "prompts.context.prefixes",
        PrefixTokens => "prompts.context.prefix_tokens",
        UserTokens => "prompts.context.user_tokens",
        SystemPrompt => "prompts.context.system",

        Dataset => "prompts.replay.file",
        DatasetFormat => "prompts.replay.format",
        BlockSize => "prompts.replay.block",
        FirstOffset => "prompts.replay.timing.from_first",
        ScheduleFrom => "prompts.replay.timing.from",
        ScheduleUntil => "prompts.replay.timing.until",
        ClientsRate => "prompts.replay.clients.rate",
        ReplaySpeedup => "prompts.replay.timing.speedup",
        LongestInput => "prompts.replay.synthesis.max_isl",
        MediaRoot => "prompts.replay.media.under",
        AnyMedia => "prompts.replay.media = \"anywhere\"",

        Template => "payload.template",
        Texts => "payload.texts",
        Passages => "payload.passages.count.mean",
        PassageTokens => "payload.passages.tokens.mean",
        VideoSize => "payload.videos.width",
        ImageWidth => "payload.images.width.mean",
        ImageHeight => "payload.images.height.mean",
        AudioLength => "payload.audio.seconds_mean",

        Concurrency => "profiling.load.concurrency",
        PrefillConcurrency => "profiling.prefill.concurrency",
        RequestRate => "profiling.load.rate",
        UserRate => "profiling.load.rate",
        Users => "profiling.load.users",
        Requests => "profiling.requests",
        Duration => "profiling.duration",
        Grace => "profiling.grace",

        Slos => "slos",
        Tiers => "tiers",
        Thresholds => "thresholds",
        Slice => "slice",

        RequestTimeout => "timeouts.request",
        ConnectTimeout => "timeouts.connect",
        TtftTimeout => "timeouts.ttft",
        InterTokenTimeout => "timeouts.inter_token",
        CancellationShare => "cancellation.share",
        CancellationDelay => "cancellation.delay",
        FailedShare => "failed_request_threshold",
        MaxErrors => "max_errors",

        HeadBytes => "limits.head_bytes",
        EventBytes => "limits.event_bytes",
        BodyBytes => "limits.body_bytes",
        BufferedBytes => "limits.buffered_bytes",

        Reuse => "reuse",
        Http1 => "network.http = \"http1\"",
        Http2 => "network.http = \"http2\"",
        Dns => "network.dns",
        DnsServers => "network.dns_servers",
        Family => "network.family",
        Ipv4Only => "network.family = \"v4\"",
        Ipv6Only => "network.family = \"v6\"",
        Resolve => "network.resolve",
        SourceIps => "network.source_ips",
        ReadRate => "network.read_rate",
        QuickAck => "network.tcp.quickack = true",
        TlsRoots => "network.tls.ca",
        TlsCertificate => "network.tls.client.0",
        TlsKey => "network.tls.client.1",
        TlsInsecure => "network.tls.insecure",
        TlsServerName => "network.tls.server_name",
        TlsLeast => "network.tls.min_1_3",
        TlsMost => "network.tls.max_1_2",
        Tls13Least => "network.tls.min_1_3 = true",
        Tls12Most => "network.tls.max_1_2 = true",

        Io => "io",
        Stamps => "stamps",
        Cores => "cores",
    }
    words {
        OutputFolder => "output folder",
        RecordFolder => "output folder",
        Calibration => "the calibration",
        SameSeed => "the same prompts for all runs",
        MergedRecords => "merging the records of all members",
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.get().map_or_else(|| self.default_name(), |name| name(*self)))
    }
}

/// Chooses the names of all settings, for the rest of the process. Messages that were made before keep theirs, so a
/// program does this first.
///
/// # Errors
/// When names were chosen before: those stay.
pub fn name_with(name: fn(Setting) -> &'static str) -> Result<(), AlreadyNamed> {
    NAMES.set(name).map_err(|_| AlreadyNamed)
}

/// Names of settings were chosen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyNamed;

impl fmt::Display for AlreadyNamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names of settings were chosen before")
    }
}

impl std::error::Error for AlreadyNamed {}

static NAMES: OnceLock<fn(Setting) -> &'static str> = OnceLock::new();

#[cfg(test)]
mod tests;
