//! Schemas of keys.

use serde_json::Value;

use super::{
    Named, answer, any_list, count, flag, integer, may, needs, one_of_names, reference, request,
    share, text, text_of, time,
};

const ROLES: [&str; 5] = ["reader", "writer", "curator", "space_admin", "operator"];
const OPERATIONS: &str = "Operations that it may call, beside those of the role.";
const TRUST: &str = "Most that its memories may claim as trust of their source, confidence and importance; 1 when absent.";
const SPACES: &str =
    "Spaces that it may touch: names, or what names start with and `*`; `*` alone is all.";

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("RoleName", one_of_names(&ROLES)),
        ("CreateKeyRequest", create()),
        ("RotateKeyRequest", rotate()),
        ("RevokeKeyRequest", revoke()),
        ("KeyView", key()),
        ("IssuedKeyView", issued()),
        (
            "ListKeysResponse",
            answer("All keys.", vec![needs("keys", any_list(&reference("KeyView")), "By name.")]),
        ),
        ("CallerView", caller()),
    ]
}

fn create() -> Value {
    request(
        "A key, and what it may do: a role, operations, or both.",
        vec![
            needs(
                "name",
                text_of(1, 64),
                "Name of whoever uses it: `a-z 0-9 - _ .`; no other key ever had it.",
            ),
            may("role", reference("RoleName"), "What it may do."),
            may("operations", any_list(&text_of(1, 64)), OPERATIONS),
            needs("spaces", any_list(&text_of(1, 65)), SPACES),
            may("expires_at", time(), "When it ends; never when absent."),
            may(
                "requests_per_second",
                integer(1, 1_000_000),
                "Requests that it may make each second; any number when absent.",
            ),
            may("trust_max", share(), TRUST),
        ],
    )
}

fn rotate() -> Value {
    request(
        "A key that gets another secret.",
        vec![
            needs("id", text_of(1, 64), "The key."),
            may(
                "overlap_seconds",
                integer(0, 2_592_000),
                "How long the old secret still works; a day when absent.",
            ),
        ],
    )
}

fn revoke() -> Value {
    request("A key that ends at once.", vec![needs("id", text_of(1, 64), "The key.")])
}

fn key() -> Value {
    answer(
        "A key, without its secret.",
        vec![
            needs("id", text(), "The part of the key that is no secret."),
            needs("name", text(), "Name of whoever uses it."),
            may("role", reference("RoleName"), "What it may do."),
            may("operations", any_list(&text()), OPERATIONS),
            may("spaces", any_list(&text()), SPACES),
            needs("created_at", time(), "When it was created."),
            may("expires_at", time(), "When it ends."),
            may("revoked_at", time(), "When it was revoked."),
            may("last_used_at", time(), "When it was last used, to the minute."),
            may(
                "old_secret_until",
                time(),
                "Until when the secret before the last rotation works.",
            ),
            may("requests_per_second", count(), "Requests that it may make each second."),
            may("trust_max", share(), TRUST),
        ],
    )
}

fn issued() -> Value {
    answer(
        "A key with its secret, which is shown this once.",
        vec![
            needs("key", reference("KeyView"), "The key."),
            needs("secret", text(), "The whole credential, to be sent as `Authorization: Bearer`."),
        ],
    )
}

fn caller() -> Value {
    answer(
        "Who the caller is, as the server sees it.",
        vec![
            needs("authentication", flag(), "Whether requests have to say whose they are."),
            may(
                "principal",
                text(),
                "What stands in `source.principal` of memories that this caller writes.",
            ),
            may("operations", any_list(&text()), "Operations that it may call."),
            may("spaces", any_list(&text()), SPACES),
            may("expires_at", time(), "When its credential ends."),
        ],
    )
}
