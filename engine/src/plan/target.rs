//! A base URL to send requests to.

use crate::error::{Error, Result};
use serde::Serialize;

/// A base URL, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The URL as shown: without credentials, without a trailing slash.
    pub url: String,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path prefix, without a trailing slash; may be empty.
    pub base_path: String,
}

impl Target {
    /// Parses `http://host[:port][/prefix]`.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] for any other scheme, credentials in the URL, a query, or a bad port.
    pub fn parse(url: &str) -> Result<Self> {
        let with_scheme = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let (scheme, rest) = with_scheme.split_once("://").unwrap_or(("http", url));
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => {
                return Err(Error::usage(
                    format!("--url: {scheme}:// is not supported yet"),
                    "put a plain-text port of the server, or a local TLS-terminating proxy, in --url as http://host:port",
                ));
            }
            other => {
                return Err(Error::usage(
                    format!("--url: unknown scheme `{other}`"),
                    "write http://host:port",
                ));
            }
        }
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(i) => rest.split_at(i),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(Error::usage(
                "--url: credentials in a URL end up in logs",
                "use --api-key or --header instead",
            ));
        }
        if path.contains(['?', '#']) {
            return Err(Error::usage(
                "--url: a base URL has no query or fragment",
                "write http://host:port[/prefix]",
            ));
        }
        let (host, port) = split_authority(authority)?;
        if host.is_empty()
            || host.bytes().any(|b| b <= b' ' || b == 0x7f)
            || path.bytes().any(|b| b <= b' ' || b == 0x7f)
        {
            return Err(Error::usage(
                format!("--url: `{url}` is not a URL"),
                "write http://host:port",
            ));
        }
        let base_path = path.trim_end_matches('/').to_owned();
        let shown_host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Ok(Self {
            url: format!("http://{shown_host}:{port}{base_path}"),
            host: host.to_owned(),
            port,
            base_path,
        })
    }

    /// The value of the `Host` header: the port is left out when it is 80.
    #[must_use]
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == 80 {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

fn split_authority(authority: &str) -> Result<(&str, u16)> {
    let bad = |port: &str| {
        Error::usage(
            format!("--url: `{port}` is not a port"),
            "write a number from 1 to 65535 after the colon",
        )
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| {
            Error::usage(
                "--url: `[` without `]`",
                "write IPv6 addresses as http://[::1]:8000",
            )
        })?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((
                host,
                port.parse::<u16>()
                    .ok()
                    .filter(|p| *p != 0)
                    .ok_or_else(|| bad(port))?,
            )),
            None if after.is_empty() => Ok((host, 80)),
            None => Err(bad(after)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => Err(Error::usage(
            "--url: an IPv6 address needs brackets",
            "write http://[::1]:8000",
        )),
        Some((host, port)) => Ok((
            host,
            port.parse::<u16>()
                .ok()
                .filter(|p| *p != 0)
                .ok_or_else(|| bad(port))?,
        )),
        None => Ok((authority, 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let t = Target::parse("http://vllm-server:8000/").unwrap();
        assert_eq!(
            (t.host.as_str(), t.port, t.base_path.as_str()),
            ("vllm-server", 8000, "")
        );
        let t = Target::parse("localhost/gateway/").unwrap();
        assert_eq!(
            (t.url.as_str(), t.host_header().as_str()),
            ("http://localhost:80/gateway", "localhost")
        );
        let t = Target::parse("http://[::1]:9000").unwrap();
        assert_eq!(
            (t.host.as_str(), t.host_header().as_str()),
            ("::1", "[::1]:9000")
        );
    }

    #[test]
    fn bad_urls_say_what_to_write() {
        for bad in [
            "https://x",
            "ftp://x",
            "http://",
            "http://h:0",
            "http://h:99999",
            "http://u:p@h",
            "http://h/?q",
            "http://::1:80",
            "http://a b",
        ] {
            let e = Target::parse(bad).unwrap_err();
            assert!(!e.remedy.is_empty(), "{bad}");
            assert!(
                !e.to_string().contains("u:p"),
                "credentials are not repeated"
            );
        }
    }
}
