//! Associations: kept from both ends, changed without moving any timestamp (trap 12).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use super::world::{NoSuchRecord, ObjectType, World};

/// What is known of one link.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    pub(super) primary: bool,
    /// Custom labels: type id and text.
    pub(super) labels: Vec<(u32, String)>,
}

/// Links of one pair of types, from the contact's or deal's end and from the other.
#[derive(Debug, Default)]
pub(super) struct Pair {
    forth: HashMap<u64, BTreeMap<u64, Link>>,
    back: HashMap<u64, BTreeSet<u64>>,
}

impl Pair {
    fn add(&mut self, from: u64, to: u64, primary: bool) {
        let links = self.forth.entry(from).or_default();
        if primary {
            links.values_mut().for_each(|link| link.primary = false);
        }
        links.entry(to).or_default().primary |= primary;
        self.back.entry(to).or_default().insert(from);
    }

    fn remove(&mut self, from: u64, to: u64) {
        self.remove_back(to, from);
        self.remove_forth(from, to);
    }

    fn remove_forth(&mut self, from: u64, to: u64) {
        if let Some(links) = self.forth.get_mut(&from) {
            links.remove(&to);
        }
    }

    fn remove_back(&mut self, to: u64, from: u64) {
        if let Some(ids) = self.back.get_mut(&to) {
            ids.remove(&from);
        }
    }

    /// Gives all links of `old` at the near end to `new`; a primary of `new` stands, the surplus one is dropped.
    fn move_near(&mut self, old: u64, new: u64) {
        for (to, link) in self.forth.remove(&old).unwrap_or_default() {
            self.remove_back(to, old);
            self.back.entry(to).or_default().insert(new);
            let links = self.forth.entry(new).or_default();
            let surplus = links.values().any(|other| other.primary);
            let mine = links.entry(to).or_default();
            mine.primary |= link.primary && !surplus;
            mine.labels.extend(link.labels);
        }
    }

    /// Gives all links of `old` at the far end to `new`.
    fn move_far(&mut self, old: u64, new: u64) {
        for from in self.back.remove(&old).unwrap_or_default() {
            let links = self.forth.entry(from).or_default();
            let link = links.remove(&old).unwrap_or_default();
            let mine = links.entry(new).or_default();
            mine.primary |= link.primary;
            mine.labels.extend(link.labels);
            self.back.entry(new).or_default().insert(from);
        }
    }

    fn forget_near(&mut self, id: u64) {
        for to in self.forth.remove(&id).unwrap_or_default().into_keys() {
            self.remove_back(to, id);
        }
    }

    fn forget_far(&mut self, id: u64) {
        for from in self.back.remove(&id).unwrap_or_default() {
            self.remove_forth(from, id);
        }
    }
}

/// All associations of the portal.
#[derive(Debug, Default)]
pub(super) struct Links {
    contact_company: Pair,
    deal_company: Pair,
    deal_contact: Pair,
    /// Custom labels by (from, to): type id and text.
    pub(super) labels: Vec<(ObjectType, ObjectType, u32, String)>,
}

impl Links {
    /// The pair of two types, and whether `from` is its near end.
    fn pair(&self, from: ObjectType, to: ObjectType) -> Option<(&Pair, bool)> {
        use ObjectType::{Company, Contact, Deal};
        match (from, to) {
            (Contact, Company) => Some((&self.contact_company, true)),
            (Company, Contact) => Some((&self.contact_company, false)),
            (Deal, Company) => Some((&self.deal_company, true)),
            (Company, Deal) => Some((&self.deal_company, false)),
            (Deal, Contact) => Some((&self.deal_contact, true)),
            (Contact, Deal) => Some((&self.deal_contact, false)),
            _ => None,
        }
    }

    fn company_pair(&mut self, from: ObjectType) -> Option<&mut Pair> {
        match from {
            ObjectType::Contact => Some(&mut self.contact_company),
            ObjectType::Deal => Some(&mut self.deal_company),
            ObjectType::Company => None,
        }
    }

    pub(super) fn add_company(&mut self, from: ObjectType, id: u64, company: u64, primary: bool) {
        if let Some(pair) = self.company_pair(from) {
            pair.add(id, company, primary);
        }
    }

