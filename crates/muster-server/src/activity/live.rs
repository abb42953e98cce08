//! A request as viewers of a live stream see it: created once for all of them, and rendered once for each format. It holds
//! what is shown and what filters ask, and nothing that a request can make large:
//! [`LIVE_BUFFER`](crate::limits::LIVE_BUFFER) of them wait for a slow viewer.

use crate::limits::LIVE_PROFILES_MAX;
use crate::sync::lock;
use bytes::Bytes;
use muster_core::id::ProfileNo;
use muster_core::kinds::ElementKind;
use muster_core::outcome::{ElementResult, Outcome};
use muster_core::record::LogEntry;
use muster_core::time::Timestamp;
use muster_wire::manage::masking::Mask as _;
use muster_wire::manage::request::{RequestDocument, fault_types, has_warnings};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// What filters ask of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestFacets {
    /// The status of its answer.
    pub(crate) status: u16,
    /// A bit for each outcome of an element.
    outcomes: u8,
    /// A bit for each kind of an element.
    kinds: u8,
    /// Profiles that its elements touched, in no order; None if there are more than are kept.
    profiles: Option<Vec<ProfileNo>>,
    /// What it merged: the survivor and the merged, in order.
    merges: Vec<(ProfileNo, ProfileNo)>,
    /// When it was received.
    pub(crate) received_at: Timestamp,
    /// The types of its errors, each once: at most as many as there are types.
    faults: Vec<&'static str>,
    /// The request or an element has a warning.
    pub(crate) has_warnings: bool,
}

impl RequestFacets {
    /// Returns the facets of a request that the log does not keep: nothing is known of its elements.
    pub(super) fn unlogged(status: u16, received_at: Timestamp, fault: Option<&'static str>) -> Self {
        let faults = fault.into_iter().collect();
        Self { status, received_at, faults, profiles: Some(Vec::new()), ..Self::default() }
    }

    /// Returns the facets of a request of the log, with at most `profiles_max` profiles.
    pub(crate) fn from_entry(request: &LogEntry, profiles_max: usize) -> Self {
        let mut facets = Self::unlogged(request.status, request.received_at, None);
        facets.has_warnings = has_warnings(request);
        for name in fault_types(request) {
            if !facets.faults.contains(&name) {
                facets.faults.push(name);
            }
        }
        let mut profiles = BTreeSet::new();
        for element in request.elements.iter() {
            facets.outcomes |= 1 << element.outcome as u8;
            facets.kinds |= 1 << element.kind as u8;
            profiles.extend(touched(element));
            let survivor = element.profile.map(|id| id.no);
            facets.merges.extend(survivor.into_iter().flat_map(|no| element.merged.iter().map(move |id| (no, id.no))));
            if profiles.len() > profiles_max {
                (facets.profiles, facets.merges) = (None, Vec::new());
            }
        }
        facets.profiles = facets.profiles.map(|_| profiles.into_iter().collect());
        facets
    }

    /// Returns whether an element had this outcome.
    pub(crate) fn has_outcome(&self, outcome: Outcome) -> bool {
        self.outcomes & (1 << outcome as u8) != 0
    }

    /// Returns whether an element was of this kind.
    pub(crate) fn has_kind(&self, kind: ElementKind) -> bool {
        self.kinds & (1 << kind as u8) != 0
    }

    /// Returns whether an error had this type.
    pub(crate) fn has_fault(&self, kind: &str) -> bool {
        self.faults.contains(&kind)
    }

    /// Returns whether it touched one of these; also if it touched more than are kept, since then it is not known.
    pub(crate) fn touched(&self, members: &BTreeSet<ProfileNo>) -> bool {
        self.profiles.as_ref().is_none_or(|profiles| profiles.iter().any(|no| members.contains(no)))
    }

    /// Adds to the members of a live profile what this request merged with one of them, directly or by another.
    pub(crate) fn widen(&self, members: &mut BTreeSet<ProfileNo>) {
        // Each round but the last adds a member, so there are at most as many as there are merges and one.
        for _ in 0..=self.merges.len() {
            let before = members.len();
            for (survivor, merged) in &self.merges {
                if members.contains(survivor) || members.contains(merged) {
                    members.extend([*survivor, *merged]);
                }
            }
            if members.len() == before {
                return;
            }
        }
    }
}

fn touched(element: &ElementResult) -> impl Iterator<Item = ProfileNo> {
    element.profile.iter().chain(&element.merged).map(|id| id.no)
}

