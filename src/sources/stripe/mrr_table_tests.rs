//! Reads the tables of `mrr.md` and works out every row: what the documentation says is what the code does.

use serde_json::{Value as Json, json};

use super::super::mrr::*;
use super::super::{CountedDiscounts, catalogue::Shelf, wire::Subscription};
use super::MrrPolicy;

const TABLE: &str = include_str!("mrr.md");
const NOW: i64 = 1_790_000_000;

/// One example: rule, items, subscription, switches, and what a month is.
struct Row<'a> {
    rule: &'a str,
    items: Vec<Json>,
    subscription: Json,
    policy: MrrPolicy,
    mrr: &'a str,
    doubtful: bool,
    until: Option<i64>,
}

fn rows() -> Vec<Row<'static>> {
    let examples = TABLE.split("## Every rule").nth(1).unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let lines = examples.lines().filter(|line| line.starts_with('|')).map(cells);
    lines.filter(|cells| cells[0] != "rule" && !cells[0].starts_with("---")).map(|cells| row(&cells)).collect()
}

fn row(cells: &[&'static str]) -> Row<'static> {
    let [rule, items, subscription, switches, month] = cells else { panic!("five columns: {cells:?}") };
    let (figure, until) = month.split_once(" until ").map_or((*month, None), |(figure, at)| (figure, Some(at)));
    let (mrr, doubtful) = figure.strip_suffix(" !").map_or((figure, false), |mrr| (mrr, true));
    let mut fields = if subscription.is_empty() { json!({}) } else { parsed(bare(subscription)) };
    written_out(&mut fields);
    Row {
        rule,
        items: items.split(" ; ").map(|cell| item(bare(cell))).collect(),
        subscription: fields,
        policy: policy(bare(switches)),
        mrr,
        doubtful,
        until: until.map(moment),
    }
}

fn bare(cell: &str) -> &str {
    cell.trim().trim_matches('`')
}

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The defaults of the program itself, and a switch laid over them.
fn policy(switch: &str) -> MrrPolicy {
    let defaults: toml::Table = include_str!("../../../config/default.toml").parse().unwrap();
    let mut table = defaults["stripe"]["mrr"].as_table().unwrap().clone();
    table.extend(switch.parse::<toml::Table>().unwrap());
    table.try_into().unwrap()
}

/// `2 × 1500 usd/3 month with {…}`.
fn item(cell: &str) -> Json {
    let (short, more) = cell.split_once(" with ").unwrap_or((cell, "{}"));
    let (quantity, price) = short.split_once(" × ").map_or((1, short), |(n, price)| (n.parse().unwrap(), price));
    let (money, interval) = price.split_once('/').unwrap();
    let (amount, currency) = money.split_once(' ').unwrap_or((money, "usd"));
    let (count, interval) = interval.split_once(' ').map_or((1, interval), |(n, word)| (n.parse().unwrap(), word));
    let decimal = (amount != "?").then_some(amount);
    let mut item = json!({"id": "si", "quantity": quantity, "discounts": [], "price": {
        "id": format!("price {price}"), "type": "recurring", "billing_scheme": "per_unit", "currency": currency,
        "unit_amount": amount.parse::<i64>().ok(), "unit_amount_decimal": decimal,
        "recurring": {"interval": interval, "interval_count": count, "usage_type": "licensed"}}});
    let mut more = parsed(more);
    written_out(&mut more);
    lay_over(&mut item, more);
    item
}

fn lay_over(under: &mut Json, over: Json) {
    match (under, over) {
        (Json::Object(under), Json::Object(over)) => {
            for (name, value) in over {
                lay_over(under.entry(name).or_insert(Json::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// Moments and discounts in short become what Stripe sends.
fn written_out(json: &mut Json) {
    match json {
        Json::Object(fields) => fields.values_mut().for_each(written_out),
        Json::Array(values) => values.iter_mut().for_each(written_out),
        Json::String(text) if text.starts_with("now") => *json = json!(moment(text)),
        Json::String(text) if text.contains(' ') => *json = discount(text),
        _ => {}
    }
}

/// `now+5d`, in seconds.
fn moment(text: &str) -> i64 {
    let days: i64 = text.strip_prefix("now").and_then(|t| t.strip_suffix('d')).unwrap().parse().unwrap();
    NOW + days * 86_400
}

/// `50% forever`, `500 usd once`, `50% repeating until now+20d`.
fn discount(text: &str) -> Json {
    let (text, end) = text.split_once(" until ").map_or((text, None), |(text, end)| (text, Some(moment(end))));
    let mut coupon = match *text.split(' ').collect::<Vec<_>>() {
        [percent, duration] => json!({"percent_off": parsed(percent.strip_suffix('%').unwrap()), "duration": duration}),
        [amount, currency, duration] => {
            json!({"amount_off": parsed(amount), "currency": currency, "duration": duration})
        }
        _ => panic!("no discount: {text}"),
    };
    coupon["id"] = json!(text);
    json!({"id": "di_1", "start": 1, "end": end, "source": {"type": "coupon", "coupon": coupon}})
}

#[test]
fn every_row_of_the_documentation_is_true_traps_27_to_50() {
    let rows = rows();
    for Row { rule, items, subscription, policy, mrr, doubtful, until } in &rows {
        let mut json = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "currency": "usd",
            "items": {"object": "list", "data": items, "has_more": false}, "discounts": []});
        lay_over(&mut json, subscription.clone());
        let decoded: Subscription = serde_json::from_value(json).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let found = figures(&decoded, &Shelf::default(), policy, NOW);
        assert_eq!(found.mrr.to_string(), *mrr, "{rule}");
        assert_eq!(found.doubts != Doubts::default(), *doubtful, "{rule}: {:?}", found.doubts);
        assert_eq!(changes_at(&decoded, NOW), *until, "{rule}");
    }
    assert!(rows.len() >= 75, "{} rows: is the table still read?", rows.len());
}

#[test]
fn every_switch_is_documented_with_its_default_and_has_an_example() {
    let defaults: toml::Table = include_str!("../../../config/default.toml").parse().unwrap();
    let defaults = defaults["stripe"]["mrr"].as_table().unwrap();
    for (name, default) in defaults {
        let line = TABLE.lines().find(|line| line.starts_with(&format!("| `{name}` | `{default}` |")));
        assert!(line.is_some(), "{name} = {default}");
        let mut examples = TABLE.lines().filter(|line| line.contains(&format!("| `{name} = ")));
        assert!(examples.next().is_some(), "no example for {name}");
    }
    assert_eq!(policy(""), MrrPolicy::default(), "the tests' defaults are the program's");
    assert_eq!(policy("").discounts, CountedDiscounts::Forever);
}
