//! Delays are in the phases that they belong to.

use super::*;

const DELAY: Duration = Duration::from_millis(60);

/// A delay is in its phase when at least this much of it is, in nanoseconds: sleeps are never short, clocks may round.
const FELT: u64 = 59_000_000;

#[test]
fn a_slow_handshake_is_in_the_tls_phase_and_nowhere_else() {
    on_both(|io| {
        let server = words();
        let options = ProxyOptions { handshake_delay: DELAY, ..ProxyOptions::default() };
        let proxy = TlsProxy::of(server.addr(), &options);
        let run = drive(&secured(&proxy, io, 1, 3));
        all_well(&run);
        let phases = phases(&run);
        assert!(phases[0].tls >= FELT, "{:?}", phases[0]);
        assert_eq!((phases[1].tls, phases[1].tcp, phases[1].dns), (0, 0, 0));
        let elsewhere = phases[0].total() - phases[0].tls;
        assert!(elsewhere < FELT, "{:?}", phases[0]);
    });
}

#[test]
fn a_slow_name_server_is_in_the_dns_phase_and_nowhere_else() {
    on_both(|io| {
        let (server, names) = (words(), Names::start(DELAY, 60));
        let mut plan = closed(nowhere(), io, 1, 3);
        let url = format!("http://server.example:{}", server.addr().port());
        plan.targets = vec![Target::parse(&url).unwrap()];
        plan.network.dns = Dns::Always;
        plan.network.dns_servers = vec![names.addr()];
        plan.reuse = Reuse::Never;
        let run = drive(&plan);
        all_well(&run);
        for p in phases(&run) {
            assert!(p.dns >= FELT, "{p:?}");
            assert!(p.total() - p.dns < FELT, "{p:?}");
        }
        let asked = names.asked();
        plan.network.dns = Dns::Ttl;
        let run = drive(&plan);
        all_well(&run);
        let phases = phases(&run);
        assert!(phases[0].dns >= FELT);
        assert!(phases[1].dns < FELT && phases[2].dns < FELT);
        assert!(names.asked() > asked);
    });
}

#[test]
fn a_slow_answer_is_in_the_wait_and_a_slow_token_in_the_receive() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            std::thread::sleep(DELAY);
            let answer = peer::chat(3);
            let (front, rest) = answer.split_at(answer.len() / 2);
            peer::write(to, front)?;
            std::thread::sleep(DELAY);
            peer::write(to, rest)?;
            Ok(Then::Keep)
        });
        for secure in [false, true] {
            let proxy = TlsProxy::of(server.addr(), &ProxyOptions::default());
            let plan = if secure { secured(&proxy, io, 1, 2) } else { closed(server.addr(), io, 1, 2) };
            let run = drive(&plan);
            all_well(&run);
            for p in phases(&run) {
                // The relay before TLS may hand the front over late; the rest then follows it sooner.
                assert!(p.wait >= FELT && p.receive >= FELT / 2, "{p:?}");
                assert!(p.wait + p.receive >= 2 * FELT, "{p:?}");
                assert!(p.total() - p.wait - p.receive < FELT, "{p:?}");
            }
        }
    });
}

#[test]
fn connections_made_ahead_cost_no_request() {
    on_both(|io| {
        let server = words();
        let proxy = TlsProxy::of(server.addr(), &ProxyOptions::default());
        let mut plan = secured(&proxy, io, 3, 9);
        plan.network.prewarm = 3;
        let run = drive(&plan);
        all_well(&run);
        assert_eq!(proxy.connections(), 3);
        for p in phases(&run) {
            assert_eq!((p.dns, p.tcp, p.tls), (0, 0, 0));
        }
    });
}
