//! What Pivotal held when it was last walked: the base of adoption.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use super::error::Trouble;
use super::explain::ascii;
use super::{RemoteQuery, RemoteRow, Store, StoreError, json, rows, time};
use crate::domain::{EntityId, ExternalId, Fields, Kind, Mirror, PivotalId, Timestamp, Value};
use crate::ports::RemoteObject;

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    object: &'a str,
    display_id: Option<i64>,
    parent: Option<&'a str>,
    company: Option<String>,
    stripe: Option<String>,
    domain: Option<String>,
    slug: Option<String>,
    email: Option<String>,
    fields: String,
}

impl<'a> Row<'a> {
    fn new(object: &'a RemoteObject) -> Result<Self, Trouble> {
        let field = |name| plain(&object.fields, name);
        Ok(Self {
            id: object.id.as_str(),
            object: object.kind.as_str(),
            display_id: object.display_id,
            parent: object.parent.as_ref().map(PivotalId::as_str),
            company: field("hubspot_company_id"),
            stripe: field("stripe_customer_id"),
            domain: field("domain").map(|domain| ascii(&domain).into_owned()),
            slug: field("slug"),
            email: field("email").map(|e| e.to_lowercase()),
            fields: json(&object.fields)?,
        })
    }
}

/// A field that names something: text, or a number where an API writes an id as one. Blank is none.
fn plain(fields: &Fields, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::Text(text) => Some(text.trim().to_owned()).filter(|t| !t.is_empty()),
        number @ Value::Number(_) => Some(number.to_string()),
        _ => None,
    }
}

/// One thing looked for, with the number of the query that asks.
#[derive(Serialize)]
struct Wanted<'a> {
    query: usize,
    by: &'static str,
    value: Cow<'a, str>,
    object: &'a str,
}

fn wanted<'a>(queries: &'a [RemoteQuery]) -> Vec<Wanted<'a>> {
    let mut all = Vec::new();
    for (query, asked) in queries.iter().enumerate() {
        match asked {
            RemoteQuery::Customers { hubspot_company_ids, stripe_customer_ids, domains } => {
                let object = Kind::Customer.as_str();
                let by = |by| move |id: &'a ExternalId| Wanted { query, by, value: id.as_str().into(), object };
                all.extend(hubspot_company_ids.iter().map(by("company")));
                all.extend(stripe_customer_ids.iter().map(by("stripe")));
                all.extend(domains.iter().map(|domain| Wanted { query, by: "domain", value: ascii(domain), object }));
            }
            RemoteQuery::Slugs(slugs) => {
                let object = Kind::Customer.as_str();
                all.extend(slugs.iter().map(|slug| Wanted { query, by: "slug", value: slug.into(), object }));
            }
            RemoteQuery::Emails(emails) => {
                let object = Kind::Contact.as_str();
                all.extend(emails.iter().map(|email| Wanted { query, by: "email", value: email.into(), object }));
            }
            RemoteQuery::Notes(notes) => {
                let object = Kind::Onboarding.as_str();
                all.extend(notes.iter().map(|notes| Wanted { query, by: "notes", value: notes.into(), object }));
            }
            RemoteQuery::Ids(kind, ids) => {
                all.extend(ids.iter().map(|id| Wanted {
                    query,
                    by: "id",
                    value: id.as_str().into(),
                    object: kind.as_str(),
                }));
            }
            RemoteQuery::Children { kind, parent } => {
                all.push(Wanted { query, by: "parent", value: parent.as_str().into(), object: kind.as_str() });
            }
        }
    }
    all
}

