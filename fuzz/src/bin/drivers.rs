//! The real engine over real sockets on both drivers, over HTTP/1.1 and HTTP/2, to run under AddressSanitizer and
//! LeakSanitizer:
//!
//! ```text
//! ringload mock --port 8000 --http2 --ttft-ms 20 --itl-ms 5 &
//! cargo +nightly fuzz build drivers
//! fuzz/target/x86_64-unknown-linux-gnu/release/drivers http://127.0.0.1:8000
//! ```
//!
//! Responses, resets, closes and error statuses, and reads that are held back. Ends with a panic when the
//! request accounting does not add up, and with what the sanitizers have to say.

use ringload_engine::Run;
use ringload_engine::plan::{Cores, HttpVersion, Io, Length, Phase, Plan, Target};

fn main() {
    let url = std::env::args().nth(1).expect("the URL of a mock server");
    for http in [HttpVersion::Http1, HttpVersion::Http2] {
        for io in [Io::Uring, Io::Epoll] {
            for scene in SCENES {
                let mut plan = scene.plan(&url);
                (plan.io, plan.network.http) = (io, http);
                let summary = Run::prepare(&plan).and_then(Run::execute).expect("a run").summary;
                let counts = &summary.counts;
                println!(
                    "{io:?} {http:?} {}: {} issued, {} succeeded, failed {:?}",
                    scene.what, counts.issued, counts.succeeded, counts.failed
                );
                assert_eq!(summary.violations, Vec::<String>::new());
                assert_eq!(counts.succeeded == counts.issued, scene.wish.is_empty());
            }
        }
    }
}

/// What the server is asked to do, and how many ask.
struct Scene {
    what: &'static str,
    wish: &'static str,
    concurrency: u32,
    requests: u64,
    read_rate: Option<u32>,
}

const SCENE: Scene = Scene { what: "answers", wish: "", concurrency: 200, requests: 2_000, read_rate: None };

const SCENES: [Scene; 5] = [
    SCENE,
    Scene { what: "resets", wish: r#"{"reset_after":3}"#, ..SCENE },
    Scene { what: "closes", wish: r#"{"close_after":2}"#, ..SCENE },
    Scene { what: "statuses", wish: r#"{"status":503}"#, ..SCENE },
    Scene { what: "slow reads", concurrency: 50, requests: 100, read_rate: Some(20_000), ..SCENE },
];

impl Scene {
    fn plan(&self, url: &str) -> Plan {
        let phase = Phase::closed(self.concurrency, self.requests);
        let target = Target::parse(url).expect("a URL");
        let mut plan = Plan::new(vec![target], "mock", phase);
        let tokens = |mean| Length { mean, stddev: 0.0 };
        (plan.prompts.isl, plan.prompts.osl) = (tokens(16.0), Some(tokens(20.0)));
        plan.prompts.entries = 4;
        plan.streaming = true;
        plan.cores = Cores::Count(2);
        plan.network.read_rate = self.read_rate;
        if !self.wish.is_empty() {
            let wish = serde_json::from_str(self.wish).expect("JSON");
            plan.extra_inputs.insert("mock".into(), wish);
        }
        plan
    }
}
