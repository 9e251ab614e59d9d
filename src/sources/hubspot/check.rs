//! What `check` proves of HubSpot: token, scopes, lists, links, property names. Reads only.

use crate::domain::{ApiError, Fault};
use crate::ports::{Finding, Verdict};

use super::facts::Shape;
use super::owners::{OWNER, SCOPE};
use super::wire::Row;
use super::{Hubspot, unknown_property, wire};

/// What it takes to be told whose token it is (hubspot-api.md 2).
const ACCOUNT_SCOPE: &str = "oauth";

impl Hubspot {
    /// One finding per thing looked at. A token that does not work ends the check: everything else would only repeat it.
    pub(super) async fn findings(&self) -> Vec<Finding> {
        let account = self.api.account().await;
        let dead =
            matches!(&account, Err(error) if error.fault == Fault::Unauthorised || error.fault == Fault::Unreachable);
        let mut findings = vec![self.check_account(account)];
        if dead {
            return findings;
        }
        for shape in &self.shapes {
            self.check_stream(shape, &mut findings).await;
        }
        if self.shapes.iter().any(|shape| shape.reads(OWNER)) {
            let first = self.owners_page(false, None, 1).await;
            findings.push(self.finding(&format!("hubspot scope {SCOPE}"), first.map(|_| "granted".to_owned()), SCOPE));
        }
        findings
    }

    /// Whose token it is. A pull does without that, and then takes another portal's token for its own.
    fn check_account(&self, account: Result<wire::Account, ApiError>) -> Finding {
        let hidden = matches!(&account, Err(ApiError { fault: Fault::Forbidden { .. } | Fault::NotFound, .. }));
        let finding = self.finding("hubspot token", account.map(|account| describe(&account)), ACCOUNT_SCOPE);
        match finding.verdict {
            Verdict::Bad { found, remedy } if hidden => {
                let found = format!("whose portal this is cannot be told, nor that it is still the same one: {found}");
                Finding { verdict: Verdict::Warning { found, remedy }, ..finding }
            }
            _ => finding,
        }
    }

    async fn check_stream(&self, shape: &Shape, findings: &mut Vec<Finding>) {
        let scope = format!("crm.objects.{}.read", shape.object);
        let first = self.api.list(shape, None, "hs_object_id", 1).await;
        let readable = first.is_ok();
        let id = first
            .as_ref()
            .ok()
            .and_then(|answer| answer.body.results.first().cloned())
            .and_then(|json| Row::read(json).ok());
        findings.push(self.finding(&format!("hubspot scope {scope}"), first.map(|_| "granted".to_owned()), &scope));
        if readable {
            let archived = self.api.list_archived(shape, None, 1).await;
            let what = format!("hubspot archived {}", shape.object);
            findings.push(self.finding(&what, archived.map(|_| "readable".to_owned()), &scope));
            if shape.primary_link.is_some() {
                findings.push(self.check_links(shape, id.map(|row| row.id), &scope).await);
            }
        }
        self.check_properties(shape, findings).await;
    }

    async fn check_links(&self, shape: &Shape, id: Option<String>, scope: &str) -> Finding {
        let what = format!("hubspot links of {} to companies", shape.object);
        match id {
            Some(id) => {
                let answer = self.api.associations(shape, &[(id, None)]).await;
                self.finding(&what, answer.map(|_| "readable".to_owned()), scope)
            }
            None => Finding { what, verdict: Verdict::Good("no record to try them with".to_owned()) },
        }
    }

