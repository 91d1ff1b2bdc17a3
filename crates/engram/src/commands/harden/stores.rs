//! Where memories go beside the data directory, and secrets where they do not belong.

use std::fs;
use std::path::Path;

use engram_server::{Settings, StorePlace, StoreSettings};

use super::checks::{Check, Findings};
use super::doors::{refused, same_volume};

/// Variables of the environment that hold a secret for the command line.
const OWN_SECRETS: [&str; 1] = ["ENGRAM_API_KEY"];
/// Characters of a key's secret.
const KEY_SECRET_CHARS: usize = 64;

pub(super) fn look(settings: &Settings, config: Option<&Path>, found: &mut Findings) {
    if settings.repositories.is_empty() {
        found.add(Check::RepositoryNone, "repositories", "there is none");
    }
    for (name, repository) in &settings.repositories {
        let place = format!("repositories.{name}");
        if repository.key.is_none() && repository.key_file.is_none() {
            found.add(Check::RepositoryPlain, &place, "it has neither key_file nor key_env");
        }
        if let StorePlace::Folder(folder) = &repository.store.place
            && same_volume(folder, &settings.data_dir) == Some(true)
        {
            let what = format!("{} has the device of the data directory", folder.display());
            found.add(Check::RepositorySameVolume, &place, what);
        }
        look_at_store(&place, &repository.store, found);
    }
    if let Some(cold) = &settings.cold {
        look_at_store("cold", cold, found);
    }
    for row in &settings.rows {
        if row.value.as_deref().is_some_and(has_password) {
            let place = format!("{} ({})", row.key, row.origin);
            found.add(Check::SecretInConfig, place, "the address has a password in it");
        }
    }
    let Some(config) = config else { return };
    if let Some(why) = refused(config) {
        return found.unseen(format!("{}: {why}", config.display()));
    }
    let text = fs::read_to_string(config).unwrap_or_default();
    for (index, line) in text.lines().enumerate() {
        if has_key(line) {
            let place = format!("{}:{}", config.display(), index + 1);
            found.add(Check::SecretInConfig, place, "a key of Engram stands there");
        }
    }
}

fn look_at_store(place: &str, store: &StoreSettings, found: &mut Findings) {
    if store.s3_endpoint.as_ref().is_some_and(|url| url.starts_with("http://")) {
        // The address may hold a password.
        found.add(Check::StoreWithoutTls, place, "its s3_endpoint begins with http://");
    }
}

/// Variables that the configuration takes secrets from.
pub(super) fn secret_variables(settings: &Settings) -> Vec<String> {
    let named = settings.rows.iter().filter(|row| row.key.ends_with("_env"));
    let named = named.filter_map(|row| row.value.clone());
    named.chain(OWN_SECRETS.map(str::to_owned)).collect()
}

/// Whether an address holds a password (RFC 3986, 3.2.1).
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
}

/// Whether a key of Engram stands in a text.
fn has_key(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter_map(|word| word.strip_prefix("engram_")).any(|word| {
        let secret = word.split('_').nth(1).unwrap_or_default();
        secret.len() == KEY_SECRET_CHARS && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_are_seen() {
        assert!(has_password("https://user:secret@model.internal/v1"));
        for fine in ["https://model.internal/a:b@c", "https://user@host", "a:b@c", "https://u:@h/"]
        {
            assert!(!has_password(fine), "{fine}");
        }
        let secret = "5e".repeat(32);
        assert!(has_key(&format!("# was engram_0123456789ab_{secret}_deadbeef")));
        assert!(!has_key("repositories.main.url = \"file:///engram_a_b_c\""));
    }
}
