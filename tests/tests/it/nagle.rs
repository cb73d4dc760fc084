//! Servers that leave Nagle's algorithm on, over real sockets.

use ringload_engine::clock::MILLI;
use ringload_engine::host::HostFacts;
use ringload_engine::record::Record;
use ringload_engine::verdict::{Finding, Scope, judge};
use ringload_tests::engine::{closed, drive};
use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer, STREAM, Then, finish, token};
use std::time::Duration;

/// Two small writes and more a response, the first of them the head, on connections that are kept. The sockets of this
/// peer have Nagle's algorithm on, as those of the standard library do.
fn small_writes() -> Peer {
    Peer::start(|to, _| {
        to.set_nodelay(false)?;
        peer::write(to, STREAM)?;
        std::thread::sleep(Duration::from_millis(10));
        for _ in 0..6 {
            peer::write(to, &token("w "))?;
            std::thread::sleep(Duration::from_millis(3));
        }
        peer::write(to, &finish(6)).map(|_| Then::Keep)
    })
}

/// Whether a response on a used connection sent nothing for as long after its head as its acknowledgement is delayed.
fn waited(record: &Record) -> bool {
    let at = &record.instants;
    let waited = at.first_token.unwrap() - at.first_byte.unwrap();
    record.connection_reused && (38 * MILLI..=60 * MILLI).contains(&waited)
}

#[test]
fn a_server_that_leaves_nagle_on_is_told_and_quick_acknowledgements_cure_it() {
    on_both(|io| {
        let run = |quickack| {
            let server = small_writes();
            let mut plan = closed(server.addr(), io, 2, 60);
            plan.network.tcp.quickack = quickack;
            let run = drive(&plan);
            let verdict = judge(&plan, &run.summary, &HostFacts::default(), None);
            (run.records, verdict)
        };
        let ((held, told_held), (prompt, told_prompt)) = (run(false), run(true));
        let count = |records: &[Record]| records.iter().filter(|record| waited(record)).count();
        let (of_held, of_prompt) = (count(&held), count(&prompt));
        assert!(of_prompt < of_held, "{of_prompt} of 60 waited with quick acknowledgements, {of_held} without");
        // A machine that stops the server or the client for long hides the pattern; where it shows, it is told.
        let found = told_held.findings.iter().find(|finding| finding.gate == "delayed_ack");
        let told = |finding: &Finding| finding.scope == Scope::Path && finding.remedy.contains("TCP_NODELAY");
        assert!(of_held < 45 || found.is_some_and(told), "{of_held} waited: {:?}", told_held.findings);
        assert!(told_prompt.findings.iter().all(|finding| finding.gate != "delayed_ack"));
    });
}
