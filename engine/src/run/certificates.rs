//! The files of TLS, read before the clock starts.

use crate::error::{Error, Result};
use crate::files;
use crate::plan::Plan;
use crate::wire::tls::{Client, Material};
use std::path::Path;

/// What TLS needs of files; `None` for a plan without a secured target.
///
/// # Errors
/// When a file cannot be read or does not hold what its flag says.
pub fn tls_material(plan: &Plan) -> Result<Option<Material>> {
    if !plan.targets.iter().any(|t| t.tls) {
        return Ok(None);
    }
    let tls = &plan.network.tls;
    let trusted = match &tls.ca {
        Some(file) => Material::trusting(&shown(file), &read("--cacert", file)?)?,
        None if tls.insecure => Material::default(),
        None => Material::system(rustls_native_certs::load_native_certs().certs),
    };
    match &tls.client {
        None => Ok(Some(trusted)),
        Some((cert, key)) => {
            let (chain, secret) = (read("--cert", cert)?, read("--key", key)?);
            trusted.showing((&shown(cert), &chain), (&shown(key), &secret)).map(Some)
        }
    }
}

/// A TLS client for each target, in the order of the plan; `None` for one that is not secured. `http2` says which
/// targets speak that.
///
/// # Errors
/// As [`tls_material`], and when what the files hold does not fit together.
pub fn tls_clients(plan: &Plan, http2: &[bool]) -> Result<Vec<Option<Client>>> {
    let material = tls_material(plan)?.unwrap_or_default();
    plan.targets
        .iter()
        .zip(http2)
        .map(|(target, http2)| {
            let alpn: &[&[u8]] = if *http2 { &[b"h2"] } else { &[b"http/1.1"] };
            target.tls.then(|| Client::new(&material, &plan.network.tls, alpn, target.server_name())).transpose()
        })
        .collect()
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
    use crate::plan::{Phase, Target};

    fn plan(url: &str) -> Plan {
        Plan::new(vec![Target::parse(url).unwrap()], "m", Phase::closed(1, 1))
    }

    #[test]
    fn files_are_read_for_secured_targets_only() {
        let mut plain = plan("http://h");
        plain.network.tls.ca = Some("/nonexistent".into());
        assert!(tls_material(&plain).unwrap().is_none());
        assert!(matches!(tls_clients(&plain, &[false]).unwrap()[..], [None]));
        let mut secured = plan("https://h");
        secured.network.tls.ca = Some("/nonexistent".into());
        let error = tls_material(&secured).unwrap_err().to_string();
        assert!(error.contains("--cacert") && error.contains("/nonexistent"), "{error}");
    }

    #[test]
    fn no_more_is_read_of_a_file_than_certificates_have() {
        let mut secured = plan("https://h");
        secured.network.tls.ca = Some("/dev/zero".into());
        let error = tls_material(&secured).unwrap_err().to_string();
        assert!(error.contains("--cacert") && error.contains("limit of 16777216 bytes"), "{error}");
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
