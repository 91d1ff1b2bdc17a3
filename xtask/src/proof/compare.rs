//! The comparison of what a server holds with what it must hold. Pure, so that tests can show that it finds each kind
//! of fault.

use std::collections::{BTreeMap, BTreeSet};

use super::content::Content;
use super::ledger::{Fate, Ledger, SpaceEntry};

/// A memory as a listing shows it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) content: Content,
    pub(super) lsn: u64,
}

/// Every space of a server with the rows of its listing.
pub(super) type Observed = BTreeMap<String, Vec<Seen>>;

/// Everything that is not as the ledger demands, one line each.
pub(super) fn faults(ledger: &Ledger, observed: &Observed) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, space) in &ledger.spaces {
        match (space.fate, observed.get(name)) {
            (Fate::There, None) => faults.push(format!("lost: space {name} was acknowledged")),
            (Fate::Gone, Some(_)) => faults.push(format!("risen: space {name} was deleted")),
            (_, Some(rows)) => memories(name, space, rows, &mut faults),
            (_, None) => {}
        }
    }
    let unknown = observed.keys().filter(|name| !ledger.spaces.contains_key(*name));
    faults.extend(unknown.map(|name| format!("unknown: space {name} was never asked for")));
    faults
}

fn memories(name: &str, space: &SpaceEntry, rows: &[Seen], faults: &mut Vec<String>) {
    let mut seen: BTreeMap<&str, &Seen> = BTreeMap::new();
    for row in rows {
        if seen.insert(&row.id, row).is_some() {
            faults.push(format!("twice: {name}/{} is listed more than once", row.id));
        }
        match space.memories.get(&row.id) {
            None => faults.push(format!("unknown: {name}/{} was never sent, or refused", row.id)),
            Some(entry) if entry.content != row.content => {
                faults.push(format!("changed: {name}/{} has other content than was sent", row.id));
            }
            Some(entry) if entry.fate == Fate::Gone => {
                faults.push(format!("risen: {name}/{} was deleted", row.id));
            }
            Some(entry) if entry.lsn.is_some_and(|lsn| lsn != row.lsn) => {
                faults.push(format!(
                    "changed: {name}/{} has LSN {}, acknowledged was {:?}",
                    row.id, row.lsn, entry.lsn
                ));
            }
            Some(_) => {}
        }
    }
    let mut open: BTreeMap<u64, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for (id, entry) in &space.memories {
        let there = seen.contains_key(id.as_str());
        match entry.fate {
            Fate::There if !there => {
                faults.push(format!("lost: {name}/{id} was acknowledged with LSN {:?}", entry.lsn));
            }
            Fate::Open { request } => {
                let (present, absent) = open.entry(request).or_default();
                if there {
                    present.insert(id)
                } else {
                    absent.insert(id)
                };
            }
            Fate::There | Fate::Gone => {}
        }
    }
    for (present, absent) in
        open.into_values().filter(|(present, absent)| !present.is_empty() && !absent.is_empty())
    {
        faults
            .push(format!("torn: one request of {name} left {present:?} there and {absent:?} not"));
    }
}

