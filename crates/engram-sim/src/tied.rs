//! The checkers of associations: what was stated is there, and nothing that is hidden is reached over any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engram_engine::{
    Association, AssociationQuery, EdgeDirection, EdgeKind, Filter, LIMIT_MAX, MarkDetail,
    MarkState, MarksQuery, PathStep, Recognize, Spread, SpreadAnswer,
};

use crate::history::{Check, History};
use crate::model::{Image, Stored, classify};
use crate::rng::Rng;

/// Memories whose associations are looked at in one pass.
const LOOKED_AT_MAX: usize = 8;
/// Matches that recognition is asked for, and memories of a space up to which each is among those that it looks at.
const MATCHES: usize = 5;
const RECOGNISED_MAX: usize = 20;
/// Longest text that is recognised, in bytes: each match is analysed anew.
const RECOGNISED_BYTES: usize = 300;
/// Difference of a weight from what was stated, at most: it is stored in 16 bits.
const WEIGHT_ERROR: f32 = 1e-3;

impl History {
    /// Associations, spreading and recognition: pure reads that see only what is visible.
    pub(crate) fn verify_ties(&self, name: &str, image: &Image, rng: &mut Rng) -> Check {
        self.verify_counts(name, image)?;
        let all: Vec<Arc<Stored>> = image.memories.values().cloned().collect();
        let start = rng.index(all.len());
        for stored in all.iter().cycle().skip(start).take(LOOKED_AT_MAX.min(all.len())) {
            if stored.visible(self.now_ns()) {
                self.verify_associations(name, image, stored)?;
                self.verify_spread(name, image, (stored, rng))?;
                self.verify_recognition(name, image, stored)?;
            } else {
                self.verify_hidden(name, stored.name())?;
            }
        }
        let deleted = self.spaces[name].deleted.iter().filter(|id| image.find(id).is_none());
        deleted.take(LOOKED_AT_MAX).try_for_each(|id| self.verify_hidden(name, id))
    }

    fn verify_counts(&self, name: &str, image: &Image) -> Check {
        let stats = self.engine().stats(name).map_err(|error| error.to_string())?;
        let memories = image.memories.len() as u64;
        let found = (stats.associations, stats.entities, stats.unlinked);
        if memories == 0 && found != (0, 0, 0) {
            return Err(format!("nothing is there but (associations, …) {found:?}"));
        }
        if stats.unlinked > memories || stats.associations < image.ties.len() as u64 {
            let stated = image.ties.len();
            return Err(format!("(associations, …) {found:?} of {memories}, {stated} stated"));
        }
        if stats.indexed_vectors > stats.vectors {
            return Err(format!("{} vectors are in the graph", stats.indexed_vectors));
        }
        Ok(())
    }

    /// All associations of a memory; none where some of it is out of reach and the engine says so.
    pub(crate) fn associations(&self, name: &str, id: &str) -> Check<Option<Vec<Association>>> {
        let (direction, kinds) = (EdgeDirection::Both, Vec::new());
        let mut query =
            AssociationQuery { id: id.to_owned(), direction, kinds, limit: 100, offset: 0 };
        let mut all = Vec::new();
        loop {
            let page = self.told(self.engine().associations(name, &query));
            let page = page.map_err(|error| format!("associations of {id} fail: {error}"))?;
            let Some(page) = page else { return Ok(None) };
            all.extend(page.items);
            match page.next {
                Some(next) if u64::from(next) == all.len() as u64 => query.offset = next,
                None if page.total == all.len() as u64 => return Ok(Some(all)),
                _ => return Err(format!("{} of {} associations of {id}", all.len(), page.total)),
            }
        }
    }

    /// What was stated is there as it was stated; what was formed leads to what is visible.
    /// Whether somebody decided about a pair.
    fn is_decided(&self, name: &str, (id, other): (&str, &str)) -> bool {
        let query = MarksQuery {
            id: Some(id.to_owned()),
            kind: None,
            state: None,
            limit: LIMIT_MAX,
            offset: 0,
        };
        let page = self.engine().marks(name, &query);
        let decided = |mark: &MarkDetail| {
            let ends = [mark.earlier.0.as_str(), mark.later.0.as_str()];
            mark.state != MarkState::Open && ends.contains(&other)
        };
        page.is_ok_and(|page| page.items.iter().any(decided))
    }

