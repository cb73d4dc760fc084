//! The files of TLS, read before the clock starts.

use crate::error::{Error, Result};
use crate::files;
use crate::plan::{self, Plan, Target};
use crate::setting::Setting::{self, Tls12Most, Tls13Least, TlsCertificate, TlsKey, TlsRoots, TlsServerName};
use crate::wire::tls::{CertificateUse, Certificates, Client, TlsOptions, TlsSetupError};
use std::path::Path;

/// What TLS needs of files; `None` for a plan without a secured target.
///
/// # Errors
/// When a file cannot be read or does not hold what it is named for.
pub fn tls_certificates(plan: &Plan) -> Result<Option<Certificates>> {
    if !plan.targets.iter().any(|t| t.tls) {
        return Ok(None);
    }
    let tls = &plan.network.tls;
    let trusted = match &tls.ca {
        Some(file) => Certificates::trusting(&shown(file), &read(TlsRoots, file)?).map_err(refused)?,
        None if tls.insecure => Certificates::default(),
        None => Certificates::system(rustls_native_certs::load_native_certs().certs),
    };
    match &tls.client {
        None => Ok(Some(trusted)),
        Some((cert, key)) => {
            let (chain, secret) = (read(TlsCertificate, cert)?, read(TlsKey, key)?);
            trusted.showing((&shown(cert), &chain), (&shown(key), &secret)).map(Some).map_err(refused)
        }
    }
}

/// A TLS client for each target, in the order of the plan; `None` for one that is not secured. `http2` says which
/// targets speak that.
///
/// # Errors
/// As [`tls_certificates`], and when what the files hold does not fit together.
pub fn tls_clients(plan: &Plan, http2: &[bool]) -> Result<Vec<Option<Client>>> {
    let certificates = tls_certificates(plan)?.unwrap_or_default();
    plan.targets
        .iter()
        .zip(http2)
        .map(|(target, http2)| {
            let alpn: &[&[u8]] = if *http2 { &[b"h2"] } else { &[b"http/1.1"] };
            target.tls.then(|| tls_client(&certificates, plan, alpn, target)).transpose()
        })
        .collect()
}

/// A TLS client for one target, which offers `alpn`.
///
/// # Errors
/// When the plan's options contradict each other, or what the files hold does not fit together.
pub(super) fn tls_client(certificates: &Certificates, plan: &Plan, alpn: &[&[u8]], target: &Target) -> Result<Client> {
    Client::new(certificates, &options(&plan.network.tls), alpn, target.server_name()).map_err(refused)
}

fn options(tls: &plan::Tls) -> TlsOptions {
    TlsOptions {
        server_name: tls.server_name.clone(),
        insecure: tls.insecure,
        min_1_3: tls.min_1_3,
        max_1_2: tls.max_1_2,
        resumption: tls.resumption,
    }
}

/// What the user does about TLS that cannot be set up.
fn refused(error: TlsSetupError) -> Error {
    let of = |purpose| match purpose {
        CertificateUse::Roots => TlsRoots,
        CertificateUse::Client => TlsCertificate,
    };
    let (place, remedy) = match &error {
        TlsSetupError::NotPem { purpose, .. } | TlsSetupError::NoCertificate { purpose, .. } => (
            of(*purpose),
            "name a PEM file with -----BEGIN CERTIFICATE----- blocks (openssl x509 -inform der -in FILE makes one of DER)",
        ),
        TlsSetupError::EncryptedKey(_) => (TlsKey, "decrypt it first: openssl pkey -in FILE -out PLAIN"),
        TlsSetupError::NoKey(_) => {
            (TlsKey, "name a PEM file with a -----BEGIN PRIVATE KEY----- block (PKCS#8, PKCS#1 or SEC1)")
        }
        TlsSetupError::BadName(_) => {
            return Error::usage(error.to_string(), format!("write a host name or an address in {TlsServerName} NAME"));
        }
        TlsSetupError::KeyMismatch => {
            return Error::usage(
                format!("{TlsKey} does not match {TlsCertificate}"),
                format!("name the key that the first certificate of {TlsCertificate} was issued for"),
            );
        }
        TlsSetupError::BadClientCertificate(why) => {
            return Error::usage(
                format!("{TlsCertificate}, {TlsKey}: they cannot be used ({why})"),
                "name a PEM certificate chain, the client's own first, and its unencrypted key",
            );
        }
        TlsSetupError::BadRoot(why) => {
            return Error::usage(
                format!("{TlsRoots}: a certificate in it cannot be a root ({why})"),
                "name the PEM file of the issuing authority",
            );
        }
        TlsSetupError::NoRoots => {
            return Error::environment(
                "this machine has no trusted certificates",
                format!("install ca-certificates, or name the server's issuer with {TlsRoots} FILE"),
            );
        }
        TlsSetupError::NoVersion => {
            return Error::usage(format!("{Tls13Least} with {Tls12Most} leaves no version"), "drop one of them");
        }
        TlsSetupError::Provider(what) => return Error::bug(what),
    };
    Error::usage(format!("{place}: {error}"), remedy)
}

