//! Proves the key and its rights, reading only (stripe-api.md 2).

use crate::domain::{ApiError, Fault};
use crate::http::Request;
use crate::ports::{Finding, Verdict};

use super::Stripe;
use super::api::{KeyKind, mode};

/// Path below `/v1`, the Dashboard's row, the permission id, and what is lost without it.
const PROBES: [(&str, &str, &str, &str); 6] = [
    ("customers", "Customers", "rak_customer_read", "no customer can be read"),
    ("subscriptions", "Subscriptions", "rak_subscription_read", "no subscription can be read"),
    ("events", "Events", "rak_event_read", "changes cannot be followed"),
    ("prices", "Prices", "rak_plan_read", "amounts of tiered prices are not known"),
    ("products", "Products", "rak_product_read", "plan names are not known"),
    ("coupons", "Coupons", "rak_coupon_read", "discounts are ignored, so MRR may be too high"),
];

/// The version of the API whose shapes are known here (stripe-api.md 1).
const BUILT_FOR: &str = "2026-10-28.endive";

impl Stripe {
    pub(super) async fn findings(&self) -> Vec<Finding> {
        let mut findings = vec![self.key_kind(), self.version()];
        let mut live = None;
        for (resource, row, permission, loss) in PROBES {
            let reply = self.api.send(&Request::get(format!("/v1/{resource}")).query("limit", "1")).await;
            if let Ok(reply) = &reply
                && let Ok(list) = reply.json::<super::wire::List>()
                && let Some(mode) = list.data.first().and_then(|raw| raw.get("livemode")?.as_bool())
            {
                live = Some(mode);
            }
            let failed = reply.err();
            let ends = failed.as_ref().is_some_and(|e| !matches!(e.fault, Fault::Forbidden { .. } | Fault::Invalid));
            findings.push(probed(row, permission, loss, failed));
            // A wrong key or a dead line would only be told five times more.
            if ends {
                return findings;
            }
        }
        findings.push(self.mode(live));
        findings
    }

    fn key_kind(&self) -> Finding {
        let verdict = match self.api.key {
            KeyKind::Restricted => Verdict::Good("a restricted key".to_owned()),
            KeyKind::Secret => Verdict::Warning {
                found: "a full secret key (sk_…): it may do everything, and this program only reads".to_owned(),
                remedy: "make a restricted key (rk_…) with Read on Customers, Subscriptions, Events, Products, Prices, Coupons".to_owned(),
            },
            KeyKind::Publishable => Verdict::Bad {
                found: "a publishable key (pk_…): it may read nothing".to_owned(),
                remedy: "make a restricted key (rk_…) in the Dashboard under Developers, API keys".to_owned(),
            },
            KeyKind::Other => Verdict::Warning {
                found: "a key of an unknown kind".to_owned(),
                remedy: "use a restricted key; it begins with rk_live_ or rk_test_".to_owned(),
            },
        };
        Finding { what: "stripe key".to_owned(), verdict }
    }

    /// Answers of another version may have another shape, and what is not found in them is not missed.
    fn version(&self) -> Finding {
        let pinned = &self.api.version;
        let verdict = if pinned == BUILT_FOR {
            Verdict::Good(pinned.clone())
        } else {
            Verdict::Warning {
                found: format!("stripe.api_version is {pinned}, and this program was made for {BUILT_FOR}"),
                remedy: format!("set stripe.api_version = \"{BUILT_FOR}\", or leave it out"),
            }
        };
        Finding { what: "stripe api version".to_owned(), verdict }
    }

    fn mode(&self, live: Option<bool>) -> Finding {
        let verdict = match (self.api.live(), live) {
            (Some(of_key), Some(found)) if found != of_key => Verdict::Bad {
                found: format!(
                    "the key is of {} mode, the data of {} mode: they would be refused",
                    mode(of_key),
                    mode(found)
                ),
                remedy: "make a key of the account and the mode you mean".to_owned(),
            },
            (of_key, found) => match of_key.or(found) {
                Some(live) => Verdict::Good(format!("{} mode", mode(live))),
                None => Verdict::Good("live or test mode: nothing is there yet that would tell".to_owned()),
            },
        };
        Finding { what: "stripe mode".to_owned(), verdict }
    }
}

fn probed(row: &str, permission: &str, loss: &str, failed: Option<ApiError>) -> Finding {
    let what = format!("stripe right {row}: Read");
    let Some(error) = failed else { return Finding { what, verdict: Verdict::Good("readable".to_owned()) } };
    let verdict = match &error.fault {
        Fault::Forbidden { .. } => {
            let (found, remedy) = (
                format!("{error} ({loss})"),
                format!("set '{row}' to Read ({permission}) for this key in the Dashboard under Developers, API keys"),
            );
            if row == "Coupons" { Verdict::Warning { found, remedy } } else { Verdict::Bad { found, remedy } }
        }
        Fault::Unauthorised => Verdict::Bad {
            found: error.to_string(),
            remedy: "the key is wrong, expired or revoked: make a new restricted key".to_owned(),
        },
        Fault::Invalid => Verdict::Bad {
            found: error.to_string(),
            remedy: "look at stripe.api_version and stripe.base_url in the configuration".to_owned(),
        },
        Fault::Unreachable | Fault::TimedOut => Verdict::Bad {
            found: error.to_string(),
            remedy: "look at the network and at stripe.base_url in the configuration".to_owned(),
        },
        _ => Verdict::Bad {
            found: error.to_string(),
            remedy: "try again; https://status.stripe.com says how Stripe is".to_owned(),
        },
    };
    Finding { what, verdict }
}
