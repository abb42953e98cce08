//! Reads the examples of a document: numbered sections, in them tables of calls, answers and statements, and curl lines
//! with their answers. What it does not know is a fault.

use super::curl::Curl;
use serde_json::Value as Json;

const HEADER: &str = "| Call | Answer | Then |";

/// What is wrong, and in which line.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) text: String,
}

/// A numbered section.
pub(super) struct Example {
    pub(super) line: usize,
    pub(super) steps: Vec<Step>,
}

pub(super) struct Step {
    pub(super) line: usize,
    pub(super) call: Call,
    pub(super) answer: Answer,
    pub(super) then: Vec<Statement>,
}

/// What is sent. Strings may hold names, `<asha>`.
pub(super) enum Call {
    /// One bulk import of the elements, as often as stated in one request, `#` being 1, 2, ...
    Import {
        times: usize,
        is_dry: bool,
        elements: String,
    },
    /// A call of the management API, the path as it is below the workspace; again until the answer is as stated.
    Manage {
        method: &'static str,
        path: String,
        body: String,
        again: bool,
    },
    /// The clock is stepped by seconds.
    Wait(i64),
    Curl(Curl),
}

/// What the answer must be; with neither, any success.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) json: Option<Json>,
}

/// What must be so then.
pub(super) enum Statement {
    Finds { kind: String, value: String, user: Option<Json> },
    Is { path: String, json: Json },
}

/// The examples of a document.
pub(super) fn read(text: &str) -> Result<Vec<Example>, Fault> {
    let mut reader = Reader { examples: Vec::new(), open: false, in_table: 0, curl: None };
    let mut fence: Option<(usize, &str, Vec<&str>)> = None;
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        let done = match (&mut fence, line.strip_prefix("```")) {
            (Some(_), Some(_)) => {
                let (begun, language, lines) = fence.take().expect("it was matched");
                reader.block(begun, language, &lines.join("\n")).map_err(|text| Fault { line: begun, text })
            }
            (Some((_, _, lines)), None) => {
                lines.push(line);
                Ok(())
            }
            (None, Some(language)) => {
                fence = Some((at, language, Vec::new()));
                Ok(())
            }
            (None, None) => reader.line(at, line).map_err(|text| Fault { line: at, text }),
        };
        done?;
    }
    reader.close()?;
    if reader.examples.is_empty() {
        return Err(Fault { line: 1, text: "no example".to_owned() });
    }
    Ok(reader.examples)
}

struct Reader {
    examples: Vec<Example>,
    /// Whether the section that is read is an example.
    open: bool,
    /// Lines of the table so far.
    in_table: usize,
    /// The curl that waits for its answer.
    curl: Option<(usize, Curl)>,
}

impl Reader {
    fn line(&mut self, at: usize, line: &str) -> Result<(), String> {
        if let Some(title) = line.strip_prefix("## ") {
            self.close().map_err(|fault| fault.text)?;
            let number = title.split_once(". ").and_then(|(number, _)| number.parse::<usize>().ok());
            self.open = number.is_some();
            if let Some(number) = number {
                if number != self.examples.len() + 1 {
                    return Err(format!("the next example is {}", self.examples.len() + 1));
                }
                self.examples.push(Example { line: at, steps: Vec::new() });
            }
        }
        if !line.starts_with('|') || !self.open {
            self.in_table = 0;
            return Ok(());
        }
        self.in_table += 1;
        match self.in_table {
            1 if line == HEADER => Ok(()),
            2 if line == "|---|---|---|" => Ok(()),
            1 | 2 => Err(format!("the table of an example begins with {HEADER} and |---|---|---|")),
            _ => {
                let step = row(at, line)?;
                self.push(step)
            }
        }
    }

    fn push(&mut self, step: Step) -> Result<(), String> {
        if self.curl.is_some() {
            return Err("a step is between a curl and its answer".to_owned());
        }
        self.examples.last_mut().ok_or("a step outside of an example")?.steps.push(step);
        Ok(())
    }

    fn block(&mut self, at: usize, language: &str, text: &str) -> Result<(), String> {
        if !self.open {
            return Ok(());
        }
        match (language, self.curl.take()) {
            ("sh", None) => {
                self.curl = Some((at, Curl::parse(text)?));
                Ok(())
            }
            ("sh", Some(_)) => Err("curl without the answer before it".to_owned()),
            ("json", Some((line, curl))) => {
                let answer = Answer { status: None, json: Some(json(text)?) };
                self.push(Step { line, call: Call::Curl(curl), answer, then: Vec::new() })
            }
            ("json", None) => Err("an answer without its curl".to_owned()),
            _ => Err("a block is sh or json".to_owned()),
        }
    }