    fn verify_associations(&self, name: &str, image: &Image, stored: &Stored) -> Check {
        let id = stored.name();
        let Some(found) = self.associations(name, id)? else { return Ok(()) };
        let now_ns = self.now_ns();
        let visible = |id: &str| image.find(id).is_some_and(|stored| stored.visible(now_ns));
        let mut stated = BTreeMap::new();
        let mut beside = BTreeMap::new();
        let mut newer = BTreeSet::new();
        for tie in &found {
            let (own, other) =
                if tie.from == id { (&tie.from, &tie.to) } else { (&tie.to, &tie.from) };
            let in_range = tie.weight > 0.0 && tie.weight <= 1.0;
            if own != id || other == id || !visible(other) || !in_range {
                return Err(format!("{id} has the association {tie:?}"));
            }
            match tie.kind {
                EdgeKind::Explicit => {
                    let pair = image.pair(&tie.from, &tie.to).ok_or("both ends are visible")?;
                    if stated.insert(pair, tie).is_some() {
                        return Err(format!("{tie:?} stands twice"));
                    }
                }
                EdgeKind::Next => {
                    let session = image.find(other).map(|other| &other.content.session);
                    let twice = beside.insert(tie.from == id, other).is_some();
                    if twice || session != Some(&stored.content.session) {
                        return Err(format!("{id} is not in one row: {found:?}"));
                    }
                }
                EdgeKind::Supersedes => {
                    if tie.to == id && !newer.insert(other) || newer.len() > 1 {
                        return Err(format!("{id} is superseded twice: {found:?}"));
                    }
                }
                EdgeKind::Contradicts if !self.is_decided(name, (id, other)) => {
                    return Err(format!("nobody decided that {id} contradicts {other}"));
                }
                EdgeKind::Contradicts | EdgeKind::Entity | EdgeKind::Mention | EdgeKind::Near => {}
            }
        }
        self.verify_named(name, image, (stored, &found))?;
        let own = stored.place();
        let shown = |place: &(u64, u32)| image.memories[place].visible(now_ns);
        let expected = image
            .ties
            .iter()
            .filter(|((from, to), _)| (*from == own && shown(to)) || (*to == own && shown(from)));
        let mut count = 0;
        for (pair, tie) in expected {
            count += 1;
            let same = stated.get(pair).is_some_and(|found| {
                found.label == tie.relation
                    && found.reason == tie.reason
                    && (found.weight - tie.weight).abs() < WEIGHT_ERROR
            });
            if !same {
                return Err(format!(
                    "{id}: {pair:?} {tie:?} was stated, found {:?}",
                    stated.get(pair)
                ));
            }
        }
        if stated.len() != count {
            return Err(format!("{id}: {count} associations were stated, found {stated:?}"));
        }
        Ok(())
    }

    /// Once all is linked, memories that name the same person are associated by it, unless somebody parted them.
    fn verify_named(
        &self,
        name: &str,
        image: &Image,
        (stored, found): (&Stored, &[Association]),
    ) -> Check {
        let stats = self.engine().stats(name).map_err(|error| error.to_string())?;
        if stats.unlinked > 0 || image.parted.contains(&stored.place()) {
            return Ok(());
        }
        let now_ns = self.now_ns();
        let tied: BTreeSet<&str> = found
            .iter()
            .filter(|tie| tie.kind == EdgeKind::Entity)
            .map(|tie| tie.to.as_str())
            .collect();
        let shares = |other: &&Arc<Stored>| {
            let people = &other.content.people;
            other.visible(now_ns)
                && other.place() != stored.place()
                && !image.parted.contains(&other.place())
                && people.iter().any(|person| stored.content.people.contains(person))
        };
        match image.memories.values().filter(shares).find(|other| !tied.contains(other.name())) {
            Some(other) => Err(format!("{} and {} share a person", stored.name(), other.name())),
            None => Ok(()),
        }
    }

