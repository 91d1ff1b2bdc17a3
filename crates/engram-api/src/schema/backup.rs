//! Schemas of backups.

use serde_json::Value;

use super::{
    Named, answer, any_list, count, flag, integer, may, needs, one_of_names, reference, request,
    text, text_of, time,
};

const REPOSITORY: &str = "Name of the repository; may be absent where there is one only.";

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("CreateBackupRequest", create()),
        ("CreateRestorePointRequest", point()),
        ("RestoreSpaceRequest", restore()),
        ("RestoreTo", target()),
        ("TakeOverRepositoryRequest", take_over()),
        ("BackupKindName", one_of_names(&["full", "differential", "incremental"])),
        ("BackupJobView", job()),
        (
            "BackupJobName",
            one_of_names(&[
                "create_backup",
                "create_restore_point",
                "restore_space",
                "take_over_repository",
            ]),
        ),
        ("BackupJobStateName", one_of_names(&["waiting", "running", "done", "failed"])),
        ("BackupView", backup()),
        ("RestoredSpaceView", restored()),
        ("BackupStatusView", status()),
        ("RepositoryView", repository()),
    ]
}

fn create() -> Value {
    request(
        "What kind of backup of what.",
        vec![
            may("repository", text_of(1, 64), REPOSITORY),
            may(
                "kind",
                reference("BackupKindName"),
                "What kind; incremental when absent. The first one is full in any case.",
            ),
            may(
                "spaces",
                any_list(&text_of(1, 64)),
                "Only these spaces; all of them when absent. No other backup builds on such a one.",
            ),
        ],
    )
}

fn point() -> Value {
    request(
        "A name for this moment.",
        vec![
            may("repository", text_of(1, 64), REPOSITORY),
            needs("name", text_of(1, 64), "Name of the point: `a-z 0-9 - _ .`"),
        ],
    )
}

fn restore() -> Value {
    request(
        "A space as it was, and the name that it gets.",
        vec![
            may("repository", text_of(1, 64), REPOSITORY),
            needs("name", text_of(1, 64), "Name that the space had."),
            needs("new_name", text_of(1, 64), "Name that it gets; no space has it."),
            may(
                "to",
                reference("RestoreTo"),
                "Where to go back to; the last archived commit when absent.",
            ),
            may("exclusive", flag(), "Whether the commit that `to` names is left out."),
        ],
    )
}

fn target() -> Value {
    request(
        "Where to go back to: one of these.",
        vec![
            may("time", time(), "Up to this time, to the nanosecond."),
            may("lsn", count(), "Up to this commit of the space."),
            may("point", text_of(1, 64), "The restore point of that name."),
            may(
                "backup",
                text_of(1, 64),
                "The end of the backup of that name; `latest` is the newest.",
            ),
        ],
    )
}

fn take_over() -> Value {
    request(
        "The repository that is this data directory's from now on.",
        vec![may("repository", text_of(1, 64), REPOSITORY)],
    )
}

fn job() -> Value {
    answer(
        "What was asked of a repository, and what became of it.",
        vec![
            needs("id", count(), "Number of the job; counts from the start of the server."),
            needs("job", reference("BackupJobName"), "What was asked."),
            needs("repository", text(), "The repository."),
            needs("state", reference("BackupJobStateName"), "What has become of it."),
            needs("asked_at", time(), "When it was asked for."),
            may("over_at", time(), "When it was over."),
            may("step", text(), "What is being done."),
            may("done", count(), "How much of it is done: bytes, commits or spaces, by the step."),
            may("total", count(), "How much there is to do; 0 = not known."),
            may("backup", reference("BackupView"), "The backup that was made."),
            may("restored", reference("RestoredSpaceView"), "The space that was restored."),
            may("point_at", time(), "When the restore point is."),
            may("problem", reference("Problem"), "Why it came to nothing."),
        ],
    )
}

fn backup() -> Value {
    answer(
        "A backup.",
        vec![
            needs("id", text(), "Its name."),
            needs("kind", reference("BackupKindName"), "Its kind."),
            may("parent", text(), "The backup that it builds on."),
            needs("started_at", time(), "When it was begun."),
            needs("ended_at", time(), "When it was whole."),
            needs("timeline", count(), "The timeline that it is on."),
            needs("spaces", any_list(&text()), "Spaces that stand in its own record."),
            needs("bytes", count(), "Bytes that it needs, as stored."),
            needs("sent_bytes", count(), "Bytes that were sent for it."),
            may("left_out", any_list(&text()), "Quarantined spaces that were left out."),
        ],
    )
}

fn restored() -> Value {
    answer(
        "A space that was restored.",
        vec![
            needs("name", text(), "Its name now."),
            needs("lsn", count(), "Its last commit."),
            needs("committed_at", time(), "Time of that."),
        ],
    )
}

fn status() -> Value {
    answer(
        "How the repositories stand.",
        vec![
            needs(
                "repositories",
                any_list(&reference("RepositoryView")),
                "The repositories, by name.",
            ),
            needs(
                "jobs",
                any_list(&reference("BackupJobView")),
                "What was asked since the start, newest first; the last 100.",
            ),
        ],
    )
}

fn repository() -> Value {
    answer(
        "How a repository stands.",
        vec![
            needs("name", text(), "Its name."),
            needs("ready", flag(), "Whether it takes what it is sent."),
            may("archived_through", time(), "All commits up to this time are archived."),
            needs("waiting_commits", count(), "Commits that are not archived."),
            needs(
                "lost_commits",
                count(),
                "Commits that the log let go of before they were archived, since the start.",
            ),
            needs("backups", count(), "Number of backups."),
            may("last_backup_at", time(), "When the last backup was begun."),
            may("last_full_at", time(), "When the last full one was begun."),
            may("last_check_at", time(), "When a backup was last checked and found good."),
            may("last_check_level", integer(1, 4), "How deep that check went."),
            needs("failures", count(), "Backups and checks that failed since the start."),
            may("problem", reference("Problem"), "Why it does not work now."),
        ],
    )
}
