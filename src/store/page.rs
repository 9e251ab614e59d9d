//! What a page comes to, worked out in memory against the rows as they stood: only what differs is rewritten.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::error::Trouble;
use super::{PageEffect, PageRow, json, rows, time};
use crate::domain::{Pulled, Record, Value};

/// A record's row as it stood before the page.
pub(super) struct Before {
    pub state: String,
    pub merged_into: Option<String>,
    pub facts: String,
    pub properties: String,
    pub unreadable: Option<String>,
    pub changed_at: Option<String>,
    pub gone_at: Option<String>,
    pub entity_id: Option<i64>,
    /// A JSON list.
    pub tokens: String,
}

/// A row to be written whole.
#[derive(Serialize)]
pub(super) struct Rewritten<'a> {
    id: &'a str,
    state: &'a str,
    merged_into: Option<&'a str>,
    facts: String,
    properties: String,
    unreadable: Option<&'a str>,
    changed_at: Option<String>,
    gone_at: Option<String>,
    touched: u8,
}

/// What a page comes to, worked out in memory after one read.
#[derive(Default)]
pub(super) struct Effects<'a> {
    pub rewritten: Vec<Rewritten<'a>>,
    /// Rows whose older facts stay, but whose last showing could not be read: id and why.
    pub unreadable: Vec<(&'a str, &'a str)>,
    /// Everything shown that keeps its row.
    pub same: Vec<&'a str>,
    /// Rows that never held anything readable and are gone.
    pub forgotten: Vec<&'a str>,
    /// Ids whose tokens are replaced.
    pub retold: Vec<&'a str>,
    pub tokens: Vec<(&'a str, &'a str)>,
    pub dirty: Vec<i64>,
    /// Tokens of those who belong to an account that lives on in another one: they are bound anew.
    pub orphaned: Vec<String>,
    pub counts: PageEffect,
}

impl<'a> Effects<'a> {
    pub(super) fn take(&mut self, row: &'a PageRow, before: Option<&Before>, now: &str) -> Result<(), Trouble> {
        let id = row.pulled.key().id.as_str();
        match &row.pulled {
            Pulled::Live(record) => self.take_live(row, record, json(&record.properties)?, before)?,
            Pulled::Partial(record, unanswered) => {
                let properties = with_older(record, unanswered, before)?;
                self.take_live(row, record, properties, before)?;
            }
            Pulled::Gone(_, gone) => {
                // A record that was never kept leaves nothing behind.
                let Some(b) = before else { return Ok(()) };
                let (state, merged_into) = rows::gone_words(gone);
                if b.state == "malformed" {
                    self.forgotten.push(id);
                } else if b.state == state && b.merged_into.as_deref() == merged_into {
                    self.same.push(id);
                } else {
                    self.counts.gone += u64::from(b.state == "live");
                    self.orphaned.extend(merged_into.map(|_| format!("of:{}", row.pulled.key())));
                    let row = Rewritten::new(id, state, b.facts.clone(), b.properties.clone(), b.changed_at.clone());
                    let gone_at = Some(b.gone_at.clone().unwrap_or_else(|| now.to_owned()));
                    self.rewrite(before, Rewritten { merged_into, gone_at, ..row });
                }
            }
            Pulled::Malformed(_, why) => {
                self.counts.malformed += 1;
                match before {
                    None => {
                        let row = Rewritten::new(id, "malformed", "null".to_owned(), "{}".to_owned(), None);
                        // Nothing to bind: there are no facts.
                        self.rewrite(None, Rewritten { unreadable: Some(why), touched: 0, ..row });
                    }
                    Some(b) if b.unreadable.as_deref() != Some(why) => self.unreadable.push((id, why)),
                    Some(_) => self.same.push(id),
                }
            }
        }
        Ok(())
    }

    fn take_live(
        &mut self,
        row: &'a PageRow,
        record: &'a Record,
        properties: String,
        before: Option<&Before>,
    ) -> Result<(), Trouble> {
        let (id, facts) = (record.key.id.as_str(), json(&record.facts)?);
        let differs = before.is_none_or(|b| b.state != "live" || b.facts != facts || b.properties != properties);
        let retold = before.is_none_or(|b| !tells(&b.tokens, row));
        if !differs && !retold && before.is_none_or(|b| b.unreadable.is_none()) {
            self.same.push(id);
            return Ok(());
        }
        self.counts.changed += u64::from(differs);
        if retold {
            self.retold.push(id);
            self.tokens.extend(row.tokens.iter().map(|token| (token.as_str(), id)));
        }
        let changed_at = record.changed_at.map(time::text);
        self.rewrite(before, Rewritten::new(id, "live", facts, properties, changed_at));
        Ok(())
    }

    fn rewrite(&mut self, before: Option<&Before>, row: Rewritten<'a>) {
        self.dirty.extend(before.and_then(|b| b.entity_id));
        self.rewritten.push(row);
    }
}

impl<'a> Rewritten<'a> {
    fn new(id: &'a str, state: &'a str, facts: String, properties: String, changed_at: Option<String>) -> Self {
        let (merged_into, unreadable, gone_at, touched) = (None, None, None, 1);
        Self { id, state, merged_into, facts, properties, unreadable, changed_at, gone_at, touched }
    }
}

/// A record's properties as a JSON object, with what was known before of those that were not answered.
fn with_older(record: &Record, unanswered: &BTreeSet<String>, before: Option<&Before>) -> Result<String, Trouble> {
    let older: Option<BTreeMap<String, Value>> =
        before.map(|before| rows::parse("record", &before.properties)).transpose()?;
    let older = older.unwrap_or_default().into_iter().filter(|(name, _)| unanswered.contains(name));
    json(&older.chain(record.properties.clone()).collect::<BTreeMap<_, _>>())
}

/// Whether the stored tokens (a JSON list) are the row's. They can change while the facts do not: by another free-mail list.
fn tells(stored: &str, row: &PageRow) -> bool {
    let mut tokens: Vec<&str> = row.tokens.iter().map(String::as_str).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let Ok(mut stored) = serde_json::from_str::<Vec<String>>(stored) else { return false };
    stored.sort_unstable();
    stored == tokens
}
