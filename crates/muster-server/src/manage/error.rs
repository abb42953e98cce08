//! Why a management call was not done: a problem (RFC 9457), and after how long to try again if that is known.

use muster_store::engine::EngineError;
use muster_wire::manage::problem::Problem;

/// Why a call was not done.
#[derive(Debug)]
pub(crate) struct ManageError {
    problem: Problem,
    /// Seconds after which to try again, where that is known better than for all problems of the same status.
    pub(crate) retry_after: Option<u32>,
}

impl ManageError {
    /// Returns the problem.
    pub(crate) fn into_problem(self) -> Problem {
        self.problem
    }

    /// Returns the problem.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns the error with the seconds after which to try again.
    pub(crate) fn retry_after(problem: Problem, seconds: u32) -> Self {
        Self { problem, retry_after: Some(seconds) }
    }
}

impl From<Problem> for ManageError {
    fn from(problem: Problem) -> Self {
        Self { problem, retry_after: None }
    }
}

/// Problem of a workspace whose data cannot be used; the reason is in the log, and in the details of `/readyz`.
const DAMAGED: &str =
    "the data of this workspace cannot be used (see the server log from its start); other workspaces are not affected";

impl From<EngineError> for ManageError {
    fn from(error: EngineError) -> Self {
        let problem = match &error {
            EngineError::UnknownWorkspace => no_workspace(),
            EngineError::Stale => Problem::new(503, "the settings kept changing during this call; retry"),
            EngineError::TooLarge => Problem::new(503, "the call needs more data or work than one call may use"),
            EngineError::Overloaded => Problem::new(503, "too many requests are waiting; try again in a second"),
            EngineError::Clock(_) => Problem::new(503, error.to_string()),
            EngineError::Busy(_) => Problem::new(503, "the storage could not be used just now; try again in a second"),
            EngineError::Damaged(_) => Problem::new(503, DAMAGED),
            EngineError::Unavailable(_) | EngineError::Full => {
                tracing::error!(%error, "a management call failed");
                Problem::new(
                    503,
                    format!("{error}; retry, and if the problem persists check /readyz and the server log"),
                )
            }
            EngineError::Corrupt(_) | EngineError::Broken(_) => {
                tracing::error!(%error, "a management call failed");
                Problem::new(500, "the call failed inside the server; check the server log")
            }
        };
        problem.into()
    }
}

/// Returns the answer about a workspace that is not there, or not for this caller.
pub(crate) fn no_workspace() -> Problem {
    Problem::new(404, "no such workspace")
}