fn read(setting: Setting, file: &Path) -> Result<Vec<u8>> {
    files::small(file, PEM_BYTES).map_err(|e| {
        Error::usage(
            format!("{setting}: {} cannot be read ({e})", file.display()),
            "name a PEM file that this user may read",
        )
    })
}

/// Most bytes of a file of certificates or a key: bundles of all public authorities have less than 1 MiB.
const PEM_BYTES: u64 = 16 << 20;

fn shown(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use crate::plan::{Phase, Target};

    fn plan(url: &str) -> Plan {
        Plan::new(vec![Target::parse(url).unwrap()], "m", Phase::closed(1, 1))
    }

    #[test]
    fn files_are_read_for_secured_targets_only() {
        let mut plain = plan("http://h");
        plain.network.tls.ca = Some("/nonexistent".into());
        assert!(tls_certificates(&plain).unwrap().is_none());
        assert!(matches!(tls_clients(&plain, &[false]).unwrap()[..], [None]));
        let mut secured = plan("https://h");
        secured.network.tls.ca = Some("/nonexistent".into());
        let error = tls_certificates(&secured).unwrap_err().to_string();
        assert!(error.contains("`plan.network.tls.ca`") && error.contains("/nonexistent"), "{error}");
    }

    #[test]
    fn no_more_is_read_of_a_file_than_certificates_have() {
        let mut secured = plan("https://h");
        secured.network.tls.ca = Some("/dev/zero".into());
        let error = tls_certificates(&secured).unwrap_err().to_string();
        assert!(error.contains("`plan.network.tls.ca`") && error.contains("limit of 16777216 bytes"), "{error}");
    }

    #[test]
    fn what_the_user_reads_of_tls_that_cannot_be_set_up() {
        let pem = "name a PEM file with -----BEGIN CERTIFICATE----- blocks (openssl x509 -inform der -in FILE makes one of DER)";
        let (roots, client) = (CertificateUse::Roots, CertificateUse::Client);
        let file = || "f.pem".to_owned();
        for (error, said) in [
            (
                TlsSetupError::NotPem { purpose: roots, file: file(), why: "x".into() },
                format!("`plan.network.tls.ca`: f.pem is not PEM (x): {pem}"),
            ),
            (
                TlsSetupError::NoCertificate { purpose: roots, file: file() },
                format!("`plan.network.tls.ca`: no certificate in f.pem: {pem}"),
            ),
            (
                TlsSetupError::NoCertificate { purpose: client, file: file() },
                format!("`plan.network.tls.client.0`: no certificate in f.pem: {pem}"),
            ),
            (
                TlsSetupError::EncryptedKey(file()),
                "`plan.network.tls.client.1`: the key in f.pem is encrypted: decrypt it first: openssl pkey -in FILE -out PLAIN".into(),
            ),
            (
                TlsSetupError::NoKey(file()),
                "`plan.network.tls.client.1`: no private key in f.pem: name a PEM file with a -----BEGIN PRIVATE KEY----- block (PKCS#8, \
                 PKCS#1 or SEC1)"
                    .into(),
            ),
            (
                TlsSetupError::BadName("a b".into()),
                "`a b` is not a name that a certificate can hold: write a host name or an address in `plan.network.tls.server_name` NAME"
                    .into(),
            ),
            (
                TlsSetupError::KeyMismatch,
                "`plan.network.tls.client.1` does not match `plan.network.tls.client.0`: name the key that the first certificate of `plan.network.tls.client.0` was issued for".into(),
            ),
            (
                TlsSetupError::BadClientCertificate("x".into()),
                "`plan.network.tls.client.0`, `plan.network.tls.client.1`: they cannot be used (x): name a PEM certificate chain, the client's own first, and its \
                 unencrypted key"
                    .into(),
            ),
            (
                TlsSetupError::BadRoot("x".into()),
                "`plan.network.tls.ca`: a certificate in it cannot be a root (x): name the PEM file of the issuing authority".into(),
            ),
            (
                TlsSetupError::NoVersion,
                "`plan.network.tls.min_1_3 = true` with `plan.network.tls.max_1_2 = true` leaves no version: drop one of them".into(),
            ),
        ] {
            let error = refused(error);
            assert_eq!((error.blame, error.to_string()), (Blame::Usage, said));
        }
        let none = refused(TlsSetupError::NoRoots);
        assert_eq!(none.blame, Blame::Environment);
        assert_eq!(
            none.to_string(),
            "this machine has no trusted certificates: install ca-certificates, or name the server's issuer with \
             `plan.network.tls.ca` FILE"
        );
    }

    #[test]
    fn each_secured_target_has_a_client() {
        let mut plan = plan("https://h");
        plan.targets.push(Target::parse("http://h").unwrap());
        plan.targets.push(Target::parse("https://[::1]:1").unwrap());
        plan.network.tls.insecure = true;
        let clients = tls_clients(&plan, &[false, false, true]).unwrap();
        let made: Vec<bool> = clients.iter().map(Option::is_some).collect();
        assert_eq!(made, [true, false, true]);
    }
}
