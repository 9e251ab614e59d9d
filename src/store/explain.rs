//! What a person calls a thing, and the entities it names.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::Trouble;
use super::rows::stream;
use super::{Store, StoreError, Story, json};
use crate::domain::{ExternalId, Kind, PivotalId, SourceKey};

/// Entities told at most: a domain that names more is no answer for a person.
const MOST: i64 = 100;

/// What a person calls a thing (design section 6, REF).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Reference {
    /// `hubspot:company:123`
    Record(SourceKey),
    /// `pivotal:customer:42`
    Display(Kind, i64),
    /// `pivotal:customer:<cuid>`
    Cuid(PivotalId),
    /// An id without a word of whose: a record's at its source, or an object's in Pivotal.
    Id(String),
    /// The address of a page, such as a record's at its source.
    Page {
        /// Whose page, in lower case, without `www.`.
        host: String,
        /// The steps of its path.
        path: Vec<String>,
    },
    /// A domain, in lower case.
    Domain(String),
    /// An email, in lower case.
    Email(String),
}

/// A text that is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' names nothing; write hubspot:company:123, stripe:customer:cus_123, pivotal:customer:42, an id, the address of its page, a domain or an email"
)]
pub struct ParseReferenceError(pub String);

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let text = given.trim();
        let bad = || ParseReferenceError(given.to_owned());
        if let Ok(key) = text.parse() {
            return Ok(Self::Record(key));
        }
        if let Some(rest) = text.strip_prefix("pivotal:") {
            let (kind, id) = rest.split_once(':').filter(|(_, id)| !id.is_empty()).ok_or_else(bad)?;
            let kind = kind.parse().map_err(|_| bad())?;
            let number = id.bytes().all(|b| b.is_ascii_digit());
            return if number {
                Ok(Self::Display(kind, id.parse().map_err(|_| bad())?))
            } else {
                Ok(Self::Cuid(PivotalId::new(id)))
            };
        }
        if let Some(address) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            return page(address).ok_or_else(bad);
        }
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '/')) {
            return Err(bad());
        }
        match text.split_once('@') {
            Some((name, host)) if !name.is_empty() && !host.is_empty() => Ok(Self::Email(text.to_lowercase())),
            Some(_) => Err(bad()),
            None if text.contains('.') => Ok(Self::Domain(text.trim_matches('.').to_lowercase())),
            // Ids are opaque (pivotal-api.md 9 knows several shapes), but none is a short word.
            None if text.len() >= 8 || text.bytes().any(|b| b.is_ascii_digit()) => Ok(Self::Id(text.to_owned())),
            None => Err(bad()),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = ParseReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        match reference {
            // A bare id would be read as anybody's; of which kind it is does not matter to a cuid.
            Reference::Cuid(id) => format!("pivotal:customer:{id}"),
            other => other.to_string(),
        }
    }
}

/// What an address names, without what follows its path.
fn page(address: &str) -> Option<Reference> {
    let address = address.split(['?', '#']).next()?;
    let mut steps = address.split('/').filter(|step| !step.is_empty()).map(str::to_owned);
    let host = steps.next()?.to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host).to_owned();
    Some(Reference::Page { host, path: steps.collect() })
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(key) => key.fmt(f),
            Self::Display(kind, id) => write!(f, "pivotal:{kind}:{id}"),
            Self::Cuid(id) => id.fmt(f),
            Self::Domain(text) | Self::Email(text) | Self::Id(text) => f.write_str(text),
            Self::Page { host, path } if path.is_empty() => write!(f, "https://{host}"),
            Self::Page { host, path } => write!(f, "https://{host}/{}", path.join("/")),
        }
    }
}

/// A host in lower case, an international name in its ASCII form: the form of hosts in evidence, and of what is looked up.
pub(super) fn ascii(host: &str) -> Cow<'_, str> {
    let ascii = idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::EMPTY).ok();
    ascii.filter(|ascii| !ascii.is_empty()).unwrap_or_else(|| Cow::Owned(host.to_lowercase()))
}

/// What a reference names: entities, and records that are bound to none.
#[derive(Default)]
pub(super) struct Named {
    pub entities: BTreeSet<i64>,
    pub records: Vec<SourceKey>,
}

