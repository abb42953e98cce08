//! How long a body may take to come, and whose memory it is charged to.

use super::App;
use crate::budget::WorkspaceQuota;
use crate::limits::STOPPING_BODY_TIME;
use muster_core::id::WorkspaceId;
use muster_wire::data::failure::Failure;

impl App {
    /// Has a client send its body in time: within the deadline, and soon where the server stops.
    ///
    /// # Errors
    /// [`Failure::Timeout`]; those of the reading.
    pub(crate) async fn in_time<T>(&self, reading: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let stopping = async {
            self.server_activity.ended().await;
            tokio::time::sleep(STOPPING_BODY_TIME).await;
        };
        tokio::select! {
            biased;
            read = reading => read,
            () = stopping => Err(Failure::Timeout),
            () = tokio::time::sleep(self.body_deadline) => Err(Failure::Timeout),
        }
    }

    /// Returns the share of memory that a body is charged to: that of the workspace that its call is about, or the one
    /// of calls about none.
    pub(crate) fn quota_of(&self, workspace: Option<impl AsRef<str>>) -> WorkspaceQuota {
        let entry = workspace.and_then(|id| self.workspaces.get(id.as_ref()));
        entry.map_or_else(|| self.shared_quota.clone(), |entry| entry.runtime.quota.clone())
    }

    /// Returns the quota of a workspace in the memory for building answers.
    pub(crate) fn read_quota_of(&self, workspace: &WorkspaceId) -> WorkspaceQuota {
        let entry = self.workspaces.get(workspace.as_str());
        entry.map_or_else(WorkspaceQuota::for_reads, |entry| entry.runtime.read_quota.clone())
    }
}
