//! Handshakes and certificates.

use super::*;

#[test]
fn streams_come_through_both_versions_of_tls() {
    on_both(|io| {
        for version in [&TLS12, &TLS13] {
            let server = words();
            let options = ProxyOptions { versions: vec![version], ..ProxyOptions::default() };
            let proxy = TlsProxy::of(server.addr(), &options);
            let run = drive(&secured(&proxy, io, 2, 8));
            all_well(&run);
            assert_eq!(proxy.connections(), 2, "kept");
            let paid: Vec<&Record> = run.records.iter().filter(|r| !r.connection_reused).collect();
            assert_eq!(paid.len(), 2);
            for r in &run.records {
                let phases = r.instants.phases();
                assert_eq!(phases.tls > 0, !r.connection_reused);
                assert_eq!(r.handshake.is_some(), !r.connection_reused);
            }
            phases(&run);
        }
    });
}

#[test]
fn handshakes_are_full_once_and_then_resumed() {
    on_both(|io| {
        for version in [&TLS12, &TLS13] {
            let server = words();
            let options = ProxyOptions { versions: vec![version], ..ProxyOptions::default() };
            let proxy = TlsProxy::of(server.addr(), &options);
            for resumption in [true, false] {
                let mut plan = secured(&proxy, io, 1, 4);
                plan.reuse = Reuse::Never;
                plan.network.tls.resumption = resumption;
                let run = drive(&plan);
                all_well(&run);
                let kinds: Vec<_> = run.records.iter().map(|r| r.handshake).collect();
                let later = if resumption { Handshake::Resumed } else { Handshake::Full };
                assert_eq!(kinds[0], Some(Handshake::Full));
                assert_eq!(kinds[1..], [Some(later); 3]);
            }
        }
    });
}

#[test]
fn each_failure_of_tls_is_of_its_own_kind() {
    on_both(|io| {
        let server = words();
        let other = TlsProxy::of(server.addr(), &ProxyOptions::default());
        let proxy = |edit: fn(&mut ProxyOptions)| {
            let mut options = ProxyOptions::default();
            edit(&mut options);
            TlsProxy::of(server.addr(), &options)
        };
        let expired = proxy(|l| l.expired = true);
        let misnamed = proxy(|l| l.name = "elsewhere.example");
        let demanding = proxy(|l| l.demanding = true);
        let proper = proxy(|_| ());
        let mut untrusted = secured(&proper, io, 1, 1);
        untrusted.network.tls.ca = Some(other.ca());
        let mut plain = secured(&proper, io, 1, 1);
        plain.targets = vec![Target::parse(&format!("https://localhost:{}", server.addr().port())).unwrap()];
        let modern = proxy(|l| l.versions = vec![&TLS13]);
        let mut old = secured(&modern, io, 1, 1);
        old.network.tls.max_1_2 = true;
        for (plan, cause, said) in [
            (untrusted, Cause::TlsUntrusted, "`plan.network.tls.ca`"),
            (secured(&expired, io, 1, 1), Cause::TlsExpired, "expired"),
            (secured(&misnamed, io, 1, 1), Cause::TlsWrongName, "elsewhere.example"),
            (secured(&demanding, io, 1, 1), Cause::TlsAlert, "`plan.network.tls.client.0`"),
            (plain, Cause::TlsFailed, "`plan.targets`"),
        ] {
            let run = drive(&plan);
            let r = &run.records[0];
            assert_eq!(r.outcome, Outcome::Failed(cause), "{:?}", r.detail);
            let detail = r.detail.clone().unwrap_or_default();
            assert!(detail.contains(said), "{cause}: {detail}");
            phases(&run);
        }
        let run = drive(&old);
        assert!(matches!(run.records[0].outcome, Outcome::Failed(Cause::TlsFailed | Cause::TlsAlert)));
        let mut shown = secured(&demanding, io, 1, 2);
        shown.network.tls.client = Some(demanding.client());
        all_well(&drive(&shown));
        let mut insecure = secured(&misnamed, io, 1, 2);
        insecure.network.tls.insecure = true;
        insecure.network.tls.ca = None;
        all_well(&drive(&insecure));
    });
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_when_it_is_named_and_fits() {
    on_both(|io| {
        let server = words();
        let proxy = |edit: fn(&mut ProxyOptions)| {
            let mut options = ProxyOptions { own: true, ..ProxyOptions::default() };
            edit(&mut options);
            TlsProxy::of(server.addr(), &options)
        };
        let (fits, other) = (proxy(|_| ()), proxy(|_| ()));
        all_well(&drive(&secured(&fits, io, 1, 2)));
        let mut stranger = secured(&fits, io, 1, 1);
        stranger.network.tls.ca = Some(other.ca());
        let (expired, misnamed) = (proxy(|l| l.expired = true), proxy(|l| l.name = "elsewhere.example"));
        for (plan, cause) in [
            (secured(&expired, io, 1, 1), Cause::TlsExpired),
            (secured(&misnamed, io, 1, 1), Cause::TlsWrongName),
            (stranger, Cause::TlsUntrusted),
        ] {
            let run = drive(&plan);
            assert_eq!(run.records[0].outcome, Outcome::Failed(cause));
        }
    });
}
