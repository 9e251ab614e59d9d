//! The tables whose keys a person chooses: fields, owners, values.

use super::tests::{LEAST, load_text};
use super::*;
use crate::reconcile::{Owner, Reconciler};

/// The example with everything that is commented out in force.
fn with_samples() -> String {
    let is_sample = |rest: &str| match rest.split_once(" = ") {
        Some((key, _)) => !key.contains(' '),
        None => rest.starts_with('['),
    };
    let lines = EXAMPLE.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_sample(rest)).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n").replace("workspace = \"\"", "workspace = \"acme\"")
}

#[test]
fn the_samples_of_the_example_would_work() {
    let settings = load_text(&with_samples(), &[]).unwrap();
    assert_eq!(settings.customers.owner["plan"], Owner::FillIfEmpty);
    assert_eq!(settings.customers.values["plan"]["*"], "other");
    assert_eq!(settings.contacts.values["labels"].len(), 1);
    assert_eq!(settings.onboardings.values["csm_id"]["*"], "");
    assert_eq!(settings.onboardings.fields["csm_id"], "deal.hubspot_owner_id");
    let problems = Reconciler::new(&settings.reconcile(), settings.pivotal.mrr_unit).map(|_| ());
    assert_eq!(problems, Ok(()));
}

#[test]
fn owners_and_values_are_read_as_they_are_written() {
    let text = format!(
        "{LEAST}[customers.owner]\nplan = 'fill-if-empty'\n[contacts]\nowner.title = 'pivotal'\n\
         [customers.values.plan]\n'price_Pro.Annual' = 'growth'\n'Ärger mit' = ''\n'*' = 'Other'\n"
    );
    let settings = load_text(&text, &[("PIVOTAL_SYNC__ONBOARDINGS__OWNER__NOTES", "source")]).unwrap();
    assert_eq!(settings.customers.owner, [("plan".to_owned(), Owner::FillIfEmpty)].into());
    assert_eq!(settings.contacts.owner, [("title".to_owned(), Owner::Pivotal)].into());
    assert_eq!(settings.onboardings.owner, [("notes".to_owned(), Owner::Source)].into());
    let words: Vec<_> = settings.customers.values["plan"].iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(words, [("*", "Other"), ("price_Pro.Annual", "growth"), ("Ärger mit", "")]);
}

#[test]
fn owners_and_values_that_are_none_say_what_would_be() {
    let text = format!(
        "{LEAST}[customers.owner]\nplan = 'hubspot'\nname = true\n[contacts.values]\ntitle = 'x'\n\
         [onboardings.values.csm_id]\n'77' = 'cuid'\n'78' = 5\n[contacts.ownr]\nx = 'source'\n"
    );
    let env = [("PIVOTAL_SYNC__CUSTOMERS__VALUES__PLAN", "a"), ("PIVOTAL_SYNC__CONTACTS__OWNER__TITLE", "me")];
    insta::assert_snapshot!(load_text(&text, &env).unwrap_err(), @r#"
    acme.toml:4: customers.owner.plan: is "hubspot"; expected one of "source", "pivotal", "report", "fill-if-empty"
    acme.toml:5: customers.owner.name: is true; expected one of "source", "pivotal", "report", "fill-if-empty"
    acme.toml:7: contacts.values.title: is the text "x"; expected a table of texts, like { "what the rule yields" = "what Pivotal calls it" }
    acme.toml:8: onboardings.values.csm_id: holds the number 5 for "78"; expected a table of texts, like { "what the rule yields" = "what Pivotal calls it" }
    acme.toml:11: contacts.ownr: is no known key; expected owner, perhaps
    PIVOTAL_SYNC__CONTACTS__OWNER__TITLE: contacts.owner.title: is "me"; expected one of "source", "pivotal", "report", "fill-if-empty"
    PIVOTAL_SYNC__CUSTOMERS__VALUES__PLAN: sets no known key; expected customers.values in the configuration file: a table does not fit into a variable
    "#);
}

#[test]
fn a_jitter_of_more_than_a_day_is_a_problem_like_any_other() {
    let problem = load_text(&format!("{LEAST}[schedule]\njitter = '400d'\n"), &[]).unwrap_err();
    insta::assert_snapshot!(problem, @r#"acme.toml:4: schedule.jitter: "400d" is more than a day; expected a length of time in quotes, a day at most, like "10m" or "2h""#);
    assert!(load_text(&format!("{LEAST}[schedule]\njitter = '24h'\n"), &[]).is_ok());
}