    async fn check_properties(&self, shape: &Shape, findings: &mut Vec<Finding>) {
        let what = format!("hubspot properties of {}", shape.object);
        let scope = format!("crm.schemas.{}.read", shape.object);
        let known = match self.ask_known(shape).await {
            Ok(known) => known,
            Err(error) => return findings.push(self.finding(&what, Err(error), &scope)),
        };
        let unknown = shape.unknown(&known);
        for name in known.sensitive(shape) {
            let what = format!("hubspot property {}.{name}", shape.stream.namespace());
            findings.push(self.finding(&what, self.check_sensitive(shape, name).await, &scope));
        }
        if shape.reads(OWNER) && known.has(OWNER) {
            let noun = shape.stream.namespace();
            findings.push(Finding {
                what: format!("hubspot property {noun}.{OWNER}"),
                verdict: Verdict::Warning {
                    found: format!(
                        "the portal has a property of that name, but in rules {noun}.{OWNER} is the record's owner"
                    ),
                    remedy: format!(
                        "read {noun}.{OWNER}.email or {noun}.{OWNER}.name; the property of that name cannot be read"
                    ),
                },
            });
        }
        for name in &unknown {
            findings.push(Finding {
                what: format!("hubspot property {}.{name}", shape.stream.namespace()),
                verdict: Verdict::Misnamed {
                    name: format!("{}.{name}", shape.stream.namespace()),
                    found: "the portal does not know it".to_owned(),
                    remedy: unknown_property(shape, name, &known),
                },
            });
        }
        if unknown.is_empty() {
            let detail = format!("{} read by rules, all among the portal's {}", shape.reads.len(), known.count());
            findings.push(Finding { what, verdict: Verdict::Good(detail) });
        }
    }
}

impl Hubspot {
    /// Good with its detail, or bad with the remedy that the fault calls for; `scope` is what this takes.
    fn finding(&self, what: &str, result: Result<String, ApiError>, scope: &str) -> Finding {
        let verdict = match result {
            Ok(detail) => Verdict::Good(detail),
            Err(error) => Verdict::Bad { remedy: remedy(&error, scope, self.api.is_app()), found: error.to_string() },
        };
        Finding { what: what.to_owned(), verdict }
    }

    /// Whether a sensitive property is answered: without its scope it is left out without a word (trap 20).
    async fn check_sensitive(&self, shape: &Shape, name: &str) -> Result<String, ApiError> {
        let first = self.api.list(shape, None, name, 1).await?.body.results.into_iter().next();
        match first.map(Row::read) {
            Some(Ok(row)) if !row.properties.contains_key(name) => Err(self.api.withheld(shape, name)),
            Some(_) => Ok("sensitive, and readable".to_owned()),
            None => Ok("sensitive; no record to try it with".to_owned()),
        }
    }
}

fn describe(account: &wire::Account) -> String {
    let portal = wire::plain(&account.portal_id).unwrap_or_else(|| "?".to_owned());
    let kind = account.account_type.as_deref().unwrap_or("unknown type");
    let zone = account.time_zone.as_deref().unwrap_or("unknown time zone");
    format!("portal {portal}, {kind}, {zone}")
}

fn remedy(error: &ApiError, scope: &str, by_app: bool) -> String {
    match &error.fault {
        Fault::Unauthorised if by_app => {
            "see the app's hubspot-client-id and hubspot-client-secret under its Auth tab in HubSpot; if they are right, let \
             the app in again, and give the new token as hubspot-refresh-token"
                .to_owned()
        }
        Fault::Unauthorised => {
            "make a service key in HubSpot under Development, Keys, Service keys, and give it as hubspot-token"
                .to_owned()
        }
        Fault::Forbidden { scopes } if scopes.is_empty() || scopes.iter().all(|named| named == scope) => {
            format!("add the scope {scope} to the key")
        }
        // The answer names whatever would do, in no order that helps: what this needs by its own right comes first.
        Fault::Forbidden { scopes } if scopes.iter().any(|named| named == scope) => {
            format!("add the scope {scope} to the key (any one of these would do: {})", scopes.join(", "))
        }
        Fault::Forbidden { scopes } => format!("add one of these scopes to the key: {}", scopes.join(", ")),
        Fault::NotFound => "see whether hubspot.api_version and hubspot.base_url are right".to_owned(),
        Fault::Throttled { .. } => "the account's request limit is used up: try again later".to_owned(),
        Fault::Unreachable => "see whether this machine reaches hubspot.base_url".to_owned(),
        fault if fault.is_passing() => "try again later; status.hubspot.com may know more".to_owned(),
        _ => "see whether hubspot.api_version is one that HubSpot still serves".to_owned(),
    }
}
