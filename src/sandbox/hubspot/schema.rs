//! Property definitions (sections 4.7 and 5): the standard ones the portal knows from the start, and custom ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::{ObjectType, World};

/// How a property's text is to be read (section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyType {
    /// Text, up to 65,536 characters.
    String,
    /// Decimal text.
    Number,
    /// `"true"` or `"false"`.
    Bool,
    /// An internal value of the options; several joined by `;`.
    Enumeration,
    /// `YYYY-MM-DD`.
    Date,
    /// ISO 8601.
    Datetime,
}

impl PropertyType {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::String => ("string", "text"),
            Self::Number => ("number", "number"),
            Self::Bool => ("bool", "booleancheckbox"),
            Self::Enumeration => ("enumeration", "select"),
            Self::Date => ("date", "date"),
            Self::Datetime => ("datetime", "date"),
        }
    }
}

/// One option of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What people see; can be renamed.
    pub label: String,
    /// The internal value, which cannot.
    pub value: String,
}

/// A property definition.
#[derive(Debug, Clone)]
pub struct Property {
    /// Internal name.
    pub name: String,
    /// What people see.
    pub label: String,
    /// Its type.
    pub kind: PropertyType,
    /// Options of an enumeration.
    pub options: Vec<Choice>,
    /// Worked out by the portal.
    pub calculated: bool,
    /// Archived definitions are listed with `archived=true` only, and their values are not shown.
    pub archived: bool,
    /// Of HubSpot's own set, not custom.
    pub hubspot_defined: bool,
    /// Listed with `dataSensitivity=sensitive` only, and its values vanish without the sensitive scope (trap 20).
    pub sensitive: bool,
}

impl Property {
    /// A custom property of this name and type, labelled by its name.
    #[must_use]
    pub fn custom(name: &str, kind: PropertyType) -> Self {
        Self {
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
            options: Vec::new(),
            calculated: false,
            archived: false,
            hubspot_defined: false,
            sensitive: false,
        }
    }

    /// The definition as listed.
    pub(super) fn listed(&self) -> Value {
        let (kind, field) = self.kind.names();
        let option = |(order, choice): (usize, &Choice)| json!({ "label": choice.label, "value": choice.value, "displayOrder": order, "hidden": false });
        let options: Vec<Value> = self.options.iter().enumerate().map(option).collect();
        json!({
            "name": self.name, "label": self.label, "type": kind, "fieldType": field, "description": "",
            "groupName": "information", "options": options, "displayOrder": -1, "calculated": self.calculated,
            "externalOptions": false, "hasUniqueValue": false, "hidden": false, "archived": self.archived,
            "hubspotDefined": self.hubspot_defined, "formField": !self.calculated,
            "dataSensitivity": if self.sensitive { "sensitive" } else { "non_sensitive" },
            "modificationMetadata": { "archivable": !self.hubspot_defined, "readOnlyDefinition": self.hubspot_defined,
                                      "readOnlyValue": self.calculated },
        })
    }
}

const COMPANY: &[(&str, &str)] = &[
    (
        "string",
        "name domain website phone country city state address zip description hs_additional_domains hs_merged_object_ids",
    ),
    ("number", "numberofemployees annualrevenue hs_object_id hs_parent_company_id"),
    ("datetime", "createdate hs_lastmodifieddate notes_last_contacted"),
    ("enumeration", "industry lifecyclestage hubspot_owner_id hubspot_team_id type timezone"),
];

const CONTACT: &[(&str, &str)] = &[
    ("string", "email firstname lastname phone mobilephone jobtitle company hs_additional_emails hs_merged_object_ids"),
    ("string", "hs_calculated_merged_vids website city state country zip address"),
    ("number", "hs_object_id associatedcompanyid hubspotscore"),
    ("datetime", "createdate lastmodifieddate notes_last_contacted"),
    ("enumeration", "lifecyclestage hs_lead_status hubspot_owner_id hs_timezone"),
    ("bool", "hs_email_optout"),
];

const DEAL: &[(&str, &str)] = &[
    ("string", "dealname description closed_lost_reason closed_won_reason hs_merged_object_ids"),
    ("number", "amount amount_in_home_currency hs_acv hs_tcv hs_arr hs_mrr hs_object_id hs_deal_stage_probability"),
    ("number", "hs_primary_associated_company num_associated_contacts"),
    ("datetime", "createdate hs_lastmodifieddate closedate"),
    ("enumeration", "pipeline dealstage dealtype deal_currency_code hubspot_owner_id"),
    ("bool", "hs_is_closed hs_is_closed_won"),
];

