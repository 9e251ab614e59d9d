//! The rules of one kind: compiled from its section, and turned into Pivotal's fields for one record's scope.

use std::collections::BTreeMap;

use crate::domain::{Fields, Kind, Value};

use super::super::context::Scope;
use super::super::limits::{self, Field, Form};
use super::super::rules::{NoValue, Rule};
use super::super::settings::{ANY_VALUE, Section, Settings};
use super::super::tree::{self, Reads};
use super::super::types::{RuleProblem, Unit};

/// The rules of one kind, compiled.
#[derive(Debug)]
pub(in super::super) struct RuleSet {
    selection: Rule,
    fields: Vec<FieldRule>,
    /// Rules for metadata, each with its field's name.
    metadata: Vec<(String, Rule)>,
}

/// One field, where its value comes from and what it is called in Pivotal.
#[derive(Debug)]
struct FieldRule {
    field: Field,
    rule: Rule,
    words: Option<Words>,
}

/// What a rule's outcomes are called in Pivotal.
#[derive(Debug)]
struct Words {
    /// Its configuration key, e.g. `customers.values.plan`.
    key: String,
    named: BTreeMap<String, Value>,
    any: Option<Value>,
}

impl RuleSet {
    /// Compiles a section; every problem goes to `problems`.
    pub(in super::super) fn compile(
        kind: Kind,
        settings: &Settings,
        reads: &mut Reads,
        problems: &mut Vec<RuleProblem>,
    ) -> Option<Self> {
        let sees = match kind {
            Kind::Customer => tree::Section::Customers,
            Kind::Contact => tree::Section::Contacts,
            Kind::Onboarding => tree::Section::Onboardings,
        };
        let mut own = Self::of(kind, settings.section(kind), sees, reads, problems)?;
        let metadata = settings.customers.metadata.iter().filter(|_| kind == Kind::Customer);
        for (key, source) in metadata {
            let rule = Rule::compile(&format!("customers.metadata.{key}"), source, sees, reads, problems)?;
            own.metadata.push((format!("{}{key}", Fields::METADATA), rule));
        }
        Some(own)
    }

    /// Compiles the section of billing contacts.
    pub(in super::super) fn of_billing(
        settings: &Settings,
        reads: &mut Reads,
        problems: &mut Vec<RuleProblem>,
    ) -> Option<Self> {
        Self::of(Kind::Contact, settings.billing_section(), tree::Section::Billing, reads, problems)
    }

    fn of(
        kind: Kind,
        section: Section<'_>,
        sees: tree::Section,
        reads: &mut Reads,
        problems: &mut Vec<RuleProblem>,
    ) -> Option<Self> {
        let Section { name, selection, fields, values, .. } = section;
        let selection = Rule::compile(&format!("{name}.where"), selection, sees, reads, problems);
        problems.extend(misplaced(kind, &section));
        let mut rules = Vec::new();
        for (field, source) in fields {
            let key = format!("{name}.fields.{field}");
            let rule = Rule::compile(&key, source, sees, reads, problems);
            let words = values.get(field).map(|words| Words::new(format!("{name}.values.{field}"), words));
            match (limits::field_of(kind, field), rule) {
                (Ok(field), Some(rule)) => rules.push(FieldRule { field, rule, words }),
                (Ok(_), None) => {}
                (Err(message), _) => problems.push(RuleProblem { key, message }),
            }
        }
        Some(Self { selection: selection?, fields: rules, metadata: Vec::new() })
    }

    /// Whether an entity fits the selection. The error says why that cannot be said.
    pub(super) fn selects(&self, scope: &Scope) -> Result<bool, String> {
        match self.selection.unread(scope) {
            Some(name) => Err(format!("{} needs {name}, which was not read", self.selection.key)),
            None => self.selection.holds(scope).map_err(mended),
        }
    }

    /// Every rule, the one that selects first.
    pub(in super::super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        let fields = self.fields.iter().map(|one| &one.rule);
        [&self.selection].into_iter().chain(fields).chain(self.metadata.iter().map(|(_, rule)| rule))
    }

    /// The rule that selects.
    pub(in super::super) fn selection(&self) -> &Rule {
        &self.selection
    }

    /// Each field's rule, what it yields by the name Pivotal has for it, and the table that named it.
    pub(in super::super) fn told(&self, scope: &Scope) -> Vec<(&Rule, Result<Value, NoValue>, Option<&str>)> {
        let told = self.fields.iter().map(|FieldRule { field, rule, words }| {
            let named = rule.value(scope).map(|value| match words {
                Some(words) => words.translate(field.form, value, &rule.key, &mut Vec::new()),
                None => value,
            });
            (rule, named, words.as_ref().map(|words| words.key.as_str()))
        });
        let metadata = self.metadata.iter().map(|(_, rule)| (rule, rule.value(scope), None));
        told.chain(metadata).collect()
    }

