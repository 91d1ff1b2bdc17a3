//! Who can reach the server, by what, and what is written down of it: from the settings and the files of TLS.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use engram_api::Timestamp;
use engram_server::{AuditLevel, Settings, TlsSettings, TlsVersion, look_at_tls};

use super::checks::{Check, Findings};

pub(super) const DAY_NS: i64 = 86_400_000_000_000;
/// A certificate that ends within this time is to be renewed.
const SOON_NS: i64 = 14 * DAY_NS;
/// Lines of the audit log are kept that long, at least.
const AUDIT_KEPT_MIN: Duration = Duration::from_secs(90 * 86_400);
/// What `engram certs create-ca` calls it.
const CA_KEY: &str = "ca.key";
const REQUEST_BYTES_MAX: usize = 64 << 20;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(300);

pub(super) fn look(settings: &Settings, now_ns: i64, found: &mut Findings) {
    look_at_addresses(settings, found);
    if let Some(tls) = &settings.tls {
        look_at_certificates(tls, now_ns, found);
    }
    look_at_audit(settings, found);
    look_at_quotas(settings, found);
    let limits = settings.limits;
    if limits.request_bytes > REQUEST_BYTES_MAX {
        let what = format!("it is {} bytes", limits.request_bytes);
        found.add(Check::RequestLimitWide, "limits.request_bytes", what);
    }
    if limits.request_timeout > REQUEST_TIME_MAX {
        let what = format!("it is {} s", limits.request_timeout.as_secs());
        found.add(Check::RequestTimeLong, "limits.request_timeout", what);
    }
}

fn look_at_quotas(settings: &Settings, found: &mut Findings) {
    let each = settings.quotas.each;
    if each.memories.is_none() && each.bytes.is_none() {
        found.add(Check::SpaceWithoutQuota, "quotas", "no quota bounds what every space may hold");
    }
}

fn look_at_addresses(settings: &Settings, found: &mut Findings) {
    let doors = [("http.addr", Some(settings.http_addr)), ("grpc.addr", settings.grpc_addr)];
    let reachable: Vec<(&str, SocketAddr)> = doors
        .into_iter()
        .filter_map(|(key, addr)| Some((key, addr.filter(|addr| !addr.ip().is_loopback())?)))
        .collect();
    for (key, addr) in &reachable {
        if !settings.authenticates {
            found.add(Check::AuthOffReachable, *key, format!("{addr} asks nobody who he is"));
        }
        if settings.tls.is_none() {
            found.add(Check::TlsOffReachable, *key, format!("{addr} speaks plain text"));
        }
        if !settings.authenticates && *key == "http.addr" {
            found.add(Check::MetricsOpen, *key, format!("http://{addr}/metrics wants no key"));
        }
    }
    if !settings.authenticates && reachable.is_empty() {
        found.add(Check::AuthOff, "auth.enabled", "it is false");
    }
    if settings.tls.as_ref().is_some_and(|tls| tls.min_version == TlsVersion::Tls12) {
        found.add(Check::TlsOldVersion, "tls.min_version", "it is 1.2");
    }
    let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    for origin in &settings.allowed_origins {
        let is_local = local.iter().any(|start| {
            origin.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        if origin.starts_with("http://") && !is_local {
            found.add(Check::OriginPlain, "http.allowed_origins", format!("it names {origin}"));
        }
    }
}

fn look_at_certificates(tls: &TlsSettings, now_ns: i64, found: &mut Findings) {
    let authority = tls.cert_file.with_file_name(CA_KEY);
    if authority.exists() {
        found.add(Check::CaKeyBeside, authority.display().to_string(), "it is there");
    }
    let files = [Some(&tls.cert_file), Some(&tls.key_file), tls.client_ca_file.as_ref()];
    for path in files.into_iter().flatten() {
        if let Some(why) = refused(path) {
            found.unseen(format!("the certificates: {}: {why}", path.display()));
            return;
        }
    }
    let facts = match look_at_tls(tls) {
        Ok(facts) => facts,
        Err(problem) => {
            let place = problem.field.unwrap_or_else(|| "tls".to_owned());
            found.add(Check::CertificateUnusable, place, problem.detail);
            return;
        }
    };
    let place = tls.cert_file.display().to_string();
    let ends = |ns: i64| format!("it ends {}", Timestamp(ns));
    match facts.expires_ns - now_ns {
        ..=0 => found.add(Check::CertificateExpired, &place, ends(facts.expires_ns)),
        1..=SOON_NS => found.add(Check::CertificateEndsSoon, &place, ends(facts.expires_ns)),
        _ => {}
    }
    if let Some(name) = facts.broken_at {
        let what = format!("the certificate behind {name:?} is not of who issued it");
        found.add(Check::CertificateChainBroken, &place, what);
    }
    if let (Some(path), Some(ns)) = (&tls.client_ca_file, facts.client_ca_expires_ns)
        && ns - now_ns <= SOON_NS
    {
        found.add(Check::ClientCaEndsSoon, path.display().to_string(), ends(ns));
    }
}

/// Why this account may not read a file: no fault of the file.
pub(super) fn refused(path: &Path) -> Option<String> {
    let error = fs::File::open(path).err()?;
    (error.kind() == ErrorKind::PermissionDenied).then(|| error.to_string())
}

fn look_at_audit(settings: &Settings, found: &mut Findings) {
    let audit = &settings.audit;
    if audit.level == AuditLevel::Off {
        return found.add(Check::AuditOff, "audit.level", "it is off");
    }
    if audit.kept < AUDIT_KEPT_MIN {
        let what = format!("it is {} h", audit.kept.as_secs() / 3_600);
        found.add(Check::AuditKeptShort, "audit.kept", what);
    }
    let dir = audit.dir.clone().unwrap_or_else(|| settings.data_dir.join("audit"));
    if same_volume(&dir, &settings.data_dir) == Some(true) {
        let place = dir.display().to_string();
        found.add(Check::AuditBesideData, place, "it has the device of the data directory");
    }
}

/// Whether two folders are on one volume; none where one of them cannot be looked at.
pub(super) fn same_volume(a: &Path, b: &Path) -> Option<bool> {
    // What is not there yet comes to be where its parent is.
    let device = |path: &Path| path.ancestors().find_map(|at| fs::metadata(at).ok());
    Some(device(a)?.dev() == device(b)?.dev())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate that ends at the beginning of 2030.
    fn found(now_ns: i64) -> Vec<Check> {
        let dir = tempfile::TempDir::new().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let (cert_file, key_file) = (dir.path().join("c.pem"), dir.path().join("c.key"));
        fs::write(&cert_file, &pem).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        let client_ca_file = Some(cert_file.clone());
        let min_version = TlsVersion::Tls13;
        let tls =
            TlsSettings { cert_file, key_file, min_version, client_ca_file, needs_client: false };
        let mut findings = Findings::default();
        look_at_certificates(&tls, now_ns, &mut findings);
        assert!(findings.unseen.is_empty());
        findings.found.iter().map(|one| one.check).collect()
    }

    #[test]
    fn the_end_of_a_certificate_comes_near_and_passes() {
        let end = Timestamp::parse("2030-01-01T00:00:00Z").unwrap().nanoseconds();
        assert_eq!(found(end - 15 * DAY_NS), []);
        assert_eq!(found(end - 14 * DAY_NS), [Check::CertificateEndsSoon, Check::ClientCaEndsSoon]);
        assert_eq!(found(end), [Check::CertificateExpired, Check::ClientCaEndsSoon]);
    }
}
