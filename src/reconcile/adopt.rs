//! Whether something that is already in Pivotal is this entity: what a person said comes first, then the external id, then the
//! domain; contacts go by address, onboardings by their notes. Ambiguity is held, never guessed (design: settled points).

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Choice, Fields, Kind, Mirror, PivotalId, SourceKey, Stream};

use super::freemail;
use super::identity;
use super::limits;
use super::lookalike::same_name;
use super::types::{Candidate, Known, Subject};

/// Objects that a hold offers a command for.
const OFFERED: usize = 5;

/// What there is to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoption {
    /// This object is the entity.
    Take(Candidate),
    /// Nothing there is.
    Nothing,
    /// A person must say. In words, with the command.
    Held(String),
}

/// Looks through the candidates.
pub(super) fn adopt(
    subject: &Subject,
    fields: &Fields,
    candidates: &[Candidate],
    own_free: &BTreeSet<String>,
) -> Adoption {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    sorted.dedup_by(|a, b| a.id == b.id);
    if let Some(object) = linked_object(subject) {
        return by_link(subject, &object, &sorted);
    }
    let (parted, sorted): (Vec<&Candidate>, _) = sorted.into_iter().partition(|it| is_unlinked(subject, it));
    let search = Search { subject, fields, candidates: sorted, own_free };
    match subject.entity.kind {
        Kind::Customer => match search.customer() {
            Adoption::Nothing => search.beside_itself(&parted),
            found => found,
        },
        Kind::Contact => search.contact(),
        Kind::Onboarding => search.onboarding(),
    }
}

/// The object that a person linked a record of the entity to; of several, the one linked last.
pub fn linked_object(subject: &Subject) -> Option<PivotalId> {
    let choices = subject.records.iter().filter_map(|known| known.chosen.as_ref());
    let objects = choices.filter_map(|chosen| match &chosen.choice {
        Choice::Link { pivotal_id } => Some((chosen.decided_at, pivotal_id)),
        Choice::Unlink { .. } | Choice::Ignore => None,
    });
    objects.max().map(|(_, object)| object.clone())
}

/// The objects that a person said a record of the entity is not.
pub fn unlinked_objects(subject: &Subject) -> Vec<PivotalId> {
    let choices = subject.records.iter().filter_map(|known| known.chosen.as_ref());
    let objects = choices.filter_map(|chosen| match &chosen.choice {
        Choice::Unlink { pivotal_id } => pivotal_id.clone(),
        Choice::Link { .. } | Choice::Ignore => None,
    });
    objects.collect()
}

fn by_link(subject: &Subject, object: &PivotalId, candidates: &[&Candidate]) -> Adoption {
    let elsewhere = |candidate: &Candidate| candidate.owner.is_some_and(|owner| owner != subject.entity.id);
    match candidates.iter().find(|candidate| candidate.id == *object) {
        Some(found) if elsewhere(found) => Adoption::Held(format!(
            "it is linked to {object}, which stands for another {} here; `pivotal-sync why {object}` says which",
            subject.entity.kind
        )),
        Some(found) => Adoption::Take((*found).clone()),
        None => {
            let says = |known: &&Known| known.chosen.as_ref().and_then(|it| it.choice.object()) == Some(object);
            let linked = subject.records.iter().find(says);
            let key = linked.map_or_else(|| object.to_string(), |known| known.record.key.to_string());
            Adoption::Held(format!(
                "{key} is linked to {object}, which Pivotal does not have (any more). `pivotal-sync link --undo {key}` takes the \
                 link back; or link it to another {}",
                subject.entity.kind
            ))
        }
    }
}

/// What is told of a contact whose address another one under its customer has. `other` is what commands name that one by, `name`
/// what people call it.
pub fn another_persons(key: &str, other: &str, name: &str, address: &str) -> String {
    format!(
        "{} has the address {address} but is another person's. Is it the same person? Yes: `pivotal-sync link {key} {other}`. \
         No: `pivotal-sync ignore {key}` leaves it out, or change one of the addresses at its source",
        named(other, name)
    )
}

/// What names something to commands, and what people call it, in quotation marks so that what is told alike folds.
pub fn named(called: &str, name: &str) -> String {
    // A mark of a command inside a name would end one.
    let name = limits::brief(name.trim()).replace('`', "'");
    if name.is_empty() { called.to_owned() } else { format!("{called} '{name}'") }
}

