//! Rules: minijinja expressions, checked before they run and typed on the way out.
//!
//! * A record that an account lacks, a property it lacks, and a blank text are all *undefined* to minijinja, so `or`,
//!   `default`, `~` and filters treat them as nothing. `is none` and `is defined` are taught to agree.
//! * An outcome that is undefined, none or blank text is [`Value::Null`]; text is trimmed.
//! * `plus_days(n)` moves a date; all other filters are minijinja's own.
//! * An ordering puts nothing below everything: `company.size < 50` holds for a company without a size. Write
//!   `company.size and company.size < 50`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta};
use minijinja::value::ValueKind;
use minijinja::{Environment, Expression, UndefinedBehavior};

use crate::domain::Value;

use super::context::Scope;
use super::limits;
use super::tree::{Reads, Section, Walk};
use super::types::RuleProblem;

/// Steps and 64-byte portions one evaluation may take: plenty for a rule over a 64 KiB text, soon over for a runaway one.
const FUEL: u64 = 100_000;

/// The deepest value a rule may yield.
const DEEPEST: usize = 16;

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    language.set_undefined_behavior(UndefinedBehavior::Chainable);
    language.set_fuel(Some(FUEL));
    language.add_test("none", |value: &minijinja::Value| value.is_none() || value.is_undefined());
    language.add_test("defined", |value: &minijinja::Value| !value.is_none() && !value.is_undefined());
    language.add_test("undefined", |value: &minijinja::Value| value.is_none() || value.is_undefined());
    for name in ["debug", "namespace"] {
        language.remove_global(name);
    }
    language.remove_filter("pprint");
    language.add_filter("plus_days", plus_days);
    language
});

/// `deal.closedate | plus_days(45)`: a day or an instant moved by so many days, as written. What is no date passes as it is,
/// and the field it is for says so.
fn plus_days(date: minijinja::Value, days: i64) -> minijinja::Value {
    let moved = date.as_str().and_then(|text| moved(text.trim(), TimeDelta::try_days(days)?));
    moved.map_or(date, minijinja::Value::from)
}

fn moved(text: &str, by: TimeDelta) -> Option<String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.checked_add_signed(by)?.to_string());
    }
    let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    Some(at.checked_add_signed(by)?.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Why there is no value from a rule, in words that begin with its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoValue {
    /// It could not be run to its end.
    #[error("{0}")]
    Failed(String),
    /// It yields what no field can hold.
    #[error("{0}")]
    Unfit(String),
}

impl NoValue {
    fn named(self, key: &str) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(format!("{key} {why}")),
            Self::Unfit(why) => Self::Unfit(format!("{key} {why}")),
        }
    }
}

/// One rule, compiled.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its configuration key, e.g. `customers.fields.name`.
    pub(super) key: String,
    /// As it is written.
    pub(super) source: String,
    /// Namespace and property of everything it names.
    names: BTreeSet<(&'static str, String)>,
    expression: Expression<'static, 'static>,
}

impl Rule {
    /// Compiles a rule and adds what it reads to `reads`. Every problem goes to `problems`; then there is no rule.
    pub(super) fn compile(
        key: &str,
        source: &str,
        section: Section,
        reads: &mut Reads,
        problems: &mut Vec<RuleProblem>,
    ) -> Option<Self> {
        let mut report = |message: String| problems.push(RuleProblem { key: key.to_owned(), message });
        let tree = match minijinja::machinery::parse_expr(source) {
            Ok(tree) => tree,
            Err(error) => {
                report(format!("this is no expression: {}", words(&error)));
                return None;
            }
        };
        let state = LANGUAGE.empty_state();
        let mut walk =
            Walk { section, state: &state, reads: Reads::new(), names: BTreeSet::new(), problems: Vec::new() };
        walk.rule(&tree);
        let names = std::mem::take(&mut walk.names);
        for (namespace, properties) in walk.reads {
            reads.entry(namespace).or_default().extend(properties);
        }
        if !walk.problems.is_empty() {
            walk.problems.into_iter().for_each(report);
            return None;
        }
        match LANGUAGE.compile_expression_owned(source.to_owned()) {
            Ok(expression) => Some(Self { key: key.to_owned(), source: source.to_owned(), names, expression }),
            Err(error) => {
                report(format!("this is no expression: {}", words(&error)));
                None
            }
        }
    }

