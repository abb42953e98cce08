//! Compares what is stated with what is so. `<asha>` is a name: its first use binds it to the value at that place, an id as a
//! rule, and afterwards it means that value; no two names mean the same.

use serde_json::Value as Json;
use std::collections::BTreeMap;

#[derive(Clone)]
struct Named {
    value: String,
    line: usize,
    uses: u32,
}

/// The names of an example.
#[derive(Clone, Default)]
pub(super) struct Names(BTreeMap<String, Named>);

impl Names {
    /// Compares: an object by the members that are stated (`null`: there is none; `{}`: it is empty), everything else
    /// whole. `at` is the place, as a JSON Pointer.
    ///
    /// # Errors
    /// What is otherwise, and where. Names that were given up to there stay given.
    pub(super) fn compare(&mut self, line: usize, stated: &Json, real: &Json, at: &str) -> Result<(), String> {
        let place = if at.is_empty() { "/" } else { at };
        let other = || Err(format!("{place} is {}, not {stated}", display(real)));
        match (stated, real) {
            (Json::Object(members), Json::Object(_)) if !members.is_empty() => {
                for (name, stated) in members {
                    let at = format!("{at}/{name}");
                    match real.get(name) {
                        Some(real) => self.compare(line, stated, real, &at)?,
                        None if stated.is_null() => {}
                        None => return Err(format!("{at} is absent, not {stated}")),
                    }
                }
                Ok(())
            }
            (Json::Array(stated), Json::Array(real)) => {
                if stated.len() != real.len() {
                    return Err(format!("{place} has {} items, not {}", real.len(), stated.len()));
                }
                let mut both = stated.iter().zip(real).enumerate();
                both.try_for_each(|(index, (stated, real))| self.compare(line, stated, real, &format!("{at}/{index}")))
            }
            (Json::String(stated), Json::String(real)) => match name(stated) {
                Some(name) => self.name(line, name, real).map_err(|text| format!("{place} {text}")),
                None if self.replace_names(stated)? == *real => Ok(()),
                None => other(),
            },
            _ if stated == real => Ok(()),
            _ => other(),
        }
    }

    fn name(&mut self, line: usize, name: &str, real: &str) -> Result<(), String> {
        if let Some(named) = self.0.get_mut(name) {
            named.uses += 1;
            return if named.value == real {
                Ok(())
            } else {
                Err(format!("is {real:?}, not <{name}> ({})", named.value))
            };
        }
        if let Some((known, _)) = self.0.iter().find(|(_, named)| named.value == real) {
            return Err(format!("is <{known}>, which has a name already and is not <{name}>"));
        }
        self.0.insert(name.to_owned(), Named { value: real.to_owned(), line, uses: 1 });
        Ok(())
    }

    /// Returns a string with its names replaced by their values.
    ///
    /// # Errors
    /// A name that is not known yet.
    pub(super) fn replace_names(&mut self, text: &str) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').ok_or("a < without its >")?;
            let named = self.0.get_mut(name).ok_or_else(|| format!("<{name}> is not known yet"))?;
            named.uses += 1;
            out += before;
            out += &named.value;
            rest = after;
        }
        Ok(out + rest)
    }

    /// Returns a name that is used only once, with its line.
    pub(super) fn lonely(&self) -> Option<(usize, &str)> {
        self.0.iter().find(|(_, named)| named.uses == 1).map(|(name, named)| (named.line, name.as_str()))
    }
}

fn name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('<')?.strip_suffix('>')?;
    (!name.contains(['<', '>'])).then_some(name)
}

fn display(real: &Json) -> String {
    let text = real.to_string();
    if text.len() <= 300 { text } else { format!("{}...", text.chars().take(300).collect::<String>()) }
}
