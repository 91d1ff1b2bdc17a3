//! Safe from a web page: whose requests a server on this machine answers.
//!
//! A page of another site can make a browser send requests here. Two checks stop it. `Origin` and `Sec-Fetch-Site`,
//! which pages cannot forge, betray requests of other sites. `Host` betrays a name that an attacker's name server
//! points at this machine (DNS rebinding), where the browser would take the attacker's page for our own. The port in
//! `Host` is not compared for loopback names: it depends on port forwarding and says nothing about the page.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use engram_api::ErrorCode;

use crate::refusal::Refusal;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The allow-lists.
#[derive(Clone, Debug)]
pub(crate) struct HostList {
    listening: SocketAddr,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl HostList {
    pub(crate) fn new(listening: SocketAddr, hosts: &[String], origins: &[String]) -> HostList {
        let lower = |list: &[String]| list.iter().map(|item| item.to_lowercase()).collect();
        HostList { listening, hosts: lower(hosts), origins: lower(origins) }
    }

    /// `local` is the address that the client connected to.
    pub(crate) fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        local: SocketAddr,
    ) -> Result<(), Refusal> {
        self.check_host(uri, headers, local)?;
        self.check_origin(headers)
    }

    /// Whether pages of any other site are served.
    pub(crate) fn lists_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(&lowercase(origin))
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap, local: SocketAddr) -> Result<(), Refusal> {
        let mut values = headers.get_all(HOST).iter();
        let (first, second) = (values.next(), values.next());
        let host = match (first, second) {
            (Some(value), None) => lowercase(value),
            (None, _) => return Err(refused_host("the request has no Host header")),
            (Some(_), Some(_)) => return Err(refused_host("the request has two Host headers")),
        };
        // The absolute form of a request line carries the name once more.
        let stated = uri.authority().map(|authority| authority.as_str().to_lowercase());
        if stated.is_some_and(|stated| stated != host) || !self.allows_host(&host, local) {
            return Err(refused_host(&format!("Host {:?} is not served here", shortened(&host))));
        }
        Ok(())
    }

    fn allows_host(&self, host: &str, local: SocketAddr) -> bool {
        let Some((name, port)) = split_host(host) else { return false };
        if self.hosts.iter().any(|allowed| allowed == host || allowed == name) {
            return true;
        }
        if name == "localhost" {
            return true;
        }
        let Ok(ip) = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else {
            return false;
        };
        // An address cannot be rebound: a page loaded from it came from this server.
        let here = |addr: SocketAddr| addr.ip() == ip && port.is_none_or(|p| p == addr.port());
        ip.is_loopback() || here(local) || here(self.listening)
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut allowed = false;
        for value in headers.get_all(ORIGIN) {
            if !self.allows_origin(value) {
                let shown = shortened(&lowercase(value));
                let detail = format!("requests of pages from {shown:?} are refused");
                return Err(Refusal::new(ErrorCode::OriginRefused, detail));
            }
            allowed = true;
        }
        let site = headers.get(FETCH_SITE).map(lowercase);
        match site.as_deref() {
            None | Some("none" | "same-origin") => Ok(()),
            Some(_) if allowed => Ok(()),
            Some(site) => {
                let detail = format!("the browser says that a page made the request ({site})");
                Err(Refusal::new(ErrorCode::OriginRefused, detail))
            }
        }
    }
}

fn refused_host(detail: &str) -> Refusal {
    Refusal::new(ErrorCode::HostRefused, detail)
}

fn lowercase(value: &HeaderValue) -> String {
    value.to_str().unwrap_or("").to_lowercase()
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Name (an IPv6 address in its brackets) and port. `None` when it is neither.
fn split_host(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            (&host[..end], &host[end..])
        }
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => Some(digits.parse().ok()?),
        None if port.is_empty() => None,
        None => return None,
    };
    (!name.is_empty()).then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> HostList {
        let listening = "0.0.0.0:7432".parse().unwrap();
        let texts =
            |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        HostList::new(
            listening,
            &texts(&["engram.internal", "exact.example:9"]),
            &texts(&["https://console.example.org"]),
        )
    }

    fn check(headers: &[(HeaderName, &str)]) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let local = "192.168.1.5:7432".parse().unwrap();
        list().check(&Uri::from_static("/livez"), &map, local).map_err(|refusal| refusal.0.code)
    }

    #[test]
    fn hosts_are_on_the_list_or_refused() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:7432",
            "127.8.9.1",
            "[::1]:7432",
            "192.168.1.5:7432",
            "engram.internal",
            "engram.internal:1",
            "exact.example:9",
        ] {
            assert_eq!(check(&[(HOST, host)]), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.5:80",
            "192.168.1.6:7432",
            "exact.example:8",
            "exact.example",
            "localhost:x",
            "[::1",
            "[::1]x",
            ":7432",
            "localhost:7432:1",
            "user@localhost",
        ] {
            assert_eq!(check(&[(HOST, host)]), Err("host_refused".to_owned()), "{host}");
        }
        assert!(check(&[]).is_err());
        assert!(check(&[(HOST, "localhost"), (HOST, "localhost")]).is_err());
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let with = |name: &HeaderName, value| check(&[(HOST, "localhost"), (name.clone(), value)]);
        let refused = Err("origin_refused".to_owned());
        for origin in ["null", "http://evil.example", "http://localhost:7432", ""] {
            assert_eq!(with(&ORIGIN, origin), refused, "{origin}");
        }
        assert_eq!(with(&ORIGIN, "https://Console.example.org"), Ok(()));
        assert_eq!(with(&FETCH_SITE, "cross-site"), refused);
        assert_eq!(with(&FETCH_SITE, "same-site"), refused);
        assert_eq!(with(&FETCH_SITE, "none"), Ok(()));
        let allowed = (ORIGIN, "https://console.example.org");
        assert_eq!(check(&[(HOST, "localhost"), allowed, (FETCH_SITE, "cross-site")]), Ok(()));
    }
}
