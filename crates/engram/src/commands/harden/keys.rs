//! The keys and certificates that let somebody in: how long they hold, how far they reach, and whether they are used.

use engram_api::{KeyView, RoleName, Timestamp};
use engram_server::{Settings, look_at_keys};

use super::checks::{Check, Findings};
use super::doors::{DAY_NS, refused};

/// A key that works and was not used for so long is forgotten somewhere.
const UNUSED_NS: i64 = 90 * DAY_NS;
/// The same for one that was never used.
const NEVER_USED_NS: i64 = 30 * DAY_NS;
/// Keys and certificates that may do everything.
const OPERATORS_MAX: usize = 3;
const ALL_SPACES: &str = "*";

pub(super) fn look(settings: &Settings, now_ns: i64, found: &mut Findings) {
    let file = settings.data_dir.join("KEYS");
    if let Some(why) = refused(&file) {
        found.unseen(format!("the keys: {}: {why}", file.display()));
        return;
    }
    let keys = match look_at_keys(&settings.data_dir) {
        Ok(keys) => keys,
        Err(problem) => {
            found.add(Check::KeysUnreadable, file.display().to_string(), problem.detail);
            Vec::new()
        }
    };
    let live: Vec<KeyView> = keys.into_iter().filter(|key| is_live(key, now_ns)).collect();
    for key in &live {
        look_at_key(key, now_ns, found);
    }
    let mut operators: Vec<&str> = live
        .iter()
        .filter(|key| key.role == Some(RoleName::Operator))
        .map(|key| key.name.as_str())
        .collect();
    for (name, certificate) in &settings.certificates {
        match certificate.role {
            Some(RoleName::Operator) => operators.push(name),
            Some(_) if certificate.spaces.iter().any(|space| space == ALL_SPACES) => {
                let place = format!("certificates.{name}.spaces");
                found.add(Check::KeyAllSpaces, place, "it is all spaces");
            }
            _ => {}
        }
    }
    for (name, issuer) in &settings.tokens {
        let is_all = issuer.spaces.iter().any(|space| space == ALL_SPACES);
        match issuer.role {
            Some(RoleName::Operator) => operators.push(name),
            Some(_) if is_all && issuer.spaces_claim.is_none() => {
                let place = format!("tokens.{name}.spaces");
                found.add(Check::KeyAllSpaces, place, "each of its tokens may touch all spaces");
            }
            _ => {}
        }
    }
    if operators.len() > OPERATORS_MAX {
        let what = format!("{} may do everything: {}", operators.len(), operators.join(", "));
        found.add(Check::OperatorsMany, "the keys", what);
    }
}

fn is_live(key: &KeyView, now_ns: i64) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at.nanoseconds() > now_ns)
}

fn look_at_key(key: &KeyView, now_ns: i64, found: &mut Findings) {
    let place = format!("key {} ({})", key.id, key.name);
    if key.expires_at.is_none() {
        found.add(Check::KeyWithoutEnd, &place, "it holds for ever");
    }
    let ago = |at: Timestamp| now_ns - at.nanoseconds();
    match key.last_used_at {
        Some(at) if ago(at) > UNUSED_NS => {
            found.add(Check::KeyUnused, &place, format!("it was last used {at}"));
        }
        None if ago(key.created_at) > NEVER_USED_NS => {
            let what = format!("it was created {} and never used", key.created_at);
            found.add(Check::KeyUnused, &place, what);
        }
        _ => {}
    }
    if key.requests_per_second.is_none() {
        found.add(Check::KeyWithoutRate, &place, "it has no rate");
    }
    // An operator's must name all; single operations about the node must, too.
    let reaches = key.spaces.iter().any(|space| space == ALL_SPACES);
    let is_operator = key.role == Some(RoleName::Operator);
    if reaches && key.role.is_some() && !is_operator {
        found.add(Check::KeyAllSpaces, &place, "its role holds in all spaces");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000 * DAY_NS;

    fn key() -> KeyView {
        KeyView {
            id: "0".to_owned(),
            name: "n".to_owned(),
            role: Some(RoleName::Writer),
            operations: Vec::new(),
            spaces: vec!["notes".to_owned()],
            created_at: Timestamp(NOW - 200 * DAY_NS),
            expires_at: Some(Timestamp(NOW + DAY_NS)),
            revoked_at: None,
            last_used_at: Some(Timestamp(NOW - 80 * DAY_NS)),
            old_secret_until: None,
            requests_per_second: Some(5),
            trust_max: None,
        }
    }

    fn found(key: &KeyView) -> Vec<Check> {
        let mut findings = Findings::default();
        look_at_key(key, NOW, &mut findings);
        findings.found.iter().map(|one| one.check).collect()
    }

    #[test]
    fn each_fault_of_a_key_is_found() {
        assert_eq!(found(&key()), []);
        assert_eq!(found(&KeyView { expires_at: None, ..key() }), [Check::KeyWithoutEnd]);
        assert_eq!(found(&KeyView { requests_per_second: None, ..key() }), [Check::KeyWithoutRate]);
        let long_ago = Some(Timestamp(NOW - 91 * DAY_NS));
        assert_eq!(found(&KeyView { last_used_at: long_ago, ..key() }), [Check::KeyUnused]);
        assert_eq!(found(&KeyView { last_used_at: None, ..key() }), [Check::KeyUnused]);
        let new = Timestamp(NOW - 29 * DAY_NS);
        assert_eq!(found(&KeyView { last_used_at: None, created_at: new, ..key() }), []);
        let all = vec!["*".to_owned()];
        assert_eq!(found(&KeyView { spaces: all.clone(), ..key() }), [Check::KeyAllSpaces]);
        let operator = Some(RoleName::Operator);
        assert_eq!(found(&KeyView { spaces: all.clone(), role: operator, ..key() }), []);
        assert_eq!(found(&KeyView { spaces: all, role: None, ..key() }), []);
    }

    #[test]
    fn keys_that_have_ended_are_not_looked_at() {
        assert!(is_live(&key(), NOW));
        assert!(!is_live(&KeyView { expires_at: Some(Timestamp(NOW)), ..key() }, NOW));
        assert!(!is_live(&KeyView { revoked_at: Some(Timestamp(1)), ..key() }, NOW));
    }
}
