//! Lines of descent, drawn with the characters that every terminal has.

use mailvc_store::object::SnapshotId;

/// The lines that are open between two snapshots, from left to right: the snapshot that each leads
/// to. No two lead to the same.
#[derive(Debug, Default)]
pub(super) struct Lanes(Vec<SnapshotId>);

/// What stands before a snapshot, and between it and the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) node: String,
    pub(super) edges: Vec<String>,
}

impl Lanes {
    /// Draws a snapshot, none of whose descendants comes later, and opens lines to its parents.
    pub(super) fn step(&mut self, id: SnapshotId, parents: &[SnapshotId]) -> Drawn {
        let at = self.position(id).unwrap_or_else(|| {
            self.0.push(id);
            self.0.len() - 1
        });
        let width = self.0.len();
        let mark = |lane| if lane == at { "*" } else { "|" };
        let node = (0..width).map(mark).collect::<Vec<_>>().join(" ");
        let (mut known, fresh): (Vec<_>, Vec<_>) = parents
            .iter()
            .partition(|parent| self.position(**parent).is_some());
        let last = if fresh.is_empty() { known.pop() } else { None };
        let mut edges: Vec<String> = known
            .into_iter()
            .filter_map(|parent| Some(join(at, self.position(parent)?, width)))
            .collect();
        edges.extend(self.go_on(at, &fresh, last));
        Drawn { node, edges }
    }

    fn position(&self, id: SnapshotId) -> Option<usize> {
        self.0.iter().position(|&to| to == id)
    }

    /// Leads the line `at` on to fresh parents, or into the one that leads to `last`, or ends it.
    fn go_on(
        &mut self,
        at: usize,
        fresh: &[SnapshotId],
        last: Option<SnapshotId>,
    ) -> Option<String> {
        let width = self.0.len();
        let Some(last) = last else {
            self.0.splice(at..=at, fresh.iter().copied());
            return match fresh.len() {
                0 => (at + 1 < width).then(|| end(at, width)),
                1 => None,
                opened => Some(open(at, width, opened)),
            };
        };
        let other = self.position(last)?;
        let (stays, goes) = (at.min(other), at.max(other));
        self.0.remove(goes);
        if let Some(lane) = self.0.get_mut(stays) {
            *lane = last;
        }
        Some(close(stays, goes, width))
    }
}

/// Lines that open right of `at`; those further right give way.
fn open(at: usize, width: usize, opened: usize) -> String {
    let slopes = opened - 1 + width - 1 - at;
    let slopes = vec!["\\"; slopes].join(" ");
    format!("{}|{slopes}", "| ".repeat(at))
}

/// The line `goes` runs into the line `stays`, left of it; those further right move up.
fn close(stays: usize, goes: usize, width: usize) -> String {
    let across = "_|".repeat(goes - stays - 1);
    let rest = " /".repeat(width - 1 - goes);
    format!("{}|{across}/{rest}", "| ".repeat(stays))
}

/// The line `at` ends; those further right move up.
fn end(at: usize, width: usize) -> String {
    format!("{}{}", "| ".repeat(at), " /".repeat(width - 1 - at))
}

/// The line `at` goes on, and has a branch into the line `other`.
fn join(at: usize, other: usize, width: usize) -> String {
    let (left, right) = (at.min(other), at.max(other));
    let across = "_|".repeat(right - left - 1);
    let slope = if other < at { "/" } else { "\\" };
    let rest = " |".repeat(width - 1 - right);
    format!("{}|{across}{slope}|{rest}", "| ".repeat(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> SnapshotId {
        SnapshotId::new([n; 32])
    }

    #[track_caller]
    fn draws(history: &[(u8, &[u8])], expected: &[&str]) {
        let mut lanes = Lanes::default();
        let mut lines = Vec::new();
        for (n, parents) in history {
            let parents: Vec<_> = parents.iter().map(|&parent| id(parent)).collect();
            let drawn = lanes.step(id(*n), &parents);
            lines.push(format!("{} {n}", drawn.node));
            lines.extend(drawn.edges);
        }
        assert_eq!(lines, expected);
    }

    #[test]
    fn one_line_is_drawn_straight() {
        draws(&[(3, &[2]), (2, &[1]), (1, &[])], &["* 3", "* 2", "* 1"]);
    }

    #[test]
    fn a_merge_opens_a_line_that_closes_where_it_began() {
        let history: [(u8, &[u8]); 4] = [(4, &[2, 3]), (3, &[1]), (2, &[1]), (1, &[])];
        draws(&history, &["* 4", "|\\", "| * 3", "* | 2", "|/", "* 1"]);
    }

    #[test]
    fn two_lines_that_merge_each_other_are_both_drawn() {
        let history: [(u8, &[u8]); 5] = [(9, &[7]), (8, &[6, 7]), (7, &[1]), (6, &[1]), (1, &[])];
        let expected = ["* 9", "| * 8", "|/|", "* | 7", "| * 6", "|/", "* 1"];
        draws(&history, &expected);
    }

    #[test]
    fn a_line_that_begins_elsewhere_ends_by_itself() {
        let history: [(u8, &[u8]); 3] = [(3, &[1, 2]), (1, &[]), (2, &[])];
        draws(&history, &["* 3", "|\\", "* | 1", " /", "* 2"]);
    }

    #[test]
    fn a_line_crosses_others_on_its_way_home() {
        let history: [(u8, &[u8]); 5] = [(5, &[1, 2, 3]), (3, &[1]), (2, &[1]), (1, &[]), (0, &[])];
        let expected = [
            "* 5", "|\\ \\", "| | * 3", "|_|/", "| * 2", "|/", "* 1", "* 0",
        ];
        draws(&history, &expected);
    }
}