const CALCULATED: &[&str] = &[
    "hs_object_id",
    "hs_merged_object_ids",
    "hs_calculated_merged_vids",
    "associatedcompanyid",
    "lastmodifieddate",
    "hs_lastmodifieddate",
    "amount_in_home_currency",
    "hs_acv",
    "hs_tcv",
    "hs_arr",
    "hs_mrr",
    "hs_is_closed",
    "hs_is_closed_won",
    "hs_deal_stage_probability",
    "hs_primary_associated_company",
    "num_associated_contacts",
    "hubspotscore",
    "notes_last_contacted",
    "hs_email_optout",
];

fn choices(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "lifecyclestage" => &[
            ("Subscriber", "subscriber"),
            ("Lead", "lead"),
            ("Marketing Qualified Lead", "marketingqualifiedlead"),
            ("Sales Qualified Lead", "salesqualifiedlead"),
            ("Opportunity", "opportunity"),
            ("Customer", "customer"),
            ("Evangelist", "evangelist"),
            ("Other", "other"),
        ],
        "industry" => &[
            ("Computer Software", "COMPUTER_SOFTWARE"),
            ("Financial Services", "FINANCIAL_SERVICES"),
            ("Hospital & Health Care", "HOSPITAL_HEALTH_CARE"),
            ("Retail", "RETAIL"),
        ],
        "hs_lead_status" => &[("New", "NEW"), ("Open", "OPEN"), ("In Progress", "IN_PROGRESS")],
        "dealtype" => &[("New Business", "newbusiness"), ("Existing Business", "existingbusiness")],
        "type" => &[("Prospect", "PROSPECT"), ("Partner", "PARTNER"), ("Vendor", "VENDOR"), ("Other", "OTHER")],
        "deal_currency_code" => &[("US Dollar", "USD"), ("Euro", "EUR"), ("Japanese Yen", "JPY")],
        _ => &[],
    }
}

fn kind(name: &str) -> PropertyType {
    match name {
        "number" => PropertyType::Number,
        "bool" => PropertyType::Bool,
        "enumeration" => PropertyType::Enumeration,
        "date" => PropertyType::Date,
        "datetime" => PropertyType::Datetime,
        _ => PropertyType::String,
    }
}

/// HubSpot's own properties of a type.
pub(super) fn standard(object: ObjectType) -> BTreeMap<String, Property> {
    let table = match object {
        ObjectType::Company => COMPANY,
        ObjectType::Contact => CONTACT,
        ObjectType::Deal => DEAL,
    };
    let rows = table.iter().flat_map(|(of, names)| names.split_whitespace().map(move |name| (kind(of), name)));
    let define = |(kind, name): (PropertyType, &str)| {
        let options = choices(name).iter();
        let options = options.map(|(label, value)| Choice { label: (*label).into(), value: (*value).into() }).collect();
        let calculated = CALCULATED.contains(&name);
        (name.to_owned(), Property { options, calculated, hubspot_defined: true, ..Property::custom(name, kind) })
    };
    rows.map(define).collect()
}

/// What a read shows when no property is asked for (trap 19).
pub(super) fn shown_by_default(object: ObjectType) -> &'static [&'static str] {
    match object {
        ObjectType::Company => &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
        ObjectType::Contact => &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
        ObjectType::Deal => &[
            "amount",
            "closedate",
            "createdate",
            "dealname",
            "dealstage",
            "hs_lastmodifieddate",
            "hs_object_id",
            "pipeline",
        ],
    }
}

impl World {
    /// Adds a property definition, or replaces it.
    pub fn add_property(&mut self, object: ObjectType, property: Property) {
        self.shelf_mut(object).schema.insert(property.name.clone(), property);
    }

    /// The definition of a property.
    #[must_use]
    pub fn property(&self, object: ObjectType, name: &str) -> Option<&Property> {
        self.shelf(object).schema.get(name)
    }

    /// Makes an unknown name a custom text property.
    pub(super) fn know_property(&mut self, object: ObjectType, name: &str) {
        if !self.shelf(object).schema.contains_key(name) {
            self.add_property(object, Property::custom(name, PropertyType::String));
        }
    }
}
