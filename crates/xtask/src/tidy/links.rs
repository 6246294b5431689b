//! Links in the documentation lead somewhere.

use std::path::Path;

use super::files::File;

pub(super) fn check(root: &Path, file: &File) -> Vec<String> {
    let directory = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let mut complaints = Vec::new();
    let mut in_code = false;
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line).filter(|target| is_local(target)) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            if !root.join(directory).join(path).exists() {
                complaints.push(file.complain(number, format!("the link {target} leads nowhere")));
            }
        }
    }
    complaints
}

/// What stands in the round brackets of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

fn is_local(target: &str) -> bool {
    !target.starts_with('#') && !target.contains("://") && !target.starts_with("mailto:")
}
