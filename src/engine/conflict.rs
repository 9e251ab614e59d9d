//! `slug_taken` and `email_taken`: find the owner, adopt it if it is ours, else go round it or hold.

use chrono::Utc;
use tokio::sync::mpsc;

use crate::domain::{
    Action, ApiError, Change, EntityId, Fields, Holder, Kind, Operation, Origin, Parent, PivotalId, Quarantine,
    SourceKey, Value, Verb,
};
use crate::ports::Heard;
use crate::reconcile::{Resident, another_persons, fingerprint_of, named, ring};
use crate::store::{RemoteQuery, RemoteRow, Settled, Settlement};

use super::armed::{Armed, Outcome, after, leave, settle_as};
use super::halt::Shared;
use super::mailbox::resident;
use super::outcome::adopted_as_is;
use super::parents::{Parents, subject};
use super::{Engine, EngineError};

const EMAIL: &str = "email";

impl Engine {
    /// A write met an owner. Answers with the operation to send instead of a create, its attempt committed, or settles.
    pub(super) async fn resolve(
        &self,
        shared: &Shared<'_>,
        armed: Armed,
        error: &ApiError,
        settle: &mpsc::UnboundedSender<Outcome>,
    ) -> Result<Option<Armed>, EngineError> {
        let owner = self.owner(&armed.operation).await?;
        let not_this = match &owner {
            Some(owner) => self.store.is_unlinked(armed.operation.entity, &owner.id).await?,
            None => false,
        };
        let instead = match owner {
            // Whom another operation of this run just made has no owner here yet.
            Some(owner)
                if owner.owner.is_none()
                    && !not_this
                    && agrees(&armed.operation, &owner)
                    && rival(shared.plan, &armed.operation).is_none() =>
            {
                Some(self.instead(&armed.operation, owner).await?)
            }
            Some(_) | None if armed.operation.kind == Kind::Customer && !armed.second => {
                self.under_another_slug(&armed.operation)
            }
            _ => None,
        };
        let Some(operation) = instead else {
            let holder = self.holder(shared, &armed.operation).await?.map(|holder| holder.entity);
            let Some(armed) = shared.set_aside(armed, error, holder) else { return Ok(None) };
            let settled = self.contested(shared, &armed.operation, error).await?;
            let mut armed = armed;
            shared.note_rest(&armed.operation, &settled);
            leave(shared.plan, std::mem::take(&mut armed.rest), &after(&settled), settle);
            armed.settle(settle, Heard::from(error), settled);
            return Ok(None);
        };
        // The refused attempt ends; the operation goes on under a new one.
        self.store
            .settle(vec![Settlement {
                attempt: armed.attempt,
                heard: Heard::from(error),
                operation: armed.id,
                entity: armed.operation.entity,
                outcome: Settled::Owed(error.to_string()),
                now: Utc::now(),
            }])
            .await?;
        if operation.requests() == 0 {
            let settled = adopted_as_is(&operation);
            settle_as(settle, None, Heard::default(), armed.id, operation, settled);
            return Ok(None);
        }
        let Some(mut next) = Armed::new(shared.writer, armed.id, operation, None, armed.rest) else { return Ok(None) };
        next.second = true;
        let Some(mut next) = self.whole(shared, vec![next], settle).await.pop() else { return Ok(None) };
        next.attempt = self.store.intend(&[next.intent(shared.run)], Utc::now()).await?.first().copied();
        Ok(Some(next))
    }

    /// Somebody else has it, so a person decides; unless who has it gives it up in this very run.
    pub(super) async fn contested(
        &self,
        shared: &Shared<'_>,
        operation: &Operation,
        error: &ApiError,
    ) -> Result<Settled, EngineError> {
        let wanted = address_of(operation).filter(|_| operation.kind == Kind::Contact);
        let address = wanted.as_ref().and_then(|change| change.to.as_text());
        let found = self.holder(shared, operation).await?;
        let holder = found.as_ref().map(|holder| holder.entity);
        let others = holder.map_or_else(Vec::new, |holder| others_of_ring(shared.plan, operation, holder));
        if let Some(giver) =
            shared.plan.iter().find(|other| gives_up(other, operation, holder)).filter(|_| others.is_empty())
        {
            let why = format!("{error}; {} gives it up in this run, so the next one tries again", giver.subject);
            return Ok(Settled::Owed(why));
        }
        let key = &operation.subject;
        let reason = match (&found, address) {
            // What the next look says of it, too.
            (Some(Resident { called, name, roof: Some(roof), .. }), Some(address))
                if creates_under(operation, roof) =>
            {
                another_persons(&key.to_string(), called, name, &address.to_lowercase())
            }
            (Some(Resident { called, name, .. }), _) if others.is_empty() => format!(
                "{error}; {} has this address. Give one of the two another at its source, or `pivotal-sync ignore \
                 {key}` lets this one rest; `pivotal-sync approve {key}` sends it again",
                named(called, name)
            ),
            // Pivotal knows each address once, so none of them can go first.
            (Some(Resident { called, name, .. }), _) => {
                format!("{error}; {} has this address{}", named(called, name), ring(key, &others))
            }
            (None, _) => {
                let who = match address {
                    Some(address) => self.stranger_with(address, operation).await?,
                    None => "it belongs to somebody else in Pivotal".to_owned(),
                };
                format!(
                    "{error}; {who}. Or give this one another at its source, or `pivotal-sync ignore {key}` lets it rest; \
                     `pivotal-sync approve {key}` sends it again"
                )
            }
        };
        let holder = holder.zip(address).map(|(entity, a)| Holder { entity, address: a.to_lowercase() });
        Ok(Settled::Contested(Quarantine {
            fingerprint: fingerprint_of(operation),
            reason,
            held: true,
            holder,
            ..Quarantine::default()
        }))
    }

