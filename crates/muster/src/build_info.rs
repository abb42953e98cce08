//! What was built: `build.rs` asks the repository.

use muster_server::app::BuildInfo;

/// Version, commit and day of this binary.
pub(crate) const BUILD: BuildInfo =
    BuildInfo { version: env!("CARGO_PKG_VERSION"), commit: env!("BUILT_FROM"), date: env!("BUILT_FROM_DATE") };
/// The same as `--version` prints it.
pub(crate) const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILT_FROM"), ", ", env!("BUILT_FROM_DATE"), ")");
