//! Rows about people: bindings, member records, root pointers, views, links, devices.

use super::cell::{Cell, CellReader, Record};
use super::chunks::{is_large_record, is_large_view};
use super::json::JsonObject;
use super::parts;
use crate::error::CorruptRow;
use crate::family::Family;
use muster_core::command::DeviceFields;
use muster_core::id::{MergeNo, ProfileNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::{Attributes, Device, DeviceRef, MemberRecord, MergeLink, RootPointer, TreeTotals, View};
use muster_core::time::Timestamp;
use std::collections::BTreeMap;

/// A row of the family `bindings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Identifier.
    pub key: Identifier,
    /// The id that it is bound to.
    pub profile: ProfileNo,
}

/// The cells of a binding, also of one that is only known by its parts.
pub(crate) fn binding_cells(key: &Identifier, profile: ProfileNo) -> [Cell<'_>; 3] {
    [Cell::text(key.kind.name()), Cell::text(&key.value), Cell::unsigned(profile.0)]
}

impl Record for Binding {
    const FAMILY: Family = Family::Bindings;

    fn cells(&self) -> Vec<Cell<'_>> {
        binding_cells(&self.key, self.profile).into()
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let key = Identifier { kind: IdentifierKind::new(row.text()?), value: row.text()?.into() };
        Ok(Self { key, profile: ProfileNo(row.unsigned()?) })
    }
}

impl Record for MemberRecord {
    const FAMILY: Family = Family::Profiles;

    /// The row itself: without attributes, if those are stored in chunks.
    fn cells(&self) -> Vec<Cell<'_>> {
        let is_large = is_large_record(self);
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.created.0),
            Cell::Json(if is_large { JsonObject::InChunks } else { JsonObject::Attributes(&self.attributes) }),
            Cell::owned(parts::profile_record(self, !is_large)),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let mut profile = Self {
            no: ProfileNo(row.unsigned()?),
            created: Timestamp(row.int()?),
            identifiers: Vec::new(),
            attributes: Attributes::default(),
            platforms: BTreeMap::new(),
            former: Vec::new(),
            history: Vec::new(),
        };
        let values = row.json_beside_chunks()?;
        parts::read_profile_record(row.blob()?, values, &mut profile)?;
        Ok(profile)
    }
}

impl Record for RootPointer {
    const FAMILY: Family = Family::Standings;

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![
            Cell::unsigned(self.no.0),
            Cell::Int(self.created.0),
            Cell::unsigned(self.root.0),
            Cell::Int(self.first_seen.0),
            Cell::Int(self.last_seen.0),
            Cell::unsigned(self.events),
            Cell::Int(self.devices.into()),
            Cell::Int(self.tree.first_seen.0),
            Cell::Int(self.tree.last_seen.0),
            Cell::unsigned(self.tree.events),
            Cell::Int(self.tree.devices.into()),
            Cell::Int(self.tree.members.into()),
            Cell::unsigned(self.weight),
            Cell::int_or_null(self.deletion.map(|due| due.0)),
        ]
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        Ok(Self {
            no: ProfileNo(row.unsigned()?),
            created: Timestamp(row.int()?),
            root: ProfileNo(row.unsigned()?),
            first_seen: Timestamp(row.int()?),
            last_seen: Timestamp(row.int()?),
            events: row.unsigned()?,
            devices: row.small()?,
            tree: TreeTotals {
                first_seen: Timestamp(row.int()?),
                last_seen: Timestamp(row.int()?),
                events: row.unsigned()?,
                devices: row.small()?,
                members: row.small()?,
            },
            weight: row.unsigned()?,
            deletion: row.int_or_null()?.map(Timestamp),
        })
    }
}

/// A row of the family `views`.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewRow {
    /// The root.
    pub profile: ProfileNo,
    /// Current values.
    pub view: View,
}

/// The cells of a view: without attributes, if those are stored in chunks.
pub(crate) fn view_cells(profile: ProfileNo, view: &View) -> Vec<Cell<'_>> {
    vec![
        Cell::unsigned(profile.0),
        Cell::Json(if is_large_view(view) { JsonObject::InChunks } else { JsonObject::Current(&view.attributes) }),
        Cell::owned(parts::view_record(view)),
    ]
}

impl Record for ViewRow {
    const FAMILY: Family = Family::Views;

    fn cells(&self) -> Vec<Cell<'_>> {
        view_cells(self.profile, &self.view)
    }

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
        let profile = ProfileNo(row.unsigned()?);
        let attributes = row.json_beside_chunks()?.into_iter().collect();
        Ok(Self { profile, view: View { attributes, platforms: parts::view_platforms(row.blob()?)? } })
    }
}

impl Record for MergeLink {
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

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
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

    fn from_cells(cells: &mut [Cell<'_>]) -> Result<Self, CorruptRow> {
        let mut row = CellReader::new(Self::FAMILY, cells)?;
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
