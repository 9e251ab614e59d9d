//! What the reference sheet leaves open, or what a test wants to be different.

use std::collections::BTreeSet;

/// Every behaviour that can be switched. The defaults follow the sheet, and its nastier reading where it is undecided.
#[derive(Debug, Clone)]
pub struct Switches {
    /// Versions that the paths answer to; any other is a 404 (section 1). Default `2026-03` and `2026-09`.
    pub versions: BTreeSet<String>,
    /// How long search keeps showing the state before an edit, in milliseconds (section 4.2, UNKNOWN). Default 0.
    pub index_lag_ms: u64,
    /// Up to this much more, in milliseconds and different for each record, so that records of one instant become
    /// searchable at different moments (traps 1 and 2). Default 0.
    pub index_jitter_ms: u64,
    /// What search shows of a record whose last edit is not indexed yet (trap 3). Default [`Lagging::OldRecord`].
    pub lagging: Lagging,
    /// Requests in any ten seconds (section 7); `None` is unlimited and sends no burst headers. Default 190.
    pub calls_per_ten_seconds: Option<u32>,
    /// Association requests in any ten seconds, which kept an older quota (section 4.4). Default 100.
    pub associations_per_ten_seconds: Option<u32>,
    /// Searches in any second, account-wide and without rate headers (section 4.2, trap 31). Default 5.
    pub searches_per_second: Option<u32>,
    /// Requests per day of the account's time zone, searches included (section 7, trap 32). Default 625,000.
    pub calls_per_day: Option<u32>,
    /// The unit of `Retry-After` on a 429 (section 7, CONFLICT, trap 33). Default [`RetryAfter::Milliseconds`].
    pub retry_after: RetryAfter,
    /// `toObjectId`s shown per record of an association batch read before `paging` (trap 36). Default 500.
    pub association_page: usize,
    /// `toObjectId` as a bare number instead of a string (section 4.4, CONFLICT). Default false.
    pub numeric_association_ids: bool,
    /// The label text of a primary association, which portals rename (trap 13). Default `Primary`.
    pub primary_label: Option<String>,
    /// What a batch read answers when it finds nothing at all (section 4.3, CONFLICT, trap 35). Default 207.
    pub none_found: NoneFound,
    /// What a cleared property reads as (trap 18, UNKNOWN). Default [`Cleared::Empty`].
    pub cleared: Cleared,
    /// A restore moves last-modified (section 6, an old observation). Default true.
    pub restore_moves_modified: bool,
    /// A restored record has its associations back (section 6, UNKNOWN). Default true.
    pub restore_keeps_links: bool,
    /// Merges keep the winner's id, as before January 2025, and the survivor lists itself (trap 11). Default false.
    pub merge_keeps_winner: bool,
    /// Search shows `hs_merged_object_ids` of contacts as null (section 6, UNKNOWN). Default true.
    pub search_hides_merged_ids: bool,
    /// Filtering on a property that does not exist is a 400 instead of zero rows. Either way contacts filtered on
    /// `hs_lastmodifieddate` give zero rows (trap 4). Default true.
    pub unknown_filter_fails: bool,
    /// Characters of a search body (section 4.2); `None` is unlimited. Default 3,000.
    pub search_body_limit: Option<usize>,
    /// Bytes of path and query before a 414 with an HTML body (traps 37 and 38). Default 7,000.
    pub url_limit: usize,
    /// Days that an archived record stays in the archived list and answers at all (section 6). Default 90.
    pub archived_days: i64,
    /// Property and pipeline definitions need their own `crm.schemas.*.read`; otherwise the right to the records does as
    /// well (section 2 lists both, section 8 says "any one"). Default false.
    pub schemas_need_their_scope: bool,
    /// The token check answers; for service keys it is UNKNOWN (section 2). Default true.
    pub token_info: bool,
    /// The account moves data centre: every call is a 477 with these seconds in `Retry-After` (trap 39).
    pub migrating_seconds: Option<u64>,
    /// The portal is dead: the token endpoint answers `BAD_HUB` (section 2). Default false.
    pub bad_hub: bool,
    /// Seconds that an access token of an OAuth app lives (section 2). Default 1,800.
    pub access_token_seconds: u32,
    /// How far the `Date` header runs ahead of the world's clock, in milliseconds (trap 30). Default 0.
    pub date_skew_ms: i64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            versions: ["2026-03", "2026-09"].map(str::to_owned).into(),
            index_lag_ms: 0,
            index_jitter_ms: 0,
            lagging: Lagging::OldRecord,
            calls_per_ten_seconds: Some(190),
            associations_per_ten_seconds: Some(100),
            searches_per_second: Some(5),
            calls_per_day: Some(625_000),
            retry_after: RetryAfter::Milliseconds,
            association_page: 500,
            numeric_association_ids: false,
            primary_label: Some("Primary".to_owned()),
            none_found: NoneFound::MultiStatus,
            cleared: Cleared::Empty,
            restore_moves_modified: true,
            restore_keeps_links: true,
            merge_keeps_winner: false,
            search_hides_merged_ids: true,
            unknown_filter_fails: true,
            search_body_limit: Some(3_000),
            url_limit: 7_000,
            archived_days: 90,
            schemas_need_their_scope: false,
            token_info: true,
            migrating_seconds: None,
            bad_hub: false,
            access_token_seconds: 1_800,
            date_skew_ms: 0,
        }
    }
}

/// What search shows of a record whose last edit is not indexed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lagging {
    /// Matched by and shown with its old values, last-modified included.
    OldRecord,
    /// Matched by its new last-modified, shown with its old values.
    OldValues,
    /// Not shown at all.
    Absent,
}

/// The unit of `Retry-After` on a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// No such header.
    Absent,
    /// Whole seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// What a batch read answers when it finds none of its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoneFound {
    /// 207 with empty `results` and the errors.
    MultiStatus,
    /// 404.
    NotFound,
}

/// What a cleared property reads as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleared {
    /// `""`.
    Empty,
    /// `null`.
    Null,
}
