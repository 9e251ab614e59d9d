//! What rules see: the namespaces of an entity, built from its records.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value as Seen};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::domain::{Record, Role, Stream, Value};

use super::billing::{self, Billing};
use super::view::View;

/// The names a rule may use, with what they hold, and the exact decimals behind the numbers handed out.
///
/// minijinja orders values of different types by type, so a decimal type of our own would make
/// `company.annualrevenue > 1000.5` silently wrong. Hence: whole numbers go in as integers, which minijinja keeps exact.
/// A fraction goes in as a double that stands for it: no two decimals of one scope share a double, and a double that
/// comes out unchanged is turned back into its decimal, digit for digit. What a rule calculates from fractions is a
/// double, good to 15 digits.
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: BTreeMap<&'static str, Seen>,
    exact: BTreeMap<u64, Decimal>,
}

impl Scope {
    /// The scope of an account: the primary record of each kind, and all of them.
    pub(super) fn of_account(view: &View<'_>) -> Self {
        let mut scope = Self::default();
        let billing = Billing::of(view);
        for stream in Stream::ALL {
            if !matches!(stream.role(), Role::Account | Role::Deal) {
                continue;
            }
            let billed = stream.namespace() == billing::NAMESPACE;
            if let Some(primary) = view.primary(stream) {
                let derived = if billed { billing.derived() } else { Vec::new() };
                let value = scope.record(primary, derived);
                scope.names.insert(stream.namespace(), value);
            }
            let mut all = Vec::new();
            for record in view.of(stream) {
                let derived = if billed { Billing::of_one(view, record).derived() } else { Vec::new() };
                all.push(scope.record(record, derived));
            }
            scope.names.insert(stream.plural_namespace(), Seen::from(all));
        }
        scope
    }

    /// The scope of one record: a person or a deal.
    pub(super) fn of_record(record: &Record) -> Self {
        let mut scope = Self::default();
        let value = scope.record(record, Vec::new());
        scope.names.insert(record.key.stream.namespace(), value);
        scope
    }

    /// Whether the record of this name is there, and this property of it was never read. A null was read.
    pub(super) fn lacks(&self, namespace: &str, property: &str) -> bool {
        let record = self.names.get(namespace).and_then(Seen::downcast_object_ref::<Properties>);
        record.is_some_and(|record| !record.0.contains_key(property))
    }

    /// What minijinja evaluates in.
    pub(super) fn root(&self) -> Seen {
        Seen::from_object(Names(self.names.clone()))
    }

    /// The exact number behind a minijinja number.
    pub(super) fn exact(&self, number: &Seen) -> Option<Decimal> {
        if number.is_integer() {
            return i128::try_from(number.clone())
                .ok()
                .and_then(|whole| Decimal::try_from_i128_with_scale(whole, 0).ok());
        }
        let double = f64::try_from(number.clone()).ok().filter(|double| double.is_finite())?;
        match self.exact.get(&double.to_bits()) {
            Some(decimal) => Some(*decimal),
            None => Decimal::from_scientific(&format!("{double:.14e}")).ok().map(|decimal| decimal.normalize()),
        }
    }

    fn record(&mut self, record: &Record, made: Vec<(&'static str, Value)>) -> Seen {
        let mut properties = BTreeMap::from([("id".to_owned(), Seen::from(record.key.id.as_str()))]);
        for (name, value) in &record.properties {
            let value = self.seen(value);
            properties.insert(name.clone(), value);
        }
        for (name, value) in made {
            let value = self.seen(&value);
            properties.insert(name.to_owned(), value);
        }
        Seen::from_object(Properties(properties))
    }

    fn seen(&mut self, value: &Value) -> Seen {
        match value {
            Value::Null => Seen::UNDEFINED,
            Value::Bool(flag) => Seen::from(*flag),
            Value::Number(number) => self.number(*number),
            // hubspot-api.md trap 18: what a cleared property reads as is unknown; blank and absent are one.
            Value::Text(text) if text.trim().is_empty() => Seen::UNDEFINED,
            Value::Text(text) => Seen::from(text.as_str()),
            Value::List(items) => Seen::from(items.iter().map(|item| self.seen(item)).collect::<Vec<_>>()),
            Value::Map(map) => {
                let pairs: BTreeMap<String, Seen> =
                    map.iter().map(|(name, value)| (name.clone(), self.seen(value))).collect();
                Seen::from(pairs)
            }
        }
    }

    fn number(&mut self, number: Decimal) -> Seen {
        if number.fract().is_zero()
            && let Some(whole) = number.to_i128()
        {
            return match i64::try_from(whole) {
                Ok(small) => Seen::from(small),
                Err(_) => Seen::from(whole),
            };
        }
        let mut double = number.to_f64().unwrap_or_default();
        while self.exact.get(&double.to_bits()).is_some_and(|other| *other != number) {
            double = double.next_up();
        }
        self.exact.insert(double.to_bits(), number);
        Seen::from(double)
    }
}

/// The namespaces.
#[derive(Debug)]
struct Names(BTreeMap<&'static str, Seen>);

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Seen) -> Option<Seen> {
        self.0.get(key.as_str()?).cloned()
    }
}

/// One record. It is true in a condition even when nothing is known of it but that it is there.
#[derive(Debug)]
struct Properties(BTreeMap<String, Seen>);

impl Object for Properties {
    fn get_value(self: &Arc<Self>, key: &Seen) -> Option<Seen> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Seen> {
        self.0.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Seen::from(name.as_str())).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}
