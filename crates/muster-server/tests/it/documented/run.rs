//! Takes the steps of an example over the socket, and holds every statement against what is so.

use super::curl::Curl;
use super::names::Names;
use super::steps::{Answer, Call, Example, Fault, Statement, Step};
use crate::wire;
use crate::world::{Workspace, World, comes_true};
use muster_server::dev;
use serde_json::{Value as Json, json};

/// Runs an example to its first fault.
pub(super) fn run(example: &Example) -> Result<(), Fault> {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    if example.steps.iter().any(|step| matches!(step.call, Call::Curl(_))) {
        assert!(dev::prepare(&world.app, dev::KEY, true).unwrap());
    }
    let mut run = Run { workspace, names: Names::default(), line: 0 };
    let (mut in_demo, mut others) = (false, Names::default());
    for step in &example.steps {
        run.line = step.line;
        // What curl talks to is another workspace, which has its own ids.
        let is_demo = matches!(step.call, Call::Curl(_));
        if std::mem::replace(&mut in_demo, is_demo) != is_demo {
            std::mem::swap(&mut run.names, &mut others);
        }
        run.step(step).map_err(|text| Fault { line: step.line, text })?;
    }
    let text = |name| format!("<{name}> is named once, which says nothing");
    run.names.lonely().or_else(|| others.lonely()).map_or(Ok(()), |(line, name)| Err(Fault { line, text: text(name) }))
}

struct Run<'a> {
    workspace: Workspace<'a>,
    names: Names,
    line: usize,
}

impl Run<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match &step.call {
            Call::Wait(seconds) => self.workspace.world.clock.step(*seconds),
            Call::Import { times, is_dry, elements } => self.import(*times, *is_dry, elements, &step.answer)?,
            Call::Manage { method, path, body, again } => {
                let (path, body) = (self.names.replace_names(path)?, self.names.replace_names(body)?);
                let body = if body.is_empty() { Json::Null } else { serde_json::from_str(&body).unwrap() };
                let mut last = Ok(());
                let names = self.names.clone();
                let mut so = || {
                    self.names = names.clone();
                    let answer = self.workspace.admin(method, &path, &body);
                    last = self.answered(&step.answer, &answer, None);
                    last.is_ok() || !again
                };
                // A background task ends soon; if it does not, the last answer is the fault.
                comes_true(&mut so);
                last?;
            }
            Call::Curl(curl) => {
                let answer = self.curl(curl)?;
                self.answered(&step.answer, &answer, None)?;
            }
        }
        step.then.iter().try_for_each(|statement| self.holds(statement))
    }

    fn import(&mut self, times: usize, is_dry: bool, elements: &str, stated: &Answer) -> Result<(), String> {
        let elements = self.names.replace_names(elements)?;
        let mut all = Vec::new();
        for n in 1..=times {
            let text = if times == 1 { elements.clone() } else { elements.replace('#', &n.to_string()) };
            all.extend(serde_json::from_str::<Vec<Json>>(&text).unwrap());
        }
        let body = json!({"type": "transition", "elements": all}).to_string();
        let call = if is_dry { "transition?dry_run=true" } else { "transition" };
        let answer = self.workspace.post(call, &[("Prefer", "return=representation")], body.as_bytes());
        // An array states the results alone.
        let results = stated.json.as_ref().filter(|json| json.is_array()).map(|_| "results");
        self.answered(stated, &answer, results)
    }

    fn curl(&mut self, curl: &Curl) -> Result<wire::Answer, String> {
        let target = self.names.replace_names(&curl.target)?;
        let headers: Vec<(&str, &str)> = curl.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        Ok(self.workspace.world.call(&curl.method, &target, &headers, curl.body.as_bytes()))
    }

    fn answered(&mut self, stated: &Answer, answer: &wire::Answer, part: Option<&str>) -> Result<(), String> {
        let whole = answer.json();
        let is_status = stated.status.map_or((200..300).contains(&answer.status), |status| status == answer.status);
        if !is_status {
            let wanted = stated.status.map_or_else(|| "a success".to_owned(), |status| status.to_string());
            return Err(format!("the status is {}, not {wanted}, in {whole}", answer.status));
        }
        let Some(json) = &stated.json else { return Ok(()) };
        let real = part.map_or(&whole, |part| &whole[part]);
        self.names.compare(self.line, json, real, "").map_err(|text| format!("{text}, in {real}"))
    }

    fn holds(&mut self, statement: &Statement) -> Result<(), String> {
        match statement {
            Statement::Finds { kind, value, user } => {
                let found = self.workspace.find(kind, value);
                match (user, found) {
                    (None, None) => Ok(()),
                    (None, Some(found)) => Err(format!("{kind} {value} finds somebody: {found}")),
                    (Some(_), None) => Err(format!("{kind} {value} finds nobody")),
                    (Some(user), Some(found)) => {
                        let compared = self.names.compare(self.line, user, &found, "");
                        compared.map_err(|text| format!("{kind} {value}: {text}, in {found}"))
                    }
                }
            }
            Statement::Is { path, json } => {
                let told = self.names.replace_names(path)?;
                let answer = self.workspace.admin("GET", &told, &Json::Null);
                if answer.status != 200 {
                    return Err(format!("{path} answers {}", answer.status));
                }
                let real = answer.json();
                self.names.compare(self.line, json, &real, "").map_err(|text| format!("{path}: {text}, in {real}"))
            }
        }
    }
}
