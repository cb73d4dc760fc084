//! Set-ups that are refused.

use super::*;

#[test]
fn what_cannot_be_set_up_is_told_apart() {
    use TlsSetupError::{BadName, EncryptedKey, KeyMismatch, NoCertificate, NoKey, NoRoots, NoVersion, NotPem};
    let ca = authority();
    let (a, b) = (leaf(&ca, |_| {}), leaf(&ca, |_| {}));
    let trusting = || Certificates::trusting("ca.pem", ca.pem.as_bytes()).unwrap();
    let show = |cert: &str, key: &str| {
        trusting()
            .showing(("c.pem", cert.as_bytes()), ("k.pem", key.as_bytes()))
            .and_then(|m| Client::new(&m, &TlsOptions::default(), &[], "h").map(|_| ()))
            .unwrap_err()
    };
    let none = |purpose, file: &str| NoCertificate { purpose, file: file.into() };
    assert_eq!(Certificates::trusting("ca.pem", b"").unwrap_err(), none(CertificateUse::Roots, "ca.pem"));
    let broken = Certificates::trusting("ca.pem", b"-----BEGIN CERTIFICATE-----\n*\n").unwrap_err();
    assert!(matches!(broken, NotPem { purpose: CertificateUse::Roots, .. }), "{broken}");
    assert_eq!(show("", &a.1), none(CertificateUse::Client, "c.pem"));
    assert_eq!(show(&a.0, ""), NoKey("k.pem".into()));
    let sealed = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(show(&a.0, sealed), EncryptedKey("k.pem".into()));
    assert_eq!(show(&a.0, &b.1), KeyMismatch);
    let client = |certificates: &Certificates, options: &TlsOptions, name: &str| {
        Client::new(certificates, options, &[], name).map(|_| ()).unwrap_err()
    };
    let both = TlsOptions { max_1_2: true, min_1_3: true, ..TlsOptions::default() };
    assert_eq!(client(&trusting(), &both, "h"), NoVersion);
    assert_eq!(client(&trusting(), &TlsOptions::default(), "a b"), BadName("a b".into()));
    assert_eq!(client(&Certificates::default(), &TlsOptions::default(), "h"), NoRoots);
}
