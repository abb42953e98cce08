//! The place in a body that is being read: a chain of steps on the stack, made a JSON Pointer only where one is written.

use crate::json::{Json, Node};

/// A place in a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// The whole body.
    pub(crate) const ROOT: Self = Self { parent: None, step: Step::Root };

    /// A member of the object here.
    pub(crate) fn name(&'p self, name: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Name(name) }
    }

    /// An item of the array here.
    pub(crate) fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// Returns the JSON Pointer (RFC 6901).
    pub(crate) fn pointer(&self) -> String {
        // Exact, so that the string can be boxed without a copy: every identifier and every action keeps its pointer.
        let mut out = String::with_capacity(self.len());
        self.write(&mut out);
        out
    }

    fn len(&self) -> usize {
        let step = match self.step {
            Step::Root => 0,
            Step::Index(index) => 2 + index.checked_ilog10().unwrap_or(0) as usize,
            Step::Name(name) => 1 + name.len() + name.bytes().filter(|b| matches!(b, b'~' | b'/')).count(),
        };
        step + self.parent.map_or(0, Path::len)
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Index(index) => {
                out.push('/');
                digits(out, index);
            }
            Step::Name(name) if !name.bytes().any(|b| matches!(b, b'~' | b'/')) => {
                out.push('/');
                out.push_str(name);
            }
            Step::Name(name) => {
                out.push('/');
                for c in name.chars() {
                    match c {
                        '~' => out.push_str("~0"),
                        '/' => out.push_str("~1"),
                        _ => out.push(c),
                    }
                }
            }
        }
    }
}

/// Returns the pointer of the value or member name at this place of the body ([`crate::json::NotedPlaces`]), below a
/// node at `at`; None if nothing begins there.
pub(crate) fn pointer_of(node: &Node, place: u32, at: &Path) -> Option<String> {
    if node.start == place {
        return Some(at.pointer());
    }
    let holds = |node: &Node| node.span().contains(&(place as usize));
    match &node.json {
        Json::Object(members) => {
            let member = members.iter().find(|member| member.at == place || holds(&member.value))?;
            let at = at.name(&member.name);
            if member.at == place { Some(at.pointer()) } else { pointer_of(&member.value, place, &at) }
        }
        Json::Array(items) => {
            let (index, item) = items.iter().enumerate().find(|(_, item)| holds(item))?;
            pointer_of(item, place, &at.index(index))
        }
        _ => None,
    }
}

/// Writes a number without `core::fmt`: every identifier and every action has a pointer.
fn digits(out: &mut String, n: usize) {
    if n >= 10 {
        digits(out, n / 10);
    }
    out.push(char::from(b"0123456789"[n % 10]));
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn pointers_escape_what_they_must() {
        let elements = Path::ROOT.name("elements");
        let element = elements.index(2);
        assert_eq!(element.name("a/b~c").pointer(), "/elements/2/a~1b~0c");
        assert_eq!(elements.index(10_203).pointer(), "/elements/10203");
        assert_eq!(elements.index(0).name("a/b~c").len(), "/elements/0/a~1b~0c".len());
        assert_eq!(elements.index(10_203).len(), "/elements/10203".len());
        assert_eq!(Path::ROOT.pointer(), "");
        assert_eq!(Path::ROOT.name("").pointer(), "/");
    }
}
