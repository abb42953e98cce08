//! One suite for every engine: what the seam promises, held by small decisions made by hand. An engine's tests call
//! [`suite`], and [`bounded`] with small bounds; [`random`] makes histories to compare engines by.

mod access;
mod catalogue;
mod discards;
mod expiry;
mod families;
mod identity;
mod limits;
mod order;
mod pages;
pub mod random;
pub mod rig;

use crate::bounds::Bounds;
use rig::Make;

/// Everything that an engine does with its default bounds. Panics at the first promise that does not hold.
pub fn suite(make: Make<'_>) {
    catalogue::workspaces_are_kept_in_order(make);
    catalogue::a_change_of_settings_counts_the_revision_up_for_the_decisions_after_it(make);
    catalogue::a_deleted_workspace_is_gone_with_its_data(make);
    catalogue::secrets_are_kept_by_name(make);
    access::tokens_are_kept_by_name_and_taken_once(make);
    access::tokens_that_are_bound_go_with_their_workspace_and_what_was_done_in_it_stays(make);
    access::sessions_are_kept_by_their_cookie_until_they_end(make);
    access::sessions_go_with_the_token_that_they_began_with(make);
    access::the_audit_log_is_read_newest_first_in_pages_of_all_or_of_one_workspace(make);
    order::decisions_run_one_after_another_and_readers_see_what_was_answered(make);
    order::a_decision_that_breaks_or_panics_stores_nothing_and_the_others_go_on(make);
    order::a_dry_decision_sees_everything_and_stores_nothing(make);
    order::now_never_goes_backwards(make);
    order::the_rate_window_is_kept_by_the_queue(make);
    order::a_closed_engine_answers_unavailable(make);
    families::every_family_comes_back_as_it_was_put(make);
    families::rows_are_replaced_and_deleted_by_their_keys(make);
    families::facts_are_closed_under_what_a_decision_needs(make);
    families::a_binding_is_read_with_what_its_reach_says(make);
    families::for_a_refused_decision_nothing_is_read_ahead(make);
    families::a_token_finds_its_device(make);
    families::a_timeline_is_read_newest_first_in_pages(make);
    families::the_log_is_read_newest_first_with_refused_requests_in_their_place(make);
    pages::a_page_ends_early_for_its_bytes_and_is_never_empty(make);
    pages::pages_of_the_log_miss_nothing_of_either_family(make);
    expiry::what_is_past_its_time_goes_and_its_figures_with_it(make);
    expiry::a_batch_of_an_expiry_is_bounded_by_rows_and_by_bytes(make);
    discards::a_deleted_quarantine_entry_is_hidden_and_can_be_restored_for_a_minute(make);
    discards::a_deleted_quarantine_entry_is_removed_after_a_minute_and_counts_once(make);
    identity::reviews_are_found_by_any_member_of_either_side_until_they_end_in_a_merge(make);
    identity::reviews_of_profiles_that_have_many_are_found_by_the_pair(make);
    identity::what_hangs_on_a_profile_is_found_events_first(make);
    identity::deletions_come_due_in_the_order_of_their_marks(make);
    identity::holders_are_looked_at_as_far_as_their_profiles_can_be_loaded_together(make);
    identity::holders_are_noted_and_taken_back_without_harm(make);
    identity::who_held_a_key_once_is_noted_and_taken_back_without_harm(make);
    identity::history_is_read_by_the_own_record_that_names_it(make);
    limits::everything_at_its_hard_limit_is_kept_whole(make);
}

/// The bounds that [`bounded`] wants.
#[must_use]
pub fn small_bounds() -> Bounds {
    Bounds {
        refused_entries: 3,
        refused_bytes: 4_000,
        quarantine_entries: 3,
        quarantine_bytes: 300,
        answer_bytes: 100,
        tokens: 2,
        sessions: 2,
        audit_records: 2,
        audit_sessions: 1,
        audit_people: 2,
        audit_detail_bytes: 5,
        ..Bounds::default()
    }
}

/// What an engine with [`small_bounds`] drops.
pub fn bounded(make: Make<'_>) {
    limits::the_quarantine_drops_its_oldest_and_counts_them(make);
    limits::refused_requests_drop_their_oldest(make);
    limits::refused_requests_are_bounded_by_their_bytes(make);
    limits::what_is_deleted_gives_its_room_back(make);
    limits::recorded_answers_drop_their_oldest_and_none_that_is_young(make);
    access::tokens_are_bounded(make);
    access::of_too_many_sessions_those_used_least_lately_go(make);
    access::sessions_have_a_bound_of_their_own_in_the_audit_log(make);
    access::the_audit_log_drops_its_oldest_and_cuts_details(make);
}
