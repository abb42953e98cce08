//! What runs in the background, as far as others ask for it: the registries of activations and bulk replays. What they do
//! is in `activation.rs` and `replays.rs`.

pub(crate) mod activations;
pub(crate) mod bulk_replays;
