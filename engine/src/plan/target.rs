//! A base URL to send requests to.

use super::{Host, secrets};
use crate::error::{Error, Result};
use crate::setting::Setting::{Credentials, Targets};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A base URL, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Target {
    /// The URL as shown: without credentials, without a trailing slash, without a query.
    pub url: String,
    /// Host name in ASCII and lower case, or address without brackets and zone.
    pub host: String,
    /// The zone of a link-local IPv6 address: the name or the number of an interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// TCP port; of no meaning for a Unix socket.
    pub port: u16,
    /// Path prefix, without a trailing slash; may be empty.
    pub base_path: String,
    /// Query of every request, with the `?` before it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secrets::without_keys")]
    pub query: Option<String>,
    /// Whether the connection is secured by TLS (`https`).
    pub tls: bool,
    /// The Unix socket to connect to instead of `host` and `port`.
    pub unix: Option<PathBuf>,
}

impl Target {
    /// Parses `http[s]://host[:port][/prefix][?query]`, or `unix:/path` for a Unix socket.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] for any other scheme, credentials in the URL, a fragment, a bad port, or a socket path
    /// that is relative or too long.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("unix:")).map(|_| &url[5..]) {
            return socket(path);
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => {
                return Err(Error::usage(
                    format!("{Targets}: unknown scheme `{other}`"),
                    "write http://host:port, https://host:port or unix:/path/of/socket",
                ));
            }
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(i) => rest.split_at(i),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(Error::usage(
                format!("{Targets}: credentials in a URL end up in logs"),
                format!("use {Credentials} instead"),
            ));
        }
        if path.contains('#') {
            return Err(Error::usage(
                format!("{Targets}: a fragment (`#`) is not sent to servers"),
                "write http://host:port[/prefix][?query]",
            ));
        }
        let (host, port) = split_authority(authority, if tls { 443 } else { 80 })?;
        let host = Host::parse(host).map_err(|e| e.within(Targets))?;
        if let Some(odd) = path.chars().find(|c| *c <= ' ' || *c >= '\u{7f}') {
            return Err(Error::usage(
                format!("{Targets}: the path of `{}` holds the character U+{:04X}", url.escape_debug(), u32::from(odd)),
                "percent-encode it, as in http://host/my%20path",
            ));
        }
        let (path, query) = path.find('?').map_or((path, ""), |at| path.split_at(at));
        let base_path = path.trim_end_matches('/').to_owned();
        let shown_host = match (&host.zone, host.name.contains(':')) {
            (Some(zone), _) => format!("[{}%25{zone}]", host.name),
            (None, true) => format!("[{}]", host.name),
            (None, false) => host.name.clone(),
        };
        Ok(Self {
            url: format!("{}://{shown_host}:{port}{base_path}", if tls { "https" } else { "http" }),
            host: host.name,
            zone: host.zone,
            port,
            base_path,
            query: (query.len() > 1).then(|| query.to_owned()),
            tls,
            unix: None,
        })
    }

    /// The name that the server's certificate must have: that of the host, without the dot at its end (RFC 6066 §3).
    #[must_use]
    pub fn server_name(&self) -> &str {
        self.host.strip_suffix('.').unwrap_or(&self.host)
    }

    /// The value of the `Host` header (`:authority` in HTTP/2): the port is left out when it is the scheme's own. A
    /// zone has no meaning but on this host, and is left out (RFC 6874 §3).
    #[must_use]
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

fn socket(path: &str) -> Result<Target> {
    // `unix:///path` has an empty authority; `unix://name/path` would name a host, which a socket does not have.
    let path = if path.starts_with("///") { &path[2..] } else { path };
    let remedy = "write unix:/path/of/socket";
    if !path.starts_with('/') || path.starts_with("//") || path.contains('\0') {
        return Err(Error::usage(format!("{Targets}: `unix:{path}` is not an absolute path"), remedy));
    }
    if path.len() > LONGEST_SOCKET {
        return Err(Error::usage(
            format!("{Targets}: a socket's path has at most {LONGEST_SOCKET} bytes"),
            "put the socket, or a link to its folder, under a shorter path",
        ));
    }
    Ok(Target {
        url: format!("unix:{path}"),
        host: "localhost".to_owned(),
        zone: None,
        port: 80,
        base_path: String::new(),
        query: None,
        tls: false,
        unix: Some(Path::new(path).to_owned()),
    })
}