    /// Somebody in Pivotal whom nothing here stands for has an address: who that is, as far as it was seen, and what to do.
    async fn stranger_with(&self, address: &str, operation: &Operation) -> Result<String, EngineError> {
        // Whoever is under the same customer can be looked up; the others only where a walk saw them (pivotal-api.md 2).
        let mirror = self.store.mirrors(&[operation.entity]).await?.remove(&operation.entity);
        if let Some(roof) = mirror.and_then(|mirror| mirror.parent) {
            self.read_children(operation.kind, &roof).await?;
        }
        let rows = self.store.remote(&[RemoteQuery::Emails(vec![address.to_lowercase()])]).await?;
        let Some(row) = rows.into_iter().flatten().find(|row| row.owner.is_none()) else {
            return Ok(
                "a contact that was made in Pivotal has it, and nothing here stands for that one: look for the \
                       address there, and give that one another or delete it"
                    .to_owned(),
            );
        };
        let roof = self.roof(row.parent.as_ref()).await?;
        // Who is in Pivotal already is not two there.
        let same = match operation.verb() {
            Verb::Create => format!("; if it is the same person, `pivotal-sync link {} {}`", operation.subject, row.id),
            _ => String::new(),
        };
        Ok(format!(
            "{} under {roof} has this address: it was made in Pivotal, and nothing here stands for it. Give it another there \
             or delete it{same}",
            row.id
        ))
    }

    /// Who has the address that an operation asks for, as far as is known here, else who asks for it, too.
    async fn holder(&self, shared: &Shared<'_>, operation: &Operation) -> Result<Option<Resident>, EngineError> {
        let wanted = address_of(operation).filter(|_| operation.kind == Kind::Contact);
        let found = match wanted.as_ref().and_then(|change| change.to.as_text()) {
            Some(address) => self.store.holder_of(address, operation.entity).await?,
            None => None,
        };
        let rival = || {
            let other = rival(shared.plan, operation)?;
            let (called, name) = (other.subject.to_string(), other.name.clone());
            Some(Resident { entity: other.entity, roof: None, address: String::new(), called, name })
        };
        Ok(found.map(resident).or_else(rival))
    }

    /// Who has the slug or the email: Pivotal's news first, then everything ever walked.
    async fn owner(&self, operation: &Operation) -> Result<Option<RemoteRow>, EngineError> {
        let Action::Create { parent, fields } = &operation.action else { return Ok(None) };
        let (query, matches): (RemoteQuery, fn(&Fields, &Fields) -> bool) = match (operation.kind, parent) {
            (Kind::Customer, _) => {
                self.walk_news(Kind::Customer).await?;
                let slugs = fields.text("slug").map(str::to_owned).into_iter().collect();
                (RemoteQuery::Slugs(slugs), |a, b| a.text("slug") == b.text("slug"))
            }
            (kind, Some(Parent::Known(customer))) => {
                self.read_children(kind, customer).await?;
                (RemoteQuery::Children { kind, parent: customer.clone() }, same_email)
            }
            _ => return Ok(None),
        };
        let rows = self.store.remote(&[query]).await?.into_iter().next().unwrap_or_default();
        Ok(rows.into_iter().find(|row| matches(&row.fields, fields)))
    }

