//! What neither compiler nor linter checks: the architecture's absences, lengths, words, links.

mod files;
mod imports;
mod links;
mod manifests;
mod text;

use std::path::Path;

use crate::Failure;

/// Files that a project of this kind has.
const REQUIRED: &[&str] =
    &["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", ".ci/run"];

/// Checks the tree at `root` and prints every complaint.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let complaints = check(root)?;
    for complaint in &complaints {
        println!("    {complaint}");
    }
    match complaints.len() {
        0 => {
            println!("    tidy");
            Ok(())
        }
        count => Err(format!("{count} complaints")),
    }
}

fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let files = files::read_all(root)?;
    let mut complaints: Vec<String> = REQUIRED
        .iter()
        .filter(|required| !files.iter().any(|file| file.path == **required))
        .map(|required| format!("{required}: is missing"))
        .collect();
    for file in &files {
        if file.path.ends_with(".rs") {
            complaints.extend(text::check(file));
            complaints.extend(imports::check(file));
        }
        if file.path.ends_with(".md") {
            complaints.extend(links::check(root, file));
        }
        if file.path.ends_with("Cargo.toml") {
            complaints.extend(manifests::check(file));
        }
    }
    complaints.sort();
    Ok(complaints)
}

#[cfg(test)]
mod tests;
