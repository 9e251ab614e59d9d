//! What the reference sheet leaves unknown, each with the sheet's default (section 13). Set before the first request: the
//! indexes of rows already there are not rebuilt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How `metadata` on a customer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// Accepted, echoed, replaced whole by a PATCH.
    Replaced,
    /// Accepted, echoed, merged key by key by a PATCH.
    Merged,
    /// An unknown key like any other; never in the object.
    Absent,
}

/// Whose e-mail addresses must differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailScope {
    /// The contacts of one customer.
    Customer,
    /// All contacts of the workspace, those of deleted customers included.
    Workspace,
}

/// What the idempotency hash is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyHash {
    /// The bytes as sent.
    Raw,
    /// The parsed JSON, whatever its spacing and key order.
    Canonical,
}

/// Every unknown of the sheet as a choice. As JSON, durations are whole milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Status of a replayed create: the stored 201, or 200.
    pub replay_status: u16,
    /// Default page size of customers and contacts.
    pub list_limit: usize,
    /// Default page size of onboardings.
    pub onboarding_list_limit: usize,
    /// A `limit` out of range is clamped instead of refused.
    pub clamp_limit: bool,
    /// `next_cursor` is set on the last page too.
    pub always_next_cursor: bool,
    /// `created_at` is rounded down to this many milliseconds, which makes ties. At least 1.
    pub created_grid_ms: i64,
    /// The list of customers understands `slug=`; otherwise it ignores the word and lists everybody.
    pub slug_filter: bool,
    /// Length of the rate window.
    #[serde(with = "millis")]
    pub rate_window: Duration,
    /// Answers of 4xx count against the limit (429 apart).
    pub count_errors: bool,
    /// Replays count against the limit.
    pub count_replays: bool,
    /// Refusals for the rate itself count against the limit.
    pub count_throttled: bool,
    /// `/health` carries rate headers.
    pub health_headers: bool,
    /// `X-RateLimit-Reset` and `Retry-After` name the moment the window is wholly empty, not the oldest hit's leave.
    pub reset_full_window: bool,
    /// What the idempotency hash is taken over.
    pub body_hash: BodyHash,
    /// Code of the 409 for a key seen with another body.
    pub mismatch_code: String,
    /// Code of the 409 for a key whose first request is still running.
    pub in_flight_code: String,
    /// How long a key is remembered.
    #[serde(with = "millis")]
    pub idempotency_ttl: Duration,
    /// An absent field is `missing_field`, not `invalid_type`.
    pub missing_field: bool,
    /// Unknown body keys are refused, not ignored.
    pub strict_keys: bool,
    /// `null` for a nullable field clears it; otherwise it is an `invalid_type`.
    pub null_clears: bool,
    /// Longest text of a one-line field, in UTF-16 units.
    pub longest_text: usize,
    /// A deleted customer frees its slug.
    pub delete_frees_slug: bool,
    /// A taken slug that was derived from the name gets a number instead of a refusal.
    pub number_derived_slugs: bool,
    /// Whose e-mail addresses must differ.
    pub email_scope: EmailScope,
    /// A deleted contact keeps its e-mail address.
    pub delete_keeps_email: bool,
    /// The first contact of a customer becomes primary by itself.
    pub promote_first_contact: bool,
    /// Deleting once more is a 404.
    pub repeat_delete_404: bool,
    /// Children of a deleted customer can still be had by id.
    pub orphans_readable: bool,
    /// How `metadata` behaves.
    pub metadata: Metadata,
    /// The customer's `status` words.
    pub statuses: Vec<String>,
    /// `status` of a customer created without one.
    pub default_status: String,
    /// A PATCH that changes nothing moves `updated_at`.
    pub idle_patch_bumps: bool,
    /// `/me` answers in the test guide's shape, not OpenAPI's.
    pub me_test_guide: bool,
    /// How long carrying out a write takes. A client that leaves meanwhile does not stop it.
    #[serde(with = "millis")]
    pub write_latency: Duration,
    /// Objects carry fields no document names.
    pub unknown_fields: bool,
    /// Value of a `Deprecation` header on every answer.
    pub deprecation: Option<String>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            replay_status: 201,
            list_limit: 20,
            onboarding_list_limit: 25,
            clamp_limit: false,
            always_next_cursor: false,
            created_grid_ms: 1,
            slug_filter: true,
            rate_window: Duration::from_secs(60),
            count_errors: true,
            count_replays: true,
            count_throttled: false,
            health_headers: false,
            reset_full_window: false,
            body_hash: BodyHash::Raw,
            mismatch_code: "idempotency_key_mismatch".to_owned(),
            in_flight_code: "idempotency_key_in_use".to_owned(),
            idempotency_ttl: Duration::from_secs(24 * 3600),
            missing_field: false,
            strict_keys: false,
            null_clears: true,
            longest_text: 255,
            delete_frees_slug: false,
            number_derived_slugs: false,
            email_scope: EmailScope::Customer,
            delete_keeps_email: false,
            promote_first_contact: false,
            repeat_delete_404: false,
            orphans_readable: false,
            metadata: Metadata::Replaced,
            statuses: ["onboarding", "active", "at_risk", "churned", "archived"].map(str::to_owned).to_vec(),
            default_status: "active".to_owned(),
            idle_patch_bumps: false,
            me_test_guide: false,
            write_latency: Duration::ZERO,
            unknown_fields: false,
            deprecation: None,
        }
    }
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
