//! What the three objects look like on the wire (sheet section 10).

/// One of the three objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// A customer.
    Customer,
    /// A contact of a customer.
    Contact,
    /// An onboarding of a customer.
    Onboarding,
}

impl Object {
    /// The word in `object` and in error codes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Contact => "contact",
            Self::Onboarding => "onboarding",
        }
    }

    /// Its writable fields, in the order they are checked and shown.
    #[must_use]
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Customer => CUSTOMER,
            Self::Contact => CONTACT,
            Self::Onboarding => ONBOARDING,
        }
    }

    /// Where a field stands among [`Object::fields`].
    #[must_use]
    pub fn position(self, field: &str) -> Option<usize> {
        self.fields().iter().position(|known| known.name == field)
    }
}

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One line of text of at least so many characters.
    Text(usize),
    /// Text of any sensible length.
    Prose,
    /// A URL-safe handle.
    Slug,
    /// An e-mail address, lower-cased.
    Email,
    /// The customer's status, one of the switchable words.
    Status,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Integer,
    /// True or false.
    Flag,
    /// A list of texts.
    Labels,
    /// An ISO 8601 instant.
    Moment,
    /// Any JSON object.
    Json,
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Must be there on create.
    Required,
    /// May be left out, but not null.
    Optional,
    /// May be left out or null.
    Nullable,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it may hold.
    pub shape: Shape,
    /// Whether it must be there.
    pub need: Need,
}

/// The API guide's phases, in order.
pub const PHASES: &[&str] =
    &["before_getting_started", "program_design", "review", "program_buildout", "internal_qa", "launch", "completed"];
/// The API guide's states.
pub const STATES: &[&str] = &["active", "paused", "at_risk", "waiting"];

const fn field(name: &'static str, shape: Shape, need: Need) -> Field {
    Field { name, shape, need }
}

const CUSTOMER: &[Field] = &[
    field("name", Shape::Text(1), Need::Required),
    field("slug", Shape::Slug, Need::Optional),
    field("domain", Shape::Text(0), Need::Nullable),
    field("status", Shape::Status, Need::Optional),
    field("plan", Shape::Text(0), Need::Nullable),
    field("mrr", Shape::Integer, Need::Nullable),
    field("monthly_orders", Shape::Integer, Need::Nullable),
    field("hubspot_company_id", Shape::Text(0), Need::Nullable),
    field("hubspot_deal_id", Shape::Text(0), Need::Nullable),
    field("stripe_customer_id", Shape::Text(0), Need::Nullable),
    field("intercom_company_id", Shape::Text(0), Need::Nullable),
    field("slack_channel_id", Shape::Text(0), Need::Nullable),
    field("metadata", Shape::Json, Need::Nullable),
];

const CONTACT: &[Field] = &[
    field("name", Shape::Text(1), Need::Required),
    field("email", Shape::Email, Need::Required),
    field("title", Shape::Text(0), Need::Nullable),
    field("is_primary", Shape::Flag, Need::Optional),
    field("labels", Shape::Labels, Need::Optional),
];

const ONBOARDING: &[Field] = &[
    field("name", Shape::Text(0), Need::Nullable),
    field("template_id", Shape::Text(0), Need::Nullable),
    field("phase", Shape::Word(PHASES), Need::Optional),
    field("state", Shape::Word(STATES), Need::Optional),
    field("started_at", Shape::Moment, Need::Nullable),
    field("completed_at", Shape::Moment, Need::Nullable),
    field("target_launch_date", Shape::Moment, Need::Nullable),
    field("csm_id", Shape::Text(0), Need::Nullable),
    field("se_id", Shape::Text(0), Need::Nullable),
    field("designer_id", Shape::Text(0), Need::Nullable),
    field("product_ops_id", Shape::Text(0), Need::Nullable),
    field("notes", Shape::Prose, Need::Nullable),
    field("waiting_on_customer", Shape::Flag, Need::Optional),
    field("reminders_enabled", Shape::Flag, Need::Optional),
    field("reminder_frequency_days", Shape::Integer, Need::Optional),
];