    /// What the rule yields.
    pub(super) fn value(&self, scope: &Scope) -> Result<Value, NoValue> {
        let value = self.run(scope).map_err(NoValue::Failed)?;
        read(&value, scope, 0).map_err(|why| why.named(&self.key))
    }

    /// Whether the rule holds: anything but false, zero, nothing and emptiness does.
    pub(super) fn holds(&self, scope: &Scope) -> Result<bool, String> {
        self.run(scope).map(|value| value.is_true())
    }

    /// What the rule looks at and was never read of this record, as `company.plan`: missing is not empty.
    pub(super) fn unread(&self, scope: &Scope) -> Option<String> {
        let lacking = self.names.iter().find(|(namespace, property)| scope.lacks(namespace, property));
        lacking.map(|(namespace, property)| format!("{namespace}.{property}"))
    }

    /// Whether the rule looks at something, of one record or of all of an account: `company.name`.
    pub(super) fn names(&self, name: &str) -> bool {
        self.names.iter().any(|(namespace, property)| format!("{namespace}.{property}") == name)
    }

    /// What the rule looks at, by name: `company.name`. Where it goes through all records of an account, the primary's.
    pub(super) fn read(&self, scope: &Scope) -> Vec<(String, Value)> {
        let value = |namespace: &str, property: &str| {
            let record = scope.root().get_attr(namespace).ok()?;
            read(&record.get_attr(property).ok()?, scope, 0).ok()
        };
        let told = self.names.iter().map(|(namespace, property)| {
            (format!("{namespace}.{property}"), value(namespace, property).unwrap_or_default())
        });
        told.collect()
    }

    fn run(&self, scope: &Scope) -> Result<minijinja::Value, String> {
        self.expression.eval(scope.root()).map_err(|error| format!("{} failed: {}", self.key, words(&error)))
    }
}

fn words(error: &minijinja::Error) -> String {
    let kind = error.kind();
    error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"))
}

/// A minijinja value as one of ours. Numbers that came from a source come back exact (see [`Scope`]).
fn read(value: &minijinja::Value, scope: &Scope, depth: usize) -> Result<Value, NoValue> {
    let failed = |error: minijinja::Error| NoValue::Failed(format!("failed: {}", words(&error)));
    if depth > DEEPEST {
        return Err(NoValue::Unfit("yields a value that is nested too deep".to_owned()));
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => scope.exact(value).map(Value::Number).ok_or_else(|| NoValue::Unfit(inexact(value))),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            Ok(if text.is_empty() { Value::Null } else { Value::text(text) })
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(failed)?;
            items.map(|item| read(&item, scope, depth + 1)).collect::<Result<Vec<_>, _>>().map(Value::List)
        }
        ValueKind::Map => {
            let keys = value.try_iter().map_err(failed)?;
            let pairs = keys.map(|key| {
                let item = value.get_item(&key).map_err(failed)?;
                Ok((key.to_string(), read(&item, scope, depth + 1)?))
            });
            pairs.collect::<Result<_, NoValue>>().map(Value::Map)
        }
        ValueKind::Invalid => Err(NoValue::Failed("failed while its value was read".to_owned())),
        other => Err(NoValue::Unfit(format!("yields a {other}, which is no value"))),
    }
}

/// Why a number of minijinja's is none of ours.
fn inexact(number: &minijinja::Value) -> String {
    match f64::try_from(number.clone()) {
        Ok(double) if double.is_nan() => "yields no number: what it calculates has no result".to_owned(),
        Ok(double) if double.is_infinite() => {
            "yields an infinite number: it divides by zero, or goes beyond every number".to_owned()
        }
        _ => format!("yields {}, which has more digits than a number can have", limits::brief(&number.to_string())),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
