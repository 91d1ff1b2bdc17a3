//! The words that the comparison of two texts knows. English; what is missing here costs a mark, never a wrong one.

/// Whether a list of words, separated by white space, has a word.
pub(super) fn has(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|other| other == word)
}

/// Forms of `be`, told apart by tense.
pub(super) const BE_NOW: &str = "am is are be being";
pub(super) const BE_PAST: &str = "was were been";
/// What helps a verb and says nothing itself.
pub(super) const HELPERS: &str =
    "do does did has have had will would can could shall to of the a an";
/// What stands before a thing and says nothing of it, or only how sure or how much.
pub(super) const FILLERS: &str = "the a an actually really just already still very quite about around roughly nearly well \
    so then also too ever even only yes yeah oh ok okay hey hi hello please by the way that this there";
/// Words that say no.
pub(super) const NEGATORS: &str =
    "not no never none nobody nothing neither nor without hardly cannot";
/// Words that say all: with a negator on the other side they are its opposite.
pub(super) const UNIVERSALS: &str = "all every always everybody everyone everything";
/// Words that say that something is otherwise than before.
pub(super) const CUES: &str = "now currently nowadays anymore instead again";
/// The same in several words.
pub(super) const CUE_PHRASES: [&str; 7] =
    ["no longer", "any more", "any longer", "used to", "these days", "as of", "not anymore"];
/// What is not told as a fact.
pub(super) const HEDGES: &str = "plan plans planned planning want wants wanted wish hope hopes hoping might may maybe perhaps \
    could should would consider considers considering thinking think intend intends if whether asked asks unsure probably \
    wonder wondering dream dreams ought supposed";
/// What says that there is more of a kind.
pub(super) const LISTED: &str =
    "also too another additionally both other second sometimes usually often mostly";
/// Words whose time depends on when they are said.
pub(super) const DEICTIC: &str =
    "today tonight yesterday tomorrow morning afternoon evening night week weekend";
/// Verbs in the past that tell what happened once, and may happen again.
pub(super) const EVENTS: &str = "ran bought paid saw went ate had took made gave scored won wrote read met told said drank \
    slept sang drove flew sent got came found heard taught brought caught";
/// Verbs of change.
pub(super) const CHANGES: &str = "moved relocated quit left resigned retired sold switched changed migrated upgraded stopped \
    broke divorced separated renamed raised increased lowered reduced decreased dropped fallen fell rose risen grew grown \
    doubled pushed postponed rescheduled extended delayed cancelled canceled discontinued replaced became become joined shaved";
/// Verbs that change a number or a date.
pub(super) const SHIFTS: &str = "raised increased lowered reduced decreased dropped fallen fell rose risen grew grown doubled \
    pushed postponed rescheduled moved extended delayed changed";
/// Verbs that end what was.
pub(super) const ENDS: &str = "quit left resigned retired sold stopped broke divorced separated cancelled canceled \
    discontinued shaved";
/// States, as stems, that a verb of change may end or replace.
pub(super) const STATES: [(&str, &str); 9] = [
    ("moved", "live resid base home offic locat stay host"),
    ("relocated", "live resid base home offic locat stay host"),
    ("switched", "use drive prefer host ride play take"),
    ("changed", "use drive prefer host call number"),
    ("migrated", "use host run"),
    ("broke", "date marri engag togeth"),
    ("divorced", "marri"),
    ("renamed", "call name"),
    ("joined", "work employ"),
];
/// Stems of what one thing has one of at a time, and which may change.
pub(super) const MUTABLE: &str = "live resid work employ favourit favorit password number address price cost rent deadlin \
    due sync appoint close open depart arriv ceo head captain manag director boss coach version salari grade desk port \
    timeout default limit owner date marri host gate floor phone speed leader presid mayor statu";
/// Stems of what one thing has one of, for good.
pub(super) const FIXED: &str = "born birthday built found die wed sign publish invent establish maiden capit name direct \
    compos paint written design discov launch";
/// Words of measure that stand behind a number.
pub(super) const MEASURES: &str = "long high tall wide deep old heavy";
pub(super) const MONTHS: &str =
    "january february march april may june july august september october november december";
pub(super) const WEEKDAYS: &str = "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays \
    thursdays fridays saturdays sundays";
pub(super) const NUMBERS: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen \
    fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty hundred thousand";
pub(super) const ORDINALS: &str =
    "first second third fourth fifth sixth seventh eighth ninth tenth";
/// How turns of a conversation begin that state nothing of what stands first.
pub(super) const INTERJECTIONS: &str = "thanks thank wow great awesome cool nice sure sounds glad congrats congratulations good \
    amazing absolutely definitely totally haha lol right exactly being worries sorry welcome gonna got see sweet fantastic \
    it he she they that this those these what how here there be yep yup nope aww ah oh well hmm omg let keep just can";
/// Who speaks of himself.
pub(super) const SPEAKERS: &str = "i my we our me us mine";

/// Pairs of opposites, as they are written.
pub(super) const OPPOSITES: &str = "open closed|open shut|love hate|loves hates|like dislike|likes dislikes|safe dangerous|\
    safe unsafe|edible poisonous|won lost|wins loses|win lose|before after|older younger|passed failed|passes fails|pass fail|\
    genuine fake|real fake|friendly aggressive|friendly hostile|full empty|alive dead|true false|right wrong|correct incorrect|\
    correct wrong|single married|hot cold|early late|cheap expensive|big small|large small|high low|fast slow|strong weak|\
    rich poor|happy sad|healthy sick|guilty innocent|legal illegal|possible impossible|present absent|awake asleep|on off|\
    enabled disabled|active inactive|public private|visible hidden|accepted rejected|approved rejected|allowed forbidden|\
    allowed banned|agreed refused|agree disagree|agrees disagrees|increased decreased|rises falls|up down|above below|\
    more less|good bad|best worst|clean dirty|dry wet|light dark|light heavy|easy difficult|easy hard|near far|inside outside|\
    indoors outdoors|vegetarian carnivore|left right|north south|east west|male female|married divorced|employed unemployed|\
    available unavailable|available taken|free paid|online offline|locked unlocked|valid invalid|complete incomplete|\
    finished unfinished|known unknown|remember forget|remembered forgot|succeeded failed|bought sold|arrived departed|\
    always never|everybody nobody|everyone nobody|all none";

/// Whether two words are opposites.
pub(super) fn opposite(one: &str, other: &str) -> bool {
    OPPOSITES.split('|').any(|pair| {
        let mut words = pair.split_ascii_whitespace();
        let (first, second) = (words.next(), words.next());
        (first == Some(one) && second == Some(other))
            || (first == Some(other) && second == Some(one))
    })
}
