//! One job: a Stripe account on loopback, as nasty as the reference sheet (`stripe-api.md`) says the real one is.
//!
//! Rules: [`World`] is plain data with methods, and is what tests, the demo and the seeding talk to; [`router`] only
//! shows it over HTTP, reading. Every mutation raises the events that the sheet names. Whatever the sheet calls UNKNOWN
//! or CONFLICT is a field of [`Switches`] with a documented default. Nothing here knows who calls. A request holds the
//! lock for its whole answer and never across an await. Objects are kept in list order, so that a page costs its length.

mod admit;
mod catalogue;
mod customers;
mod discounts;
mod events;
mod expand;
mod lists;
mod params;
mod reply;
mod routes;
mod shapes;
mod shelf;
mod subscription_shape;
mod subscriptions;
mod switches;
mod tax;
mod world;

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;

pub use admit::{Permission, Refusal};
pub use catalogue::{
    Coupon, Duration, Interval, Price, PriceSeed, Product, Recurring, Rounding, Tier, TiersMode, Transform, Usage,
};
pub use customers::{Customer, CustomerSeed};
pub use discounts::{Discount, Discounted};
pub use routes::{Shared, router};
pub use subscriptions::{Item, Status, Subscription, SubscriptionSeed};
pub use switches::Switches;
pub use tax::TaxRate;
pub use world::{NoSuchObject, World};
