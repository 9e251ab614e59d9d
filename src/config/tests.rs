//! Every kind of mistake, all at once, with its line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::keys::{KEYS, Shape, TABLES};
use super::load::DEFAULTS;
use super::*;
use crate::domain::{MrrUnit, Span};
use crate::reconcile::RuleProblem;

pub(super) fn env(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into_iter()
}

/// Loads this text as the named file; problems name it `acme.toml`.
pub(super) fn load_text(text: &str, pairs: &[(&str, &str)]) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme.toml");
    std::fs::write(&path, text).unwrap();
    let prefix = format!("{}/", dir.path().display());
    load(Some(&path), env(pairs)).map_err(|errors| errors.to_string().replace(&prefix, ""))
}

pub(super) const LEAST: &str = "[pivotal]\nworkspace = 'acme'\n";

pub(super) fn least() -> Settings {
    load_text(LEAST, &[]).unwrap()
}

/// The keys of a document, commented-out ones (`# key = …`) included.
fn keys_of(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, _)) = bare.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn the_example_names_every_key_and_keeps_every_default() {
    let known: BTreeSet<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    let is_rule = |key: &String| TABLES.iter().any(|(table, _)| key.starts_with(&format!("{table}.")));
    let (rules, fixed): (BTreeSet<_>, BTreeSet<_>) = keys_of(EXAMPLE).into_iter().partition(is_rule);
    assert_eq!(fixed, known);
    for (table, _) in TABLES {
        assert!(EXAMPLE.contains(&format!("[{table}")), "{table}");
    }
    let (default_rules, defaults): (BTreeSet<_>, BTreeSet<_>) = keys_of(DEFAULTS).into_iter().partition(is_rule);
    // The example holds samples besides.
    assert!(rules.is_superset(&default_rules), "{rules:?}");
    assert!(defaults.is_subset(&known), "{:?}", defaults.difference(&known));

    let mut filled = load_text(&EXAMPLE.replace("workspace = \"\"", "workspace = \"acme\""), &[]).unwrap();
    filled.origins = Origins::default();
    let mut bare = least();
    bare.origins = Origins::default();
    assert_eq!(filled, bare);
}

#[test]
fn the_list_of_keys_is_the_settings_of_the_rooms() {
    let mut settings = least();
    settings.pivotal.requests_per_minute = Some(1);
    settings.pivotal.mrr_unit = Some(MrrUnit::Cents);
    settings.stripe.requests_per_second = Some(1);
    let (pivotal, hubspot, stripe) = (&mut settings.pivotal, &mut settings.hubspot, &mut settings.stripe);
    for file in [&mut pivotal.api_key_file, &mut pivotal.webhook_secret_file, &mut hubspot.token_file]
        .into_iter()
        .chain([&mut hubspot.client_id_file, &mut hubspot.client_secret_file, &mut hubspot.refresh_token_file])
        .chain([&mut stripe.api_key_file, &mut stripe.webhook_secret_file, &mut settings.alerts.webhook_url_file])
    {
        *file = Some(PathBuf::from("k"));
    }
    settings.daemon.socket = Some(PathBuf::from("s"));
    let url: url::Url = "https://a.example".parse().unwrap();
    settings.alerts.heartbeat_url = Some(url.clone());
    settings.alerts.webhook_url = Some(url.clone());
    settings.webhooks.public_url = Some(url);
    let mut found = BTreeSet::new();
    for (section, table) in toml::Table::try_from(&settings).unwrap() {
        for (key, value) in table.as_table().unwrap() {
            match value.as_table() {
                Some(part) => found.extend(part.keys().map(|inner| format!("{section}.{key}.{inner}"))),
                None => drop(found.insert(format!("{section}.{key}"))),
            }
        }
    }
    // Not the tables whose keys a person chooses, nor what a person put there.
    found.retain(|key| !TABLES.iter().any(|(table, _)| key.starts_with(table)));
    assert_eq!(found, KEYS.iter().map(|(key, _)| (*key).to_owned()).collect());
}

