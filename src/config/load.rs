//! The layers, lowest first: compiled-in defaults, one file, the environment.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat};

use crate::reconcile::RuleProblem;

use super::{ConfigErrors, Origins, Place, Settings, environment, strict};

/// The compiled-in defaults.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The commented example: what `init` writes.
pub const EXAMPLE: &str = include_str!("../../config/example.toml");

/// Where a configuration file is looked for when none is named; the first that is there is read.
pub const DEFAULT_FILES: [&str; 2] = ["/etc/pivotal-sync/config.toml", "config/local.toml"];

/// Reads the configuration: the file named by `explicit`, or the first of [`DEFAULT_FILES`] that is there, under the
/// variables of `env` that begin with `PIVOTAL_SYNC_`.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(explicit: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Settings, ConfigErrors> {
    load_from(explicit, &DEFAULT_FILES.map(Path::new), env, |_| Vec::new())
}

/// [`load`], and holds the rules against what `problems` says of them, also when other things are wrong.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load_with_rules(
    explicit: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    problems: impl Fn(&Settings) -> Vec<RuleProblem>,
) -> Result<Settings, ConfigErrors> {
    load_from(explicit, &DEFAULT_FILES.map(Path::new), env, problems)
}

/// [`load_with_rules`], looking elsewhere for a file that is not named.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load_from(
    explicit: Option<&Path>,
    usual: &[&Path],
    env: impl Iterator<Item = (String, String)>,
    problems: impl Fn(&Settings) -> Vec<RuleProblem>,
) -> Result<Settings, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let mut origins = Origins::default();
    let there = || usual.iter().copied().find(|path| path.exists());
    // One that this user may not look at is better named than said not to be there.
    let hidden = || usual.iter().copied().find(|path| path.try_exists().is_err());
    let file = explicit.or_else(there).or_else(hidden);
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some((path, text)) = file.and_then(|path| read(path, &mut errors))
        && strict::look_through(&path, &text, &mut errors, &mut origins)
    {
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    for (key, value) in environment::read(env, &mut errors, &mut origins) {
        builder = builder.set_override(&key, layered(value)).map_err(|e| unforeseen(&e))?;
    }
    check_together(&builder, file, &origins, &mut errors)?;
    let whole = errors.0.is_empty();
    let settings = if whole { Some(settled(builder)?) } else { rules_alone(&builder, &origins, &errors) };
    let Some(mut settings) = settings else { return Err(errors) };
    settings.drop_empty_rules();
    for RuleProblem { key, message } in problems(&settings) {
        errors.add(origins.of(&key), key, message, "");
    }
    errors.check()?;
    settings.origins = origins;
    Ok(settings)
}

fn settled(builder: config::ConfigBuilder<config::builder::DefaultState>) -> Result<Settings, ConfigErrors> {
    let merged = builder.build().map_err(|e| unforeseen(&e))?;
    merged.try_deserialize().map_err(|e| unforeseen(&e))
}

/// Sections that hold rules, and what rules depend on.
const ABOUT_RULES: [&str; 4] = ["customers.", "contacts.", "onboardings.", "pivotal.mrr_unit"];

/// The defaults with what is sound of the sections that hold rules: what is wrong elsewhere does not hide a bad rule.
fn rules_alone(
    builder: &config::ConfigBuilder<config::builder::DefaultState>,
    origins: &Origins,
    errors: &ConfigErrors,
) -> Option<Settings> {
    let merged = builder.build_cloned().ok()?;
    let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    let mut sound = defaults.set_override("pivotal.workspace", "-").ok()?;
    let blamed = |key: &str| errors.0.iter().any(|problem| problem.key == key);
    for key in origins.0.keys() {
        if ABOUT_RULES.iter().any(|prefix| key.starts_with(prefix)) && !blamed(key) {
            sound = sound.set_override(key, merged.get::<config::Value>(key).ok()?).ok()?;
        }
    }
    settled(sound).ok()
}

fn read(path: &Path, errors: &mut ConfigErrors) -> Option<(PathBuf, String)> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some((path.to_owned(), text)),
        Err(why) => {
            let place = Place::File { path: path.to_owned(), line: None };
            let expected = match why.kind() {
                ErrorKind::PermissionDenied => {
                    "a file that this user may read: be root, or a member of the group that file and folder belong to"
                }
                _ => "a configuration file (`pivotal-sync init` writes one)",
            };
            errors.add(place, "", format!("cannot be read: {why}"), expected);
            None
        }
    }
}

/// What no single key shows: a key that must be set, and keys that do not go together. What a broken file might have said
/// is not guessed at.
fn check_together(
    builder: &config::ConfigBuilder<config::builder::DefaultState>,
    file: Option<&Path>,
    origins: &Origins,
    errors: &mut ConfigErrors,
) -> Result<(), ConfigErrors> {
    let blamed = |key: &str| errors.0.iter().any(|problem| problem.key == key);
    let blamed_for_url = blamed("webhooks.public_url");
    let unreadable =
        errors.0.iter().any(|problem| problem.key.is_empty() && matches!(problem.place, Place::File { .. }));
    let merged = builder.build_cloned().map_err(|e| unforeseen(&e))?;
    let is_set = |key: &str| origins.0.contains_key(key);
    if !unreadable && !is_set("pivotal.workspace") && !blamed("pivotal.workspace") {
        let (place, looked) = match file {
            Some(path) => (Place::File { path: path.to_owned(), line: None }, String::new()),
            None => (Place::Layers, format!(" (no file was found at {})", DEFAULT_FILES.join(" or "))),
        };
        let expected =
            "the slug or id of your Pivotal workspace, under [pivotal]; `pivotal-sync init` writes a file to fill in";
        errors.add(place, "pivotal.workspace", format!("is not set{looked}"), expected);
    }
    let receives = merged.get_bool("webhooks.enabled").is_ok_and(|on| on);
    if receives && !is_set("webhooks.public_url") && !blamed_for_url {
        let expected = "the https:// address under which the outside reaches webhooks.listen: HubSpot signs it";
        errors.add(origins.of("webhooks.enabled"), "webhooks.public_url", "is not set", expected);
    }
    let off = |key: &str| origins.0.contains_key(key) && merged.get_bool(key).is_ok_and(|on| !on);
    if off("hubspot.enabled") && off("stripe.enabled") {
        let expected = "at least one of hubspot.enabled and stripe.enabled to be true";
        errors.add(
            origins.of("stripe.enabled"),
            "stripe.enabled",
            "no source is left: both are switched off",
            expected,
        );
    }
    Ok(())
}

fn layered(value: toml::Value) -> config::Value {
    let kind = match value {
        toml::Value::Boolean(flag) => config::ValueKind::Boolean(flag),
        toml::Value::Integer(number) => config::ValueKind::I64(number),
        toml::Value::Array(items) => config::ValueKind::Array(items.into_iter().map(layered).collect()),
        toml::Value::String(text) => config::ValueKind::String(text),
        other => config::ValueKind::String(other.to_string()),
    };
    config::Value::new(None, kind)
}

/// The strict look lets nothing through that merging refuses; should it ever, it is told all the same.
fn unforeseen(error: &config::ConfigError) -> ConfigErrors {
    let mut errors = ConfigErrors::default();
    errors.add(Place::Layers, "", error.to_string(), "");
    errors
}