    /// What `id` is linked to beyond `after`, ascending by id, archived ends included.
    pub(super) fn of(
        &self,
        from: ObjectType,
        id: u64,
        to: ObjectType,
        after: u64,
    ) -> Box<dyn Iterator<Item = (u64, &Link)> + '_> {
        let beyond = (Bound::Excluded(after), Bound::Unbounded);
        match self.pair(from, to) {
            None => Box::new(std::iter::empty()),
            Some((pair, true)) => {
                let links = pair.forth.get(&id).into_iter();
                Box::new(links.flat_map(move |links| links.range(beyond)).map(|(to, link)| (*to, link)))
            }
            Some((pair, false)) => {
                let back = pair.back.get(&id).into_iter().flat_map(move |ids| ids.range(beyond));
                Box::new(back.filter_map(move |other| Some((*other, pair.forth.get(other)?.get(&id)?))))
            }
        }
    }

    /// Gives everything linked to `old` to `new`.
    pub(super) fn hand_over(&mut self, object: ObjectType, old: u64, new: u64) {
        match object {
            ObjectType::Company => {
                self.contact_company.move_far(old, new);
                self.deal_company.move_far(old, new);
            }
            ObjectType::Contact => {
                self.contact_company.move_near(old, new);
                self.deal_contact.move_far(old, new);
            }
            ObjectType::Deal => {
                self.deal_company.move_near(old, new);
                self.deal_contact.move_near(old, new);
            }
        }
    }

    /// Drops everything linked to `id`.
    pub(super) fn forget(&mut self, object: ObjectType, id: u64) {
        match object {
            ObjectType::Company => {
                self.contact_company.forget_far(id);
                self.deal_company.forget_far(id);
            }
            ObjectType::Contact => {
                self.contact_company.forget_near(id);
                self.deal_contact.forget_far(id);
            }
            ObjectType::Deal => {
                self.deal_company.forget_near(id);
                self.deal_contact.forget_near(id);
            }
        }
    }
}

impl World {
    /// Links a contact or deal to a company. A new primary takes the place of the old one. Moves no timestamp (trap 12).
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either end.
    pub fn associate(&mut self, from: ObjectType, id: &str, company: &str, primary: bool) -> Result<(), NoSuchRecord> {
        let (id, company) = (self.live(from, id)?, self.live(ObjectType::Company, company)?);
        self.links.add_company(from, id, company, primary);
        Ok(())
    }

    /// Takes the link between a contact or deal and a company away. Moves no timestamp. No link is no error.
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either end.
    pub fn dissociate(&mut self, from: ObjectType, id: &str, company: &str) -> Result<(), NoSuchRecord> {
        let (id, company) = (self.live(from, id)?, self.live(ObjectType::Company, company)?);
        if let Some(pair) = self.links.company_pair(from) {
            pair.remove(id, company);
        }
        Ok(())
    }

    /// Moves a contact to another company, its only and primary one from now on. Moves no timestamp (trap 12).
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either end.
    pub fn move_contact(&mut self, contact: &str, company: &str) -> Result<(), NoSuchRecord> {
        let (contact, company) = (self.live(ObjectType::Contact, contact)?, self.live(ObjectType::Company, company)?);
        self.links.contact_company.forget_near(contact);
        self.links.contact_company.add(contact, company, true);
        Ok(())
    }

    /// A deal changes company: the old links go, the new one is primary. Moves no timestamp (trap 12).
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either end.
    pub fn move_deal(&mut self, deal: &str, company: &str) -> Result<(), NoSuchRecord> {
        let (deal, company) = (self.live(ObjectType::Deal, deal)?, self.live(ObjectType::Company, company)?);
        self.links.deal_company.forget_near(deal);
        self.links.deal_company.add(deal, company, true);
        Ok(())
    }

    /// Links a deal to a contact. Moves no timestamp.
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either end.
    pub fn associate_deal_contact(&mut self, deal: &str, contact: &str) -> Result<(), NoSuchRecord> {
        let (deal, contact) = (self.live(ObjectType::Deal, deal)?, self.live(ObjectType::Contact, contact)?);
        self.links.deal_contact.add(deal, contact, false);
        Ok(())
    }

    /// Puts a custom label on a contact's or deal's link to a company, linking them if need be; it is shown before the
    /// built-in types. Returns its type id, which is this portal's own (section 4.4).
    ///
    /// # Errors
    /// [`NoSuchRecord`] for either end.
    pub fn label(&mut self, from: ObjectType, id: &str, company: &str, text: &str) -> Result<u32, NoSuchRecord> {
        let (id, company) = (self.live(from, id)?, self.live(ObjectType::Company, company)?);
        let known = self.links.labels.iter().find(|(one, _, _, label)| *one == from && label == text);
        let type_id = known.map_or(60 + 2 * u32::try_from(self.links.labels.len()).unwrap_or(0), |known| known.2);
        if known.is_none() {
            self.links.labels.push((from, ObjectType::Company, type_id, text.to_owned()));
        }
        if let Some(pair) = self.links.company_pair(from) {
            pair.add(id, company, false);
            let link = pair.forth.entry(id).or_default().entry(company).or_default();
            link.labels.push((type_id, text.to_owned()));
        }
        Ok(type_id)
    }

    /// The primary company of a contact or deal, if it is live.
    pub(super) fn primary_company(&self, from: ObjectType, id: u64) -> Option<u64> {
        let primary = self.links.of(from, id, ObjectType::Company, 0).find(|(_, link)| link.primary)?.0;
        self.is_live(ObjectType::Company, primary).then_some(primary)
    }

    /// Is there such a record, and is it not archived?
    pub(super) fn is_live(&self, object: ObjectType, id: u64) -> bool {
        self.shelf(object).records.get(&id).is_some_and(|record| record.archived.is_none())
    }
}
