//! Delete Users (FACTS 2.7, behaviour.md 4): marks the whole live profile; it stays visible for the workspace's buffer,
//! then `jobs.rs` sweeps it. The checks are those of an import; the key needs the scope `erase`.

use super::envelope::{Budget, DELETE_LIMITS, retry_after};
use super::guard::{self, origin};
use super::import::{ClientInfo, ImportCall, idempotency, request_id_of};
use crate::activity::RequestOutcome;
use crate::app::App;
use crate::budget::RequestPermit;
use crate::keys::KeyScope;
use crate::manage::audit_action::AuditAction;
use crate::personal_data_log::Actor;
use crate::sync::lock;
use axum::extract::Request;
use axum::response::Response;
use muster_core::attribute::CUSTOMER_ID;
use muster_core::decide::{Delete, DeleteOutcome, NamedUser, Wire};
use muster_core::decision::Mode;
use muster_core::id::{ProfileId, RequestId};
use muster_core::identifier::{Identifier, IdentifierKind, normalise};
use muster_core::kinds::Route;
use muster_core::outcome::{Applied, RecordedAnswer};
use muster_core::rate::{Class, Cost, RateRefusal};
use muster_core::time::Moment;
use muster_store::engine::apply;
use muster_wire::data::answer;
use muster_wire::data::api::Api;
use muster_wire::data::delete::{By, Deletion, read};
use muster_wire::data::failure::Failure;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;

/// Writes the plain answer, as it is recorded. Holds the permit of the request until the queue is done with it.
struct PlainAnswer(#[expect(dead_code, reason = "held, not read")] Arc<RequestPermit>);

impl Wire for PlainAnswer {
    fn answer(&self, applied: &Applied) -> RecordedAnswer {
        answer::applied_answer(Api::CustomerDelete, applied, false, false)
    }

    fn quarantined_json(&self, _: u32, _: Option<&[u32]>) -> Box<[u8]> {
        Box::default()
    }
}

/// Serves the call.
pub(crate) async fn serve(app: Arc<App>, peer: SocketAddr, request: Request) -> Response {
    let Moment { at: received_at, micros: arrived_micros } = app.clock.now();
    let (head, mut body) = request.into_parts();
    let api = Api::CustomerDelete;
    let entry = match guard::authorize(&app, &head, peer, KeyScope::Erase).await {
        Ok(entry) => entry,
        Err(refused) => return refused.answer(&app, (api, Route::Delete), (&head, peer), Budget::Deletes),
    };
    let address = guard::client_address(&app, &head.headers, peer);
    let (origin, _) = origin(&head.headers, &entry, address);
    let client = ClientInfo { bytes: 0, origin: origin.clone(), received_at, arrived_micros };
    let mut call = ImportCall { app: &app, api, route: Route::Delete, entry, client };
    let admitted = match call.body(&head.headers, &mut body).await {
        Ok(admitted) => admitted,
        Err(failure) => return call.fail(&failure),
    };
    drop(body);
    let key = match idempotency(&head.headers, false, &admitted.bytes) {
        Ok(key) => key,
        Err(failure) => return call.fail(&failure),
    };
    if let Some(key) = &key
        && let Some(answer) = call.recorded_answer(key).await
    {
        return answer;
    }
    let deletion = match read(&admitted.bytes) {
        Ok(deletion) => deletion,
        Err(failure) => return call.fail(&failure),
    };
    let Some(user) = named_user(&call, &deletion) else { return call.fail(&Failure::UserNotFound(deletion.value)) };
    let decision = Delete {
        user,
        buffer_ms: i64::from(call.entry.document.delete_buffer_hours) * 3_600_000,
        over_budget: spend(&call, false).is_err(),
        idempotency: key,
        origin,
        bytes: u32::try_from(admitted.bytes.len()).unwrap_or(u32::MAX),
        arrived_micros,
        wire: PlainAnswer(RequestPermit::new(admitted.memory, None)),
    };
    let actor = Actor { name: guard::key_name(&head.headers), address: Some(address) };
    run(&call, decision, (deletion, actor)).await
}

/// Returns the user that the request names; None if no profile can have this id.
fn named_user(call: &ImportCall<'_>, deletion: &Deletion) -> Option<NamedUser> {
    match deletion.by {
        By::ProfileId => ProfileId::parse(&deletion.value).map(NamedUser::Id),
        By::CustomerId => {
            let kind = call.entry.settings.identity.active_kind(CUSTOMER_ID)?;
            let value = normalise(kind.normaliser, &deletion.value);
            Some(NamedUser::Identifier(Identifier { kind: IdentifierKind::new(CUSTOMER_ID), value }))
        }
    }
}

async fn run(call: &ImportCall<'_>, decision: Delete<PlainAnswer>, (deletion, actor): (Deletion, Actor)) -> Response {
    match apply(&*call.app.engine, call.entry.id(), decision, Mode::Commit).await {
        Ok(DeleteOutcome::Accepted(recorded)) => {
            // Others may have spent the rest meanwhile: it is accepted all the same.
            let _spent = spend(call, true);
            let no = request_id_of(&recorded.body).map_or_else(|| call.app.refused_number(), RequestId::no);
            let by = match deletion.by {
                By::ProfileId => "id",
                By::CustomerId => CUSTOMER_ID,
            };
            let what = (AuditAction::UserDeleted, RequestId::from_no(no).to_string(), json!({"by": by}));
            call.app.personal_data_log.note((call.app.now(), actor), call.entry.id(), what);
            let outcome = RequestOutcome::Applied(no, Arc::default());
            call.success(&recorded, outcome, None)
        }
        Ok(DeleteOutcome::Replayed(recorded)) => call.success(&recorded, RequestOutcome::Replayed, None),
        Ok(DeleteOutcome::KeyConflict) => call.fail(&Failure::IdempotencyConflict),
        Ok(DeleteOutcome::NotFound) => call.fail(&Failure::UserNotFound(deletion.value)),
        Ok(DeleteOutcome::OverBudget) => {
            let mut response = call.fail(&Failure::RateLimited);
            retry_after(&mut response, spend(call, false).err().unwrap_or(1));
            response
        }
        Err(error) => call.engine_failed(&error),
    }
}

/// Checks the budget of the call, and takes from it if `really`. The error is the number of seconds to wait.
fn spend(call: &ImportCall<'_>, really: bool) -> Result<(), u32> {
    let mut cost = Cost::default();
    cost.add(Class::Users, 1);
    let mut window = lock(&call.entry.runtime.delete_window);
    let mut now = window.at(call.app.clock.now());
    let fits = now.spend(DELETE_LIMITS, cost);
    if really {
        *window = now;
    }
    fits.map_err(|(_, refusal)| match refusal {
        RateRefusal::Wait { seconds } => seconds,
        RateRefusal::Never { .. } => 60,
    })
}