    /// What the rule for the address yields, if it yields text.
    pub(super) fn email(&self, scope: &Scope) -> Option<String> {
        let rule = self.fields.iter().find(|one| one.field.form == Form::Email)?;
        match rule.rule.value(scope) {
            Ok(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether some rule writes an amount.
    pub(in super::super) fn writes_money(&self) -> bool {
        self.fields.iter().any(|one| one.field.form == Form::Money)
    }

    /// What the rules say, in Pivotal's form, with what a person should know. A field whose value does not fit is not among
    /// them, and so is left as it is. The error says in words which rule failed, why, and what to do.
    pub(super) fn write(&self, scope: &Scope, unit: Unit) -> Result<(Fields, Vec<String>), String> {
        let mut fields = Fields::new();
        let mut notes = Vec::new();
        for FieldRule { field, rule, words } in &self.fields {
            if field.form == Form::Money && unit.is_none() {
                continue;
            }
            if let Some(name) = rule.unread(scope) {
                notes.push(format!("{name} was not read; {} is left as it is", field.name));
                continue;
            }
            let Some(mut value) = value_of(rule, scope, field.name, &mut notes)? else { continue };
            if let Some(words) = words {
                value = words.translate(field.form, value, &rule.key, &mut notes);
            }
            match limits::fit(field.form, &value, unit) {
                Ok(fitted) => {
                    notes.extend(fitted.note.map(|note| format!("{} {note}", field.name)));
                    if field.clears || !fitted.value.is_null() {
                        fields.0.insert(field.name.to_owned(), fitted.value);
                    }
                }
                Err(why) => notes.push(format!("{} {why}; {} is left as it is", rule.key, field.name)),
            }
        }
        for (name, rule) in &self.metadata {
            if let Some(unread) = rule.unread(scope) {
                notes.push(format!("{unread} was not read; {name} is left as it is"));
                continue;
            }
            let Some(value) = value_of(rule, scope, name, &mut notes)? else { continue };
            match limits::fit_metadata(&value) {
                Ok(fitted) => {
                    notes.extend(fitted.note.map(|note| format!("{name} {note}")));
                    fields.0.insert(name.clone(), fitted.value);
                }
                Err(why) => notes.push(format!("{} {why}; {name} is left as it is", rule.key)),
            }
        }
        Ok((fields, notes))
    }
}

/// What a rule yields for a field; nothing, and a note, where no field can hold that.
fn value_of(rule: &Rule, scope: &Scope, field: &str, notes: &mut Vec<String>) -> Result<Option<Value>, String> {
    match rule.value(scope) {
        Ok(value) => Ok(Some(value)),
        Err(NoValue::Failed(why)) => Err(mended(why)),
        Err(NoValue::Unfit(why)) => {
            notes.push(format!("{why}; {field} is left as it is"));
            Ok(None)
        }
    }
}

/// Why a rule failed, and the way out.
fn mended(why: String) -> String {
    format!("{why}; mend the rule, or what it reads at its source")
}

/// What a section says of fields that Pivotal does not have or that are not its to say, and what it must say and does not.
fn misplaced(kind: Kind, section: &Section<'_>) -> Vec<RuleProblem> {
    let Section { name, fields, owner, values, .. } = section;
    let mut problems = Vec::new();
    let needed: &[&str] = match kind {
        Kind::Customer => &["name"],
        Kind::Contact => &["email"],
        Kind::Onboarding => &[],
    };
    for needed in needed.iter().filter(|needed| !fields.contains_key(**needed)) {
        let message = format!("Pivotal needs '{needed}' of every {kind}; give it a rule");
        problems.push(RuleProblem { key: format!("{name}.fields.{needed}"), message });
    }
    // Billing contacts have the owners of all contacts, and those were looked at.
    let owners = owner.keys().map(|field| ("owner", field)).filter(|_| !name.contains('.'));
    for (part, field) in owners.chain(values.keys().map(|field| ("values", field))) {
        if let Err(message) = limits::field_of(kind, field) {
            problems.push(RuleProblem { key: format!("{name}.{part}.{field}"), message });
        }
    }
    problems
}

impl Words {
    fn new(key: String, words: &BTreeMap<String, String>) -> Self {
        let target = |text: &str| match text.trim() {
            "" => Value::Null,
            text => Value::text(text),
        };
        let named = words.iter().filter(|(outcome, _)| outcome.trim() != ANY_VALUE);
        let named = named.map(|(outcome, text)| (outcome.trim().to_owned(), target(text))).collect();
        Self { key, named, any: words.get(ANY_VALUE).map(|text| target(text)) }
    }

    /// An outcome as Pivotal calls it. Nothing stays nothing. One that has no name passes with a note, so that an option that
    /// is new at the source is noticed rather than lost.
    fn translate(&self, form: Form, value: Value, rule: &str, notes: &mut Vec<String>) -> Value {
        match value {
            Value::Null | Value::Map(_) => value,
            Value::List(items) => self.each(items, rule, notes),
            // hubspot-api.md 5: a multi-select is one text joined by semicolons.
            Value::Text(text) if matches!(form, Form::Labels(_)) => {
                self.each(text.split(';').map(|item| Value::text(item.trim())).collect(), rule, notes)
            }
            one => self.one(one, rule, notes),
        }
    }

    fn each(&self, items: Vec<Value>, rule: &str, notes: &mut Vec<String>) -> Value {
        let items = items.into_iter().map(|item| self.one(item, rule, notes));
        Value::List(items.filter(|item| !item.is_null()).collect())
    }

    fn one(&self, value: Value, rule: &str, notes: &mut Vec<String>) -> Value {
        let outcome = value.to_string();
        match self.named.get(outcome.trim()).or(self.any.as_ref()) {
            _ if outcome.trim().is_empty() => Value::Null,
            Some(target) => target.clone(),
            None => {
                let shown = limits::brief(&outcome);
                let note = format!("{rule} yields '{shown}', which {} does not name; it is written as it is", self.key);
                notes.push(note);
                value
            }
        }
    }
}

#[cfg(test)]
#[path = "ruleset_tests.rs"]
mod tests;
