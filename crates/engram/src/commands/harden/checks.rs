//! The table of checks: the one home of their names, how bad each is, what it means and what to do.

use std::path::PathBuf;

use clap::ValueEnum;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Severity {
    /// Worth knowing.
    Low,
    /// A wall less than there could be.
    Medium,
    /// One fault or one account more, and memories are open or gone.
    High,
    /// Open now, or the server does not serve.
    Critical,
}

/// What is looked for. The names are stable: programs and `--ignore` know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Check {
    DataDirOpen,
    DataDirOwner,
    DataDirReplaceable,
    KeysFileOpen,
    KeysUnreadable,
    AuditDirOpen,
    SecretFileOpen,
    TrustFileWritable,
    SecretInConfig,
    ConfigWritable,
    AuthOff,
    AuthOffReachable,
    TlsOffReachable,
    TlsOldVersion,
    MetricsOpen,
    OriginPlain,
    CertificateUnusable,
    CertificateExpired,
    CertificateEndsSoon,
    CertificateChainBroken,
    ClientCaEndsSoon,
    CaKeyBeside,
    KeyWithoutEnd,
    KeyUnused,
    KeyWithoutRate,
    KeyAllSpaces,
    OperatorsMany,
    AuditOff,
    AuditKeptShort,
    AuditBesideData,
    RequestLimitWide,
    RequestTimeLong,
    SpaceWithoutQuota,
    RepositoryNone,
    RepositoryPlain,
    RepositoryOpen,
    RepositorySameVolume,
    StoreWithoutTls,
    RunsAsRoot,
    CoreDumps,
    SwapOn,
    OpenFilesFew,
    UnitUser,
    UnitOption,
    UnitSecret,
}

/// A check, and what is said of it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) check: Check,
    pub(super) severity: Severity,
    /// What is found, for the list of checks.
    pub(super) about: &'static str,
    pub(super) cure: &'static str,
}

const fn row(check: Check, severity: Severity, about: &'static str, cure: &'static str) -> Row {
    Row { check, severity, about, cure }
}

impl Check {
    pub(super) fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.check == self).expect("a test sees that every check has a row")
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Severity {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// A change of permissions that takes nothing from the account that the file belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mend {
    pub(super) path: PathBuf,
    /// Permissions after it.
    pub(super) mode: u32,
    /// Device and number of the file that was looked at.
    pub(super) file: (u64, u64),
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: Check,
    /// File, setting, key or process.
    pub(super) place: String,
    pub(super) what: String,
    /// What `--fix` does.
    pub(super) mend: Option<Mend>,
}

/// What was found, and what could not be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) found: Vec<Finding>,
    pub(super) unseen: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, check: Check, place: impl Into<String>, what: impl Into<String>) {
        let (place, what) = (place.into(), what.into());
        self.found.push(Finding { check, place, what, mend: None });
    }

    /// Something that was to be looked at and could not be.
    pub(super) fn unseen(&mut self, what: impl Into<String>) {
        self.unseen.push(what.into());
    }
}

use Check as C;
use Severity::{Critical, High, Low, Medium};