impl Store {
    /// Keeps objects as Pivotal showed them, in place of what was kept of them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn save_remote(&self, objects: &[RemoteObject], now: Timestamp) -> Result<(), StoreError> {
        let now = time::text(now);
        self.told(async {
            let rows = json(&objects.iter().map(Row::new).collect::<Result<Vec<_>, _>>()?)?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "INSERT OR REPLACE INTO remote (pivotal_id, object, display_id, parent, hubspot_company_id,
                                                stripe_customer_id, domain, slug, email, fields, seen_at)
                 SELECT value ->> '$.id', value ->> '$.object', value ->> '$.display_id', value ->> '$.parent',
                        value ->> '$.company', value ->> '$.stripe', value ->> '$.domain', value ->> '$.slug',
                        value ->> '$.email', value ->> '$.fields', ?1
                 FROM json_each(?2)",
                now,
                rows
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Forgets objects that Pivotal no longer has.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_remote(&self, objects: &[PivotalId]) -> Result<(), StoreError> {
        self.told(async {
            let ids = json(&objects.iter().map(PivotalId::as_str).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            sqlx::query!("DELETE FROM remote WHERE pivotal_id IN (SELECT value FROM json_each(?))", ids)
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Customers that no entity has, those first that carry an id of a source.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unowned_customers(&self) -> Result<Vec<PivotalId>, StoreError> {
        self.told(async {
            let found = sqlx::query_scalar!(
                r#"SELECT m.pivotal_id FROM remote m
                   WHERE m.object = 'customer' AND NOT EXISTS (SELECT 1 FROM entity n WHERE n.pivotal_id = m.pivotal_id)
                   ORDER BY COALESCE(m.hubspot_company_id, m.stripe_customer_id) IS NULL, m.domain IS NULL, m.pivotal_id"#
            )
            .fetch_all(self.read())
            .await?;
            Ok(found.into_iter().map(PivotalId::new).collect())
        })
        .await
    }

    /// The object of a kind with this number, as the last walk showed it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn remote_number(&self, kind: Kind, number: i64) -> Result<Option<PivotalId>, StoreError> {
        let kind = kind.as_str();
        self.told(async {
            let found =
                sqlx::query_scalar!("SELECT pivotal_id FROM remote WHERE object = ? AND display_id = ?", kind, number)
                    .fetch_optional(self.read())
                    .await?;
            Ok(found.map(PivotalId::new))
        })
        .await
    }

    /// What was last written to, or found on, the objects of those of these entities that have one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mirrors(&self, entities: &[EntityId]) -> Result<HashMap<EntityId, Mirror>, StoreError> {
        if entities.is_empty() {
            return Ok(HashMap::new());
        }
        self.told(async {
            let ids = json(&entities.iter().map(|entity| entity.0).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT n.id AS "id!", n.pivotal_id AS "pivotal_id!", n.display_id, n.pivotal_parent, n.origin AS "origin!",
                          n.state AS "state!", n.written, n.found
                   FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value
                   WHERE n.pivotal_id IS NOT NULL AND n.origin IS NOT NULL AND n.state IS NOT NULL"#,
                ids
            )
            .fetch_all(self.read())
            .await?;
            let fields = |text: Option<String>| -> Result<Fields, Trouble> {
                Ok(text.as_deref().map(|text| rows::parse("entity", text)).transpose()?.unwrap_or_default())
            };
            let mirrors = found.into_iter().map(|row| {
                let mirror = Mirror {
                    id: PivotalId::new(row.pivotal_id),
                    display_id: row.display_id,
                    parent: row.pivotal_parent.map(PivotalId::new),
                    origin: rows::word("entity", &row.origin)?,
                    state: rows::word("entity", &row.state)?,
                    written: fields(row.written)?,
                    found: fields(row.found)?,
                };
                Ok((EntityId(row.id), mirror))
            });
            mirrors.collect()
        })
        .await
    }

    /// One answer for each query, each object at most once in it, in cuid order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn remote(&self, queries: &[RemoteQuery]) -> Result<Vec<Vec<RemoteRow>>, StoreError> {
        self.told(async {
            let wanted = json(&wanted(queries))?;
            let found = sqlx::query!(
                r#"WITH asked AS MATERIALIZED (
                       SELECT value ->> '$.query' AS query, value ->> '$.by' AS "by", value ->> '$.value' AS value,
                              value ->> '$.object' AS object
                       FROM json_each(?)),
                   hit AS (
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.hubspot_company_id = a.value WHERE a."by" = 'company'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.stripe_customer_id = a.value WHERE a."by" = 'stripe'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.domain = a.value WHERE a."by" = 'domain'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.slug = a.value WHERE a."by" = 'slug'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.email = a.value WHERE a."by" = 'email'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.notes = a.value WHERE a."by" = 'notes'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.pivotal_id = a.value WHERE a."by" = 'id'
                       UNION
                       SELECT a.query, m.pivotal_id, a.object FROM asked a
                       CROSS JOIN remote m ON m.parent = a.value WHERE a."by" = 'parent')
                   SELECT h.query AS "query!: i64", m.pivotal_id AS "pivotal_id!", m.object AS "object!", m.display_id,
                          m.parent, m.fields AS "fields!", m.seen_at AS "seen_at!",
                          (SELECT n.id FROM entity n WHERE n.pivotal_id = m.pivotal_id) AS "owner: i64"
                   FROM hit h CROSS JOIN remote m ON m.pivotal_id = h.pivotal_id AND m.object = h.object
                   ORDER BY 1, 2"#,
                wanted
            )
            .fetch_all(self.read())
            .await?;
            let mut answers: Vec<Vec<RemoteRow>> = queries.iter().map(|_| Vec::new()).collect();
            for row in found {
                let object = RemoteRow {
                    id: PivotalId::new(row.pivotal_id),
                    kind: rows::kind("remote", &row.object)?,
                    display_id: row.display_id,
                    parent: row.parent.map(PivotalId::new),
                    fields: rows::parse("remote", &row.fields)?,
                    owner: row.owner.map(EntityId),
                    seen_at: time::instant("remote", &row.seen_at)?,
                };
                let answer = usize::try_from(row.query).ok().and_then(|query| answers.get_mut(query));
                answer.ok_or_else(|| Trouble::bad("remote", "an answer to no query"))?.push(object);
            }
            Ok(answers)
        })
        .await
    }
}
