//! What people paste rather than type: a bare id, or the address of a page that shows one.

use super::error::Trouble;
use super::rows::stream;
use super::{Reference, Store, StoreError, json};
use crate::domain::{ExternalId, PivotalId, SourceKey, Stream};

/// The stream whose records stand behind this step of a page's path, where a source's ids alone do not tell them apart.
fn shown_behind(step: &str) -> Option<Stream> {
    match step {
        "company" | "0-2" => Some(Stream::HubspotCompanies),
        "contact" | "0-1" => Some(Stream::HubspotContacts),
        "deal" | "0-3" => Some(Stream::HubspotDeals),
        _ => None,
    }
}

impl Store {
    /// A reference as the store knows it: what was typed out is itself; a bare id is every record that bears it, and else an
    /// object of Pivotal's; the address of a page is the record whose id stands last in it, of the
    /// stream that its path names if it names one, and else the page's domain.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn meant(&self, reference: &Reference) -> Result<Vec<Reference>, StoreError> {
        self.told(async {
            Ok(match reference {
                Reference::Id(id) => {
                    let records = self.bearing(id).await?;
                    if records.is_empty() { vec![Reference::Cuid(PivotalId::new(id.as_str()))] } else { records }
                }
                Reference::Page { host, path } => {
                    for (at, id) in path.iter().enumerate().rev() {
                        let mut records = self.bearing(id).await?;
                        let step = at.checked_sub(1).and_then(|before| path.get(before));
                        if let Some(stream) = step.and_then(|step| shown_behind(step)) {
                            records.retain(|record| matches!(record, Reference::Record(key) if key.stream == stream));
                        }
                        if !records.is_empty() {
                            return Ok(records);
                        }
                    }
                    vec![Reference::Domain(host.clone())]
                }
                other => vec![other.clone()],
            })
        })
        .await
    }

    async fn bearing(&self, id: &str) -> Result<Vec<Reference>, Trouble> {
        // By stream, so that the key answers it.
        let streams = json(&Stream::ALL.map(Stream::as_str))?;
        let found = sqlx::query!(
            "SELECT r.stream, r.external_id FROM json_each(?) s
             CROSS JOIN record r ON r.stream = s.value AND r.external_id = ? ORDER BY s.key",
            streams,
            id
        )
        .fetch_all(self.read())
        .await?;
        let record = |name: &str, id: String| {
            Ok(Reference::Record(SourceKey { stream: stream("record", name)?, id: ExternalId::new(id) }))
        };
        found.into_iter().map(|row| record(&row.stream, row.external_id)).collect()
    }
}
