//! Where the sign-in page says that the admin token is: what is so for this server, and nothing that a stranger could use.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, World};
use muster_server::app::{SettingSource, TokenPlace};

/// What the sign-in page says of it: its words, and its command.
fn sentence(place: TokenPlace) -> (String, Option<String>) {
    let world = World::with(|options| options.token_place = place, |_| {});
    let page = text(&Browser::nobody(&world).get("/sign-in"));
    assert!(!page.contains(ADMIN_TOKEN), "{page}");
    assert!(page.contains("<label for=\"token\">Access token</label>"), "{page}");
    assert!(page.contains("With a read-only token you can look at everything and change nothing."), "{page}");
    let between = |from: &str, to: &str| Some(page.split_once(from)?.1.split_once(to)?.0.to_owned());
    (between("id=\"token-hint\">", "</p>").unwrap(), between("data-copy=\"", "\""))
}

// Fails when `token_place` in `console/pages/sign_in.rs` says the same of two of them.
#[test]
fn the_sign_in_page_says_where_the_token_of_this_server_is() {
    let directory = |is_default, was_said, was_printed| TokenPlace::DataDirectory { is_default, was_said, was_printed };
    let cat = Some("cat muster-data/admin-token".to_owned());
    for (place, words, command) in [
        (TokenPlace::Unknown, "The operator of this server has the admin token.", None),
        (
            directory(true, false, false),
            "The admin token is in the file admin-token of the server&#39;s data directory. In the directory where the server was \
             started:",
            cat.clone(),
        ),
        (
            directory(false, false, false),
            "The admin token is in the file admin-token of the server&#39;s data directory.",
            None,
        ),
        (
            directory(true, true, false),
            "The server printed the path of the admin token when it started: the file admin-token of the server&#39;s data \
             directory. In the directory where the server was started:",
            cat,
        ),
        (
            directory(false, true, true),
            "The server printed the admin token when it started. It is also in the file admin-token of the server&#39;s data \
             directory.",
            None,
        ),
        (
            TokenPlace::Value(SettingSource::Variable),
            "The admin token of this server is set by the environment variable MUSTER_ADMIN_TOKEN.",
            None,
        ),
        (
            TokenPlace::Value(SettingSource::File),
            "The admin token of this server is set by the key admin_token of its settings file.",
            None,
        ),
        (
            TokenPlace::File(SettingSource::Flag),
            "The admin token is in the file that is set by the flag --admin-token-file.",
            None,
        ),
    ] {
        assert_eq!(sentence(place), (words.to_owned(), command), "{place:?}");
    }
}