/// The format in which a viewer gets a request: its bytes are the same for all viewers with this format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamFormat {
    /// The item of the API.
    Item {
        /// Personal data is masked.
        is_masked: bool,
    },
    /// A row of the console.
    Row {
        /// Personal data is masked.
        is_masked: bool,
        /// The time zone of its times.
        zone: Arc<str>,
    },
}

impl StreamFormat {
    fn is_masked(&self) -> bool {
        match self {
            Self::Item { is_masked } | Self::Row { is_masked, .. } => *is_masked,
        }
    }
}

/// An answered request on its way to the viewers.
#[derive(Debug)]
pub(crate) struct LiveRequest {
    /// What filters ask of it.
    pub(crate) facets: RequestFacets,
    /// The item of the live stream.
    item: RequestDocument,
    /// What was rendered of it: at most one for each viewer.
    rendered: Mutex<Vec<(StreamFormat, Bytes)>>,
}

impl LiveRequest {
    /// Of an item.
    pub(super) fn new(item: RequestDocument, facets: RequestFacets) -> Self {
        Self { facets, item, rendered: Mutex::default() }
    }

    /// Of a request of the log.
    pub(super) fn logged(item: RequestDocument, request: &LogEntry) -> Self {
        Self::new(item, RequestFacets::from_entry(request, LIVE_PROFILES_MAX))
    }

    /// Returns the bytes for viewers with this format. `render` runs only for the first of them.
    pub(crate) fn rendered(&self, format: &StreamFormat, render: impl FnOnce(&RequestDocument) -> Bytes) -> Bytes {
        // Locked while it renders: the others need the result.
        let mut rendered = lock(&self.rendered);
        if let Some((_, bytes)) = rendered.iter().find(|(known, _)| known == format) {
            return bytes.clone();
        }
        let mut item = Cow::Borrowed(&self.item);
        if format.is_masked() {
            item.to_mut().mask();
        }
        let bytes = render(&item);
        rendered.push((format.clone(), bytes.clone()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_wire::manage::request::Away;

    // Fails when `rendered` pushes nothing, or compares looks by their mask alone.
    #[test]
    fn what_several_viewers_are_shown_alike_is_rendered_once() {
        let away = Away {
            no: None,
            status: 401,
            route: None,
            origin: Some("203.0.113.7"),
            received_at: Timestamp(0),
            duration_us: None,
            failure: None,
            replayed: false,
            dry_run: false,
        };
        let request = LiveRequest::new(RequestDocument::from(&away), RequestFacets::default());
        let row = |is_masked, zone: &str| StreamFormat::Row { is_masked, zone: zone.into() };
        let formats =
            [StreamFormat::Item { is_masked: false }, row(false, "UTC"), row(true, "UTC"), row(true, "Asia/Kolkata")];
        let mut rendered = Vec::new();
        for format in formats.iter().chain(&formats) {
            let bytes = request.rendered(format, |item| {
                let RequestDocument::Unlogged(item) = item else { panic!("it is what it was made of") };
                rendered.push(item.origin_address.clone().unwrap_or_default());
                rendered.len().to_string().into()
            });
            let at = formats.iter().position(|known| known == format).unwrap_or_default();
            assert_eq!(bytes, (at + 1).to_string());
        }
        assert_eq!(rendered, ["203.0.113.7", "203.0.113.7", "***", "***"]);
    }

    #[test]
    fn members_widen_by_what_was_merged_with_them_in_any_order() {
        let no = ProfileNo;
        let facets = RequestFacets {
            merges: vec![(no(4), no(5)), (no(3), no(4)), (no(1), no(3)), (no(7), no(8))],
            ..RequestFacets::default()
        };
        let mut members = BTreeSet::from([no(1), no(2)]);
        facets.widen(&mut members);
        assert_eq!(members, [1, 2, 3, 4, 5].map(no).into());
    }

    #[test]
    fn a_request_with_more_profiles_than_are_kept_may_have_touched_any() {
        let members = BTreeSet::from([ProfileNo(9)]);
        let with = |profiles| RequestFacets { profiles, ..RequestFacets::default() };
        assert!(with(None).touched(&members));
        assert!(with(Some(vec![ProfileNo(1), ProfileNo(9)])).touched(&members));
        assert!(!with(Some(vec![ProfileNo(1)])).touched(&members));
    }
}