    async fn instead(&self, operation: &Operation, owner: RemoteRow) -> Result<Operation, EngineError> {
        let mut desired = match &operation.action {
            Action::Create { fields, .. } => fields.clone(),
            _ => Fields::new(),
        };
        desired.0.remove("slug");
        if let Some(row) = self.store.subjects(&[operation.entity]).await?.into_iter().next() {
            desired = self.reconciler.keep_ids(&subject(row, &Parents::default()), &desired, &owner.fields);
        }
        let (found, changes) = self.reconciler.take_over(operation.kind, &desired, &owner.fields);
        let (id, display_id, parent): (PivotalId, _, _) = (owner.id, owner.display_id, owner.parent);
        Ok(Operation {
            action: Action::Adopt { id, display_id, parent, origin: Origin::Adopted, found, changes },
            reason: format!("{}; it was in Pivotal already", operation.reason),
            ..operation.clone()
        })
    }

    fn under_another_slug(&self, operation: &Operation) -> Option<Operation> {
        let mut operation = operation.clone();
        let Action::Create { fields, .. } = &mut operation.action else { return None };
        let slug = self.reconciler.fallback_slug(&operation.subject, fields.text("slug")?);
        fields.set("slug", slug.as_str());
        Some(operation)
    }
}

/// What an operation does to an address.
pub(super) fn address_of(operation: &Operation) -> Option<Change> {
    operation.changes().0.remove(EMAIL)
}

/// The others of a ring in which each asks for the address of the next, and the last for that of this one. In their order.
fn others_of_ring<'a>(plan: &'a [Operation], asks: &Operation, holder: EntityId) -> Vec<&'a SourceKey> {
    let mut others = Vec::new();
    let Some(mut wanted) = address_of(asks).map(|change| change.to) else { return others };
    let has = |address: &Value| {
        let mut same_kind = plan.iter().filter(|it| it.kind == asks.kind);
        same_kind.find_map(|it| Some((it, address_of(it).filter(|change| change.from == *address)?)))
    };
    while let Some((next, change)) = has(&wanted) {
        if next.entity == asks.entity {
            return others;
        }
        if others.contains(&&next.subject) || (others.is_empty() && next.entity != holder) {
            break;
        }
        others.push(&next.subject);
        wanted = change.to;
    }
    Vec::new()
}

/// Whether an operation takes the address that another one asks for from who has it. Two that want each other's would both
/// wait for ever.
fn gives_up(other: &Operation, asks: &Operation, holder: Option<EntityId>) -> bool {
    if !other.is_ready() || other.entity == asks.entity || other.kind != asks.kind {
        return false;
    }
    let (theirs, ours) = (other.changes(), asks.changes());
    let Some(wanted) = ours.0.get(EMAIL) else { return false };
    match (&other.action, theirs.0.get(EMAIL)) {
        (Action::Delete { .. }, _) => holder == Some(other.entity),
        // Of two that want each other's neither gives up first; unless one has by now, and nobody holds it any more.
        (Action::Update { .. }, Some(change)) => {
            change.from == wanted.to && (change.to != wanted.from || holder.is_none())
        }
        _ => false,
    }
}

/// Another operation of the run that asks for the same address: whichever came first has it.
pub(super) fn rival<'a>(plan: &'a [Operation], asks: &Operation) -> Option<&'a Operation> {
    let address = |operation: &Operation| {
        let changes = operation.changes();
        changes.0.get(EMAIL).and_then(|change| change.to.as_text()).map(str::to_lowercase)
    };
    let wanted = address(asks)?;
    let others = plan.iter().filter(|other| other.is_ready() && other.kind == asks.kind && other.entity != asks.entity);
    others.filter(|other| other.verb() != Verb::Delete).find(|other| address(other).as_ref() == Some(&wanted))
}

/// Whether an operation creates a contact under the very customer of another.
fn creates_under(operation: &Operation, roof: &PivotalId) -> bool {
    matches!(&operation.action, Action::Create { parent: Some(Parent::Known(own)), .. } if own == roof)
}

fn same_email(a: &Fields, b: &Fields) -> bool {
    a.text("email").zip(b.text("email")).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Whether the owner is who we speak of: an external id or, where it carries none, the domain; a contact by its email.
fn agrees(operation: &Operation, owner: &RemoteRow) -> bool {
    let Action::Create { fields, .. } = &operation.action else { return false };
    if operation.kind != Kind::Customer {
        return same_email(fields, &owner.fields);
    }
    let ids = ["hubspot_company_id", "stripe_customer_id"];
    let carried: Vec<&str> = ids.into_iter().filter(|id| owner.fields.text(id).is_some()).collect();
    if carried.is_empty() {
        let ours = fields.text("domain");
        return ours.is_some() && ours == owner.fields.text("domain").map(str::to_lowercase).as_deref();
    }
    carried.into_iter().any(|id| owner.fields.text(id) == fields.text(id))
}
