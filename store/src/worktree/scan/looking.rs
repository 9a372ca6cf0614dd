//! Listing folders, and finding out which of their files must be read.

use std::collections::BTreeMap;

use super::{Depth, Pending, Problem, ProblemKind, Scanner, State, Work, report};
use crate::index::FileRow;
use crate::maildir::FolderPath;
use crate::progress::Phase;
use crate::time::now_ns;
use crate::worktree::files::{self, Name, Rows};
use crate::worktree::{WorktreeError, listing};

impl Scanner<'_> {
    pub(super) fn look_at_stale(&self, state: &mut State) -> Result<(), WorktreeError> {
        let stale = state.works.values().filter(|work| work.stale).count() as u64;
        if stale > 0 {
            self.progress.begin(Phase::List, Some(stale));
        }
        let mut problems = Vec::new();
        let mut lost = Vec::new();
        for work in state.works.values_mut().filter(|work| work.stale) {
            match self.look(work) {
                Ok(strange) => problems.extend(strange),
                Err(WorktreeError::Io { path, source }) => {
                    let kind = ProblemKind::Unreadable(source.to_string());
                    problems.push(Problem {
                        path,
                        folder: Some(work.folder.clone()),
                        kind,
                    });
                    lost.push(work.folder.clone());
                }
                Err(error) => return Err(error),
            }
            self.progress.advance(1, 0);
        }
        for folder in lost {
            state.works.remove(&folder);
            state.hidden.insert(folder);
        }
        for problem in problems {
            report(state, problem);
        }
        Ok(())
    }

    /// Lists one folder and finds out what of it must be read.
    fn look(&self, work: &mut Work) -> Result<Vec<Problem>, WorktreeError> {
        if work.listed_at == 0 {
            work.indexed = self.index.files(&work.folder)?;
            work.rows.clone_from(&work.indexed);
        }
        work.listed_at = now_ns();
        work.stale = false;
        let listing = listing::list(self.maildir, &work.folder)?;
        let known = work.rows.len();
        let files::Compared {
            mut same,
            replaced,
            fresh,
            gone,
        } = files::compare(std::mem::take(&mut work.rows), listing.files);
        if self.depth == Depth::Stat {
            self.recheck(work, &mut same);
        }
        work.replaced = work.replaced.max(replaced.len());
        work.rows = same;
        let known_again = replaced.into_iter().map(|(name, row)| Pending {
            name,
            inode: 0,
            known: Some(row),
        });
        work.pending.extend(known_again);
        self.match_renames(work, fresh, gone);
        work.rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let at = |name: &Name| self.maildir.file(&work.folder, name);
        let problem = |path, kind| Problem {
            path,
            folder: Some(work.folder.clone()),
            kind,
        };
        let mut problems: Vec<Problem> = listing
            .strange
            .iter()
            .map(|name| Problem {
                folder: None,
                ..problem(at(name), ProblemKind::NotAFile)
            })
            .collect();
        if known >= 4 && work.replaced * 2 >= known {
            problems.push(problem(
                self.maildir.dir(&work.folder),
                ProblemKind::Replaced,
            ));
        }
        Ok(problems)
    }

    /// Finds names that vanished under new names: the same inode, unique part, size and time is
    /// the same file, whose flags a mail client changed. All other new names must be read.
    fn match_renames(&self, work: &mut Work, fresh: Vec<(Name, u64)>, gone: Rows) {
        let mut gone: BTreeMap<(u64, Vec<u8>), FileRow> = gone
            .into_iter()
            .map(|(name, row)| ((row.inode, files::unique(&name).to_vec()), row))
            .collect();
        for (name, inode) in fresh {
            let place = (inode, files::unique(&name).to_vec());
            let row = gone
                .get(&place)
                .filter(|row| self.is_unchanged(&work.folder, &name, row));
            match row.and_then(|row| self.restat(&work.folder, &name, row)) {
                Some(row) => {
                    gone.remove(&place);
                    work.rows.push((name, row));
                }
                // The same file with other content, if the place is known: damaged, perhaps, and
                // then renamed.
                None => work.pending.push(Pending {
                    known: gone.remove(&place),
                    name,
                    inode,
                }),
            }
        }
        work.vanished |= !gone.is_empty();
    }

    fn is_unchanged(&self, folder: &FolderPath, name: &[u8], row: &FileRow) -> bool {
        self.maildir
            .fs
            .lstat(&self.maildir.file(folder, name))
            .is_ok_and(|stat| {
                (stat.inode, stat.size, stat.mtime_ns) == (row.inode, row.size, row.mtime_ns)
            })
    }

    fn restat(&self, folder: &FolderPath, name: &[u8], row: &FileRow) -> Option<FileRow> {
        let stat = self
            .maildir
            .fs
            .lstat(&self.maildir.file(folder, name))
            .ok()?;
        Some(FileRow {
            ctime_ns: stat.ctime_ns,
            ..*row
        })
    }

    /// Sends files whose size or times differ from the index to be read again.
    fn recheck(&self, work: &mut Work, same: &mut Rows) {
        let mut pending = Vec::new();
        same.retain(|(name, row)| {
            let path = self.maildir.file(&work.folder, name);
            let Ok(stat) = self.maildir.fs.lstat(&path) else {
                return true;
            };
            let seen = (stat.size, stat.mtime_ns, stat.ctime_ns);
            let holds = seen == (row.size, row.mtime_ns, row.ctime_ns);
            if !holds {
                let known = Some(*row);
                pending.push(Pending {
                    name: name.clone(),
                    inode: stat.inode,
                    known,
                });
            }
            holds
        });
        work.pending.extend(pending);
    }
}