/// `sun_path` holds 108 bytes with the final zero.
const LONGEST_SOCKET: usize = 107;

fn split_authority(authority: &str, default: u16) -> Result<(&str, u16)> {
    let bad = |port: &str| {
        Error::usage(format!("{Targets}: `{port}` is not a port"), "write a number from 1 to 65535 after the colon")
    };
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or_else(|| {
            Error::usage(format!("{Targets}: `[` without `]`"), "write IPv6 addresses as http://[::1]:8000")
        })?;
        let (host, after) = authority.split_at(end + 1);
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, port.parse::<u16>().ok().filter(|p| *p != 0).ok_or_else(|| bad(port))?)),
            None if after.is_empty() => Ok((host, default)),
            None => Err(bad(after)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            Err(Error::usage(format!("{Targets}: an IPv6 address needs brackets"), "write http://[::1]:8000"))
        }
        Some((host, port)) => Ok((host, port.parse::<u16>().ok().filter(|p| *p != 0).ok_or_else(|| bad(port))?)),
        None => Ok((authority, default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let t = Target::parse("http://vllm-server:8000/").unwrap();
        assert_eq!((t.host.as_str(), t.port, t.base_path.as_str()), ("vllm-server", 8000, ""));
        let t = Target::parse("localhost/gateway/").unwrap();
        assert_eq!((t.url.as_str(), t.host_header().as_str()), ("http://localhost:80/gateway", "localhost"));
        let t = Target::parse("http://[::1]:9000").unwrap();
        assert_eq!((t.host.as_str(), t.host_header().as_str()), ("::1", "[::1]:9000"));
    }

    #[test]
    fn a_query_is_kept_beside_the_path() {
        for (url, base, query) in [
            ("http://h/v1/?api-version=2024", "/v1", Some("?api-version=2024")),
            ("http://h?a=/b/&c", "", Some("?a=/b/&c")),
            ("http://h/v1?", "/v1", None),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.base_path.as_str(), target.query.as_deref()), (base, query), "{url}");
            assert!(!target.url.contains('?'), "{}", target.url);
        }
        let target = Target::parse("http://h/?api_key=sk-secret-of-mine&v=1").unwrap();
        let shown = serde_json::to_string(&target).unwrap();
        assert!(shown.contains("&v=1") && !shown.contains("sk-secret"), "{shown}");
    }

    #[test]
    fn https_has_a_port_of_its_own() {
        let t = Target::parse("HTTPS://server/v1").unwrap();
        assert_eq!((t.tls, t.port), (true, 443));
        assert_eq!((t.url.as_str(), t.host_header().as_str()), ("https://server:443/v1", "server"));
        assert_eq!(Target::parse("https://server:80").unwrap().host_header(), "server:80");
        assert_eq!(Target::parse("http://server:443").unwrap().host_header(), "server:443");
        assert_eq!(Target::parse("https://[::1]").unwrap().host_header(), "[::1]");
    }

    #[test]
    fn a_unix_socket_is_a_path_and_its_host_is_localhost() {
        for url in ["unix:/run/a.sock", "unix:///run/a.sock", "UNIX:/run/a.sock"] {
            let t = Target::parse(url).unwrap();
            assert_eq!(t.unix.as_deref(), Some(Path::new("/run/a.sock")));
            assert_eq!((t.url.as_str(), t.host_header().as_str(), t.tls), ("unix:/run/a.sock", "localhost", false));
        }
        assert!(Target::parse(&format!("unix:/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn bad_urls_say_what_to_write() {
        for bad in [
            "unix:relative",
            "unix://host/path",
            "unix:",
            "https://",
            "ftp://x",
            "http://",
            "http://h:0",
            "http://h:99999",
            "http://u:p@h",
            "http://h/?q#part",
            "http://h/?a=b c",
            "http://::1:80",
            "http://a b",
        ] {
            let e = Target::parse(bad).unwrap_err();
            assert!(!e.remedy.is_empty(), "{bad}");
            assert!(!e.to_string().contains("u:p"), "credentials are not repeated");
        }
    }
}