impl Ledger {
    /// What was open is now known: seen after a restart means durable, so from here on it must stay.
    pub(super) fn settle(&mut self, observed: &Observed) {
        for (name, space) in &mut self.spaces {
            let Some(rows) = observed.get(name) else {
                space.fate = Fate::Gone;
                continue;
            };
            space.fate = Fate::There;
            let seen: BTreeMap<&str, u64> =
                rows.iter().map(|row| (row.id.as_str(), row.lsn)).collect();
            for (id, entry) in &mut space.memories {
                entry.fate = if seen.contains_key(id.as_str()) { Fate::There } else { Fate::Gone };
                entry.lsn = seen.get(id.as_str()).copied().or(entry.lsn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::proof::ledger::{Answer, Deed, Request};
    use crate::proof::random::Random;

    fn ledger(deeds: Vec<(Request, Answer)>) -> Ledger {
        let mut ledger = Ledger::default();
        let create = (Request::CreateSpace("s".to_owned()), Answer::Acknowledged(None));
        let deeds = std::iter::once(create).chain(deeds);
        let sent = SystemTime::UNIX_EPOCH;
        ledger.note(deeds.map(|(what, answer)| Deed { what, sent, answer }).collect());
        ledger
    }

    fn content(seed: u64) -> Content {
        Content::draw(&mut Random::new(seed))
    }

    fn remember(ids: &[&str], answer: Answer) -> (Request, Answer) {
        let memories = ids.iter().map(|id| ((*id).to_owned(), content(1))).collect();
        (Request::Remember { space: "s".to_owned(), memories }, answer)
    }

    fn delete(id: &str, answer: Answer) -> (Request, Answer) {
        (Request::Delete { space: "s".to_owned(), ids: vec![id.to_owned()] }, answer)
    }

    fn observed(rows: &[(&str, u64, u64)]) -> Observed {
        let row = |(id, seed, lsn): &(&str, u64, u64)| Seen {
            id: (*id).to_owned(),
            content: content(*seed),
            lsn: *lsn,
        };
        Observed::from([("s".to_owned(), rows.iter().map(row).collect())])
    }

    const DONE: Answer = Answer::Acknowledged(Some(5));

    fn silent() -> Answer {
        Answer::Silent(String::new())
    }

    #[track_caller]
    fn check(deeds: Vec<(Request, Answer)>, rows: &[(&str, u64, u64)], expected: &[&str]) {
        let found = faults(&ledger(deeds), &observed(rows));
        let kinds: Vec<&str> = found.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(kinds, expected, "{found:?}");
    }

    #[test]
    fn what_was_acknowledged_must_be_there_as_it_was_sent() {
        let stored = || vec![remember(&["a"], DONE)];
        check(stored(), &[("a", 1, 5)], &[]);
        check(stored(), &[], &["lost"]);
        check(stored(), &[("a", 2, 5)], &["changed"]);
        check(stored(), &[("a", 1, 6)], &["changed"]);
        check(stored(), &[("a", 1, 5), ("a", 1, 5)], &["twice"]);
        check(stored(), &[("a", 1, 5), ("b", 1, 6)], &["unknown"]);
        assert_eq!(faults(&ledger(stored()), &Observed::new()).len(), 1);
    }

    #[test]
    fn what_was_deleted_must_be_gone() {
        let deleted = |answer| vec![remember(&["a"], DONE), delete("a", answer)];
        check(deleted(DONE), &[], &[]);
        check(deleted(DONE), &[("a", 1, 5)], &["risen"]);
        check(deleted(silent()), &[], &[]);
        check(deleted(silent()), &[("a", 1, 5)], &[]);
    }

    #[test]
    fn what_had_no_answer_is_there_as_a_whole_or_not() {
        let open = || vec![remember(&["a", "b"], silent())];
        check(open(), &[], &[]);
        check(open(), &[("a", 1, 5), ("b", 1, 5)], &[]);
        check(open(), &[("a", 1, 5)], &["torn"]);
        check(open(), &[("a", 1, 5), ("b", 2, 5)], &["changed"]);
        let refused = |status, code: &str| Answer::Refused { status, code: code.to_owned() };
        check(vec![remember(&["a"], refused(507, "disk_full"))], &[("a", 1, 5)], &["unknown"]);
        check(vec![remember(&["a"], refused(500, "io_failed"))], &[("a", 1, 5)], &[]);
    }

    #[test]
    fn what_was_seen_after_a_restart_must_stay() {
        let mut ledger = ledger(vec![remember(&["a"], silent()), remember(&["b"], silent())]);
        ledger.settle(&observed(&[("a", 1, 5)]));
        assert_eq!(faults(&ledger, &observed(&[("a", 1, 5)])), [""; 0]);
        assert_eq!(faults(&ledger, &observed(&[("a", 1, 5), ("b", 1, 6)])).len(), 1);
        assert_eq!(faults(&ledger, &observed(&[])).len(), 1);
    }
}
