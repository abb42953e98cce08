//! The file of settings. Unknown keys are errors that name the nearest known one.

use super::descriptions::{SETTINGS, nearest};
use crate::owner;
use anyhow::{Context as _, bail};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

/// The file that is read if it is there and no other is named.
const FILE: &str = "muster.toml";

/// What the file says.
pub(super) struct File {
    name: String,
    table: toml::Table,
}

impl File {
    /// Returns the named file, or the default one if it is there.
    pub(super) fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.unwrap_or(Path::new(FILE));
        let name = path.display().to_string();
        if named.is_none() && !path.exists() {
            return Ok(Self { name, table: toml::Table::new() });
        }
        if named.is_none() {
            owner::check(path, false)?;
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
        Self::parse(name, &text)
    }

    pub(super) fn parse(name: String, text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().with_context(|| format!("{name} is not valid TOML"))?;
        for (key, value) in &table {
            if SETTINGS.iter().any(|setting| setting.key == key) {
                continue;
            }
            if value.is_table() {
                bail!("{name}: settings must be at the top level; remove the line [{key}]");
            }
            bail!("{name}: unknown key {key}; did you mean {}?", nearest(key, SETTINGS.map(|s| s.key)));
        }
        Ok(Self { name, table })
    }

    /// Its name, if it says anything.
    pub(super) fn name_if_there(&self) -> Option<String> {
        (!self.table.is_empty()).then(|| self.name.clone())
    }

    /// Returns the keys that it sets.
    pub(super) fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Returns a value that is written as a string.
    pub(super) fn text<T: FromStr<Err: Display>>(&self, key: &str) -> anyhow::Result<Option<T>> {
        self.read_as(key, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// The same in a form of its own; a number counts as its text.
    pub(super) fn read_as<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> anyhow::Result<Option<T>> {
        let text = match self.table.get(key) {
            None => return Ok(None),
            Some(toml::Value::String(text)) => text.clone(),
            Some(toml::Value::Integer(number)) => number.to_string(),
            Some(_) => bail!("{}: {key} must be a string", self.name),
        };
        read(&text).map(Some).map_err(|words| self.wrong(key, &words))
    }

    pub(super) fn boolean(&self, key: &str) -> anyhow::Result<Option<bool>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        value.as_bool().map(Some).with_context(|| format!("{}: {key} must be true or false", self.name))
    }

    pub(super) fn list<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> anyhow::Result<Vec<T>> {
        let wrong = || format!("{}: {key} must be an array of strings", self.name);
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let items = value.as_array().with_context(wrong)?;
        let item =
            |item: &toml::Value| read(item.as_str().with_context(wrong)?).map_err(|words| self.wrong(key, &words));
        items.iter().map(item).collect()
    }

    fn wrong(&self, key: &str, words: &str) -> anyhow::Error {
        anyhow::anyhow!("{}: {key}: {words}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let read = File::parse("muster.toml".to_owned(), text).and_then(|file| {
            file.boolean("dev")?;
            file.list("allow_host", |text| Ok(text.to_owned()))?;
            file.text::<String>("log").map(drop)
        });
        read.expect_err("it is refused").to_string()
    }

    #[test]
    fn what_the_file_may_not_say_is_told_with_what_to_do() {
        for (text, want) in [
            ("data-dir = \"x\"", "muster.toml: unknown key data-dir; did you mean data_dir?"),
            ("[serve]\nlisten = \"1\"", "muster.toml: settings must be at the top level; remove the line [serve]"),
            ("listen = ", "muster.toml is not valid TOML"),
            ("log = true", "muster.toml: log must be a string"),
            ("dev = \"yes\"", "muster.toml: dev must be true or false"),
            ("allow_host = \"a\"", "muster.toml: allow_host must be an array of strings"),
        ] {
            assert_eq!(refused(text), want, "{text}");
        }
    }
}
