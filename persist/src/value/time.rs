//! Points in time, as calendars and clocks show them.

/// A point in time: what the clock on the wall shows, and where the wall is.
///
/// The zone is a name ("UTC", "America/Sao_Paulo"); nothing is converted by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Timestamp {
    /// Nanoseconds from 1970-01-01 00:00 on the same wall.
    pub nanoseconds: i64,
    /// Name of the zone, if there is one.
    pub zone: Option<String>,
}

/// Many points in time on one wall.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct TimeIndex {
    /// Nanoseconds from 1970-01-01 00:00 on the same wall.
    pub nanoseconds: Vec<i64>,
    /// Name of the zone, if there is one.
    pub zone: Option<String>,
}

impl Timestamp {
    /// A point in time without a zone.
    pub fn naive(nanoseconds: i64) -> Self {
        Timestamp { nanoseconds, zone: None }
    }

    /// A point in time in a zone.
    pub fn zoned(nanoseconds: i64, zone: impl Into<String>) -> Self {
        Timestamp { nanoseconds, zone: Some(zone.into()) }
    }
}
