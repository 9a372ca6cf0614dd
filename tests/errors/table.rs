//! The table as it is written for people.

use std::path::Path;

/// A row: what went wrong, and what a person sees. `…` stands for anything.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) exit: i32,
    /// What happened, what it means for the mail, what to do next; some may be empty.
    pub(crate) says: Vec<String>,
}

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let text = std::fs::read_to_string(path).expect("docs/errors.md");
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines.filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [case, exit, says @ ..] = cells.as_slice() else {
        return None;
    };
    Some(Row {
        case: (*case).to_owned(),
        exit: exit.parse().ok()?,
        says: says.iter().map(|cell| (*cell).to_owned()).collect(),
    })
}

impl Row {
    /// The row of a case.
    pub(crate) fn of(case: &str) -> Self {
        let row = rows().into_iter().find(|row| row.case == case);
        row.unwrap_or_else(|| panic!("docs/errors.md has no row `{case}`"))
    }

    /// The first cell that is not found in what was said, after the one before.
    pub(crate) fn unsaid(&self, said: &str) -> Option<&str> {
        let mut rest = said;
        for cell in &self.says {
            for part in cell.split('…') {
                match rest.find(part) {
                    Some(at) => rest = &rest[at + part.len()..],
                    None => return Some(cell),
                }
            }
        }
        None
    }
}
