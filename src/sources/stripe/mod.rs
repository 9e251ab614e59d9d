//! Stripe.

mod settings;

pub use settings::*;
