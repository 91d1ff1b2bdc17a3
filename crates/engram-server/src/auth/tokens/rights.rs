//! What a token gives: what its claims say, and never more than the configuration allows its issuer.

use std::collections::BTreeMap;
use std::sync::Arc;

use engram_api::{ErrorCode, Operation, RoleName};
use serde_json::{Map, Value};

use crate::auth::grant::Grant;
use crate::auth::spaces::SpaceScope;
use crate::config::TokenSettings;
use crate::refusal::Refusal;

/// What the tokens of an issuer give.
pub(super) struct Rights {
    /// The most; all, where no claim says anything.
    most: Arc<Grant>,
    role_claim: Option<String>,
    role_names: BTreeMap<String, RoleName>,
    operations_claim: Option<String>,
    spaces_claim: Option<String>,
}

impl Rights {
    /// # Errors
    /// What the configuration gives is no grant.
    pub(super) fn read(own: &TokenSettings) -> Result<Rights, Refusal> {
        let most = Grant::read(own.role, &own.operations, own.spaces.clone(), own.trust_max)?;
        let names = match own.role_names.is_empty() {
            true => ROLES.map(|role| (word(role).to_owned(), role)).into(),
            false => own.role_names.clone(),
        };
        Ok(Rights {
            most: Arc::new(most),
            role_claim: own.role_claim.clone(),
            role_names: names,
            operations_claim: own.operations_claim.clone(),
            spaces_claim: own.spaces_claim.clone(),
        })
    }

    /// What a token with these claims gives. What a claim says that nobody here understands gives nothing.
    ///
    /// # Errors
    /// It gives nothing at all.
    pub(super) fn of(&self, claims: &Map<String, Value>) -> Result<Arc<Grant>, Refusal> {
        let claimed = [&self.role_claim, &self.operations_claim, &self.spaces_claim];
        if claimed.into_iter().all(Option::is_none) {
            return Ok(Arc::clone(&self.most));
        }
        let none = |what: &str| {
            let detail = format!("the token is valid and gives no {what} here");
            Refusal::new(ErrorCode::Forbidden, detail)
        };
        let spaces = match &self.spaces_claim {
            None => self.most.spaces.clone(),
            Some(name) => {
                let valid = |word: &str| SpaceScope::read(vec![word.to_owned()]).is_ok();
                let entries = words(claims, name).into_iter().filter(|word| valid(word));
                let claimed = SpaceScope::read(entries.map(str::to_owned).collect());
                let within = claimed.ok().and_then(|own| own.within(&self.most.spaces));
                within.ok_or_else(|| none("space"))?
            }
        };
        let role = match &self.role_claim {
            None => self.most.role,
            Some(name) => self.role_of(&words(claims, name)),
        };
        // What an operator does is about all spaces; in some of them nobody is more than their administrator.
        let role = role.map(|role| match role {
            RoleName::Operator if !spaces.has_all() => RoleName::SpaceAdmin,
            role => role,
        });
        let operations: Vec<String> = match &self.operations_claim {
            None => self.most.operations.clone(),
            Some(name) => words(claims, name).into_iter().filter_map(Operation::by_name).collect(),
        }
        .into_iter()
        .filter(|one| self.most.names(one) && (spaces.has_all() || !one.is_about_all_spaces()))
        .map(|one| one.name.to_owned())
        .collect();
        let read = Grant::read(role, &operations, spaces.entries().to_vec(), self.most.trust_max);
        // The refusal would repeat what the token says.
        let grant = read.map_err(|_| none("role and no operation"))?;
        debug_assert!(self.most.covers(&grant), "a token gives no more than its issuer may");
        Ok(Arc::new(grant))
    }

    /// The most of the roles that are claimed, within the most that there is.
    fn role_of(&self, words: &[&str]) -> Option<RoleName> {
        let roles = words.iter().filter_map(|&word| self.role_names.get(word));
        // The variants stand in the order of what they permit.
        let most = roles.max_by_key(|role| **role as u8)?;
        [*most, self.most.role?].into_iter().min_by_key(|role| *role as u8)
    }
}

const ROLES: [RoleName; 5] = [
    RoleName::Reader,
    RoleName::Writer,
    RoleName::Curator,
    RoleName::SpaceAdmin,
    RoleName::Operator,
];

/// The name of a role, as keys have it.
fn word(role: RoleName) -> &'static str {
    match role {
        RoleName::Reader => "reader",
        RoleName::Writer => "writer",
        RoleName::Curator => "curator",
        RoleName::SpaceAdmin => "space_admin",
        RoleName::Operator => "operator",
    }
}

