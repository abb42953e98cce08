//! Reads one curl command as a shell would: words, quotes, continued lines. Only what the document uses is known.

use crate::world::{ADMIN_TOKEN, basic};

const SERVER: &str = "http://127.0.0.1:8080";
const TOKEN: &str = "$(cat muster-data/admin-token)";

/// A request, as curl would send it to a server of `--dev`.
pub(super) struct Curl {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Curl {
    /// # Errors
    /// What is not one curl command that this knows.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let mut words = words.into_iter();
        if words.next().as_deref() != Some("curl") {
            return Err("a block of sh must have exactly one curl command".to_owned());
        }
        let mut curl = Self { method: String::new(), target: String::new(), headers: Vec::new(), body: String::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} without its value"));
            match word.as_str() {
                "-sS" => {}
                "-X" => curl.method = value()?,
                "-d" => curl.body = value()?,
                "-u" => {
                    let given = value()?;
                    let (user, key) = given.split_once(':').ok_or("-u is a workspace, a colon and a key")?;
                    curl.headers.push(("Authorization".to_owned(), basic(user, key)));
                }
                "-H" => {
                    let given = value()?;
                    let (name, value) = given.split_once(": ").ok_or("-H is a name, a colon, a blank and a value")?;
                    curl.headers.push((name.to_owned(), value.to_owned()));
                }
                url if url.starts_with(SERVER) && curl.target.is_empty() => {
                    curl.target = url[SERVER.len()..].to_owned()
                }
                _ => return Err(format!("{word} is not known here")),
            }
        }
        if curl.method.is_empty() {
            curl.method = if curl.body.is_empty() { "GET" } else { "POST" }.to_owned();
        }
        if curl.target.is_empty() {
            Err(format!("curl without an address that begins with {SERVER}"))
        } else {
            Ok(curl)
        }
    }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let text = text.replace("\\\n", " ");
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (Some(open), c) if open == c => quote = None,
            (_, c) => word.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote without its second".to_owned());
    }
    words.push(word);
    Ok(words.into_iter().filter(|word| !word.is_empty()).map(|word| word.replace(TOKEN, ADMIN_TOKEN)).collect())
}
