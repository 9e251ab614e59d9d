//! Believable names: companies with their domains, people, plans. All of them are functions of a number, so that they are
//! unique at any size and the same for the same seed.

use super::pivotal::slugify;

const STEMS: [&str; 64] = [
    "Alder", "Amber", "Arbor", "Argent", "Atlas", "Aurora", "Beacon", "Birch", "Bluefin", "Boreal", "Bright", "Cairn",
    "Cedar", "Cobalt", "Copper", "Coral", "Crest", "Delta", "Drift", "Ember", "Fathom", "Fern", "Flint", "Forge",
    "Foxglove", "Garnet", "Glacier", "Granite", "Harbor", "Hazel", "Heron", "Hollow", "Indigo", "Iron", "Ivory",
    "Juniper", "Kestrel", "Lantern", "Larch", "Linden", "Lumen", "Maple", "Marlin", "Meridian", "Mistral", "Nimbus",
    "North", "Oak", "Onyx", "Orchard", "Osprey", "Pine", "Quarry", "Quill", "Raven", "Ridge", "River", "Rowan",
    "Saffron", "Slate", "Solstice", "Thistle", "Tide", "Willow",
];
const ENDINGS: [&str; 24] = [
    "bridge", "brook", "cast", "crest", "dale", "field", "ford", "gate", "grove", "haven", "hill", "land", "lane",
    "line", "mark", "path", "point", "port", "stone", "vale", "view", "ward", "works", "yard",
];
const TRADES: [&str; 36] = [
    "Analytics",
    "Aviation",
    "Biotech",
    "Capital",
    "Chemicals",
    "Cloud",
    "Construction",
    "Dental",
    "Diagnostics",
    "Dynamics",
    "Education",
    "Electronics",
    "Energy",
    "Foods",
    "Freight",
    "Health",
    "Hospitality",
    "Insurance",
    "Interiors",
    "Labs",
    "Legal",
    "Logistics",
    "Manufacturing",
    "Materials",
    "Media",
    "Networks",
    "Packaging",
    "Payments",
    "Pharma",
    "Robotics",
    "Security",
    "Software",
    "Supply",
    "Systems",
    "Textiles",
    "Travel",
];
const FORMS: [&str; 8] = ["", "", "Inc", "", "Ltd", "", "GmbH", "Group"];
const TOPS: [&str; 6] = ["com", "com", "io", "com", "co.uk", "de"];
const FIRST_NAMES: [&str; 40] = [
    "Aisha",
    "Alejandro",
    "Amelia",
    "Anders",
    "Beatriz",
    "Bo",
    "Camille",
    "Chidi",
    "Dana",
    "Dmitri",
    "Elif",
    "Emma",
    "Farid",
    "Freya",
    "Giulia",
    "Hana",
    "Hugo",
    "Ines",
    "Ivan",
    "Jörg",
    "Kwame",
    "Lena",
    "Liam",
    "Mei",
    "Miguel",
    "Nadia",
    "Noah",
    "Olga",
    "Priya",
    "Quentin",
    "Rafael",
    "Rosa",
    "Sanjay",
    "Siobhan",
    "Tomas",
    "Uma",
    "Viktor",
    "Wen",
    "Yara",
    "Zoë",
];
const LAST_NAMES: [&str; 40] = [
    "Abara",
    "Andersen",
    "Becker",
    "Bianchi",
    "Chen",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Horvath",
    "Ibrahim",
    "Ivanova",
    "Jansen",
    "Kaya",
    "Kim",
    "Kowalski",
    "Lindqvist",
    "Lopez",
    "Marchetti",
    "Mensah",
    "Müller",
    "Nakamura",
    "Novak",
    "O'Brien",
    "Okafor",
    "Patel",
    "Petrov",
    "Quinn",
    "Rossi",
    "Sato",
    "Schmidt",
    "Silva",
    "Singh",
    "Tanaka",
    "Torres",
    "Ueda",
    "Weiss",
    "Yilmaz",
];
const TITLES: [&str; 10] = [
    "CEO",
    "CFO",
    "Head of Operations",
    "VP Customer Success",
    "Procurement Manager",
    "IT Director",
    "Office Manager",
    "Product Manager",
    "Controller",
    "Head of IT",
];
const FREE_MAIL: [&str; 4] = ["gmail.com", "outlook.com", "yahoo.com", "icloud.com"];

