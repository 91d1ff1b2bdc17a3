//! What a caller may do: permissions by a role, operations one by one, in some spaces.

use engram_api::{ErrorCode, OPERATIONS, Operation, Permission, Problem, RoleName, nearest};

use crate::auth::spaces::SpaceScope;
use crate::refusal::Refusal;

/// What a caller may do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) role: Option<RoleName>,
    /// Beside those of the role.
    pub(crate) operations: Vec<&'static Operation>,
    pub(crate) spaces: SpaceScope,
    /// Most that its memories may claim for themselves; none = anything.
    pub(crate) trust_max: Option<f32>,
}

impl Grant {
    /// Everything, for whoever asks where nobody has to say who they are.
    pub(crate) fn everything() -> Grant {
        Grant {
            role: Some(RoleName::Operator),
            operations: Vec::new(),
            spaces: SpaceScope::all(),
            trust_max: None,
        }
    }

    /// Reads what a key is to be allowed.
    pub(crate) fn read(
        role: Option<RoleName>,
        names: &[String],
        spaces: Vec<String>,
        trust_max: Option<f32>,
    ) -> Result<Grant, Refusal> {
        let mut operations = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            operations.push(Operation::by_name(name).ok_or_else(|| unknown(index, name))?);
        }
        if role.is_none() && operations.is_empty() {
            let detail = "a key has a role, operations, or both";
            return Err(Refusal::new(ErrorCode::MissingField, detail).with_field("role"));
        }
        if trust_max.is_some_and(|most| !(0.0..=1.0).contains(&most)) {
            let detail = "trust_max lies between 0 and 1";
            return Err(Refusal::new(ErrorCode::OutOfRange, detail).with_field("trust_max"));
        }
        // Who judges or removes memories of others changes what is trusted.
        let beyond = operations.iter().find(|one| !is_for_bounded(one.permission));
        if let (Some(operation), Some(_)) = (beyond, trust_max) {
            let detail =
                format!("a key with trust_max reads and writes, and {} is more", operation.name);
            return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("operations"));
        }
        let spaces = SpaceScope::read(spaces)?;
        let grant = Grant { role, operations, spaces, trust_max };
        let single = grant.operations.iter().find(|one| one.is_about_all_spaces());
        let whole = single
            .map(|one| one.name)
            .or_else(|| (role == Some(RoleName::Operator)).then_some("what an operator does"));
        if let Some(what) = whole.filter(|_| !grant.spaces.has_all()) {
            let detail =
                format!("{what} is about the whole node: such a key names all spaces, [\"*\"]");
            return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("spaces"));
        }
        Ok(grant)
    }

    /// Whether it names an operation, in whatever space.
    pub(crate) fn names(&self, operation: &Operation) -> bool {
        operation.permission == Permission::Any
            || self.by_role(operation.permission)
            || self.operations.iter().any(|own| own.name == operation.name)
    }

    /// Whether its role has a permission. Whose claims are bounded reads and writes, whatever the role.
    fn by_role(&self, permission: Permission) -> bool {
        let is_beyond = self.trust_max.is_some() && !is_for_bounded(permission);
        !is_beyond && self.role.is_some_and(|role| permits(role, permission))
    }

    /// Whether its role, or an operation of its own, has a permission.
    pub(crate) fn permits(&self, permission: Permission) -> bool {
        self.by_role(permission) || self.operations.iter().any(|own| own.permission == permission)
    }

    /// Whether it allows all that the other one does.
    pub(crate) fn covers(&self, other: &Grant) -> bool {
        let named = OPERATIONS.iter().all(|one| self.names(one) || !other.names(one));
        // Without a bound is more than any bound: it may import, too.
        let trust = |grant: &Grant| grant.trust_max.unwrap_or(f32::INFINITY);
        named && self.spaces.covers(&other.spaces) && trust(self) >= trust(other)
    }
}

/// What somebody may have whose claims are bounded: by judging or forgetting he would decide what is trusted.
fn is_for_bounded(permission: Permission) -> bool {
    matches!(permission, Permission::Read | Permission::Write | Permission::Any)
}

fn permits(role: RoleName, permission: Permission) -> bool {
    let least = match permission {
        Permission::Any => return true,
        Permission::Read => RoleName::Reader,
        Permission::Write | Permission::Train => RoleName::Writer,
        Permission::Forget => RoleName::Curator,
        Permission::Admin => RoleName::SpaceAdmin,
        Permission::Operate => RoleName::Operator,
    };
    // The variants stand in the order of what they permit.
    role as u8 >= least as u8
}

fn unknown(index: usize, name: &str) -> Refusal {
    let shown: String = name.chars().take(100).collect();
    let names = OPERATIONS.iter().map(|operation| operation.name);
    let found = nearest(&shown, names).map(str::to_owned);
    let detail = format!("no operation is called {shown:?}");
    let problem = Problem::new(ErrorCode::InvalidValue, detail);
    Refusal::from(problem.with_field(format!("operations[{index}]")).with_nearest(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(
        role: Option<RoleName>,
        operations: &[&str],
        spaces: &[&str],
    ) -> Result<Grant, String> {
        let own = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        Grant::read(role, &own(operations), own(spaces), None).map_err(|refusal| refusal.0.code)
    }

    #[test]
    fn each_role_has_what_the_one_before_has() {
        let roles = [
            RoleName::Reader,
            RoleName::Writer,
            RoleName::Curator,
            RoleName::SpaceAdmin,
            RoleName::Operator,
        ];
        let named = |role| {
            let own = grant(Some(role), &[], &["*"]).unwrap();
            OPERATIONS.iter().filter(|one| own.names(one)).map(|one| one.name).collect::<Vec<_>>()
        };
        for pair in roles.windows(2) {
            let (less, more) = (named(pair[0]), named(pair[1]));
            assert!(less.iter().all(|name| more.contains(name)) && less.len() < more.len());
        }
        assert_eq!(named(RoleName::Operator).len(), OPERATIONS.len());
        let reader = named(RoleName::Reader);
        assert!(reader.contains(&"recall") && !reader.contains(&"remember"));
        assert!(!named(RoleName::Writer).contains(&"forget"));
        assert!(!named(RoleName::SpaceAdmin).contains(&"create_key"));
    }

    #[test]
    fn what_is_about_the_node_needs_all_spaces() {
        assert_eq!(grant(Some(RoleName::Operator), &[], &["notes"]), Err("invalid_value".into()));
        assert_eq!(grant(None, &["create_backup"], &["notes"]), Err("invalid_value".into()));
        assert!(grant(None, &["create_backup"], &["*"]).is_ok());
        assert!(grant(Some(RoleName::SpaceAdmin), &[], &["team-*"]).is_ok());
        assert_eq!(grant(None, &["recal"], &["*"]), Err("invalid_value".into()));
        assert_eq!(grant(None, &[], &["*"]), Err("missing_field".into()));
    }

    #[test]
    fn nobody_gives_more_than_he_has() {
        let admin = grant(Some(RoleName::SpaceAdmin), &[], &["team-*"]).unwrap();
        assert!(admin.covers(&grant(Some(RoleName::Curator), &[], &["team-a"]).unwrap()));
        assert!(!admin.covers(&grant(Some(RoleName::Curator), &[], &["notes"]).unwrap()));
        assert!(!admin.covers(&grant(Some(RoleName::Operator), &[], &["*"]).unwrap()));
        assert!(Grant::everything().covers(&admin));
        let doubtful = Grant { trust_max: Some(0.5), ..Grant::everything() };
        assert!(!doubtful.covers(&Grant::everything()) && Grant::everything().covers(&doubtful));
    }
}
