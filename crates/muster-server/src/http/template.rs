//! The template of a route.

/// The route's template: on the request for the scope that it needs, on the answer for the log and the metrics.
#[derive(Clone, Copy)]
pub(crate) struct RouteTemplate(pub(crate) &'static str);
