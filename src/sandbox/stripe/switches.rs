//! What the reference sheet leaves open, or what a test wants to be different.

/// Every behaviour that can be switched. The defaults follow the sheet, and its nastier reading where it is undecided.
#[derive(Debug, Clone)]
pub struct Switches {
    /// The account's own API version: used without a `Stripe-Version` header, and for the objects inside events whatever
    /// the header says (traps 10 and 53). Default `2024-06-20`, before periods moved to the items.
    pub account_version: String,
    /// Every so-many-th event appears late, behind newer ones (trap 4); 0 is never. Default 0.
    pub late_every: u64,
    /// How late, in milliseconds. Default 5,000.
    pub late_by_ms: i64,
    /// Every so-many-th event is followed by a second one, with another id and the same object; 0 is never. Default 0.
    pub duplicate_every: u64,
    /// Mutations raise no events (trap 14). Default false.
    pub silent: bool,
    /// Updates carry `previous_attributes` (section 4). Default true.
    pub previous_attributes: bool,
    /// Days that events are kept (trap 2). Default 30.
    pub event_days: i64,
    /// The event list leaves out what the key may not read, without a word (section 2, UNKNOWN). Default false.
    pub events_hide_forbidden: bool,
    /// `customer.deleted` carries `deleted: true` in its object (section 5, UNKNOWN). Default false.
    pub deleted_flag_in_event: bool,
    /// A list cursor of a deleted object is a 400 instead of going on from its place (trap 18, UNKNOWN). Default true.
    pub deleted_cursor_fails: bool,
    /// A deleted coupon expands to a stub, as a deleted product does (trap 23). Default true.
    pub deleted_coupon_is_stub: bool,
    /// Items embedded in a subscription before `has_more` (section 6, UNKNOWN, trap 28). Default 10.
    pub embedded_items: usize,
    /// Status of an answer to a key without the right: 403, or 401 in some reports (section 2). Default 403.
    pub forbidden_status: u16,
    /// That answer names the missing right. Default true.
    pub forbidden_names_right: bool,
    /// Requests in any second (section 10); `None` is unlimited. Default 25 for test keys, 100 for live ones.
    pub calls_per_second: Option<u32>,
    /// Requests to one endpoint in any second (section 10). Default 25.
    pub endpoint_calls_per_second: Option<u32>,
    /// `Stripe-Should-Retry` on refusals; `None` sends no such header (section 10). Default none.
    pub should_retry: Option<bool>,
    /// How far the `Date` header runs ahead of the world's clock, in milliseconds (trap 16). Default 0.
    pub date_skew_ms: i64,
}

impl Switches {
    pub(super) fn new(livemode: bool) -> Self {
        Self {
            account_version: "2024-06-20".to_owned(),
            late_every: 0,
            late_by_ms: 5_000,
            duplicate_every: 0,
            silent: false,
            previous_attributes: true,
            event_days: 30,
            events_hide_forbidden: false,
            deleted_flag_in_event: false,
            deleted_cursor_fails: true,
            deleted_coupon_is_stub: true,
            embedded_items: 10,
            forbidden_status: 403,
            forbidden_names_right: true,
            calls_per_second: Some(if livemode { 100 } else { 25 }),
            endpoint_calls_per_second: Some(25),
            should_retry: None,
            date_skew_ms: 0,
        }
    }
}
