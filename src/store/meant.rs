//! What people paste rather than type: a bare id, or the address of a page that shows one.

use super::error::Trouble;
use super::rows::stream;
use super::{Reference, Store, StoreError, json};
use crate::domain::{ExternalId, PivotalId, SourceKey, Stream};

impl Store {
    /// A reference as the store knows it: what was typed out is itself; a bare id is every record that bears it, and else an
    /// object of Pivotal's; the address of a page is the record whose id stands last in it, and else the page's domain.
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
                    for id in path.iter().rev() {
                        let records = self.bearing(id).await?;
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
