//! How a stage of the checks ends.

/// How a stage ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StageOutcome {
    /// All of it held; the text says what was left out, if anything was.
    Passed(Option<String>),
    /// Something is wrong, and the output above says what.
    Failed,
    /// It could not run here; the text says why and what would let it.
    Skipped(String),
}

impl StageOutcome {
    pub(super) fn new(held: bool) -> Self {
        if held { Self::Passed(None) } else { Self::Failed }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed => "FAILED",
            Self::Skipped(_) => "skipped",
        }
    }

    pub(super) fn note(&self) -> &str {
        match self {
            Self::Passed(Some(note)) | Self::Skipped(note) => note,
            Self::Passed(None) | Self::Failed => "",
        }
    }
}
