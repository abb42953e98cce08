//! The stage `book`: builds `docs/` with mdBook, and checks that every link of a page points at a file of the book. The
//! pinned mdBook is installed below the target folder, once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::outcome::StageOutcome;
use crate::repo::{Repo, answers, succeeds};

/// The version that the book is built with.
const VERSION: &str = "0.5.4";

pub(super) fn run(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let tools = repo.target.join(format!("tools/mdbook-{VERSION}"));
    let mdbook = tools.join("bin/mdbook");
    if !answers(&mdbook, &["--version"]) {
        let mut install = repo.cargo(&["install", "mdbook", "--version", VERSION, "--locked", "--no-default-features"]);
        if !succeeds(install.arg("--root").arg(&tools))? {
            let why = format!("mdBook {VERSION} could not be installed (cargo install needs the registry)");
            return Ok(StageOutcome::Skipped(why));
        }
    }
    let book = repo.target.join("book");
    let mut build = std::process::Command::new(&mdbook);
    if !succeeds(build.arg("build").arg(&repo.root).arg("--dest-dir").arg(&book))? {
        return Ok(StageOutcome::Failed);
    }
    let broken = broken_links(&book)?;
    for link in &broken {
        println!("error: {link}");
    }
    println!("book: {} broken links", broken.len());
    Ok(StageOutcome::new(broken.is_empty()))
}

/// The links of all pages that point at no file of the book, each with its page.
fn broken_links(book: &Path) -> anyhow::Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in pages(book)? {
        let html = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
        // The page for a wrong address, and the one for printing, repeat the links of others from another place.
        let name = page.strip_prefix(book).unwrap_or(&page).display().to_string();
        if name == "404.html" || name == "print.html" {
            continue;
        }
        let folder = page.parent().unwrap_or(book);
        let is_broken = |link: &&str| !folder.join(link).exists();
        broken.extend(relative_links(&html).into_iter().filter(is_broken).map(|link| format!("{name}: {link}")));
    }
    Ok(broken)
}

fn pages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            pages.extend(self::pages(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            pages.push(path);
        }
    }
    Ok(pages)
}

/// Targets of `href` and `src` within the book, without what follows `#`.
fn relative_links(html: &str) -> Vec<&str> {
    let starts = html.match_indices("href=\"").map(|(at, start)| at + start.len());
    let starts = starts.chain(html.match_indices("src=\"").map(|(at, start)| at + start.len()));
    let target = |at: usize| html[at..].split('"').next().unwrap_or_default();
    let path = |link: &'_ str| -> usize { link.find('#').unwrap_or(link.len()) };
    let is_relative = |link: &&str| !link.is_empty() && !link.contains(':') && !link.starts_with("//");
    starts.map(target).map(|link| &link[..path(link)]).filter(is_relative).collect()
}

#[cfg(test)]
mod tests {
    use super::{broken_links, relative_links};

    #[test]
    fn links_within_the_book_are_found_without_fragments_and_others_are_left_alone() {
        let html = r##"<a href="a.html#b">x</a><img src="p.png"><a href="https://x.test/">y</a><a href="#top">z</a>"##;
        assert_eq!(relative_links(html), ["a.html", "p.png"]);
    }

    // Fails when `broken_links` looks at the first page alone, or resolves links from the top of the book.
    #[test]
    fn a_link_to_a_page_that_is_not_there_is_named_with_its_page() {
        let book = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(book.path().join("adr")).expect("a folder");
        for (page, html) in
            [("a.html", r#"<a href="adr/b.html">"#), ("adr/b.html", r#"<a href="../a.html"><a href="c.html">"#)]
        {
            std::fs::write(book.path().join(page), html).expect("a page");
        }
        assert_eq!(broken_links(book.path()).expect("it reads"), ["adr/b.html: c.html"]);
    }
}