fn is_unlinked(subject: &Subject, candidate: &Candidate) -> bool {
    unlinked_objects(subject).contains(&candidate.id)
}

/// Why a customer is not taken over: it carries the id of another record as well, which speaks of the customer of `mirror`.
pub(super) fn claimed(subject: &Subject, found: &Candidate, other: &SourceKey, mirror: &Mirror) -> String {
    let search = Search { subject, fields: &Fields::new(), candidates: Vec::new(), own_free: &BTreeSet::new() };
    let (name, key) = (search.name(found), search.key());
    let theirs = Candidate { id: mirror.id.clone(), display_id: mirror.display_id, ..found.clone() };
    format!(
        "{name} carries ids of {key} and of {other}, and {other} stands for {theirs} here. Is {name} the one of {key}? Yes: {} \
         (and `pivotal-sync link {other} {name}`, if it is the one of both). No: {}",
        search.link(found),
        search.leave_out(),
        theirs = search.name(&theirs),
    )
}

struct Search<'a> {
    subject: &'a Subject,
    fields: &'a Fields,
    candidates: Vec<&'a Candidate>,
    /// Mail domains that the configuration says belong to nobody.
    own_free: &'a BTreeSet<String>,
}

impl Search<'_> {
    fn customer(&self) -> Adoption {
        let own = self.own_ids();
        let by_id: Vec<&Candidate> = self.candidates.iter().filter(|c| carries(&c.fields, &own)).copied().collect();
        if let Some(stranger) = by_id.iter().find(|candidate| self.belongs_elsewhere(candidate)) {
            return Adoption::Held(format!(
                "{} carries an id of {} but already belongs to another account. Is it the same? Yes: {}. No: {}",
                self.name(stranger),
                self.key(),
                self.link(stranger),
                self.leave_out()
            ));
        }
        match by_id.as_slice() {
            [one] => return Adoption::Take((*one).clone()),
            [] => {}
            several => return self.torn(several, "carry ids of this account", &self.leave_out()),
        }
        if self.stands_alone() {
            return Adoption::Nothing;
        }
        let domain_of = |fields: &Fields| fields.text("domain").and_then(identity::compared_host);
        let Some(domain) = domain_of(self.fields) else { return Adoption::Nothing };
        if freemail::is_free(&domain) || self.own_free.contains(&domain) {
            return Adoption::Nothing;
        }
        let fits = |candidate: &Candidate| domain_of(&candidate.fields).as_ref() == Some(&domain);
        let by_domain: Vec<&Candidate> =
            self.candidates.iter().filter(|c| fits(c) && !self.belongs_elsewhere(c)).copied().collect();
        match by_domain.as_slice() {
            [] => Adoption::Nothing,
            [one] => match other_id(one) {
                None => Adoption::Take((*one).clone()),
                Some((field, id)) => Adoption::Held(format!(
                    "{} has the domain {domain} but carries another {field} ({id}). Is it the same? Yes: {}. No: {}",
                    self.name(one),
                    self.link(one),
                    self.apart()
                )),
            },
            several => self.torn(several, &format!("have the domain {domain}"), &self.apart()),
        }
    }

    /// Nothing there is it; but one that a person said it is not may keep its id, and then it cannot have that id as well.
    fn beside_itself(&self, parted: &[&Candidate]) -> Adoption {
        let own = self.own_ids();
        let mut kept = parted.iter().filter_map(|candidate| Some((candidate, carried(&candidate.kept, &own)?)));
        let Some((other, (field, id))) = kept.next() else { return Adoption::Nothing };
        let (name, key) = (self.name(other), self.key());
        let is_this =
            |known: &&Known| known.chosen.as_ref().and_then(|chosen| chosen.choice.object()) == Some(&other.id);
        let named = self.subject.records.iter().filter(is_this).map(|known| &known.record.key);
        let unlinked = named.min_by(|a, b| identity::key_order(a, b)).map_or_else(|| key.clone(), ToString::to_string);
        Adoption::Held(format!(
            "{name} still carries {field} {id}, though {unlinked} was unlinked from it, and one id on two customers would make \
             them one. Take it off {name} in Pivotal, then `pivotal-sync audit`; or `pivotal-sync unlink --undo {unlinked}` \
             lets it be {name} again, {}",
            self.leave_out()
        ))
    }

    fn contact(&self) -> Adoption {
        let Some(email) = self.fields.text("email").and_then(identity::email) else { return Adoption::Nothing };
        let same =
            |candidate: &Candidate| candidate.fields.text("email").and_then(identity::email).as_ref() == Some(&email);
        let matching: Vec<&Candidate> =
            self.candidates.iter().filter(|c| self.under_parent(c) && same(c)).copied().collect();
        if let Some(taken) = matching.iter().find(|candidate| self.belongs_elsewhere(candidate)) {
            let name = taken.fields.text("name").unwrap_or_default();
            let called = taken.called.as_deref().unwrap_or(taken.id.as_str());
            return Adoption::Held(another_persons(&self.key(), called, name, &email));
        }
        if let [one] = matching.as_slice()
            && let Some(namesake) = self.namesake(one)
        {
            return Adoption::Held(format!(
                "{} has the address {email} and another name, {} has the name and another address. Say which one {} is: {} or \
                 {}. Neither: {}",
                self.named(one),
                self.named(namesake),
                self.key(),
                self.link(one),
                self.link(namesake),
                self.leave_out()
            ));
        }
        let (beside, own): (Vec<&Candidate>, Vec<&Candidate>) = matching.into_iter().partition(|it| self.is_beside(it));
        match (own.as_slice(), beside.as_slice()) {
            ([], []) => Adoption::Nothing,
            ([one], _) | ([], [one]) => Adoption::Take((*one).clone()),
            ([], several) | (several, _) => self.torn(several, &format!("have the address {email}"), &self.leave_out()),
        }
    }

    /// Who has the full name where the one that has the address has another: an address may pass from one person to the next.
    fn namesake(&self, one: &Candidate) -> Option<&Candidate> {
        let says_another = one.fields.text("name").is_some_and(|name| name.split_whitespace().nth(1).is_some());
        let mut others = self.candidates.iter().filter(|it| it.id != one.id && self.under_parent(it)).copied();
        let free = |it: &&Candidate| !self.belongs_elsewhere(it) && same_name(self.fields, &it.fields);
        (says_another && !same_name(self.fields, &one.fields)).then(|| others.find(free))?
    }

    /// An onboarding is recognised by its notes; one that nobody knows the deal of might be this one.
    fn onboarding(&self) -> Adoption {
        let mine = self.fields.text("notes").map(str::trim);
        let notes = |candidate: &Candidate| candidate.fields.text("notes").map(|text| text.trim().to_owned());
        let free = self.candidates.iter().filter(|candidate| !self.belongs_elsewhere(candidate)).copied();
        let (free, elsewhere): (Vec<&Candidate>, _) =
            free.partition(|candidate| self.has_customer() && self.under_parent(candidate));
        let same = |candidate: &&Candidate| mine.is_some() && notes(candidate).as_deref() == mine;
        // Its deal may have been another company's when it was opened, and it stays where it was opened.
        let same: [Vec<&Candidate>; 2] = [
            free.iter().copied().filter(same).collect(),
            elsewhere.into_iter().filter(|_| mine.is_some_and(names_a_deal)).filter(same).collect(),
        ];
        match same.iter().find(|same| !same.is_empty()).map(Vec::as_slice) {
            Some([one]) => return Adoption::Take((*one).clone()),
            Some(several) => return self.torn(several, "have the same notes", &self.leave_out()),
            None => {}
        }
        if self.stands_alone() {
            return Adoption::Nothing;
        }
        let of_a_deal = |candidate: &&&Candidate| notes(candidate).is_some_and(|text| names_a_deal(&text));
        match free.iter().find(|candidate| !of_a_deal(candidate) && !self.is_beside(candidate)) {
            None => Adoption::Nothing,
            Some(unknown) => Adoption::Held(format!(
                "{} is open already, and nothing says for which deal. Is it for this one? Yes: {}. No: {}",
                self.name(unknown),
                self.link(unknown),
                self.apart()
            )),
        }
    }

    fn torn(&self, several: &[&Candidate], what: &str, none: &str) -> Adoption {
        let names: Vec<String> = several.iter().map(|candidate| self.name(candidate)).collect();
        let links: Vec<String> = several.iter().take(OFFERED).map(|candidate| self.link(candidate)).collect();
        Adoption::Held(format!(
            "{} {what}, so nobody can say which one is {}. Say which, and the rest stays in Pivotal as it is: {}. None of \
             them: {none}",
            names.join(" and "),
            self.key(),
            links.join(" or ")
        ))
    }

    /// Whether a person said that it is nothing that was there already. What carries its own id is its own all the same.
    fn stands_alone(&self) -> bool {
        let alone = Choice::Unlink { pivotal_id: None };
        self.subject.records.iter().filter_map(|known| known.chosen.as_ref()).any(|chosen| chosen.choice == alone)
    }

    fn belongs_elsewhere(&self, candidate: &Candidate) -> bool {
        candidate.owner.is_some_and(|owner| owner != self.subject.entity.id)
    }

    fn has_customer(&self) -> bool {
        self.subject.parent.as_ref().is_some_and(|parent| parent.pivotal_id.is_some())
    }

    fn under_parent(&self, candidate: &Candidate) -> bool {
        let parent = self.subject.parent.as_ref().and_then(|parent| parent.pivotal_id.as_ref());
        match (parent, &candidate.parent) {
            (Some(mine), Some(its)) => mine == its || self.is_beside(candidate),
            _ => true,
        }
    }

    /// Whether it lives under a customer that was kept beside its account's.
    fn is_beside(&self, candidate: &Candidate) -> bool {
        let beside = self.subject.parent.as_ref().map(|parent| &parent.beside);
        beside.zip(candidate.parent.as_ref()).is_some_and(|(beside, its)| beside.contains(its))
    }

    /// How a person names a candidate.
    fn name(&self, candidate: &Candidate) -> String {
        let number = candidate.display_id.filter(|_| self.subject.entity.kind == Kind::Customer);
        number.map_or_else(|| candidate.id.to_string(), |number| format!("pivotal:customer:{number}"))
    }

    /// The same, with what people call it.
    fn named(&self, candidate: &Candidate) -> String {
        named(&self.name(candidate), candidate.fields.text("name").unwrap_or_default())
    }

    fn link(&self, candidate: &Candidate) -> String {
        format!("`pivotal-sync link {} {}`", self.key(), self.name(candidate))
    }

    fn apart(&self) -> String {
        format!("`pivotal-sync unlink {}` has its own created", self.key())
    }

    fn leave_out(&self) -> String {
        format!("`pivotal-sync ignore {}` leaves it out", self.key())
    }

    fn key(&self) -> String {
        let role = |stream: Stream| stream.role();
        let records = self.subject.records.iter().map(|known| &known.record.key);
        let first = records.min_by(|a, b| role(a.stream).cmp(&role(b.stream)).then_with(|| identity::key_order(a, b)));
        // What nothing speaks of is never looked for.
        first.map_or_else(|| self.subject.entity.id.to_string(), ToString::to_string)
    }

    /// Every id this account ever had, by the Pivotal field that carries it: a store may have been lost before a merge.
    fn own_ids(&self) -> BTreeMap<&'static str, BTreeSet<&str>> {
        let mut ids: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
        let mut add = |key: &'static str, id| {
            ids.entry(key).or_default().insert(id);
        };
        for known in &self.subject.records {
            for key in known.record.facts.merged().iter().chain([&known.record.key]) {
                if let Some(field) = key.stream.customer_field() {
                    add(field, key.id.as_str());
                }
            }
        }
        ids
    }
}

fn carries(there: &Fields, own: &BTreeMap<&'static str, BTreeSet<&str>>) -> bool {
    carried(there, own).is_some()
}

/// The first of these ids that an object says it has, and the field.
fn carried<'a>(there: &'a Fields, own: &BTreeMap<&'static str, BTreeSet<&str>>) -> Option<(&'static str, &'a str)> {
    own.iter().find_map(|(field, ids)| Some((*field, there.text(field).filter(|id| ids.contains(id))?)))
}

/// An id on a candidate that carries none of ours: so somebody else's.
fn other_id(candidate: &Candidate) -> Option<(&'static str, &str)> {
    let fields = Stream::ALL.into_iter().filter_map(Stream::customer_field);
    fields.filter_map(|field| Some((field, candidate.fields.text(field)?))).find(|(_, id)| !id.trim().is_empty())
}

/// Whether notes read like those of the default rule, for some deal.
pub(super) fn names_a_deal(notes: &str) -> bool {
    let mut words = notes.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("deal")).skip(1);
    words
        .next()
        .is_some_and(|id| id.trim_matches(|c: char| !c.is_ascii_alphanumeric()).bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
#[path = "adopt_tests.rs"]
mod tests;
