use std::collections::HashSet;

use super::{Applied, Run};
use crate::index::{FolderChange, FolderRow};
use crate::object::FolderMap;
use crate::worktree::WorktreeError;
use crate::worktree::files::Name;

/// So many files are written before the index is told of them.
const PORTION: usize = if cfg!(test) { 100 } else { 32_768 };

impl Run<'_> {
    /// Tells the index of the files that were put so far, if they are very many: they need not be
    /// in memory. Nothing is said of the folders, which would be listed if this run broke off.
    pub(super) fn record_part(&mut self) -> Result<(), WorktreeError> {
        if self.put.values().map(Vec::len).sum::<usize>() < PORTION {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.put).into_iter();
        let changes = changes.map(|(path, put)| FolderChange {
            path,
            row: Some(FolderRow::default()),
            put,
            remove: Vec::new(),
        });
        Ok(self.applier.index.update(&changes.collect::<Vec<_>>())?)
    }

    /// Tells the index what was done. Every directory that was touched is to be listed again.
    pub(super) fn record(mut self, target: &FolderMap) -> Result<Applied, WorktreeError> {
        let mut changes = Vec::new();
        for path in &self.touched {
            let tree = target
                .folders
                .get(path)
                .filter(|_| !self.inexact.contains(path));
            let row = FolderRow {
                cur: None,
                new: None,
                tree: tree.map(|f| f.tree),
                scans: 0,
            };
            let row = (!self.dropped.contains(path)).then_some(row);
            let put = self.put.remove(path).unwrap_or_default();
            let put_names: HashSet<&Name> = put.iter().map(|(name, _)| name).collect();
            let mut remove = self.gone.remove(path).unwrap_or_default();
            remove.retain(|name| !put_names.contains(name));
            changes.push(FolderChange {
                path: path.clone(),
                row,
                put,
                remove,
            });
        }
        for path in &self.dropped {
            if !self.touched.contains(path) {
                let (put, remove) = (Vec::new(), Vec::new());
                changes.push(FolderChange {
                    path: path.clone(),
                    row: None,
                    put,
                    remove,
                });
            }
        }
        self.applier.index.update(&changes)?;
        Ok(self.done)
    }
}
