//! Pictures and the documentation that shows them belong together.

use std::fs;
use std::path::Path;

use super::pictures::files;
use crate::root;

const PAGE: &str = "docs/performance.md";
const PICTURES: &str = "docs/images";

/// What the page's image links point at.
fn shown(page: &str) -> Vec<&str> {
    let links = page.split("![").skip(1).filter_map(|rest| rest.split_once("]("));
    links.filter_map(|(_, target)| target.split(')').next()).collect()
}

/// The text of every page below `directory`, one after the other.
fn pages(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        } else if path.is_dir() && path.starts_with(root().join("docs")) {
            text.push_str(&pages(&path));
        }
    }
    text
}

#[test]
fn every_picture_that_the_page_shows_is_there() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let shown = shown(&page);
    assert!(!shown.is_empty());
    for picture in &shown {
        assert!(root().join("docs").join(picture).is_file(), "{PAGE} shows {picture}, which is not there");
    }
    for file in files() {
        assert!(
            shown.contains(&format!("images/{file}").as_str()),
            "{PAGE} does not show {file}, which is drawn"
        );
    }
}

#[test]
fn every_picture_is_named_by_some_page() {
    let mut text = pages(&root().join("docs"));
    for page in ["README.md", "CONTRIBUTING.md"] {
        text.push_str(&fs::read_to_string(root().join(page)).unwrap());
    }
    for entry in fs::read_dir(root().join(PICTURES)).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        assert!(text.contains(&name), "{PICTURES}/{name} is named by no page");
    }
}

#[test]
fn links_to_pictures_are_found() {
    assert_eq!(shown("a [b](c) ![d](images/e.svg) f\n![](g.svg)\n"), ["images/e.svg", "g.svg"]);
}
