//! Messages that a page shows once, about the last action. An action redirects to a page, so that loading that page again
//! does not repeat the action. The message waits in the session, in memory, for the path of the redirect: a page in another
//! tab does not take it, and no address contains it.

use crate::limits::{FLASH_MS, FLASHES_MAX};
use muster_core::time::Timestamp;

/// The tone of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Success.
    Good,
    /// Success in part.
    Warning,
    /// Refusal: nothing was done.
    Refused,
}

/// A message that a page shows once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flash {
    tone: Tone,
    /// In a sentence or two.
    pub(crate) words: String,
    /// A secret that is shown this once.
    pub(crate) secret: Option<Secret>,
}

/// A secret that was just created.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// What it is, in a few words.
    pub(crate) what: &'static str,
    /// Itself.
    pub(crate) value: String,
    /// Where the page links to once it was copied.
    pub(crate) done: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Flash {
    /// Returns a message of success.
    pub(crate) fn good(words: impl Into<String>) -> Self {
        Self { tone: Tone::Good, words: words.into(), secret: None }
    }

    /// Returns a message of success in part.
    pub(crate) fn warning(words: impl Into<String>) -> Self {
        Self { tone: Tone::Warning, ..Self::good(words) }
    }

    /// Returns a message of refusal, for the page that has the form.
    pub(crate) fn refused(words: impl Into<String>) -> Self {
        Self { tone: Tone::Refused, ..Self::good(words) }
    }

    /// With a secret.
    pub(crate) fn with(self, secret: Secret) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// Returns the class of its notice.
    pub(crate) fn class(&self) -> &'static str {
        match self.tone {
            Tone::Good => "ok",
            Tone::Warning => "warn",
            Tone::Refused => "bad",
        }
    }

    /// Returns the role of its notice.
    pub(crate) fn role(&self) -> &'static str {
        if self.tone == Tone::Refused { "alert" } else { "status" }
    }

    /// Returns the icon of its notice.
    pub(crate) fn icon(&self) -> &'static str {
        match self.tone {
            Tone::Good => "o-accepted",
            Tone::Warning => "o-warning",
            Tone::Refused => "o-rejected",
        }
    }
}

/// The messages that wait in a session.
#[derive(Debug, Default)]
pub(crate) struct Flashes(Vec<(String, Timestamp, Flash)>);

impl Flashes {
    /// Keeps a message for the next page at the path of this place; beyond [`FLASHES_MAX`] the oldest is dropped.
    pub(crate) fn put(&mut self, place: &str, flash: Flash, now: Timestamp) {
        self.forget(now);
        if self.0.len() >= FLASHES_MAX {
            self.0.remove(0);
        }
        let path = place.split(['?', '#']).next().unwrap_or_default();
        self.0.push((path.to_owned(), now, flash));
    }

    /// Takes the messages for the page at this path.
    pub(crate) fn take(&mut self, path: &str, now: Timestamp) -> Vec<Flash> {
        self.forget(now);
        let (taken, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(place, ..)| place == path);
        self.0 = rest;
        taken.into_iter().map(|(_, _, flash)| flash).collect()
    }

    /// Forgets messages that nobody saw in time: a secret must not wait for hours.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|(_, at, _)| now.0 - at.0 < FLASH_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `take` leaves what it gave, or asks not for the path.
    #[test]
    fn a_flash_is_said_once_and_at_its_place_alone() {
        let (mut flashes, now) = (Flashes::default(), Timestamp(0));
        flashes.put("/a?x=1#y", Flash::good("Done."), now);
        assert_eq!(flashes.take("/b", now), []);
        assert_eq!([flashes.take("/a", now), flashes.take("/a", now)], [vec![Flash::good("Done.")], Vec::new()]);
    }

    // Fails when `put` leaves out either bound.
    #[test]
    fn what_waits_is_bounded_in_number_and_in_time() {
        let mut flashes = Flashes::default();
        for n in 0..=FLASHES_MAX {
            flashes.put("/a", Flash::warning(n.to_string()), Timestamp(0));
        }
        flashes.put("/b", Flash::good("late"), Timestamp(1));
        let words: Vec<String> = flashes.take("/a", Timestamp(1)).into_iter().map(|flash| flash.words).collect();
        assert_eq!(words, (2..=FLASHES_MAX).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(flashes.take("/b", Timestamp(FLASH_MS + 1)), []);
    }
}
