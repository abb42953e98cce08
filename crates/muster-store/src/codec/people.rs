//! Rows about people: bindings, own records, standings, views, links, devices.

use super::{Cell, Damage, Record, Row, jsonb, parts};
use crate::family::Family;
use muster_core::command::DeviceFields;
use muster_core::fold::own_values;
use muster_core::id::{MergeNo, ProfileNo};
use muster_core::identifier::{Key, Kind};
use muster_core::record::{Device, DeviceRef, Link, Profile, Standing, Tally, View};
use muster_core::time::Timestamp;
use std::collections::BTreeMap;

/// A row of the family `bindings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The key.
    pub key: Key,
    /// Whom it is bound to.
    pub profile: ProfileNo,
}

/// The cells of a binding, also of one that is only known by its parts.
pub(crate) fn binding_cells(key: &Key, profile: ProfileNo) -> [Cell<'_>; 3] {
    [Cell::text(key.kind.name()), Cell::text(&key.value), Cell::unsigned(profile.0)]
}

impl Record for Binding {
    const FAMILY: Family = Family::Bindings;

    fn cells(&self) -> Vec<Cell<'_>> {
        binding_cells(&self.key, self.profile).into()
    }

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, Damage> {
        let mut row = Row::of(Self::FAMILY, cells)?;
        let key = Key { kind: Kind::new(row.text()?), value: row.text()?.into() };
        Ok(Self { key, profile: ProfileNo(row.unsigned()?) })
    }
}

impl Record for Profile {
    const FAMILY: Family = Family::Profiles;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.created.0),
            Cell::Int(self.first_seen.0),
            Cell::owned(jsonb::object(own_values(&self.attributes))),
            Cell::owned(parts::profile_record(self)),
        ]
    }

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, Damage> {
        let mut row = Row::of(Self::FAMILY, cells)?;
        let mut profile = Self {
            no: ProfileNo(row.unsigned()?),
            created: Timestamp(row.int()?),
            first_seen: Timestamp(row.int()?),
            keys: Vec::new(),
            attributes: BTreeMap::new(),
            platforms: BTreeMap::new(),
            former: Vec::new(),
            history: Vec::new(),
        };
        let values = jsonb::read_object(row.blob()?)?;
        parts::read_profile_record(row.blob()?, values, &mut profile)?;
        Ok(profile)
    }
}

impl Record for Standing {
    const FAMILY: Family = Family::Standings;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.created.0),
            Cell::unsigned(self.root.0),
            Cell::Int(self.last_seen.0),
            Cell::unsigned(self.events),
            Cell::Int(self.devices.into()),
            Cell::Int(self.tree.first_seen.0),
            Cell::Int(self.tree.last_seen.0),
            Cell::unsigned(self.tree.events),
            Cell::Int(self.tree.devices.into()),
            Cell::Int(self.tree.members.into()),
            Cell::int_or_null(self.deletion.map(|due| due.0)),
        ]
    }

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, Damage> {
        let mut row = Row::of(Self::FAMILY, cells)?;
        Ok(Self {
            no: ProfileNo(row.unsigned()?),
            created: Timestamp(row.int()?),
            root: ProfileNo(row.unsigned()?),
            last_seen: Timestamp(row.int()?),
            events: row.unsigned()?,
            devices: row.small()?,
            tree: Tally {
                first_seen: Timestamp(row.int()?),
                last_seen: Timestamp(row.int()?),
                events: row.unsigned()?,
                devices: row.small()?,
                members: row.small()?,
            },
            deletion: row.int_or_null()?.map(Timestamp),
        })
    }
}

/// A row of the family `views`.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewRow {
    /// The root.
    pub profile: ProfileNo,
    /// What it shows.
    pub view: View,
}

/// The cells of a view.
pub(crate) fn view_cells(profile: ProfileNo, view: &View) -> Vec<Cell<'static>> {
    vec![
        Cell::unsigned(profile.0),
        Cell::owned(jsonb::object(view.attributes.iter().map(|(name, value)| (&**name, value)))),
        Cell::owned(parts::view_record(view)),
    ]
}

impl Record for ViewRow {
    const FAMILY: Family = Family::Views;

    fn cells(&self) -> Vec<Cell<'_>> {
        view_cells(self.profile, &self.view)
    }

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, Damage> {
        let mut row = Row::of(Self::FAMILY, cells)?;
        let profile = ProfileNo(row.unsigned()?);
        let attributes = jsonb::read_object(row.blob()?)?.into_iter().collect();
        Ok(Self { profile, view: View { attributes, platforms: parts::view_platforms(row.blob()?)? } })
    }
}

impl Record for Link {
    const FAMILY: Family = Family::Links;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.child.0),
            Cell::unsigned(self.parent.0),
            Cell::unsigned(self.merge.0),
            Cell::unsigned(self.seq),
            Cell::owned(parts::rules_record(&self.rules)),
            Cell::Int(self.same_email.into()),
        ]
    }

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, Damage> {
        let mut row = Row::of(Self::FAMILY, cells)?;
        Ok(Self {
            child: ProfileNo(row.unsigned()?),
            parent: ProfileNo(row.unsigned()?),
            merge: MergeNo(row.unsigned()?),
            seq: row.unsigned()?,
            rules: parts::rules(row.blob()?)?,
            same_email: row.bool()?,
        })
    }
}

impl Record for Device {
    const FAMILY: Family = Family::Devices;

    fn cells(&self) -> Vec<Cell<'_>> {
        let fields = &self.fields;
        vec![
            Cell::unsigned(self.at.profile.0),
            Cell::text(&self.at.device_id),
            Cell::unsigned(self.seq),
            Cell::Int(self.updated_at.0),
            Cell::Int(fields.platform as i64),
            Cell::text(&fields.push_id),
            Cell::text_or_null(fields.model.as_deref()),
            Cell::text_or_null(fields.app_version.as_deref()),
            Cell::text_or_null(fields.os_version.as_deref()),
            Cell::int_or_null(fields.push_opted.map(i64::from)),
            Cell::int_or_null(fields.push_provisional_opted.map(i64::from)),
            Cell::text_or_null(fields.gaid.as_deref()),
            Cell::text_or_null(fields.idfv.as_deref()),
            Cell::Int(fields.push_id_is_word.into()),
        ]
    }

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, Damage> {
        let mut row = Row::of(Self::FAMILY, cells)?;
        Ok(Self {
            at: DeviceRef { profile: ProfileNo(row.unsigned()?), device_id: row.text()?.into() },
            seq: row.unsigned()?,
            updated_at: Timestamp(row.int()?),
            fields: DeviceFields {
                platform: parts::platform(row.int()?)?,
                push_id: row.text()?.into(),
                model: row.text_or_null()?.map(Into::into),
                app_version: row.text_or_null()?.map(Into::into),
                os_version: row.text_or_null()?.map(Into::into),
                push_opted: row.int_or_null()?.map(|n| n != 0),
                push_provisional_opted: row.int_or_null()?.map(|n| n != 0),
                gaid: row.text_or_null()?.map(Into::into),
                idfv: row.text_or_null()?.map(Into::into),
                push_id_is_word: row.bool()?,
            },
        })
    }
}
