//! A page as a strict reader sees it: tags with their attributes, or what is wrong. It takes the HTML that the templates
//! write (lower case, quoted values, every element closed) and nothing else, so that text from outside that is not escaped
//! is seen as a fault of the page.

use std::collections::{BTreeMap, BTreeSet};

/// Elements without an end.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "hr"];
/// Whose text is taken as it is.
const RAW: [&str; 3] = ["textarea", "title", "script"];

/// Every element that templates and parts make; what is new is added here.
const ELEMENTS: &str = "html head meta title link script body a svg symbol path circle rect line g text use \
    header nav main section form fieldset legend label input textarea select option button details summary div \
    span p h1 h2 h3 ul ol li dl dt dd table thead tbody tr th td pre code kbd time b bdi br hr figure progress \
    footer dialog mark";
/// Their attributes, those for the script (`data-`) and for assistants (`aria-`) aside.
const ATTRIBUTES: &str = "action autocomplete autofocus charset checked class content cx cy d datetime disabled \
    for form formaction formnovalidate fill height hidden href id inputmode lang max method name open pattern placeholder popover \
    popovertarget preserveAspectRatio r rel required role rows scope selected spellcheck src step stroke stroke-width \
    tabindex title type value vector-effect viewBox width x x1 x2 y y1 y2 fill-rule";

/// A tag that opens.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    /// The names of the elements around it, outermost first.
    pub(super) around: Vec<String>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// Reads a page or a fragment.
///
/// # Errors
/// Markup that differs from what templates write, with the place.
pub(super) fn read(page: &str) -> Result<Vec<Tag>, String> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.trim().strip_prefix("<!doctype html>").unwrap_or_else(|| page.trim());
    while let Some(at) = rest.find('<') {
        let here = || rest[at..].chars().take(80).collect::<String>();
        if rest[..at].contains('>') {
            return Err(format!("text with a bare > before {}", here()));
        }
        rest = &rest[at + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let (name, after) = closing.split_once('>').ok_or("an end tag without an end")?;
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing that is open"));
            }
            rest = after;
            continue;
        }
        let (tag, is_closed, after) = tag(rest, &open)?;
        let name = tag.name.clone();
        rest = after;
        if RAW.contains(&name.as_str()) {
            let (inside, after) = rest.split_once(&format!("</{name}>")).ok_or(format!("<{name}> without an end"))?;
            if inside.contains('<') {
                return Err(format!("markup inside of <{name}>: {inside}"));
            }
            rest = after;
        } else if !is_closed && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
        tags.push(tag);
    }
    if rest.contains('>') || !open.is_empty() {
        return Err(format!("left open at the end: {open:?}"));
    }
    Ok(tags)
}

/// One tag from behind its `<`; whether it closes itself, and what follows.
fn tag<'p>(text: &'p str, open: &[String]) -> Result<(Tag, bool, &'p str), String> {
    let here = || text.chars().take(80).collect::<String>();
    let end = text.find(|it: char| !it.is_ascii_alphanumeric() && it != '-').ok_or("a tag without an end")?;
    let (name, mut rest) = text.split_at(end);
    if !ELEMENTS.split_whitespace().any(|known| known == name) {
        return Err(format!("an element that no template makes: <{}", here()));
    }
    let mut tag = Tag { name: name.to_owned(), attributes: BTreeMap::new(), around: open.to_vec() };
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = trimmed.strip_prefix("/>") {
            return Ok((tag, true, after));
        }
        if let Some(after) = trimmed.strip_prefix('>') {
            return Ok((tag, false, after));
        }
        if trimmed.len() == rest.len() {
            return Err(format!("no space before an attribute: <{}", here()));
        }
        let end = trimmed.find(|it: char| !it.is_ascii_alphanumeric() && it != '-').ok_or("a tag without an end")?;
        let (name, after) = trimmed.split_at(end);
        let is_known = ATTRIBUTES.split_whitespace().any(|known| known == name);
        if !is_known && !name.starts_with("data-") && !name.starts_with("aria-") {
            return Err(format!("an attribute that no template makes, {name:?}: <{}", here()));
        }
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').ok_or("a value without an end")?,
            None => ("", after),
        };
        if value.contains(['<', '>']) || tag.attributes.insert(name.to_owned(), unescaped(value)).is_some() {
            return Err(format!("{name} holds markup or is repeated: <{}", here()));
        }
        rest = after;
    }
}

fn unescaped(value: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
    ];
    let plain = pairs.into_iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
    plain.replace("&#38;", "&").replace("&amp;", "&")
}

/// What is wrong with a page beside its syntax: ids that stand twice, references to ids that are not there, controls
/// without a label, labels without a control, a script or a handler that is not from a template.
pub(super) fn faults(tags: &[Tag], is_whole: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        if !ids.insert(id) || id.is_empty() || id.contains(char::is_whitespace) {
            faults.push(format!("the id {id:?} is repeated, or is empty"));
        }
    }
    let refers =
        ["for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget", "form", "data-dialog"];
    for (tag, name) in tags.iter().flat_map(|tag| refers.map(|name| (tag, name))) {
        for id in tag.get(name).into_iter().flat_map(str::split_whitespace).filter(|id| !ids.contains(id)) {
            faults.push(format!("{name}={id} of <{}> refers to nothing", tag.name));
        }
    }
    for tag in tags.iter().filter(|tag| is_whole && tag.name == "use") {
        let id = tag.get("href").unwrap_or_default().trim_start_matches('#');
        faults.extend((!ids.contains(id)).then(|| format!("the icon {id} is not in the sprite")));
    }
    let labels: BTreeSet<&str> =
        tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    for tag in tags.iter().filter(|tag| ["input", "select", "textarea"].contains(&tag.name.as_str())) {
        let is_labelled = tag.get("type") == Some("hidden")
            || tag.around.iter().any(|name| name == "label")
            || ["aria-label", "aria-labelledby"].iter().any(|name| tag.get(name).is_some_and(|it| !it.is_empty()))
            || tag.get("id").is_some_and(|id| labels.contains(id));
        faults.extend((!is_labelled).then(|| format!("a control without a label: {tag:?}")));
    }
    let scripts: Vec<_> = tags.iter().filter(|tag| tag.name == "script").collect();
    let is_own =
        |tag: &&Tag| tag.get("type") == Some("module") && tag.get("src").is_some_and(|it| it.starts_with("/assets/"));
    if scripts.len() != usize::from(is_whole) || !scripts.iter().all(is_own) {
        faults.push(format!("other scripts than the module: {scripts:?}"));
    }
    faults
}

#[test]
fn what_templates_do_not_write_is_seen() {
    for hostile in [
        "<p>a<b>",
        "<p onclick=\"x\">a</p>",
        "<p title=\"<\">a</p>",
        "<p title=\"a\"b\">a</p>",
        "<img src=\"x\">",
        "<p>a > b</p>",
        "<textarea><b></textarea>",
        "<p></div></p>",
    ] {
        assert!(read(hostile).is_err(), "{hostile}");
    }
    let page = read("<p id=\"a\"><label for=\"b\">x</label><input id=\"a\"></p><script src=\"x\"></script>").unwrap();
    assert_eq!(faults(&page, false).len(), 4);
}