    /// The end of a section.
    fn close(&mut self) -> Result<(), Fault> {
        if let Some((line, _)) = self.curl.take() {
            return Err(Fault { line, text: "curl without the answer after it, as json".to_owned() });
        }
        match self.examples.last().filter(|last| self.open && last.steps.is_empty()) {
            Some(last) => Err(Fault { line: last.line, text: "an example without a step".to_owned() }),
            None => Ok(()),
        }
    }
}

fn row(line: usize, text: &str) -> Result<Step, String> {
    let mut cells = vec![Vec::new()];
    let mut is_code = false;
    let inner = text.trim().trim_start_matches('|').strip_suffix('|').ok_or("a row ends with |")?;
    for part in inner.split('`') {
        let cell = cells.last_mut().expect("it has one from the start");
        if is_code {
            cell.push(part);
        } else {
            for (index, between) in part.split('|').enumerate() {
                if index > 0 {
                    cells.push(Vec::new());
                }
                let rest = between.replace("<br>", "");
                if !rest.trim().is_empty() {
                    return Err(format!("{:?} is outside of backticks", rest.trim()));
                }
            }
        }
        is_code = !is_code;
    }
    if !is_code {
        return Err("a backtick without its second".to_owned());
    }
    let [calls, answers, then] = cells.try_into().map_err(|_| "a row has three cells".to_owned())?;
    let [sent] = calls[..] else { return Err("a row has one call".to_owned()) };
    let call = call(sent)?;
    let answer = match answers[..] {
        [] => Answer::default(),
        [stated] if !matches!(call, Call::Wait(_)) => answer(stated)?,
        [_] => return Err("a wait has no answer".to_owned()),
        _ => return Err("a row has one answer".to_owned()),
    };
    let then = then.into_iter().map(statement).collect::<Result<_, _>>()?;
    Ok(Step { line, call, answer, then })
}

fn json(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON ({error}): {text}"))
}

fn call(text: &str) -> Result<Call, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "import" => elements(rest, false),
        "dry" => elements(rest.strip_prefix("run ").ok_or("dry run [...]")?, true),
        "wait" => wait(rest),
        "again" => manage(rest, true),
        _ => manage(text, false),
    }
}

fn elements(text: &str, is_dry: bool) -> Result<Call, String> {
    let (times, elements) = match text.split_once(" times ") {
        Some((times, elements)) => (times.parse().map_err(|_| format!("{times} is not a number"))?, elements),
        None => (1, text),
    };
    json(elements)?.as_array().ok_or("an import takes an array of elements")?;
    Ok(Call::Import { times, is_dry, elements: elements.to_owned() })
}

fn wait(text: &str) -> Result<Call, String> {
    let wrong = || format!("a time is a number of minutes, hours or days, not {text}");
    let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Call::Wait(number.parse::<i64>().map_err(|_| wrong())? * seconds))
}

fn manage(text: &str, again: bool) -> Result<Call, String> {
    let mut parts = text.splitn(3, ' ');
    let word = parts.next().unwrap_or_default();
    let method = ["GET", "PUT", "POST", "DELETE", "PATCH"].into_iter().find(|known| *known == word);
    let method = method.ok_or_else(|| format!("{text} is not a call"))?;
    let path = parts.next().filter(|path| path.starts_with('/')).ok_or("a path begins with /")?.to_owned();
    let body = parts.next().unwrap_or_default().to_owned();
    if !body.is_empty() {
        json(&body)?;
    }
    Ok(Call::Manage { method, path, body, again })
}

fn answer(text: &str) -> Result<Answer, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word.parse() {
        Ok(status) if rest.is_empty() => Ok(Answer { status: Some(status), json: None }),
        Ok(status) => Ok(Answer { status: Some(status), json: Some(json(rest)?) }),
        Err(_) => Ok(Answer { status: None, json: Some(json(text)?) }),
    }
}

fn statement(text: &str) -> Result<Statement, String> {
    let wrong =
        || format!("{text} is not a statement: KIND VALUE finds nobody, KIND VALUE finds {{...}}, /PATH is ...");
    if let Some((path, stated)) = text.split_once(" is ").filter(|(path, _)| path.starts_with('/')) {
        return Ok(Statement::Is { path: path.to_owned(), json: json(stated)? });
    }
    let (key, found) = text.split_once(" finds ").ok_or_else(wrong)?;
    let (kind, value) = key.split_once(' ').ok_or_else(wrong)?;
    let user = if found == "nobody" { None } else { Some(json(found)?) };
    Ok(Statement::Finds { kind: kind.to_owned(), value: value.to_owned(), user })
}
