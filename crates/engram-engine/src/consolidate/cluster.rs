//! Which memories say the same: what the associations found near in meaning, weighed with who and what is named and when
//! it happened.
//!
//! Leader clustering (Hartigan, Clustering Algorithms, 1975): a memory joins the belief whose words it is nearest to, else
//! those around it that belong to none make one with it. Each memory is compared with what its associations lead to and
//! with nothing else, so that the cost of a memory does not grow with the space.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engram_index::{Adjacency, Direction, Kernels, name_key};

use crate::association::EdgeKind;
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Kind, Memory, State};
use crate::portable::MEMBERS_MAX;

/// Memories that make a belief.
pub(super) const MEMBERS_MIN: usize = 3;
/// The affinity from which on memories say the same.
const SAME_FROM: f32 = 0.78;
/// What naming the same people and things adds to the cosine of two memories at most, and what happening at the same time
/// does.
const NAMES_WEIGHT: f32 = 0.08;
const TIME_WEIGHT: f32 = 0.04;
/// How far apart memories happen for half of the latter, days.
const TIME_HALF_DAYS: f32 = 30.0;
const NS_PER_DAY: f32 = 86_400.0 * 1e9;
/// Memories around one that are compared with it.
const AROUND_MAX: usize = 64;

/// What a memory is compared by.
struct Profile {
    vector: Vec<f32>,
    /// Folded names of people; two memories about other people do not say the same.
    people: BTreeSet<String>,
    /// Nodes of the entities that it names.
    entities: BTreeSet<u32>,
    subject: String,
    attribute: String,
    /// What it states something of.
    claim: Option<String>,
    session: String,
    happened_ns: i64,
}

/// Where a memory went.
#[derive(Clone, Copy)]
enum Home {
    /// To a belief that was there, by its node.
    Belief(u32),
    /// To one that is new, by its place.
    New(usize),
}

/// What a run of memories comes to.
pub(super) struct Clusters<'a> {
    snapshot: &'a Snapshot,
    now_ns: i64,
    profiles: HashMap<u32, Option<Profile>>,
    homes: HashMap<u32, Home>,
    /// Memories that join beliefs, by their nodes.
    pub(super) joined: BTreeMap<u32, Vec<u32>>,
    /// Members of new beliefs; the first one leads.
    pub(super) founded: Vec<Vec<u32>>,
}

