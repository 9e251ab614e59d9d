//! Whatever a source may say, and worse.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::sample::at;
use super::super::types::{Candidate, Known};
use crate::domain::{
    AccountFacts, AccountLink, Choice, Chosen, DealFacts, ExternalId, Facts, Fields, Gone, PersonFacts, PivotalId,
    Record, SourceKey, Stream, SubscriptionFacts, SubscriptionStatus, Timestamp, Value,
};

/// Names that rules read.
const NAMES: [&str; 13] = [
    "name",
    "domain",
    "lifecyclestage",
    "email",
    "firstname",
    "lastname",
    "jobtitle",
    "hs_is_closed_won",
    "hs_object_id",
    "metadata",
    "closedate",
    "a",
    "b",
];

/// Texts that break things: nothing, control characters, marks that turn the reading direction, signs of several code points,
/// half a million of nothing, dates and numbers that are none.
pub(super) fn text() -> BoxedStrategy<String> {
    let odd = [
        "",
        " ",
        "\u{0}\u{7}\u{1b}[31m",
        "\u{202e}moc.emca",
        "👩‍👩‍👧‍👦 & Söhne",
        "ﷺ",
        "a\u{301}\u{301}\u{301}",
        "\r\n\t",
        "acme.com",
        "https://user:pw@www.acme.com:99/x?y#z",
        "billing@acme.com",
        "Jo <jo@ACME.com>",
        "@",
        "a@b@c",
        "..",
        "127.0.0.1",
        "[::1]",
        "xn--",
        "9999999999999999999999999999",
        "-1e400",
        "NaN",
        "0x10",
        "2026-13-45",
        "2026-02-30",
        "+292277026596-12-04T15:30:07Z",
        "9999-12-31T23:59:59.999999999Z",
        "-0001-01-01",
        "1790000000000",
        "customer",
        "true",
        "{{ company.name }}",
        "; ; ;",
        "a;b;a",
        "hubspot:company:1",
        "deal 5",
        "gmail.com",
        "jane@acme.com",
    ];
    prop_oneof![
        24 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        8 => ".{0,20}",
        4 => "[a-c]{1,3}\\.(com|de|co\\.uk)",
        1 => (0..3_usize).prop_map(|which| ["x", "\u{1f642}", "\u{202e}"][which].repeat(70_000)),
    ]
    .boxed()
}