/// All checks, in the order of the page.
pub(super) const ROWS: [Row; 45] = [
    row(
        C::DataDirOpen,
        High,
        "Other accounts get into the data directory",
        "chmod 700; --fix does it",
    ),
    row(
        C::DataDirOwner,
        High,
        "The data directory, or what stands in it, belongs to another account than the server's",
        "stop the server and chown the directory with all that is in it to the server's account",
    ),
    row(
        C::DataDirReplaceable,
        High,
        "A folder above the data directory is writable by others, who can put another directory in its place",
        "take the right to write from group and others, or move the data directory",
    ),
    row(
        C::KeysFileOpen,
        Critical,
        "Other accounts can read or change `KEYS`",
        "chmod 600; --fix does it",
    ),
    row(
        C::KeysUnreadable,
        Critical,
        "`KEYS` is damaged or cannot be read: the server does not start",
        "put back a copy of KEYS, or move it away and make a first key",
    ),
    row(
        C::AuditDirOpen,
        High,
        "Strangers can read the audit log, or the group can change it",
        "chmod g-w,o-rwx; --fix does it",
    ),
    row(
        C::SecretFileOpen,
        Critical,
        "Other accounts can read a private key or another file that holds a secret, or the group can change it",
        "chmod g-wx,o-rwx; --fix does it where the file belongs to the account of the data directory",
    ),
    row(
        C::TrustFileWritable,
        Critical,
        "Other accounts can change a certificate, the authorities of clients, or the keys of an issuer of tokens: they can let themselves in",
        "chmod go-w; --fix does it where the file belongs to the account of the data directory",
    ),
    row(
        C::SecretInConfig,
        High,
        "A secret stands in the configuration in the clear",
        "name a variable of the environment or a file there, and replace the secret",
    ),
    row(
        C::ConfigWritable,
        High,
        "Other accounts can change the configuration file",
        "chmod go-w; --fix does it",
    ),
    row(
        C::AuthOff,
        Medium,
        "Every account of this machine may do everything: requests are not authenticated",
        "make a key by `engram key create --data-dir` and set auth.enabled = true",
    ),
    row(
        C::AuthOffReachable,
        Critical,
        "Whoever reaches the address may do everything: requests are not authenticated",
        "make a key by `engram key create --data-dir` and set auth.enabled = true, or listen on 127.0.0.1",
    ),
    row(
        C::TlsOffReachable,
        High,
        "Keys and memories cross the network in plain text",
        "set tls.cert_file and tls.key_file, or listen on 127.0.0.1 behind what ends TLS",
    ),
    row(C::TlsOldVersion, Low, "TLS 1.2 is spoken", "leave tls.min_version at 1.3"),
    row(
        C::MetricsOpen,
        Medium,
        "Strangers can read `/metrics`, which names spaces and counts what is done",
        "set auth.enabled = true: then /metrics wants a key",
    ),
    row(
        C::OriginPlain,
        Medium,
        "Pages that came over plain HTTP may call the server: whoever is on their way can",
        "name https:// origins only in http.allowed_origins",
    ),
    row(
        C::CertificateUnusable,
        Critical,
        "Certificate, private key or authority of clients cannot be used, or do not belong together: the server does not start",
        "issue certificate and key together: engram certs issue",
    ),
    row(
        C::CertificateExpired,
        Critical,
        "The certificate has expired",
        "engram certs issue NAME --dir CA --renew",
    ),
    row(
        C::CertificateEndsSoon,
        High,
        "The certificate expires within 14 days",
        "engram certs issue NAME --dir CA --renew; the server takes the new files by itself",
    ),
    row(
        C::CertificateChainBroken,
        High,
        "A certificate of the chain is not issued by the one behind it: clients refuse it",
        "put into tls.cert_file the server's certificate, then whoever issued it, in this order",
    ),
    row(
        C::ClientCaEndsSoon,
        High,
        "A certificate that vouches for those of clients has expired or does so within 14 days",
        "put a new one into tls.client_ca_file beside it and issue the clients new certificates",
    ),
    row(
        C::CaKeyBeside,
        High,
        "The private key of the authority lies beside the server's certificate: who gets it is whoever he likes",
        "move ca.key to a machine that others do not reach",
    ),
    row(
        C::KeyWithoutEnd,
        Low,
        "A key never expires",
        "give its user a new one with --expires-at, then engram key revoke ID",
    ),
    row(
        C::KeyUnused,
        Medium,
        "A key works and has not been used for 90 days, or never in 30",
        "engram key revoke ID",
    ),
    row(
        C::KeyWithoutRate,
        Low,
        "A key may make any number of requests",
        "give its user a new one with --requests-per-second, then engram key revoke ID",
    ),
    row(
        C::KeyAllSpaces,
        Medium,
        "A key or certificate that is no operator's may touch all spaces, those to come included",
        "give its user one that names its spaces",
    ),
    row(
        C::OperatorsMany,
        Medium,
        "More than three keys and certificates may do everything",
        "give who does not need that a smaller role, then engram key revoke ID",
    ),
    row(
        C::AuditOff,
        Medium,
        "Nobody writes down who did what",
        "set auth.enabled = true and leave audit.level at security or above",
    ),
    row(
        C::AuditKeptShort,
        Low,
        "The audit log is kept for less than 90 days",
        "set audit.kept to 2160 h or more",
    ),
    row(
        C::AuditBesideData,
        Low,
        "The audit log is on the volume of the data directory: what fills or destroys one does so to the other",
        "set audit.dir to a folder on another volume",
    ),
    row(
        C::RequestLimitWide,
        Low,
        "A request may have more than 64 MiB, times limits.concurrent_requests",
        "set limits.request_bytes to what clients send",
    ),
    row(
        C::RequestTimeLong,
        Low,
        "A request may take more than five minutes",
        "set limits.request_timeout to what clients wait for",
    ),
    row(
        C::SpaceWithoutQuota,
        Low,
        "A space may grow until the disk is full, for all others too",
        "set quotas.memories or quotas.bytes",
    ),
    row(
        C::RepositoryNone,
        Medium,
        "Nothing is backed up",
        "set repositories.NAME.url and a key, as docs/operating/backup.md says",
    ),
    row(
        C::RepositoryPlain,
        High,
        "Backups are not encrypted: whoever reads the repository reads memories",
        "set repositories.NAME.key_file on a new repository and keep the key elsewhere, too",
    ),
    row(
        C::RepositoryOpen,
        High,
        "Other accounts get into the folder of a repository",
        "chmod 700, or 750 with a group of its own for whoever copies it away",
    ),
    row(
        C::RepositorySameVolume,
        High,
        "The backups are on the volume of the data directory: what destroys one destroys both",
        "set repositories.NAME.url to another machine's storage",
    ),
    row(
        C::StoreWithoutTls,
        High,
        "Objects cross the network in plain text",
        "set an endpoint with https:// and leave s3_allow_http at false",
    ),
    row(
        C::RunsAsRoot,
        High,
        "The server runs as root: a fault in it is a fault of the machine",
        "make an account for it that owns the data directory, and start it as that",
    ),
    row(
        C::CoreDumps,
        Medium,
        "A crash writes memories and keys into a core file",
        "ulimit -c 0, or LimitCORE=0 in the unit",
    ),
    row(
        C::SwapOn,
        Low,
        "Memories and keys can be written to swap and stay there",
        "encrypt the swap space or turn it off; MemorySwapMax=0 in the unit",
    ),
    row(
        C::OpenFilesFew,
        Medium,
        "Fewer files may be open than there may be connections: the server refuses clients when it need not",
        "ulimit -n 65536, or LimitNOFILE=65536 in the unit",
    ),
    row(
        C::UnitUser,
        High,
        "The unit runs the server as root",
        "User=engram, or DynamicUser=yes with StateDirectory=",
    ),
    row(
        C::UnitOption,
        Medium,
        "The unit leaves out a wall that systemd would put up",
        "set the option as it is given",
    ),
    row(
        C::UnitSecret,
        High,
        "A secret stands in the unit, which everybody on the machine can read",
        "EnvironmentFile= with mode 600, or LoadCredential=, and replace the secret",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_one_row_in_the_order_of_the_names() {
        let rows: Vec<Check> = ROWS.iter().map(|row| row.check).collect();
        assert_eq!(rows, Check::value_variants());
    }
}