#[test]
fn the_defaults_fit_the_shapes() {
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    for (key, shape) in KEYS {
        let (section, name) = key.rsplit_once('.').unwrap();
        let mut table = toml::Value::Table(defaults.clone());
        for part in section.split('.') {
            table = table[part].clone();
        }
        if let Some(value) = table.get(name) {
            assert_eq!(shape.fault(value), None, "{key}");
        }
    }
}

#[test]
fn a_named_file_lies_over_the_defaults_and_the_environment_over_both() {
    let text = "[pivotal]\nworkspace = 'file'\nconcurrency = 2\n[stripe]\nlag = '1m'\n";
    let settings = load_text(
        text,
        &[
            ("PIVOTAL_SYNC__PIVOTAL__WORKSPACE", "00123"),
            ("PIVOTAL_SYNC__PIVOTAL__MRR_UNIT", "cents"),
            ("PIVOTAL_SYNC__HUBSPOT__ENABLED", "false"),
            ("PIVOTAL_SYNC__PIVOTAL__RESERVE_PERCENT", " 0 "),
            ("PIVOTAL_SYNC__IDENTITY__FREE_MAIL_DOMAINS", "a.example, b.example"),
            ("PIVOTAL_SYNC__STRIPE__COMPANY_ID_METADATA", "['hs', 'crm,id']"),
            ("PIVOTAL_SYNC__CUSTOMERS__FIELDS__PLAN", "'gold'"),
            ("PIVOTAL_API_KEY", "not a setting"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    // crates.md 2b: text that looks like a number stays text.
    assert_eq!(settings.pivotal.workspace, "00123");
    assert_eq!(settings.pivotal.mrr_unit, Some(MrrUnit::Cents));
    assert_eq!((settings.pivotal.concurrency, settings.pivotal.reserve_percent), (2, 0));
    assert_eq!(settings.stripe.lag, "1m".parse::<Span>().unwrap());
    assert_eq!(settings.stripe.overlap, "10m".parse::<Span>().unwrap());
    assert!(!settings.hubspot.enabled);
    assert_eq!(settings.identity.free_mail_domains, ["a.example", "b.example"]);
    assert_eq!(settings.stripe.company_id_metadata, ["hs", "crm,id"]);
    assert_eq!(settings.customers.fields["plan"], "'gold'");
    assert_eq!(
        settings.origins.of("customers.fields.plan"),
        Place::Env("PIVOTAL_SYNC__CUSTOMERS__FIELDS__PLAN".into())
    );
    assert_eq!(settings.origins.of("guard.max_deletes"), Place::Layers);
}

#[test]
fn rules_are_laid_over_one_by_one_and_an_empty_one_takes_its_field_out() {
    let text = format!("{LEAST}[customers.fields]\nmrr = ''\nowner_email = 'company.owner'\nname = 'company.legal'\n");
    let fields = load_text(&text, &[]).unwrap().customers.fields;
    let rules: Vec<_> = fields.iter().map(|(field, rule)| (field.as_str(), rule.as_str())).collect();
    assert_eq!(
        rules,
        [
            ("domain", "company.domain"),
            ("name", "company.legal"),
            ("owner_email", "company.owner"),
            ("plan", "stripe.plan")
        ]
    );
}

#[test]
fn every_kind_of_mistake_is_told_at_once_with_its_line() {
    let text = r#"
hubspt = 1
[store]
path = 7
[pivotal]
base_url = "http://my.pivotal.app/api/v1"
workspace = ""
requests_per_minute = 0
reserve_percent = 91
concurrency = "4"
mrr_unit = "euros"
concurency = 4
[hubspot]
enabled = "yes"
lag = "30 seconds"
base_url = "ftp://api.hubapi.com"
[stripe]
company_id_metadata = ["a", 1]
[schedule]
timezone = "Mars/Olympus"
sync = "0 3 * *"
catch_up = "twice"
[customers]
where = " "
fields = 3
[contacts.fields]
email = true
[onboardings]
fields.notes = "x"
won_within = 90
[admin]
listen = "8320"
[webhooks]
zzz = 1
"#;
    let env = [
        ("PIVOTAL_SYNC__GUARD__MAX_DELETES", "many"),
        ("PIVOTAL_SYNC_STORE_PATH", "/tmp/x"),
        ("PIVOTAL_SYNC__STORE__PTH", "/tmp/x"),
        ("PIVOTAL_SYNC__WHATEVER", "1"),
        ("PIVOTAL_SYNC__pivotal__WORKSPACE", "acme"),
    ];
    insta::assert_snapshot!(load_text(text, &env).unwrap_err(), @r#"
    acme.toml:2: hubspt: is no known section; expected hubspot, perhaps
    acme.toml:4: store.path: is the number 7; expected a path in quotes
    acme.toml:6: pivotal.base_url: "http://my.pivotal.app/api/v1" cannot be used: plain http would show the key to the network; expected an https:// address in quotes (http:// only to this machine)
    acme.toml:7: pivotal.workspace: is empty; expected text in quotes: the slug or id of your Pivotal workspace
    acme.toml:8: pivotal.requests_per_minute: is 0; expected a whole number from 1 to 1000000
    acme.toml:9: pivotal.reserve_percent: is 91; expected a whole number from 0 to 90
    acme.toml:10: pivotal.concurrency: is the text "4"; expected a whole number from 1 to 64
    acme.toml:11: pivotal.mrr_unit: is "euros"; expected one of "dollars", "cents"
    acme.toml:12: pivotal.concurency: is no known key; expected concurrency, perhaps
    acme.toml:14: hubspot.enabled: is the text "yes"; expected true or false
    acme.toml:15: hubspot.lag: "30 seconds" is no length of time; expected a length of time in quotes, like "30s", "5m", "24h" or "90d"
    acme.toml:16: hubspot.base_url: "ftp://api.hubapi.com" cannot be used: ftp:// is not spoken here; expected an https:// address in quotes (http:// only to this machine)
    acme.toml:18: stripe.company_id_metadata: holds the number 1; expected a list of texts, like ["a", "b"]
    acme.toml:20: schedule.timezone: "Mars/Olympus" names no known time zone; expected an IANA time zone, like "America/New_York"
    acme.toml:21: schedule.sync: "0 3 * *" cannot be used: Invalid pattern: Pattern must have 5 or 6 fields when years are disallowed; expected a cron pattern of five or six fields (seconds first), like "0 0 3 * * *"
    acme.toml:22: schedule.catch_up: is "twice"; expected one of "once", "skip"
    acme.toml:24: customers.where: is empty; expected a minijinja expression in quotes
    acme.toml:25: customers.fields: is the number 3; expected a section, [customers.fields]
    acme.toml:27: contacts.fields.email: is true; expected a minijinja expression in quotes, or "" to take the field out
    acme.toml:30: onboardings.won_within: is the number 90; expected a length of time in quotes, like "30s", "5m", "24h" or "90d"
    acme.toml:32: admin.listen: "8320" is no address with a port; expected an address and port in quotes, like "127.0.0.1:8320"
    acme.toml:34: webhooks.zzz: is no known key; expected one of enabled, listen, public_url
    PIVOTAL_SYNC_STORE_PATH: sets no known key; expected PIVOTAL_SYNC__STORE__PATH: capitals, and two underscores after PIVOTAL_SYNC and between section and key
    PIVOTAL_SYNC__GUARD__MAX_DELETES: guard.max_deletes: is the text "many"; expected a whole number, 0 or more
    PIVOTAL_SYNC__STORE__PTH: sets no known key; expected PIVOTAL_SYNC__STORE__PATH, perhaps
    PIVOTAL_SYNC__WHATEVER: sets no known key; expected PIVOTAL_SYNC__STRIPE__OVERLAP, perhaps
    PIVOTAL_SYNC__pivotal__WORKSPACE: sets no known key; expected PIVOTAL_SYNC__PIVOTAL__WORKSPACE: capitals, and two underscores after PIVOTAL_SYNC and between section and key
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_its_line_and_nothing_is_guessed_from_the_rest() {
    let text = "[pivotal]\nworkspace = 'a'\nworkspace = 'b'\n[store\npath = \n";
    insta::assert_snapshot!(load_text(text, &[]).unwrap_err(), @r"
    acme.toml:3: is not TOML: duplicate key
    acme.toml:4: is not TOML: unclosed table, expected `]`
    ");
}

#[test]
fn a_missing_workspace_says_where_it_belongs() {
    insta::assert_snapshot!(load_text("[store]\npath = 'a.db'\n", &[]).unwrap_err(), @"acme.toml: pivotal.workspace: is not set; expected the slug or id of your Pivotal workspace, under [pivotal]; `pivotal-sync init` writes a file to fill in");
    insta::assert_snapshot!(load_from(None, &[Path::new("/nowhere/a.toml")], env(&[]), |_| vec![]).unwrap_err(), @"configuration: pivotal.workspace: is not set (no file was found at /etc/pivotal-sync/config.toml or config/local.toml); expected the slug or id of your Pivotal workspace, under [pivotal]; `pivotal-sync init` writes a file to fill in");
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    insta::assert_snapshot!(load(Some(Path::new("/nowhere/acme.toml")), env(&[])).unwrap_err(), @"/nowhere/acme.toml: cannot be read: No such file or directory (os error 2); expected a configuration file (`pivotal-sync init` writes one)");
}

#[test]
fn of_the_usual_files_the_first_that_is_there_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second, third] = ["1.toml", "2.toml", "3.toml"].map(|name| dir.path().join(name));
    std::fs::write(&second, LEAST).unwrap();
    std::fs::write(&third, "[pivotal]\nworkspace = 'third'\n").unwrap();
    assert_eq!(load_from(None, &[&first, &second, &third], env(&[]), |_| vec![]).unwrap().pivotal.workspace, "acme");
}

#[test]
fn no_source_left_is_refused_wherever_it_was_said() {
    let text = format!("{LEAST}[hubspot]\nenabled = false\nlag = 1\n");
    let errors = load_text(&text, &[("PIVOTAL_SYNC__STRIPE__ENABLED", "false")]).unwrap_err();
    insta::assert_snapshot!(errors, @r#"
    acme.toml:5: hubspot.lag: is the number 1; expected a length of time in quotes, like "30s", "5m", "24h" or "90d"
    PIVOTAL_SYNC__STRIPE__ENABLED: stripe.enabled: no source is left: both are switched off; expected at least one of hubspot.enabled and stripe.enabled to be true
    "#);
}

#[test]
fn plain_http_goes_to_this_machine_only_and_five_cron_fields_will_do() {
    let text = |url: &str, cron: &str| format!("{LEAST}base_url = '{url}'\n[schedule]\nsync = '{cron}'\n");
    for url in ["http://127.0.0.1:8080/v1", "http://localhost:1", "http://[::1]:1", "https://elsewhere.example"] {
        for cron in ["0 3 * * *", "0 0 3 * * *", "*/10 * * * Mon-Fri"] {
            load_text(&text(url, cron), &[]).unwrap();
        }
    }
    for url in ["http://10.0.0.1", "http://localhost.example", "my.pivotal.app"] {
        assert!(load_text(&text(url, "0 3 * * *"), &[]).is_err(), "{url}");
    }
}

#[test]
fn bounds_are_inclusive() {
    let shape = Shape::Whole(0, 90);
    for (number, good) in [(-1, false), (0, true), (90, true), (91, false)] {
        assert_eq!(shape.fault(&toml::Value::Integer(number)).is_none(), good, "{number}");
    }
}

#[test]
fn a_rule_that_cannot_be_used_is_named_with_its_line_beside_all_else_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme.toml");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load_with_rules(Some(&path), env(&[]), |settings| match settings.customers.fields["name"].as_str() {
            "company." => vec![RuleProblem { key: "customers.fields.name".into(), message: "unexpected end".into() }],
            _ => Vec::new(),
        })
    };
    let bad_rule = format!("{LEAST}[customers.fields]\nname = 'company.'\n");
    let errors = load(&bad_rule).unwrap_err();
    assert!(matches!(&errors.0[0].place, Place::File { line: Some(4), .. }), "{errors}");
    assert!(errors.to_string().ends_with("customers.fields.name: unexpected end"), "{errors}");
    let errors = load(&format!("{bad_rule}[hubspot]\nlag = 1\nlog = 2\n")).unwrap_err();
    assert_eq!(errors.0.len(), 3, "{errors}");
    assert!(load(LEAST).is_ok());
}

mod secrets {
    use super::*;
    use crate::sources::hubspot::Credentials;

    #[test]
    fn each_is_taken_from_the_first_place_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pivotal-api-key"), "from-systemd\n").unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "  from-file \n").unwrap();
        let mut settings = least();
        settings.pivotal.api_key_file = Some(file.clone());
        settings.hubspot.token_file = Some(file.clone());
        let env = env(&[("PIVOTAL_API_KEY", "e1"), ("HUBSPOT_TOKEN", "e2"), ("STRIPE_API_KEY", "from-env")]);
        let secrets = Secrets::find(&settings, env, Some(dir.path())).unwrap();
        assert_eq!(secrets.pivotal.expose_secret(), "from-systemd");
        let Some(Credentials::Token(token)) = &secrets.hubspot else { panic!("a token") };
        assert_eq!(token.expose_secret(), "from-file");
        assert_eq!(secrets.stripe.as_ref().unwrap().expose_secret(), "from-env");
        let found = [
            (Credential::Pivotal, Found::Systemd(dir.path().join("pivotal-api-key"))),
            (Credential::Hubspot, Found::File(file)),
            (Credential::Stripe, Found::Variable("STRIPE_API_KEY")),
        ];
        assert_eq!(secrets.found, found.into());
        assert!(!format!("{secrets:?}").contains("from-"), "{secrets:?}");
    }

    #[test]
    fn all_that_are_missing_are_named_with_the_three_places() {
        insta::assert_snapshot!(Secrets::find(&least(), env(&[]), None).unwrap_err(), @r"
        the Pivotal API key is missing; looked at the systemd credential pivotal-api-key, the file pivotal.api_key_file, or PIVOTAL_API_KEY
        the HubSpot token is missing; looked at the systemd credential hubspot-token, the file hubspot.token_file, or HUBSPOT_TOKEN
        the Stripe API key is missing; looked at the systemd credential stripe-api-key, the file stripe.api_key_file, or STRIPE_API_KEY
        ");
    }

    #[test]
    fn a_source_that_is_off_needs_none() {
        let mut settings = least();
        settings.hubspot.enabled = false;
        let secrets =
            Secrets::find(&settings, env(&[("PIVOTAL_API_KEY", "p"), ("STRIPE_API_KEY", "s")]), None).unwrap();
        assert!(secrets.hubspot.is_none() && secrets.stripe.is_some());
    }

    #[test]
    fn a_place_that_has_nothing_usable_is_an_error_and_not_skipped() {
        let mut settings = least();
        settings.pivotal.api_key_file = Some(PathBuf::from("/nowhere/key"));
        let env = env(&[("PIVOTAL_API_KEY", "p"), ("HUBSPOT_TOKEN", " "), ("STRIPE_API_KEY", "sk_secret and more")]);
        let errors = Secrets::find(&settings, env, None).unwrap_err().to_string();
        assert!(!errors.contains("sk_secret"), "{errors}");
        insta::assert_snapshot!(errors, @r"
        the Pivotal API key in the file /nowhere/key: cannot be read: No such file or directory (os error 2)
        the HubSpot token in the environment variable HUBSPOT_TOKEN: is empty
        the Stripe API key in the environment variable STRIPE_API_KEY: holds more than one word; expected the bare key
        ");
    }

    #[test]
    fn a_key_file_that_everybody_may_read_is_a_warning() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "k").unwrap();
        let mut settings = least();
        settings.pivotal.api_key_file = Some(file.clone());
        for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let env = env(&[("HUBSPOT_TOKEN", "h"), ("STRIPE_API_KEY", "s")]);
            let secrets = Secrets::find(&settings, env, None).unwrap();
            assert_eq!(secrets.warnings.len(), warnings, "{mode:o}: {:?}", secrets.warnings);
        }
    }
}