/// A value of any type, lists and maps several storeys deep.
pub(super) fn value() -> BoxedStrategy<Value> {
    let number = prop_oneof![
        (any::<i64>(), 0..28_u32).prop_map(|(digits, scale)| rust_decimal::Decimal::new(digits, scale)),
        Just(rust_decimal::Decimal::MAX),
        Just(rust_decimal::Decimal::MIN),
        Just(rust_decimal::Decimal::new(1, 28)),
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => number.prop_map(Value::Number),
        5 => text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(24, 32, 3, |inner| {
        let map = prop::collection::btree_map(prop_oneof![Just("a".to_owned()), ".{0,3}"], inner.clone(), 0..3);
        prop_oneof![prop::collection::vec(inner, 0..3).prop_map(Value::List), map.prop_map(Value::Map)]
    })
    .boxed()
}

/// An id: few, so that records meet, and of any characters.
fn id() -> BoxedStrategy<String> {
    let few = [
        "1",
        "1",
        "1",
        "2",
        "2",
        "3",
        "01",
        "a:b",
        " 1",
        "\u{202e}",
        "340282366920938463463374607431768211456",
        "ü/../x?y",
    ];
    prop::sample::select(few.to_vec()).prop_map(str::to_owned).boxed()
}

fn key() -> impl Strategy<Value = SourceKey> {
    (prop::sample::select(Stream::ALL.to_vec()), id()).prop_map(|(stream, id)| SourceKey::new(stream, id))
}

fn keys() -> impl Strategy<Value = Vec<SourceKey>> {
    prop::collection::vec(key(), 0..3)
}

fn instant() -> impl Strategy<Value = Option<Timestamp>> {
    let ends =
        prop_oneof![Just(Timestamp::MIN_UTC), Just(Timestamp::MAX_UTC), Just(at("2026-05-30")), Just(at("1970-01-01"))];
    prop::option::of(ends)
}

fn links() -> impl Strategy<Value = Vec<AccountLink>> {
    let account =
        prop_oneof![Just(Stream::HubspotCompanies), Just(Stream::StripeCustomers), Just(Stream::HubspotContacts)];
    let link = (account, id(), any::<bool>());
    prop::collection::vec(
        link.prop_map(|(stream, id, primary)| AccountLink { account: SourceKey::new(stream, id), primary }),
        0..3,
    )
}

/// Facts that fit the stream's role, or another one's.
fn facts() -> impl Strategy<Value = Facts> {
    let account = (
        prop::option::of(text()),
        prop::collection::vec(text(), 0..3),
        prop::collection::vec(text(), 0..3),
        keys(),
        keys(),
        instant(),
    )
        .prop_map(|(name, domains, emails, links, merged, created_at)| {
            Facts::Account(AccountFacts { name, domains, emails, links, merged, created_at, ..AccountFacts::default() })
        });
    let person = (prop::option::of(text()), prop::option::of(text()), links(), keys())
        .prop_map(|(name, email, accounts, merged)| Facts::Person(PersonFacts { name, email, accounts, merged }));
    let deal = (prop::option::of(text()), any::<bool>(), instant(), instant(), links(), keys()).prop_map(
        |(name, won, closed_at, won_stage_at, accounts, merged)| {
            Facts::Deal(DealFacts { name, won, closed_at, won_stage_at, accounts, merged })
        },
    );
    let status = prop_oneof![
        Just(SubscriptionStatus::Active),
        Just(SubscriptionStatus::PastDue),
        text().prop_map(SubscriptionStatus::Other)
    ];
    let subscription = (key(), status, text(), any::<i64>(), 0..28_u32, prop::option::of(text()), instant()).prop_map(
        |(account, status, currency, digits, scale, plan, started_at)| {
            let mrr = rust_decimal::Decimal::new(digits, scale);
            let plan_weight = if scale == 3 { rust_decimal::Decimal::MAX } else { mrr };
            let changes_at = started_at;
            Facts::Subscription(SubscriptionFacts {
                account,
                status,
                currency,
                mrr,
                plan,
                plan_weight,
                started_at,
                changes_at,
            })
        },
    );
    prop_oneof![account, person, deal, subscription]
}

fn fits(stream: Stream, facts: &Facts) -> bool {
    use crate::domain::Role;
    matches!(
        (stream.role(), facts),
        (Role::Account, Facts::Account(_))
            | (Role::Person, Facts::Person(_))
            | (Role::Deal, Facts::Deal(_))
            | (Role::Subscription, Facts::Subscription(_))
    )
}

prop_compose! {
    /// A record with its standing and what a person decided about it. Mostly its facts are of its stream's role.
    fn known()(
        (stream, facts) in prop_oneof![
            9 => facts().prop_flat_map(|facts| {
                let of_role: Vec<Stream> = Stream::ALL.into_iter().filter(|stream| fits(*stream, &facts)).collect();
                (prop::sample::select(of_role), Just(facts))
            }),
            1 => (prop::sample::select(Stream::ALL.to_vec()), facts()),
        ],
        id in id(),
        properties in prop::collection::btree_map(prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned), value(), 0..6),
        selected in prop::bool::weighted(0.7),
        plain in prop::bool::weighted(0.7),
        gone in prop::option::weighted(0.2, prop_oneof![
            Just(Gone::Archived), Just(Gone::Deleted), id().prop_map(|into| Gone::Merged { into: ExternalId::new(into) })
        ]),
        choice in prop::option::weighted(0.2, prop_oneof![
            Just(Choice::Ignore),
            (0..4_u8).prop_map(|n| Choice::Link { pivotal_id: PivotalId::new(format!("there-{n}")) }),
            prop::option::of(0..4_u8).prop_map(|n| Choice::Unlink { pivotal_id: n.map(|n| PivotalId::new(format!("there-{n}"))) }),
        ]),
        problem in prop::option::weighted(0.1, text()),
    ) -> Known {
        let mut properties: BTreeMap<String, Value> = properties;
        if selected {
            properties.insert("lifecyclestage".to_owned(), "customer".into());
            properties.insert("hs_is_closed_won".to_owned(), true.into());
        }
        if plain {
            // Enough sense in it to get as far as a request: plain words, and nothing left unread.
            let plain = [("name", "Acme"), ("email", "jane@acme.com"), ("firstname", "Jane"), ("hs_object_id", "5")];
            let words = plain.map(|(name, word)| (name, Value::text(word)));
            for (name, value) in words.into_iter().chain(NAMES.map(|name| (name, Value::Null))) {
                properties.entry(name.to_owned()).or_insert(value);
            }
        }
        let record = Record { key: SourceKey::new(stream, id), facts, properties, changed_at: None };
        let chosen = choice.map(|choice| Chosen { choice, decided_at: at("2026-05-01") });
        Known { record, gone: gone.map(|how| (how, at("2026-05-01"))), problem, survivor: None, chosen }
    }
}

/// What is in Pivotal already.
pub(super) fn there() -> impl Strategy<Value = Vec<Candidate>> {
    let fields = (
        prop::collection::btree_map(
            "domain|email|notes|hubspot_company_id|stripe_customer_id|name",
            prop_oneof![value(), Just(Value::text("1")), Just(Value::text("jane@acme.com"))],
            0..4,
        ),
        0..4_u8,
    );
    let candidate = fields.prop_map(|(fields, number)| Candidate {
        id: PivotalId::new(format!("there-{number}")),
        display_id: Some(i64::from(number)),
        parent: None,
        kept: Fields(fields.clone()),
        fields: Fields(fields),
        owner: None,
        called: None,
    });
    prop::collection::vec(candidate, 0..4).prop_map(|mut all| {
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        all
    })
}

/// Records, each once.
fn records() -> impl Strategy<Value = Vec<Known>> {
    prop::collection::vec(known(), 0..12).prop_map(|mut all| {
        all.sort_by(|a, b| a.record.key.cmp(&b.record.key));
        all.dedup_by(|a, b| a.record.key == b.record.key);
        all
    })
}

prop_compose! {
    /// What is there on one day and on the next: some stays, some goes, some comes or changes.
    pub(super) fn two_days()(before in records(), fresh in records(), fates in prop::collection::vec(0..4_u8, 12)) -> (Vec<Known>, Vec<Known>) {
        let mut after: BTreeMap<SourceKey, Known> = BTreeMap::new();
        for (known, fate) in before.iter().zip(fates) {
            let mut known = known.clone();
            match fate {
                0 => continue,
                1 => known.gone = Some((Gone::Deleted, at("2026-05-20"))),
                2 => drop(known.record.properties.insert("jobtitle".to_owned(), "Buyer".into())),
                _ => {}
            }
            after.insert(known.record.key.clone(), known);
        }
        for known in fresh {
            after.entry(known.record.key.clone()).or_insert(known);
        }
        (before, after.into_values().collect())
    }
}
