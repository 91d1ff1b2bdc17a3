//! The settings of who vouches for bearer tokens, and of what their claims give.

use super::{DAY_MS, Setting, setting};
use crate::config::value::SettingKind;

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

pub(super) const TOKENS: &[Setting] = &[
    setting(
        "tokens.*.issuer",
        SettingKind::Text,
        None,
        "https://id.example.org/realms/main",
        "Who issues the tokens, exactly as their claim `iss` has it. Each issuer stands under one name, which begins the principals: `token:NAME:SUB`.",
    ),
    setting(
        "tokens.*.audience",
        SettingKind::List,
        Some(""),
        "engram",
        "Whom the tokens are for: the claim `aud` must hold one of these. Required.",
    ),
    setting(
        "tokens.*.jwks_url",
        SettingKind::Text,
        None,
        "https://id.example.org/realms/main/protocol/openid-connect/certs",
        "Where the issuer publishes its public keys (JWKS, RFC 7517). `https://`; plain `http://` to this machine alone. Either this or `jwks_file`.",
    ),
    setting(
        "tokens.*.jwks_ca_file",
        SettingKind::Path,
        None,
        "/etc/engram/issuer-ca.pem",
        "Certificates that vouch for the server behind `jwks_url`, as PEM. Default: the public authorities.",
    ),
    setting(
        "tokens.*.jwks_file",
        SettingKind::Path,
        None,
        "/etc/engram/jwks.json",
        "File with the public keys of the issuer (JWKS). It is read again when it changes and on SIGHUP.",
    ),
    setting(
        "tokens.*.jwks_refresh",
        SettingKind::Span { min_ms: 1_000, max_ms: DAY_MS },
        Some("5 m"),
        "15 m",
        "How often the keys behind `jwks_url` are fetched. A token of a key that is not known has them fetched at once, at most every 30 s.",
    ),
    setting(
        "tokens.*.jwks_max_age",
        SettingKind::Span { min_ms: 2_000, max_ms: 30 * DAY_MS },
        Some("24 h"),
        "4 h",
        "How long keys that were fetched are used while the issuer cannot be reached. Then its tokens are refused.",
    ),
    setting(
        "tokens.*.algorithms",
        SettingKind::List,
        Some("RS256,ES256,EdDSA"),
        "ES256",
        "Signatures that are accepted: of RS256, ES256 and EdDSA (Ed25519).",
    ),
    setting(
        "tokens.*.clock_skew",
        SettingKind::Span { min_ms: 0, max_ms: HOUR_MS / 12 },
        Some("30 s"),
        "5 s",
        "How far the clocks of issuer and server may differ: a token works so long before its `nbf` and after its `exp`.",
    ),
    setting(
        "tokens.*.role",
        SettingKind::OneOf(&["reader", "writer", "curator", "space_admin", "operator"]),
        None,
        "writer",
        "What tokens may do; with `role_claim` the most that the claim can give.",
    ),
    setting(
        "tokens.*.role_claim",
        SettingKind::Text,
        None,
        "realm_access.roles",
        "Claim that names the role: a list of texts, or a text with spaces between its words; dots lead into objects. The role that \
         permits most counts. A token without such a claim has no role.",
    ),
    setting(
        "tokens.*.role_names",
        SettingKind::List,
        Some(""),
        "memory-readers=reader,memory-admins=space_admin",
        "What the values of `role_claim` mean, as `VALUE=ROLE`. Default: the names of the roles mean themselves.",
    ),
    setting(
        "tokens.*.operations",
        SettingKind::List,
        Some(""),
        "forget,export",
        "Operations that tokens may call beside those of the role; with `operations_claim` the most that the claim can give beside what the role has.",
    ),
    setting(
        "tokens.*.operations_claim",
        SettingKind::Text,
        None,
        "scope",
        "Claim that names single operations, in the form of `role_claim`. Other words in it mean nothing.",
    ),
    setting(
        "tokens.*.spaces",
        SettingKind::List,
        Some("*"),
        "notes,team-*",
        "Spaces that tokens may touch: names, or what names start with and `*`; with `spaces_claim` the most that the claim can give.",
    ),
    setting(
        "tokens.*.spaces_claim",
        SettingKind::Text,
        None,
        "engram_spaces",
        "Claim that names spaces, in the form of `role_claim`. A token without such a claim is refused.",
    ),
    setting(
        "tokens.*.trust_max",
        SettingKind::Share,
        None,
        "0.5",
        "Most trust, confidence and importance that memories of these tokens may claim, as for keys. Default: no bound.",
    ),
];
