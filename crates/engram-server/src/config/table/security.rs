//! The settings of who may ask, and of TLS.

use super::{DAY_MS, Setting, setting};
use crate::config::value::SettingKind;

pub(super) const SECURITY: &[Setting] = &[
    setting(
        "auth.enabled",
        SettingKind::Switch,
        Some("false"),
        "true",
        "Whether requests must carry a key. The first key comes from `engram key create --data-dir`, before the start.",
    )
    .with_flag("--auth"),
    setting(
        "insecure_no_auth",
        SettingKind::Switch,
        Some("false"),
        "true",
        "Allows listening on an address that other machines can reach although requests are not authenticated.",
    )
    .with_flag("--insecure-no-auth"),
    setting(
        "insecure_no_tls",
        SettingKind::Switch,
        Some("false"),
        "true",
        "Allows listening on an address that other machines can reach although keys and memories cross the network in plain text: \
         where something in front ends TLS.",
    )
    .with_flag("--insecure-no-tls"),
    setting(
        "tls.cert_file",
        SettingKind::Path,
        None,
        "/etc/engram/server.pem",
        "Certificate of the server with those that vouch for it, as PEM. With it every door speaks TLS. The file is read again when it \
         changes and on SIGHUP; connections that are open stay open.",
    ),
    setting(
        "tls.key_file",
        SettingKind::Path,
        None,
        "/etc/engram/server.key",
        "Private key of the certificate, as PEM.",
    ),
    setting(
        "tls.min_version",
        SettingKind::OneOf(&["1.2", "1.3"]),
        Some("1.3"),
        "1.2",
        "The oldest version of TLS that is spoken.",
    ),
    setting(
        "tls.client_ca_file",
        SettingKind::Path,
        None,
        "/etc/engram/client-ca.pem",
        "Certificates that vouch for those of clients, as PEM. A client that shows one which is named under `certificates` needs no key.",
    ),
    setting(
        "tls.client_required",
        SettingKind::Switch,
        Some("false"),
        "true",
        "Whether a client without a certificate is not even listened to.",
    ),
    setting(
        "certificates.*.subject",
        SettingKind::Text,
        None,
        "agent-1.example.org",
        "Name in the certificates of a client: a DNS name, address of mail or URI of its subject alternative name, else its common name.",
    ),
    setting(
        "certificates.*.role",
        SettingKind::OneOf(&["reader", "writer", "curator", "space_admin", "operator"]),
        None,
        "writer",
        "What such a client may do.",
    ),
    setting(
        "certificates.*.operations",
        SettingKind::List,
        Some(""),
        "forget,export",
        "Operations that it may call beside those of the role.",
    ),
    setting(
        "certificates.*.spaces",
        SettingKind::List,
        Some("*"),
        "notes,team-*",
        "Spaces that it may touch: names, or what names start with and `*`.",
    ),
    setting(
        "audit.level",
        SettingKind::OneOf(&["off", "security", "writes", "all"]),
        None,
        "writes",
        "What goes into the audit log: what concerns security (refused requests, keys, backups, forgetting, import and export, creating and deleting spaces), \
         all that writes too, or every request. Default: `security` where requests are authenticated, else `off`.",
    ),
    setting(
        "audit.dir",
        SettingKind::Path,
        None,
        "/var/log/engram",
        "Folder of the audit log. Default: `audit` in the data directory.",
    ),
    setting(
        "audit.kept",
        SettingKind::Span { min_ms: DAY_MS, max_ms: 3_660 * DAY_MS },
        Some("9600 h"),
        "2400 h",
        "How long lines of the audit log are kept, by whole files.",
    ),
];
