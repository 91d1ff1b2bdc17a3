//! Schemas of the change feed.

use serde_json::Value;

use super::{
    Named, answer, any_list, count, integer, may, needs, one_of_names, reference, request, text,
    time,
};

pub(super) fn schemas() -> Vec<Named> {
    let names = [
        "remembered",
        "updated",
        "merged",
        "suppressed",
        "restored",
        "deleted",
        "associated",
        "dissociated",
        "repeated",
        "marked",
        "judged",
        "decided",
        "believed",
        "dissolved",
    ];
    vec![
        ("ChangesRequest", changes()),
        ("ChangesResponse", response()),
        ("CommitView", commit()),
        ("ChangeView", change()),
        ("ChangeName", one_of_names(&names)),
        ("MissedView", missed()),
    ]
}

fn changes() -> Value {
    request(
        "A place in the log of a space, and how much of what follows is wanted.",
        vec![
            may(
                "after",
                count(),
                "The last commit that was seen; when absent, the last of the space.",
            ),
            may("limit", integer(1, 1000), "Most commits of a page; 100 when absent."),
            may(
                "wait_seconds",
                integer(0, 60),
                "How long to wait for a change where there is none yet; 0 when absent. Never longer than a request may take.",
            ),
        ],
    )
}

fn response() -> Value {
    answer(
        "What changed behind a commit.",
        vec![
            needs(
                "commits",
                any_list(&reference("CommitView")),
                "Commits that changed something, in order.",
            ),
            needs("lsn", count(), "Where to go on: everything up to this commit was looked at."),
            may(
                "missed",
                reference("MissedView"),
                "Changes that are not kept any more; absent when there are none.",
            ),
        ],
    )
}

fn commit() -> Value {
    answer(
        "The changes of one commit.",
        vec![
            needs("lsn", count(), "Its log sequence number."),
            needs("committed_at", time(), "Its time."),
            needs("changes", any_list(&reference("ChangeView")), "What changed, in order."),
        ],
    )
}

fn change() -> Value {
    answer(
        "What became of a memory, or between two. What it says is read with `get`: nothing forgotten is told.",
        vec![
            needs("change", reference("ChangeName"), "What happened."),
            needs("id", text(), "Id of the memory."),
            may("version", count(), "Its new version, where it was updated."),
            may("other", text(), "Id of the other memory, where it is about two."),
            may("verdict", reference("VerdictName"), "What was said of it, where it was judged."),
            may("decision", reference("DecisionName"), "What was decided about the two."),
        ],
    )
}

fn missed() -> Value {
    answer(
        "Changes that are not kept any more: read what the space holds now, and go on from there.",
        vec![
            needs("after", count(), "The last commit that was seen."),
            needs("before", count(), "The first commit behind it whose changes are known."),
        ],
    )
}
