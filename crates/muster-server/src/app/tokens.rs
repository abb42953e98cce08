//! The tokens that the server's settings give: whether they can be used, and where operators find the admin token.

use crate::limits::TOKEN_LENGTH_MIN;

/// Where operators find the admin token. The sign-in page shows it to everybody, so it names neither the token nor a path
/// of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// It is not known.
    Unknown,
    /// In the file `admin-token` of the data directory.
    DataDirectory {
        /// The data directory is `muster-data` in the directory that the server was started in.
        is_default: bool,
        /// The server was started with `--dev`, and printed the path of that file.
        was_said: bool,
        /// The server printed the token when it generated it.
        was_printed: bool,
    },
    /// In a file that the setting `admin_token_file` names.
    File(SettingSource),
    /// In the setting `admin_token` itself.
    Value(SettingSource),
}

/// How a setting was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingSource {
    /// As a flag of the command line.
    Flag,
    /// As an environment variable.
    Variable,
    /// In the file of settings.
    File,
}

/// Returns whether tokens can be used: long enough, of characters that a header can carry, and not the same for both.
pub(super) fn check(admin: &str, read: Option<&str>) -> Result<(), String> {
    let both = [("admin", Some(admin)), ("read", read)];
    for (name, token) in both.into_iter().filter_map(|(name, token)| Some((name, token?))) {
        if token.len() < TOKEN_LENGTH_MIN {
            let words = format!("the {name} token must have at least {TOKEN_LENGTH_MIN} characters");
            return Err(words);
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let words = format!("the {name} token must be printable ASCII without blanks: others cannot be sent");
            return Err(words);
        }
    }
    if read == Some(admin) {
        return Err("the read token must differ from the admin token, because it grants fewer rights".to_owned());
    }
    Ok(())
}