impl<'a> Clusters<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, now_ns: i64) -> Clusters<'a> {
        Clusters {
            snapshot,
            now_ns,
            profiles: HashMap::new(),
            homes: HashMap::new(),
            joined: BTreeMap::new(),
            founded: Vec::new(),
        }
    }

    /// Finds the belief of one memory, or makes one of it and what is around it.
    pub(super) fn look_at(&mut self, node: u32) {
        if self.home(node).is_some() || !self.may_carry(node) {
            return;
        }
        let around = self.around(node);
        if around.is_empty() || self.profile(node).is_none() {
            return;
        }
        let homes: BTreeSet<(u8, u32)> = around
            .iter()
            .filter_map(|other| match self.home(*other)? {
                Home::Belief(belief) => Some((0, belief)),
                Home::New(place) => Some((1, place as u32)),
            })
            .collect();
        let mut best: Option<(f32, Home)> = None;
        for (kind, place) in homes {
            let (home, leader, size) = match kind {
                0 => (Home::Belief(place), place, self.size_of(place)),
                _ => {
                    let members = &self.founded[place as usize];
                    (Home::New(place as usize), members[0], members.len())
                }
            };
            let affinity = self.affinity(node, leader);
            let better = best.is_none_or(|(known, _)| affinity > known);
            if affinity >= SAME_FROM && size < MEMBERS_MAX && better {
                best = Some((affinity, home));
            }
        }
        match best {
            Some((_, Home::Belief(belief))) => {
                self.homes.insert(node, Home::Belief(belief));
                self.joined.entry(belief).or_default().push(node);
            }
            Some((_, Home::New(place))) => {
                self.homes.insert(node, Home::New(place));
                self.founded[place].push(node);
            }
            None => self.found(node, &around),
        }
    }

    /// Makes a belief of a memory and those around it that have none, where they are enough.
    fn found(&mut self, node: u32, around: &[u32]) {
        let mut reached: BTreeSet<u32> = around.iter().copied().collect();
        for near in around {
            if reached.len() < AROUND_MAX {
                reached.extend(self.around(*near));
            }
        }
        reached.remove(&node);
        let mut members = vec![node];
        for other in reached.into_iter().take(AROUND_MAX) {
            let free = self.home(other).is_none() && self.may_carry(other);
            if free && self.affinity(node, other) >= SAME_FROM {
                members.push(other);
            }
        }
        if members.len() < MEMBERS_MIN || self.is_one_occasion(&members) {
            return;
        }
        let place = self.founded.len();
        for member in &members {
            self.homes.insert(*member, Home::New(place));
        }
        self.founded.push(members);
    }

    /// Whether all of these belong to one session: what is said three times in one conversation was said once.
    fn is_one_occasion(&mut self, members: &[u32]) -> bool {
        let mut sessions = BTreeSet::new();
        for member in members {
            match self.profile(*member) {
                Some(profile) if !profile.session.is_empty() => {
                    sessions.insert(profile.session.clone());
                }
                _ => return false,
            }
        }
        sessions.len() < 2
    }

    fn size_of(&self, belief: u32) -> usize {
        let known = self.snapshot.beliefs.get(belief).map_or(0, |known| known.members.len());
        known + self.joined.get(&belief).map_or(0, Vec::len)
    }

    /// Where a memory belongs; a belief belongs to itself.
    fn home(&self, node: u32) -> Option<Home> {
        let snapshot = self.snapshot;
        let belief = snapshot.beliefs.get(node).map(|_| node).or_else(|| snapshot.beliefs.on(node));
        belief.map(Home::Belief).or_else(|| self.homes.get(&node).copied())
    }

    /// What lies near a memory in meaning, ascending.
    fn around(&self, node: u32) -> Vec<u32> {
        let near = EdgeKind::Near.edge_type();
        let links = self.snapshot.associations.graph.links(node);
        let mut around: Vec<u32> =
            links.filter(|link| link.edge_type == near).map(|link| link.node).collect();
        around.truncate(AROUND_MAX);
        around.sort_unstable();
        around.dedup();
        around
    }

    /// Whether a belief may rest on a memory.
    fn may_carry(&self, node: u32) -> bool {
        let Some((at, State::Active)) = self.snapshot.doc_of_node(node) else { return false };
        let head = self.snapshot.head(at);
        !self.snapshot.beliefs.is_apart(node)
            && head.content.kind != Kind::Belief
            && !head.is_expired(self.now_ns)
            // What is superseded held once; a belief says what holds.
            && self.snapshot.successor(node, self.now_ns).is_none()
    }

    /// How far two memories say the same, in [0, 1 + all weights]; 0 where they are about others.
    fn affinity(&mut self, one: u32, other: u32) -> f32 {
        self.profile(one);
        self.profile(other);
        let known = |node: u32| self.profiles.get(&node).and_then(Option::as_ref);
        let Some((one, other)) = known(one).zip(known(other)) else { return 0.0 };
        if differ(&one.subject, &other.subject) || differ(&one.attribute, &other.attribute) {
            return 0.0;
        }
        if let (Some(one), Some(other)) = (&one.claim, &other.claim)
            && one != other
        {
            return 0.0;
        }
        let strangers = !one.people.is_empty()
            && !other.people.is_empty()
            && one.people.is_disjoint(&other.people);
        if strangers {
            return 0.0;
        }
        let cosine = (Kernels::best().dot_f32)(&one.vector, &other.vector);
        let shared = one.entities.intersection(&other.entities).count() as f32;
        let all = one.entities.union(&other.entities).count().max(1) as f32;
        let days = one.happened_ns.abs_diff(other.happened_ns) as f32 / NS_PER_DAY;
        let time = TIME_HALF_DAYS / (TIME_HALF_DAYS + days);
        cosine + NAMES_WEIGHT * shared / all + TIME_WEIGHT * time
    }

    /// What a memory or a belief is compared by; none where it has no vector, or is in the cold store.
    fn profile(&mut self, node: u32) -> Option<&Profile> {
        if !self.profiles.contains_key(&node) {
            let profile = self.read_profile(node);
            self.profiles.insert(node, profile);
        }
        self.profiles.get(&node)?.as_ref()
    }

    fn read_profile(&self, node: u32) -> Option<Profile> {
        let (at, state) = self.snapshot.doc_of_node(node)?;
        // A hidden belief takes in what it would take in if it were shown.
        let counts = state == State::Active || self.snapshot.beliefs.get(node).is_some();
        if !counts || self.snapshot.is_cold(at) {
            return None;
        }
        let mut vector = Vec::new();
        self.snapshot.with_vector(at, 0, &mut |own| vector.extend_from_slice(own));
        if vector.is_empty() {
            return None;
        }
        let head = self.snapshot.head(at);
        Some(Profile {
            vector,
            people: people(&head),
            entities: self.entities(node),
            subject: name_key(&head.content.subject),
            attribute: name_key(&head.content.attribute),
            claim: head.content.claim(&self.snapshot.supersede_key),
            session: head.content.session.clone(),
            happened_ns: self.happened(node, at),
        })
    }

    /// When a memory happened; of a belief, when the last of what it rests on did.
    fn happened(&self, node: u32, at: DocRef) -> i64 {
        match self.snapshot.beliefs.get(node) {
            Some(belief) => belief.span.1,
            None => self.snapshot.head(at).happened_at(),
        }
    }

    fn entities(&self, node: u32) -> BTreeSet<u32> {
        let entity = EdgeKind::Entity.edge_type();
        let links = self.snapshot.associations.graph.links(node);
        let named =
            links.filter(|link| link.edge_type == entity && link.direction == Direction::Out);
        named.map(|link| link.node).take(AROUND_MAX).collect()
    }
}

fn people(memory: &Memory) -> BTreeSet<String> {
    memory.content.people.iter().map(|name| name_key(name)).filter(|key| !key.is_empty()).collect()
}

/// Whether both are given, and not the same.
fn differ(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && one != other
}
