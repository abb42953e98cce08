//! Owns what a case is: what is prepared, the request that touches it n times, and which n fill a body.

use super::place::CaseWorkspace;
use anyhow::Result;
use serde_json::{Value as Json, json};

/// The default limit of a bulk body, in bytes (behaviour.md 1.6).
pub(super) const BODY_BYTES: usize = 102_400;
/// The most elements that are tried: no element is shorter than three bytes with its comma.
const ELEMENTS_MAX: usize = BODY_BYTES / 3;

type Prepare = Box<dyn Fn(&CaseWorkspace<'_>, usize) -> Result<()>>;
type Elements = Box<dyn Fn(usize) -> Vec<Json>>;
type Body = Box<dyn Fn(usize) -> String>;
type Find = Box<dyn Fn(&CaseWorkspace<'_>) -> Result<String>>;
type Call = Box<dyn Fn(&CaseWorkspace<'_>, &str) -> Result<()>>;
type Preparation = Box<dyn Fn(&CaseWorkspace<'_>) -> Result<bool>>;

/// What is measured.
pub(super) enum Act {
    /// One import of these elements.
    Import(Elements),
    /// One import with this body, as it is.
    Raw(Body),
    /// One call about something that is stored, for example of the management API.
    Call {
        /// Returns the id of what the call is about. It is found once, after preparing, and is not measured.
        find: Find,
        /// Makes the call about this id.
        call: Call,
    },
}

/// One shared thing, and who touches it.
pub(super) struct Case {
    pub(super) name: String,
    /// What is stored before; of a case whose request names it, of that size.
    pub(super) prepare: Prepare,
    pub(super) act: Act,
    /// What is stored depends on the size, so that it is prepared for each.
    pub(super) grows: bool,
    /// Run just before the request; false if it did not come to what the case wants.
    pub(super) before: Option<Preparation>,
    /// Headers of the import, each with its line end.
    pub(super) headers: &'static str,
    /// The query of the import, with its question mark.
    pub(super) query: &'static str,
    /// The import has an idempotency key, another for every request.
    pub(super) is_recorded: bool,
    /// It takes as long as it takes: a job in the background, whose single steps are other cases.
    pub(super) in_background: bool,
    most: usize,
}

impl Case {
    /// An import of n elements beside what is prepared.
    pub(super) fn import(
        name: impl Into<String>,
        prepare: impl Fn(&CaseWorkspace<'_>) -> Result<()> + 'static,
        elements: impl Fn(usize) -> Vec<Json> + 'static,
    ) -> Self {
        Self::new(
            name.into(),
            Box::new(move |place: &CaseWorkspace<'_>, _: usize| prepare(place)),
            Act::Import(Box::new(elements)),
        )
    }

    /// An import whose body is made by hand, of n parts, into an empty workspace.
    pub(super) fn raw(name: impl Into<String>, body: impl Fn(usize) -> String + 'static) -> Self {
        Self::new(name.into(), Box::new(|_: &CaseWorkspace<'_>, _: usize| Ok(())), Act::Raw(Box::new(body)))
    }

    /// One call in a workspace with something of the size n, at most `most`.
    pub(super) fn call(
        name: impl Into<String>,
        most: usize,
        prepare: impl Fn(&CaseWorkspace<'_>, usize) -> Result<()> + 'static,
        call: impl Fn(&CaseWorkspace<'_>) -> Result<()> + 'static,
    ) -> Self {
        Self::call_about(name, most, prepare, |_| Ok(String::new()), move |place, _| call(place))
    }

    /// The same about an id that `find` returns.
    pub(super) fn call_about(
        name: impl Into<String>,
        most: usize,
        prepare: impl Fn(&CaseWorkspace<'_>, usize) -> Result<()> + 'static,
        find: impl Fn(&CaseWorkspace<'_>) -> Result<String> + 'static,
        call: impl Fn(&CaseWorkspace<'_>, &str) -> Result<()> + 'static,
    ) -> Self {
        let act = Act::Call { find: Box::new(find), call: Box::new(call) };
        Self { grows: true, most, ..Self::new(name.into(), Box::new(prepare), act) }
    }

    fn new(name: String, prepare: Prepare, act: Act) -> Self {
        Self {
            name,
            prepare,
            act,
            grows: false,
            before: None,
            headers: "",
            query: "",
            is_recorded: false,
            in_background: false,
            most: ELEMENTS_MAX,
        }
    }

    /// Most elements, because of a bound of the product.
    pub(super) fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// With these headers, each with its line end.
    pub(super) fn headers(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }

    /// With this query.
    pub(super) fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// With an idempotency key and the longer answer, which is recorded.
    pub(super) fn with_key(self) -> Self {
        Self { is_recorded: true, headers: "Prefer: handling=lenient, return=representation\r\n", ..self }
    }

    /// Under another name.
    pub(super) fn with_name(self, more: &str) -> Self {
        Self { name: format!("{}, {more}", self.name), ..self }
    }

    /// With something that is done just before the request.
    pub(super) fn after(self, before: impl Fn(&CaseWorkspace<'_>) -> Result<bool> + 'static) -> Self {
        Self { before: Some(Box::new(before)), ..self }
    }

    /// What is measured takes place in the background.
    pub(super) fn in_background(self) -> Self {
        Self { in_background: true, ..self }
    }

    /// The body of the import with n elements; empty for other calls.
    pub(super) fn body(&self, n: usize) -> String {
        match &self.act {
            Act::Import(elements) => json!({"type": "transition", "elements": elements(n)}).to_string(),
            Act::Raw(body) => body(n),
            Act::Call { .. } => String::new(),
        }
    }

    /// Its bytes.
    pub(super) fn bytes(&self, n: usize) -> usize {
        self.body(n).len()
    }

    /// The sizes that are measured: the larger one fills a body of the default size, or is the most that the case takes;
    /// the smaller one is a quarter of it.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let fits = |n: usize| self.bytes(n) <= BODY_BYTES;
        let mut four = 1;
        while four < self.most && fits((2 * four).min(self.most)) {
            four = (2 * four).min(self.most);
        }
        // Bodies grow with their number: the last one that fits is between this one and its double.
        let mut too_many = (2 * four).min(self.most + 1);
        while four + 1 < too_many {
            let middle = usize::midpoint(four, too_many);
            if fits(middle) {
                four = middle;
            } else {
                too_many = middle;
            }
        }
        (four.div_ceil(4), four)
    }
}