impl Store {
    /// Everything about the entities a reference names; a record without an entity is a story of its own. Empty when nothing
    /// here bears the name.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn explain(&self, reference: &Reference) -> Result<Vec<Story>, StoreError> {
        let named = self.named(reference).await?;
        self.told(self.stories(named)).await
    }

    /// What a reference names.
    pub(super) async fn named(&self, reference: &Reference) -> Result<Named, StoreError> {
        let mut named = Named::default();
        for reference in &self.meant(reference).await? {
            named.extend(self.told(self.named_as(reference)).await?);
        }
        Ok(named)
    }

    async fn named_as(&self, reference: &Reference) -> Result<Named, Trouble> {
        match reference {
            Reference::Record(key) => self.named_by_key(key).await,
            Reference::Display(kind, id) => self.named_by_number(*kind, *id).await,
            Reference::Cuid(id) => self.named_by_cuid(id).await,
            Reference::Email(email) => {
                let (name, host) = email.rsplit_once('@').unwrap_or((email, ""));
                self.named_by_tokens(&[format!("email:{name}@{}", ascii(host))]).await
            }
            Reference::Domain(domain) => self.named_by_domain(domain).await,
            // `meant` makes these into one of the others.
            Reference::Id(_) | Reference::Page { .. } => Ok(Named::default()),
        }
    }

    async fn named_by_key(&self, key: &SourceKey) -> Result<Named, Trouble> {
        let (stream, id) = (key.stream.as_str(), key.id.as_str());
        let found =
            sqlx::query_scalar!("SELECT entity_id FROM record WHERE stream = ? AND external_id = ?", stream, id)
                .fetch_optional(self.read())
                .await?;
        Ok(match found {
            None => Named::default(),
            Some(None) => Named { records: vec![key.clone()], ..Named::default() },
            Some(Some(entity)) => Named { entities: BTreeSet::from([entity]), ..Named::default() },
        })
    }

    async fn named_by_number(&self, kind: Kind, id: i64) -> Result<Named, Trouble> {
        let kind = kind.as_str();
        let found = sqlx::query_scalar!(
            r#"SELECT id AS "id!: i64" FROM entity WHERE object = ?1 AND display_id = ?2
               UNION SELECT entity_id FROM mapping WHERE object = ?1 AND display_id = ?2"#,
            kind,
            id
        )
        .fetch_all(self.read())
        .await?;
        Ok(Named { entities: found.into_iter().collect(), ..Named::default() })
    }

    async fn named_by_cuid(&self, id: &PivotalId) -> Result<Named, Trouble> {
        let id = id.as_str();
        let found = sqlx::query_scalar!(
            r#"SELECT id AS "id!: i64" FROM entity WHERE pivotal_id = ?1
               UNION SELECT entity_id FROM mapping WHERE pivotal_id = ?1"#,
            id
        )
        .fetch_all(self.read())
        .await?;
        Ok(Named { entities: found.into_iter().collect(), ..Named::default() })
    }

    /// What shows a domain, or what is in Pivotal under it. Evidence is registrable domains: a host below one is looked up by
    /// its parents until something answers.
    async fn named_by_domain(&self, domain: &str) -> Result<Named, Trouble> {
        let domain = ascii(domain);
        let mut named = self.named_by_tokens(&[format!("domain:{domain}"), format!("host:{domain}")]).await?;
        if named.is_empty() {
            named = self.named_in_pivotal(&domain).await?;
        }
        let mut rest = domain.as_ref();
        while let Some((_, above)) = rest.split_once('.').filter(|(_, above)| named.is_empty() && above.contains('.')) {
            named = self.named_by_tokens(&[format!("domain:{above}")]).await?;
            rest = above;
        }
        Ok(named)
    }

    /// The entities that stand for the customers which Pivotal was seen to have under a domain.
    async fn named_in_pivotal(&self, domain: &str) -> Result<Named, Trouble> {
        let found = sqlx::query_scalar!(
            r#"SELECT n.id AS "id!: i64" FROM remote m CROSS JOIN entity n ON n.pivotal_id = m.pivotal_id
               WHERE m.domain = ? AND m.object = 'customer' LIMIT ?"#,
            domain,
            MOST
        )
        .fetch_all(self.read())
        .await?;
        Ok(Named { entities: found.into_iter().collect(), ..Named::default() })
    }

    async fn named_by_tokens(&self, tokens: &[String]) -> Result<Named, Trouble> {
        let tokens = json(tokens)?;
        let found = sqlx::query!(
            r#"SELECT r.stream, r.external_id, r.entity_id FROM json_each(?) j
               CROSS JOIN evidence e ON e.token = j.value
               CROSS JOIN record r ON r.stream = e.stream AND r.external_id = e.external_id LIMIT ?"#,
            tokens,
            MOST
        )
        .fetch_all(self.read())
        .await?;
        let mut named = Named::default();
        for row in found {
            match row.entity_id {
                Some(entity) => {
                    named.entities.insert(entity);
                }
                None => {
                    let stream = stream("evidence", &row.stream)?;
                    named.records.push(SourceKey { stream, id: ExternalId::new(row.external_id) });
                }
            }
        }
        Ok(named)
    }
}

impl Named {
    fn extend(&mut self, other: Self) {
        self.entities.extend(other.entities);
        self.records.extend(other.records);
    }

    fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.records.is_empty()
    }
}
