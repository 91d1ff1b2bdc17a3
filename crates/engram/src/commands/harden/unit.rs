//! A unit of systemd: whether it puts up the walls that it could (systemd.exec(5)).

use std::collections::BTreeMap;
use std::path::Path;

use super::checks::{Check, Findings};

/// An option, the values that are enough, and the one to set. No values = any but an empty one is enough.
struct Wall {
    option: &'static str,
    enough: &'static [&'static str],
    set: &'static str,
}

const YES: &[&str] = &["yes", "true", "on", "1"];

const fn switch(option: &'static str) -> Wall {
    Wall { option, enough: YES, set: "yes" }
}

const WALLS: [Wall; 20] = [
    switch("NoNewPrivileges"),
    Wall { option: "ProtectSystem", enough: &["strict"], set: "strict" },
    Wall {
        option: "ProtectHome",
        enough: &["yes", "true", "on", "1", "tmpfs", "read-only"],
        set: "yes",
    },
    switch("PrivateTmp"),
    switch("PrivateDevices"),
    switch("ProtectKernelTunables"),
    switch("ProtectKernelModules"),
    switch("ProtectKernelLogs"),
    switch("ProtectControlGroups"),
    switch("ProtectClock"),
    Wall {
        option: "ProtectProc",
        enough: &["invisible", "noaccess", "ptraceable"],
        set: "invisible",
    },
    switch("RestrictSUIDSGID"),
    switch("RestrictNamespaces"),
    switch("LockPersonality"),
    switch("MemoryDenyWriteExecute"),
    Wall { option: "RestrictAddressFamilies", enough: &[], set: "AF_INET AF_INET6 AF_UNIX" },
    Wall { option: "SystemCallFilter", enough: &[], set: "@system-service" },
    Wall { option: "UMask", enough: &["0077", "077", "77"], set: "0077" },
    Wall { option: "LimitCORE", enough: &["0"], set: "0" },
    // Set and empty: no capability is left.
    Wall { option: "CapabilityBoundingSet", enough: &[""], set: "" },
];

/// What stands in the unit; `secrets` are the variables that the configuration takes secrets from.
pub(super) fn look(path: &Path, text: &str, secrets: &[String], found: &mut Findings) {
    let place = path.display().to_string();
    let service = service(text);
    let last = |option: &str| service.get(option).and_then(|values| values.last());
    let is_dynamic = last("DynamicUser").is_some_and(|value| is_one_of(value, YES));
    let user = last("User").map_or("", String::as_str);
    if !is_dynamic && matches!(user, "" | "root" | "0") {
        found.add(Check::UnitUser, &place, "it names no account of its own (User=)");
    }
    for wall in &WALLS {
        let value = last(wall.option);
        let is_enough = value.is_some_and(|value| match wall.enough {
            [] => !value.is_empty(),
            enough => is_one_of(value, enough),
        });
        if !is_enough {
            let is = value.map_or("is not set".to_owned(), |value| format!("is {value:?}"));
            let what = format!("{} {is}; set {}={}", wall.option, wall.option, wall.set);
            found.add(Check::UnitOption, &place, what);
        }
    }
    let assigned = service.get("Environment").into_iter().flatten();
    for variable in assigned.flat_map(|value| variables(value)) {
        if secrets.contains(&variable) {
            found.add(Check::UnitSecret, &place, format!("Environment= holds {variable}"));
        }
    }
}

fn is_one_of(value: &str, values: &[&str]) -> bool {
    values.iter().any(|one| one.eq_ignore_ascii_case(value))
}

/// Names of the variables of one `Environment=`, which may hold several, each in quotes.
fn variables(value: &str) -> Vec<String> {
    let words = value.split([' ', '\t', '"', '\'']);
    words.filter_map(|word| word.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

/// The options of the section `Service` with their values, in order. A line that ends with a backslash goes on with the next.
fn service(text: &str) -> BTreeMap<String, Vec<String>> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut is_service = false;
    for line in joined.lines().map(str::trim) {
        if line.starts_with('[') {
            is_service = line == "[Service]";
        } else if let Some((option, value)) = line.split_once('=')
            && is_service
            && !line.starts_with(['#', ';'])
        {
            options.entry(option.trim().to_owned()).or_default().push(value.trim().to_owned());
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        look(Path::new("u"), text, &["ENGRAM_API_KEY".to_owned()], &mut findings);
        findings.found.into_iter().map(|one| one.what).collect()
    }

    fn whole() -> String {
        let lines = WALLS.iter().map(|wall| format!("{}={}\n", wall.option, wall.set));
        format!("[Unit]\nUser=root\n[Service]\nUser=engram\n{}", lines.collect::<String>())
    }

    #[test]
    fn a_unit_with_all_walls_is_fine_and_each_that_is_missing_is_found() {
        assert!(found(&whole()).is_empty());
        for wall in &WALLS {
            let line = format!("{}={}\n", wall.option, wall.set);
            for other in ["", "# no\n", "[Install]\n"] {
                let text = match other {
                    "[Install]\n" => format!("{}[Install]\n{line}", whole().replace(&line, "")),
                    other => whole().replace(&line, other),
                };
                let all = found(&text);
                assert_eq!(all.len(), 1, "{} {all:?}", wall.option);
                assert!(all[0].starts_with(wall.option), "{all:?}");
            }
        }
        let off = whole().replace("NoNewPrivileges=yes", "NoNewPrivileges=yes\nNoNewPrivileges=no");
        assert!(found(&off)[0].contains("is \"no\""), "the last one counts");
    }

    #[test]
    fn root_and_secrets_are_found() {
        assert_eq!(found(&whole().replace("User=engram\n", "")).len(), 1);
        assert_eq!(found(&whole().replace("User=engram", "User=root")).len(), 1);
        assert_eq!(found(&whole().replace("User=engram", "DynamicUser=true")).len(), 0);
        let with = |line: &str| found(&format!("{}{line}\n", whole()));
        assert_eq!(
            with("Environment=A=1 \"ENGRAM_API_KEY=s\""),
            ["Environment= holds ENGRAM_API_KEY"]
        );
        assert_eq!(with("Environment=A=1 \\\n  ENGRAM_API_KEY=s").len(), 1);
        assert_eq!(with("Environment=ENGRAM_API_KEY_FILE=/run/key").len(), 0);
    }
}
