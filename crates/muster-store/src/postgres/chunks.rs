//! FamilyStatements over the chunks of large member records and views.

/// The chunks of one record or view, in their order.
pub(super) const OF: &str = "AND t.part_of = $2 AND t.profile = $3 ORDER BY t.first";