/// The words of a claim: of a list of texts, or of a text with spaces between them (as `scope` has it, RFC 8693); none of anything else.
fn words<'a>(claims: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    match found(claims, name) {
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The claim of that name, else the one to which its dots lead.
fn found<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    found(claims.get(first)?.as_object()?, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{ConfigSources, Settings};

    fn rights(more: &[(&str, &str)]) -> Rights {
        let mut flags = vec![
            ("data_dir".to_owned(), "data".to_owned()),
            ("auth.enabled".to_owned(), "true".to_owned()),
        ];
        let own = [("issuer", "me"), ("audience", "engram"), ("jwks_file", "jwks.json")];
        for (key, value) in own.iter().chain(more) {
            flags.push((format!("tokens.main.{key}"), (*value).to_owned()));
        }
        let sources = ConfigSources { flags, ..ConfigSources::default() };
        Rights::read(&Settings::load(&sources).unwrap().tokens["main"]).unwrap()
    }

    /// Role, single operations and spaces that claims give; none where they give nothing.
    fn given(
        rights: &Rights,
        claims: &Value,
    ) -> Option<(Option<RoleName>, Vec<&'static str>, String)> {
        let grant = rights.of(claims.as_object().unwrap()).ok()?;
        assert!(rights.most.covers(&grant), "{claims}");
        let operations = grant.operations.iter().map(|one| one.name).collect();
        Some((grant.role, operations, grant.spaces.entries().join(",")))
    }

    #[test]
    fn without_claims_a_token_gives_what_the_configuration_says() {
        let own = rights(&[("role", "writer"), ("operations", "forget"), ("spaces", "notes")]);
        let claims = json!({"role": "operator", "spaces": ["*"], "scope": "create_key"});
        let expected = (Some(RoleName::Writer), vec!["forget"], "notes".to_owned());
        assert_eq!(given(&own, &claims), Some(expected));
    }

    #[test]
    fn a_claim_gives_no_more_than_the_configuration() {
        let own = rights(&[
            ("role", "curator"),
            ("role_claim", "realm.roles"),
            ("operations", "export"),
            ("operations_claim", "scope"),
            ("spaces", "notes,team-*"),
            ("spaces_claim", "spaces"),
        ]);
        let claims = |role: Value, scope: Value, spaces: Value| json!({"realm": {"roles": role}, "scope": scope, "spaces": spaces});
        let admin = claims(json!(["operator"]), json!("create_key export openid"), json!(["*"]));
        let all = (Some(RoleName::Curator), vec!["export"], "notes,team-*".to_owned());
        assert_eq!(given(&own, &admin), Some(all));
        let reader = claims(json!("offline reader"), json!(""), json!("team-a vault notes team-*"));
        let some = (Some(RoleName::Reader), vec![], "team-a,notes,team-*".to_owned());
        assert_eq!(given(&own, &reader), Some(some));
        for nothing in [
            json!({}),
            claims(json!(["root"]), json!(""), json!("notes")),
            claims(json!(["reader"]), json!(""), json!("vault")),
            claims(json!(["reader"]), json!(""), json!([])),
            claims(json!(["reader"]), json!(""), json!({"a": "notes"})),
            claims(json!(["reader"]), json!(""), json!(["Notes", "no tes", "../notes", 7])),
            claims(json!(7), json!(null), json!("notes")),
        ] {
            assert_eq!(given(&own, &nothing), None, "{nothing}");
        }
    }

    #[test]
    fn values_of_a_claim_stand_for_roles() {
        let own = rights(&[
            ("role", "operator"),
            ("role_claim", "https://example.org/groups"),
            ("role_names", "Memory Admins=operator, cn=people=reader"),
            ("spaces_claim", "spaces"),
        ]);
        let role = |groups: Value, spaces: &str| {
            let claims = json!({"https://example.org/groups": groups, "spaces": spaces});
            given(&own, &claims).and_then(|(role, ..)| role)
        };
        assert_eq!(role(json!(["Memory Admins", "cn=people"]), "*"), Some(RoleName::Operator));
        assert_eq!(role(json!(["cn=people"]), "*"), Some(RoleName::Reader));
        assert_eq!(role(json!(["Memory Admins"]), "notes"), Some(RoleName::SpaceAdmin));
        assert_eq!(role(json!(["operator"]), "*"), None, "the names of roles mean nothing then");
    }

    #[test]
    fn bounded_trust_stays_bounded() {
        let own = rights(&[
            ("role", "curator"),
            ("trust_max", "0.5"),
            ("operations_claim", "scope"),
            ("role_claim", "role"),
        ]);
        let claims = json!({"role": "curator", "scope": "forget recall"});
        let (role, operations, _) = given(&own, &claims).unwrap();
        assert_eq!((role, operations), (Some(RoleName::Curator), vec!["recall"]));
    }
}
