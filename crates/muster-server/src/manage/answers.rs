//! What a call answers: a document, one that was created, nothing. Each masks itself, renders itself and describes itself
//! in the OpenAPI document. No HTTP types: a face makes its response of the [`Rendered`].

use super::description::CallDescription;
use muster_core::id::WorkspaceId;
use muster_wire::manage::masking::Mask;
use muster_wire::manage::page::render;
use schemars::JsonSchema;
use serde::Serialize;

/// An answer as bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The header `Location`.
    pub(crate) location: Option<String>,
    /// The revision that the header `ETag` names.
    pub(crate) revision: Option<u64>,
    /// The body; None if there is none.
    pub(crate) body: Option<Vec<u8>>,
    /// The workspace that the call is about, for the log.
    pub(crate) workspace: Option<WorkspaceId>,
}

impl Rendered {
    fn document(status: u16, document: &impl Serialize) -> Self {
        Self { status, location: None, revision: None, body: Some(render(document)), workspace: None }
    }
}

/// What a call answers.
pub(crate) trait ManageAnswer: Send + 'static {
    /// Masks every received value.
    fn mask(&mut self);

    /// Renders the answer.
    fn render(&self) -> Rendered;

    /// Adds the answer to the description of a call.
    fn describe(call: &mut CallDescription<'_>);
}

/// A document that a call answers.
pub(crate) trait AnswerDocument: Serialize + JsonSchema + Mask + Send + 'static {}

impl<T: Serialize + JsonSchema + Mask + Send + 'static> AnswerDocument for T {}

impl<T: AnswerDocument> ManageAnswer for T {
    fn mask(&mut self) {
        Mask::mask(self);
    }

    fn render(&self) -> Rendered {
        Rendered::document(200, self)
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.answer::<T>(200);
    }
}

/// That something was created.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreatedAnswer<T> {
    /// The path of what was created, below `/api/v1`.
    pub(crate) location: String,
    /// What was created.
    pub(crate) document: T,
}

impl<T: AnswerDocument> ManageAnswer for CreatedAnswer<T> {
    fn mask(&mut self) {
        self.document.mask();
    }

    fn render(&self) -> Rendered {
        let location = Some(format!("/api/v1{}", self.location));
        Rendered { location, ..Rendered::document(201, &self.document) }
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.answer::<T>(201);
    }
}

/// A document with its revision, which `If-Match` can ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaggedAnswer<T> {
    /// The revision.
    pub(crate) revision: u64,
    /// The document.
    pub(crate) document: T,
}

impl<T: AnswerDocument> ManageAnswer for TaggedAnswer<T> {
    fn mask(&mut self) {
        self.document.mask();
    }

    fn render(&self) -> Rendered {
        Rendered { revision: Some(self.revision), ..Rendered::document(200, &self.document) }
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.answer::<T>(200);
        call.tagged(200);
    }
}

/// That something was begun.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AcceptedAnswer<T>(pub(crate) T);

impl<T: AnswerDocument> ManageAnswer for AcceptedAnswer<T> {
    fn mask(&mut self) {
        self.0.mask();
    }

    fn render(&self) -> Rendered {
        Rendered::document(202, &self.0)
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.answer::<T>(202);
    }
}

/// That it was done, and there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EmptyAnswer;

impl ManageAnswer for EmptyAnswer {
    fn mask(&mut self) {}

    fn render(&self) -> Rendered {
        Rendered { status: 204, location: None, revision: None, body: None, workspace: None }
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.empty_answer(204, "Done");
    }
}

/// What was done, or what a dry run says would be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DoneOrDry<T, D> {
    /// It was done.
    Done(T),
    /// It would be done.
    Dry(D),
}

impl<T: ManageAnswer, D: ManageAnswer> ManageAnswer for DoneOrDry<T, D> {
    fn mask(&mut self) {
        match self {
            Self::Done(answer) => answer.mask(),
            Self::Dry(answer) => answer.mask(),
        }
    }

    fn render(&self) -> Rendered {
        match self {
            Self::Done(answer) => answer.render(),
            Self::Dry(answer) => answer.render(),
        }
    }

    fn describe(call: &mut CallDescription<'_>) {
        T::describe(call);
        D::describe(call);
    }
}
