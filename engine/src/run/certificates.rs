//! The files of TLS, read before the clock starts.

use crate::error::{Error, Result};
use crate::files;
use crate::plan::{self, Plan, Target};
use crate::wire::tls::{CertificateUse, Certificates, Client, TlsOptions, TlsSetupError};
use std::path::Path;

/// What TLS needs of files; `None` for a plan without a secured target.
///
/// # Errors
/// When a file cannot be read or does not hold what its flag says.
pub fn tls_certificates(plan: &Plan) -> Result<Option<Certificates>> {
    if !plan.targets.iter().any(|t| t.tls) {
        return Ok(None);
    }
    let tls = &plan.network.tls;
    let trusted = match &tls.ca {
        Some(file) => Certificates::trusting(&shown(file), &read("--cacert", file)?).map_err(refused)?,
        None if tls.insecure => Certificates::default(),
        None => Certificates::system(rustls_native_certs::load_native_certs().certs),
    };
    match &tls.client {
        None => Ok(Some(trusted)),
        Some((cert, key)) => {
            let (chain, secret) = (read("--cert", cert)?, read("--key", key)?);
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
    let flag = |purpose| match purpose {
        CertificateUse::Roots => "--cacert: ",
        CertificateUse::Client => "--cert: ",
    };
    let (place, remedy) = match &error {
        TlsSetupError::NotPem { purpose, .. } | TlsSetupError::NoCertificate { purpose, .. } => (
            flag(*purpose),
            "name a PEM file with -----BEGIN CERTIFICATE----- blocks (openssl x509 -inform der -in FILE makes one of DER)",
        ),
        TlsSetupError::EncryptedKey(_) => ("--key: ", "decrypt it first: openssl pkey -in FILE -out PLAIN"),
        TlsSetupError::NoKey(_) => {
            ("--key: ", "name a PEM file with a -----BEGIN PRIVATE KEY----- block (PKCS#8, PKCS#1 or SEC1)")
        }
        TlsSetupError::BadName(_) => ("", "write a host name or an address in --server-name NAME"),
        TlsSetupError::KeyMismatch => {
            return Error::usage(
                "--key does not match --cert",
                "name the key that the first certificate of --cert was issued for",
            );
        }
        TlsSetupError::BadClientCertificate(why) => {
            return Error::usage(
                format!("--cert, --key: they cannot be used ({why})"),
                "name a PEM certificate chain, the client's own first, and its unencrypted key",
            );
        }
        TlsSetupError::BadRoot(why) => {
            return Error::usage(
                format!("--cacert: a certificate in it cannot be a root ({why})"),
                "name the PEM file of the issuing authority",
            );
        }
        TlsSetupError::NoRoots => {
            return Error::environment(
                "this machine has no trusted certificates",
                "install ca-certificates, or name the server's issuer with --cacert FILE",
            );
        }
        TlsSetupError::NoVersion => {
            return Error::usage("--tls-min 1.3 with --tls-max 1.2 leaves no version", "drop one of them");
        }
        TlsSetupError::Provider(what) => return Error::bug(what),
    };
    Error::usage(format!("{place}{error}"), remedy)
}

fn read(flag: &str, file: &Path) -> Result<Vec<u8>> {
    files::small(file, PEM_BYTES).map_err(|e| {
        Error::usage(
            format!("{flag}: {} cannot be read ({e})", file.display()),
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
        assert!(error.contains("--cacert") && error.contains("/nonexistent"), "{error}");
    }

    #[test]
    fn no_more_is_read_of_a_file_than_certificates_have() {
        let mut secured = plan("https://h");
        secured.network.tls.ca = Some("/dev/zero".into());
        let error = tls_certificates(&secured).unwrap_err().to_string();
        assert!(error.contains("--cacert") && error.contains("limit of 16777216 bytes"), "{error}");
    }

    #[test]
    fn what_the_user_reads_of_tls_that_cannot_be_set_up() {
        let pem = "name a PEM file with -----BEGIN CERTIFICATE----- blocks (openssl x509 -inform der -in FILE makes one of DER)";
        let (roots, client) = (CertificateUse::Roots, CertificateUse::Client);
        let file = || "f.pem".to_owned();
        for (error, said) in [
            (
                TlsSetupError::NotPem { purpose: roots, file: file(), why: "x".into() },
                format!("--cacert: f.pem is not PEM (x): {pem}"),
            ),
            (
                TlsSetupError::NoCertificate { purpose: roots, file: file() },
                format!("--cacert: no certificate in f.pem: {pem}"),
            ),
            (
                TlsSetupError::NoCertificate { purpose: client, file: file() },
                format!("--cert: no certificate in f.pem: {pem}"),
            ),
            (
                TlsSetupError::EncryptedKey(file()),
                "--key: the key in f.pem is encrypted: decrypt it first: openssl pkey -in FILE -out PLAIN".into(),
            ),
            (
                TlsSetupError::NoKey(file()),
                "--key: no private key in f.pem: name a PEM file with a -----BEGIN PRIVATE KEY----- block (PKCS#8, \
                 PKCS#1 or SEC1)"
                    .into(),
            ),
            (
                TlsSetupError::BadName("a b".into()),
                "`a b` is not a name that a certificate can hold: write a host name or an address in --server-name NAME"
                    .into(),
            ),
            (
                TlsSetupError::KeyMismatch,
                "--key does not match --cert: name the key that the first certificate of --cert was issued for".into(),
            ),
            (
                TlsSetupError::BadClientCertificate("x".into()),
                "--cert, --key: they cannot be used (x): name a PEM certificate chain, the client's own first, and its \
                 unencrypted key"
                    .into(),
            ),
            (
                TlsSetupError::BadRoot("x".into()),
                "--cacert: a certificate in it cannot be a root (x): name the PEM file of the issuing authority".into(),
            ),
            (
                TlsSetupError::NoVersion,
                "--tls-min 1.3 with --tls-max 1.2 leaves no version: drop one of them".into(),
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
             --cacert FILE"
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
