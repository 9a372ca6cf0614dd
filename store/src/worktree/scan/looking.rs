//! Listing folders, and finding out which of their files must be read.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Depth, Known, Pending, Problem, ProblemKind, Scanner, State, Work, report};
use crate::index::FileRow;
use crate::maildir::FolderPath;
use crate::progress::Phase;
use crate::time::now_ns;
use crate::worktree::WorktreeError;
use crate::worktree::files::{self, Compared, Comparison, Name, Rows};
use crate::worktree::listing::{self, Listing, Sides};

impl Scanner<'_> {
    pub(super) fn look_at_stale(&self, state: &mut State) -> Result<(), WorktreeError> {
        let stale = state.works.values().filter(|work| work.stale.any()).count() as u64;
        if stale > 0 {
            self.progress.begin(Phase::List, Some(stale));
        }
        let works = state.works.values_mut().filter(|work| work.stale.any());
        let mut works: Vec<&mut Work> = works.collect();
        // Whoever comes upon the largest folder last has one core wait for it.
        let known = |folder: &FolderPath| self.local.folders.get(folder).map(|it| it.sums.copies);
        works.sort_by_key(|work| Reverse(known(&work.folder)));
        let look = |work: &mut Work| {
            let looked = self.look(work);
            self.progress.advance(1, 0);
            (work.folder.clone(), looked)
        };
        // Of a folder that nobody knows every name is kept: one listing at a time is enough then.
        let mut looked: Vec<_> = if works.iter().any(|work| work.unknown) {
            works.into_iter().map(look).collect()
        } else {
            works.into_par_iter().with_max_len(1).map(look).collect()
        };
        looked.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut problems = Vec::new();
        let mut lost = Vec::new();
        for (folder, looked) in looked {
            match looked {
                Ok(strange) => problems.extend(strange),
                Err(WorktreeError::Io { path, source }) => {
                    let kind = ProblemKind::of(&source);
                    problems.push(Problem {
                        path,
                        folder: Some(folder.clone()),
                        kind,
                    });
                    lost.push(folder);
                }
                Err(error) => return Err(error),
            }
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

    /// Lists what is stale of one folder and finds out what of it must be read.
    fn look(&self, work: &mut Work) -> Result<Vec<Problem>, WorktreeError> {
        let sides = std::mem::take(&mut work.stale);
        work.listed_at.note(sides, now_ns());
        let listing = listing::list(self.maildir, &work.folder, sides)?;
        let (files, compared) = self.compare(work, (sides, &listing))?;
        work.files = Some(files);
        // What an earlier look has read need not be read again.
        let mut read: BTreeMap<Name, FileRow> = take(&mut work.found, sides);
        take(&mut work.gone, sides);
        work.damaged
            .retain(|name, _| !sides.hold(name) || listing.contains(name));
        let replaced = compared.replaced.len() as u64;
        for (name, inode, row) in compared.replaced {
            match read.remove(&name).filter(|read| read.inode == inode) {
                Some(now) => work.set(name, Some(row), now),
                None => work.pending.push(Pending::known_here(name, inode, row)),
            }
        }
        if self.depth == Depth::Stat {
            self.recheck(work, compared.same, &mut read);
        }
        self.match_renames(work, compared.fresh, (compared.gone, read));
        let problem = |path, kind| Problem {
            path,
            folder: Some(work.folder.clone()),
            kind,
        };
        let at = |name: &Name| self.maildir.file(&work.folder, name);
        let mut problems: Vec<Problem> = listing
            .strange
            .iter()
            .map(|name| Problem {
                folder: None,
                ..problem(at(name), ProblemKind::NotAFile)
            })
            .collect();
        if files >= 4 && replaced * 2 >= files {
            problems.push(problem(
                self.maildir.dir(&work.folder),
                ProblemKind::Replaced,
            ));
        }
        Ok(problems)
    }

    /// How many files the index knows in the folder, and what a listing says against them.
    fn compare(
        &self,
        work: &Work,
        (sides, listing): (Sides, &Listing),
    ) -> Result<(u64, Compared), WorktreeError> {
        let mut comparison = Comparison::new(listing.iter(), self.depth == Depth::Stat);
        let each = &mut |name: &[u8], row| {
            if sides.hold(name) {
                comparison.row(name, row);
            }
        };
        let files = self.index.each_file(&work.folder, sides.first(), each)?;
        Ok((files, comparison.finish()))
    }

    /// Finds names that vanished under new names: the same inode, unique part, size and time is
    /// the same file, whose flags a mail client changed. All other new names must be read, unless
    /// an earlier look did.
    fn match_renames(
        &self,
        work: &mut Work,
        fresh: Vec<(Name, u64)>,
        (gone, mut read): (Rows, BTreeMap<Name, FileRow>),
    ) {
        let mut places: BTreeMap<(u64, Vec<u8>), FileRow> = BTreeMap::new();
        for (name, row) in gone {
            places.insert((row.inode, files::unique(&name).to_vec()), row);
            work.gone.insert(name, row);
        }
        for (name, inode) in fresh {
            let known = if places.is_empty() {
                None
            } else {
                places.remove(&(inode, files::unique(&name).to_vec()))
            };
            if let Some(row) = read.remove(&name).filter(|row| row.inode == inode) {
                work.found.insert(name, row);
                continue;
            }
            let same = known.filter(|row| self.is_unchanged(&work.folder, &name, row));
            match same.and_then(|row| self.restat(&work.folder, &name, &row)) {
                Some(row) => {
                    work.found.insert(name, row);
                }
                // The same file with other content, if the place is known: damaged, perhaps, and
                // then renamed.
                None => work.pending.push(Pending {
                    name,
                    inode,
                    known: known.map(|row| Box::new(Known { row, here: false })),
                }),
            }
        }
        work.vanished |= !places.is_empty();
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

    /// Sends files whose size or times differ from the index to be read again, unless an earlier
    /// look did.
    fn recheck(&self, work: &mut Work, same: Rows, read: &mut BTreeMap<Name, FileRow>) {
        for (name, row) in same {
            let path = self.maildir.file(&work.folder, &name);
            let Ok(stat) = self.maildir.fs.lstat(&path) else {
                continue;
            };
            let seen = (stat.size, stat.mtime_ns, stat.ctime_ns);
            let holds = |row: &FileRow| seen == (row.size, row.mtime_ns, row.ctime_ns);
            if holds(&row) {
                continue;
            }
            match read.remove(&name).filter(holds) {
                Some(now) => work.set(name, Some(row), now),
                None => work
                    .pending
                    .push(Pending::known_here(name, stat.inode, row)),
            }
        }
    }
}

impl Pending {
    /// A file under a name that the index has, and that is not what the index says.
    fn known_here(name: Name, inode: u64, row: FileRow) -> Self {
        let known = Some(Box::new(Known { row, here: true }));
        Self { name, inode, known }
    }
}

/// Takes out the rows whose names lie in these directories.
fn take(rows: &mut BTreeMap<Name, FileRow>, sides: Sides) -> BTreeMap<Name, FileRow> {
    let (taken, kept) = std::mem::take(rows)
        .into_iter()
        .partition(|(name, _)| sides.hold(name));
    *rows = kept;
    taken
}
