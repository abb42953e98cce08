//! Calls of the Data API, by the pages of its documentation: each page has its own spelling of errors.

use muster_core::kinds::Route;

/// A call; decides the spelling of error types and messages (FACTS 11 row 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// Bulk Import.
    Transition,
    /// Track User.
    Customer,
    /// Track Event.
    Event,
    /// Track Device.
    Device,
    /// Delete Users.
    CustomerDelete,
    /// A path without a page: for 404 and for errors before the path is known.
    Unknown,
}

impl Api {
    /// The route of a writing call; None for [`Self::Unknown`].
    pub fn route(self) -> Option<Route> {
        match self {
            Self::Transition => Some(Route::Transition),
            Self::Customer => Some(Route::Customer),
            Self::Event => Some(Route::Event),
            Self::Device => Some(Route::Device),
            Self::CustomerDelete => Some(Route::Delete),
            Self::Unknown => None,
        }
    }
}

impl From<Route> for Api {
    fn from(route: Route) -> Self {
        match route {
            Route::Transition => Self::Transition,
            Route::Customer => Self::Customer,
            Route::Event => Self::Event,
            Route::Device => Self::Device,
            Route::Delete => Self::CustomerDelete,
        }
    }
}
