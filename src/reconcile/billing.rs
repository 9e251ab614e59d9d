//! What an account pays: the subscriptions of its paying customers, added up (design: settled points, Stripe;
//! stripe-api.md 9, traps 37, 49, 50).

use chrono::SecondsFormat;
use rust_decimal::Decimal;

use crate::domain::{
    Record, Role, SourceKey, Stream, SubscriptionFacts, SubscriptionStatus, Timestamp, Value, is_whole,
};

use super::limits::{Form, fit};
use super::types::Unit;
use super::view::View;

/// The namespace whose records carry billing figures.
pub(super) const NAMESPACE: &str = Stream::StripeSubscriptions.namespace();

/// The names that are worked out here rather than read from the source.
pub(super) const DERIVED: [&str; 5] = ["currency", "mrr", "plan", "since", "status"];

/// The figures of one account, or of one of its paying customers. All nothing when there is no subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Billing {
    mrr: Option<Decimal>,
    currency: Option<String>,
    plan: Option<String>,
    status: Option<SubscriptionStatus>,
    since: Option<Timestamp>,
}

type Paid<'a> = (&'a SourceKey, &'a SubscriptionFacts);

impl Billing {
    /// The figures of the whole account: of all its paying customers, in the primary one's currency.
    pub(super) fn of(view: &View<'_>) -> Self {
        let Some(stream) = paying_stream() else { return Self::default() };
        let Some(primary) = view.primary(stream) else { return Self::default() };
        let all: Vec<Paid<'_>> =
            view.of(stream).into_iter().flat_map(|record| view.subscriptions_of(&record.key)).collect();
        Self::add_up(&all, &view.subscriptions_of(&primary.key))
    }

    /// The figures of one paying customer.
    pub(super) fn of_one(view: &View<'_>, record: &Record) -> Self {
        let own = view.subscriptions_of(&record.key);
        Self::add_up(&own, &own)
    }

    fn add_up(all: &[Paid<'_>], primary: &[Paid<'_>]) -> Self {
        let status = all.iter().map(|(_, facts)| &facts.status).min().cloned();
        let since = all.iter().filter(|(_, facts)| Some(&facts.status) == status.as_ref());
        let since = since.filter_map(|(_, facts)| facts.started_at).min();
        // The primary's currency is that of its best subscription, the largest of several.
        let currency = best(primary).map(|(_, facts)| facts.currency.clone());
        let same: Vec<Paid<'_>> =
            all.iter().filter(|(_, facts)| Some(&facts.currency) == currency.as_ref()).copied().collect();
        let mrr = currency.as_ref().map(|_| {
            let zero = Decimal::ZERO;
            same.iter().fold(zero, |sum, (_, facts)| sum.checked_add(facts.mrr).unwrap_or(Decimal::MAX)).normalize()
        });
        let planned: Vec<Paid<'_>> = same.iter().filter(|(_, facts)| facts.plan.is_some()).copied().collect();
        let plan = best(&planned).and_then(|(_, facts)| facts.plan.clone());
        Self { mrr, currency, plan, status, since }
    }

    /// What is told of an amount that was written as it is, though Pivotal reads it as dollars and it is in a currency whose
    /// amounts are of quite another size. `written` is in the configured unit.
    pub(super) fn unconverted(&self, written: &Value, unit: Unit) -> Option<String> {
        let (mrr, currency) = (self.mrr?, self.currency.as_deref().filter(|currency| is_whole(currency))?);
        let as_it_is = fit(Form::Money, &Value::Number(mrr), unit).ok().is_some_and(|fitted| fitted.value == *written);
        let currency = currency.to_uppercase();
        (!mrr.is_zero() && as_it_is).then(|| {
            format!(
                "mrr is in {currency} and is written as it is, though Pivotal takes it for dollars; a rule of customers.fields.mrr \
                 can convert it, by stripe.currency"
            )
        })
    }

    /// The figures by the names rules know them by.
    pub(super) fn derived(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::text);
        let since = self.since.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        vec![
            ("mrr", self.mrr.map_or(Value::Null, Value::Number)),
            ("currency", text(&self.currency)),
            ("plan", text(&self.plan)),
            ("status", self.status.as_ref().map_or(Value::Null, |status| status.as_str().into())),
            ("since", text(&since)),
        ]
    }
}

/// The subscription that speaks for several: best status, then the largest item, then the lowest key.
fn best<'a>(subscriptions: &[Paid<'a>]) -> Option<Paid<'a>> {
    let rank = |(key, facts): &Paid<'a>| (&facts.status, std::cmp::Reverse(facts.plan_weight), *key);
    subscriptions.iter().min_by(|a, b| rank(a).cmp(&rank(b))).copied()
}

/// The account stream whose records pay.
fn paying_stream() -> Option<Stream> {
    Stream::ALL.into_iter().find(|stream| stream.role() == Role::Account && stream.namespace() == NAMESPACE)
}

#[cfg(test)]
#[path = "billing_tests.rs"]
mod tests;