/// A company's name and its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyName {
    /// As people write it.
    pub name: String,
    /// Registrable, unique like the name.
    pub domain: String,
}

/// The `n`th company of a seed. Names and domains never repeat: the numbers below 55,296 name one stem, ending and trade
/// each, in scattered order; each further round adds its number.
#[must_use]
pub fn company(seed: u64, n: usize) -> CompanyName {
    let rounds = STEMS.len() * ENDINGS.len() * TRADES.len();
    // A step without a common factor visits every combination once.
    let step = 35_311;
    let start = usize::try_from(seed % rounds as u64).unwrap_or(0);
    let (round, mut rest) = (n / rounds, (start + (n % rounds) * step) % rounds);
    let stem = STEMS[rest % STEMS.len()];
    rest /= STEMS.len();
    let ending = ENDINGS[rest % ENDINGS.len()];
    let trade = TRADES[rest / ENDINGS.len()];
    let series = if round == 0 { String::new() } else { format!(" {}", round + 1) };
    let form = FORMS[(n + start) % FORMS.len()];
    let name = format!("{stem}{ending} {trade}{series} {form}").trim_end().to_owned();
    let host = slugify(&format!("{stem}{ending}{trade}{series}")).replace('-', "");
    CompanyName { name, domain: format!("{host}.{}", TOPS[(n * 7 + start) % TOPS.len()]) }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// First name; may hold letters beyond ASCII.
    pub first: &'static str,
    /// Last name; likewise.
    pub last: &'static str,
    /// Job title.
    pub title: &'static str,
    /// The part before the `@`.
    pub mailbox: String,
}

impl Person {
    /// First and last name.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// The `n`th person of a seed; 1,600 names before one comes again, so no two colleagues share a mailbox.
#[must_use]
pub fn person(seed: u64, n: usize) -> Person {
    let start = usize::try_from(seed % 1_600).unwrap_or(0);
    let place = (start + n * 401) % (FIRST_NAMES.len() * LAST_NAMES.len());
    let (first, last) = (FIRST_NAMES[place % FIRST_NAMES.len()], LAST_NAMES[place / FIRST_NAMES.len()]);
    let mailbox = format!("{}.{}", slugify(first), slugify(last).replace('-', ""));
    Person { first, last, title: TITLES[(n + start) % TITLES.len()], mailbox }
}

/// A provider of free mail.
#[must_use]
pub fn free_mail(n: usize) -> &'static str {
    FREE_MAIL[n % FREE_MAIL.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_hundred_thousand_companies_share_no_name_and_no_domain() {
        let companies: Vec<CompanyName> = (0..100_000).map(|n| company(11, n)).collect();
        assert_eq!(companies.iter().map(|company| &company.name).collect::<HashSet<_>>().len(), companies.len());
        let hosts: HashSet<_> = companies.iter().filter_map(|company| company.domain.split('.').next()).collect();
        assert_eq!(hosts.len(), companies.len());
        assert_eq!(company(11, 5), company(11, 5));
        assert_ne!(company(11, 5), company(12, 5));
    }

    #[test]
    fn mailboxes_are_ascii_and_differ_among_neighbours() {
        let people: Vec<Person> = (0..1_600).map(|n| person(3, n)).collect();
        assert!(people.iter().all(|person| person.mailbox.is_ascii() && !person.mailbox.contains(' ')));
        assert_eq!(people.iter().map(|person| &person.mailbox).collect::<HashSet<_>>().len(), 1_600);
    }
}
