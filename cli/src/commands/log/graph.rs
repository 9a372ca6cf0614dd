//! Lines of descent, drawn with the characters that every terminal has.

use mailvc_store::object::SnapshotId;

/// The lines that are open between two snapshots, from left to right: whom each leads to.
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
        let at = self.lane_of(id);
        let mut edges = Vec::new();
        // Lines that end here come in from the right.
        while let Some(twin) = self.0.iter().skip(at + 1).position(|&to| to == id) {
            let twin = at + 1 + twin;
            self.0.remove(twin);
        }
        let width = self.0.len();
        let node = (0..width)
            .map(|lane| if lane == at { "*" } else { "|" })
            .collect::<Vec<_>>()
            .join(" ");
        self.0.remove(at);
        let mut fresh = Vec::new();
        for parent in parents {
            if !self.0.contains(parent) {
                fresh.push(*parent);
            }
        }
        let opened = fresh.len();
        self.0.splice(at..at, fresh);
        if opened > 1 {
            edges.push(edge(at, width, opened, '\\'));
        } else if opened == 0 && width > 1 {
            edges.push(edge(at, width, 1, '/'));
        }
        Drawn { node, edges }
    }

    fn lane_of(&mut self, id: SnapshotId) -> usize {
        match self.0.iter().position(|&to| to == id) {
            Some(at) => at,
            None => {
                self.0.push(id);
                self.0.len() - 1
            }
        }
    }
}

/// The line below a snapshot in lane `at`: lanes that open (`\`) right of it, or its own that
/// closes (`/`) because its parent has one already.
fn edge(at: usize, width: usize, opened: usize, slope: char) -> String {
    let mut text = String::new();
    for lane in 0..width {
        if lane == at && slope == '/' {
            if text.ends_with(' ') {
                text.pop();
            }
            text.push('/');
        } else if lane > at {
            text.push_str(if slope == '\\' { "\\ " } else { " /" });
        } else {
            text.push_str("| ");
        }
        if lane == at && slope == '\\' {
            text.push_str(&"\\ ".repeat(opened - 1));
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> SnapshotId {
        SnapshotId::new([n; 32])
    }

    fn draw(history: &[(u8, &[u8])]) -> String {
        let mut lanes = Lanes::default();
        let mut text = String::new();
        for (n, parents) in history {
            let parents: Vec<_> = parents.iter().map(|&parent| id(parent)).collect();
            let drawn = lanes.step(id(*n), &parents);
            text.push_str(&format!("{} {n}\n", drawn.node));
            for edge in drawn.edges {
                text.push_str(&format!("{edge}\n"));
            }
        }
        text
    }

    #[test]
    fn a_line_is_drawn_straight() {
        assert_eq!(draw(&[(3, &[2]), (2, &[1]), (1, &[])]), "* 3\n* 2\n* 1\n");
    }

    #[test]
    fn a_merge_opens_a_line_that_closes_where_it_began() {
        let drawn = draw(&[(4, &[2, 3]), (3, &[1]), (2, &[1]), (1, &[])]);
        assert_eq!(drawn, "* 4\n|\\\n| * 3\n* | 2\n|/\n* 1\n");
    }
}
