use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

use mailvc_store::object::{EntryKey, SnapshotId};
use mailvc_store::repo::{Locked, RepoError, Repository, RestoreRequest, Selection, Transition};

use crate::context::{Context, export, record_what_is_there, recorded, transitioned};
use crate::error::{Failure, Problem};
use crate::output::{Changed, Report};

/// The longest list of Message-IDs that is read, in bytes.
const MAX_INPUT: u64 = 64 << 20;

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The messages: ids, or their starts [default: all that are missing]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// A message by its Message-ID; `-` reads many from standard input, one a line
    #[arg(long, value_name = "MESSAGE-ID")]
    message_id: Vec<String>,
    /// The state to take them from [default: the last one, before what is missing now]
    #[arg(long, value_name = "SNAPSHOT")]
    from: Option<String>,
    /// Only this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["ids", "message_id"])]
    folder: Option<String>,
    /// Write them into this directory, which is empty or not there yet, instead of the Maildir
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Args {
    fn names_messages(&self) -> bool {
        !self.ids.is_empty() || !self.message_id.is_empty()
    }
}

/// Brings back what is missing, and mends what is damaged. Removes no message.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let from = match &args.from {
        Some(text) => Context::resolve(&repo, text)?,
        None => repo.local()?.ok_or(RepoError::Empty)?,
    };
    let wanted = wanted_ids(args)?;
    let locked = context.lock(&repo, "mailvc restore")?;
    if let Some(dir) = &args.to {
        let (selection, unknown) = selection(args, (&repo, &locked), from, &wanted)?;
        drop(locked);
        if !unknown.is_empty() {
            let what = format!(
                "no stored message has the Message-ID {}",
                unknown.join(", ")
            );
            return Err(Failure::new(Problem::Error, what).meaning("nothing was written"));
        }
        return export(context, &repo, (from, selection), dir);
    }
    // First, so that what came just now is known by its Message-ID.
    let mut before = record_what_is_there(context, &locked)?;
    let (selection, unknown) = selection(args, (&repo, &locked), from, &wanted)?;
    let request = RestoreRequest {
        from: Some(from),
        selection,
        dry_run: context.dry_run(),
    };
    let done = locked.restore(&before, &request)?;
    let mended = mended(&repo, &done);
    let mut changed = Changed::new(
        "restore".to_owned(),
        recorded(context, locked.odb(), &mut before)?,
    );
    // What was missing or damaged is what this command is about.
    changed.recorded.stop = None;
    let problems = &mut changed.recorded.problems;
    problems.retain(|problem| !mended.contains(&problem.path));
    changed.unknown = unknown;
    changed.done = Some(transitioned(context, locked.odb(), done));
    Ok(Box::new(changed))
}

/// Where the damaged files lay that are mended.
fn mended(repo: &Repository, done: &Transition) -> BTreeSet<PathBuf> {
    let maildir = repo.maildir().into_iter();
    maildir
        .flat_map(|maildir| {
            let files = done.plan.mend.iter();
            files.map(move |mend| maildir.file(&mend.folder, &mend.name))
        })
        .collect()
}

/// The Message-IDs that were asked for, without angle brackets.
fn wanted_ids(args: &Args) -> Result<Vec<Vec<u8>>, Failure> {
    let mut wanted = Vec::new();
    for id in &args.message_id {
        if id != "-" {
            wanted.extend(trimmed(id.as_bytes()));
            continue;
        }
        let mut bytes = Vec::new();
        let read = std::io::stdin().take(MAX_INPUT).read_to_end(&mut bytes);
        read.map_err(|error| Failure::new(Problem::Error, format!("standard input: {error}")))?;
        wanted.extend(bytes.split(|&byte| byte == b'\n').filter_map(trimmed));
    }
    Ok(wanted)
}

fn trimmed(line: &[u8]) -> Option<Vec<u8>> {
    let id = line.trim_ascii();
    let id = id.strip_prefix(b"<").unwrap_or(id);
    let id = id.strip_suffix(b">").unwrap_or(id);
    (!id.is_empty()).then(|| id.to_vec())
}

/// Which messages are meant, and the Message-IDs that no message has.
fn selection(
    args: &Args,
    (repo, locked): (&Repository, &Locked<'_>),
    from: SnapshotId,
    wanted: &[Vec<u8>],
) -> Result<(Selection, Vec<String>), Failure> {
    if !args.names_messages() {
        let selection = Context::selection(repo, from, args.folder.as_deref())?;
        return Ok((selection, Vec::new()));
    }
    let mut keys: BTreeSet<EntryKey> = BTreeSet::new();
    for id in &args.ids {
        keys.insert(repo.entry_key(Context::message(repo, id)?)?);
    }
    let mut unknown = Vec::new();
    if !wanted.is_empty() {
        for (id, blobs) in locked.by_message_id(wanted)? {
            if blobs.is_empty() {
                unknown.push(String::from_utf8_lossy(&id).into_owned());
            }
            for blob in blobs {
                keys.insert(repo.entry_key(blob)?);
            }
        }
    }
    Ok((Selection::Messages(keys), unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_taken_with_and_without_brackets() {
        assert_eq!(trimmed(b" <a@b>\r").as_deref(), Some(b"a@b".as_slice()));
        assert_eq!(trimmed(b"a@b").as_deref(), Some(b"a@b".as_slice()));
        assert_eq!(trimmed(b" \r"), None);
    }
}