    /// What is hidden or gone has no associations to show and starts no activation.
    fn verify_hidden(&self, name: &str, id: &str) -> Check {
        let (direction, kinds) = (EdgeDirection::Both, Vec::new());
        let query = AssociationQuery { id: id.to_owned(), direction, kinds, limit: 1, offset: 0 };
        match self.engine().associations(name, &query) {
            Err(error) if classify(&error) == "no memory" || self.excused(&error) => {}
            other => return Err(format!("associations of {id}, which is hidden: {other:?}")),
        }
        match self.engine().spread(name, &spread(id, 2)) {
            Err(error) if classify(&error) == "no memory" || self.excused(&error) => Ok(()),
            other => Err(format!("spread from {id}, which is hidden: {other:?}")),
        }
    }

    fn verify_spread(&self, name: &str, image: &Image, (seed, rng): (&Stored, &mut Rng)) -> Check {
        let id = seed.name();
        let found = self.spread(name, (id, rng.within(1, 3) as u32))?;
        let Some(found) = found else { return Ok(()) };
        let now_ns = self.now_ns();
        let visible = |id: &str| image.find(id).is_some_and(|stored| stored.visible(now_ns));
        let mut ids = BTreeSet::new();
        let mut last = f32::INFINITY;
        for item in &found.items {
            let reached = item.detail.memory.id.as_str();
            let ordered = item.activation <= last && item.activation > 0.0;
            if !visible(reached) || !ids.insert(reached) || !ordered {
                return Err(format!("spread from {id} shows {item:?}"));
            }
            last = item.activation;
            let ends = item.path.first().zip(item.path.last());
            let leads = ends.is_none_or(|(first, end)| first.from == id && end.to == reached);
            if !leads || !self.conducts(&item.path, &visible) {
                return Err(format!("spread from {id} takes the path {:?}", item.path));
            }
        }
        if !ids.contains(id) || found.lsn.0 != image.lsn {
            return Err(format!("spread from {id} as of {} shows {ids:?}", found.lsn));
        }
        let own = seed.place();
        for (from, to) in image.ties.keys().filter(|(from, to)| *from == own || *to == own) {
            let other = &image.memories[if *from == own { to } else { from }];
            if other.visible(now_ns) && !found.cut && !ids.contains(other.name()) {
                return Err(format!("spread from {id} does not reach {}", other.name()));
            }
        }
        Ok(())
    }

    /// Whether each step of a path stands between visible memories and starts where the one before it ends.
    pub(crate) fn conducts(&self, path: &[PathStep], visible: &dyn Fn(&str) -> bool) -> bool {
        path.windows(2).all(|steps| steps[0].to == steps[1].from)
            && path.iter().all(|step| visible(&step.from) && visible(&step.to))
    }

    /// What activation from one memory reaches; none where some of it is out of reach and the engine says so.
    pub(crate) fn spread(
        &self,
        name: &str,
        (id, hops): (&str, u32),
    ) -> Check<Option<SpreadAnswer>> {
        let found = self.told(self.engine().spread(name, &spread(id, hops)));
        found.map_err(|error| format!("spread from {id} fails: {error}"))
    }

    fn verify_recognition(&self, name: &str, image: &Image, stored: &Stored) -> Check {
        let text = stored.content.text.clone();
        if text.trim().is_empty() || text.len() > RECOGNISED_BYTES {
            return Ok(());
        }
        let asked = Recognize { text, vector: None, limit: MATCHES };
        let found = self.told(self.engine().recognize(name, &asked));
        let found = found.map_err(|error| format!("recognise fails: {error}"))?;
        let Some(found) = found else { return Ok(()) };
        let now_ns = self.now_ns();
        for matched in &found.matches {
            let id = &matched.detail.memory.id;
            if !image.find(id).is_some_and(|stored| stored.visible(now_ns)) {
                return Err(format!("{id} is recognised"));
            }
        }
        let own = found.matches.iter().any(|matched| matched.exact);
        let few = image.memories.len() <= RECOGNISED_MAX && !stored.token.is_empty();
        if few && (!own || !found.known || found.familiarity < 1.0) {
            return Err(format!("{} is not recognised by its own text", stored.name()));
        }
        Ok(())
    }
}

fn spread(id: &str, hops: u32) -> Spread {
    Spread {
        seeds: vec![(id.to_owned(), 1.0)],
        hops,
        kinds: Vec::new(),
        filter: Filter::default(),
        limit: 1_000,
        edges_max: 100_000,
    }
}
