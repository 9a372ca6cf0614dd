//! Making a store.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fs::{EntryKind, Fs, Lock, SharedFs, create_dir_durable, write_durable};
use crate::maildir::Layout;
use crate::sign::{KeyFile, Signer};
use crate::worktree::{Maildir, WorktreeError};

use super::config::{check_name, default_patience, default_peer_patience};
use super::{
    Config, Device, FORMAT, GuardConfig, LayoutName, MaildirConfig, RemoteConfig, RepoError,
    Repository, StoreLayout, Trust, instance,
};

/// What a folder consists of; `cur` is made last, for it makes the directory a folder.
const SUB_DIRS: [&str; 3] = ["tmp", "new", "cur"];
/// How long one `init` waits for another on the same directory: neither takes long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a new store is to be.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// The Maildir that it is for.
    pub maildir: PathBuf,
    /// How folders lie in it; found out if not given.
    pub layout: Option<LayoutName>,
    /// The device's name.
    pub name: String,
    /// Whether to make the Maildir if there is none.
    pub make_maildir: bool,
    /// The remotes that the store knows from its first moment: a clone that is killed there is
    /// still known as one.
    pub remotes: BTreeMap<String, RemoteConfig>,
}

impl Repository {
    /// Makes a store at `dir` for a Maildir, and puts the anchor into it. The file that makes the
    /// directory a store is written last: after a crash, the same call begins anew.
    pub fn init(fs: SharedFs, dir: &Path, request: &InitRequest) -> Result<Self, RepoError> {
        check_name(&request.name)?;
        let layout = StoreLayout::new(dir);
        if is_there(&*fs, &layout.format())? {
            return Self::anchor_again(&fs, dir, request);
        }
        refuse_overlap(dir, &request.maildir)?;
        create_dir_durable(&*fs, dir).map_err(RepoError::at(dir))?;
        let _lock = Lock::file(&layout.lock(), "mailvc init", PATIENCE, &|_| {})?;
        if is_there(&*fs, &layout.format())? {
            return Err(RepoError::Exists(dir.to_owned()));
        }
        let maildir = open_maildir(&fs, request)?;
        for sub in ["packs", "incoming", "refs", "log", "keys"] {
            let path = dir.join(sub);
            create_dir_durable(&*fs, &path).map_err(RepoError::at(path))?;
        }
        let key = device_key(&*fs, &layout, &request.name)?;
        let mut trust = Trust::default();
        trust.add(Device::new(key.public_key().clone(), &request.name));
        trust.save(&*fs, &layout)?;
        let tag = random_hex(4)?;
        let anchor = maildir.drop_anchor(&format!("mailvc {}", random_hex(16)?))?;
        let config = Config {
            device: request.name.clone(),
            tag,
            maildir: Some(MaildirConfig {
                path: maildir.root.clone(),
                layout: match maildir.layout {
                    Layout::MaildirPlusPlus => LayoutName::MaildirPlusPlus,
                    Layout::Nested => LayoutName::Nested,
                },
                anchor: anchor.content,
                anchor_inode: anchor.inode,
            }),
            lock_timeout: default_patience(),
            peer_timeout: default_peer_patience(),
            guard: GuardConfig::default(),
            remotes: request.remotes.clone(),
        };
        config.save(&*fs, &layout.config())?;
        instance::record(&*fs, &layout)?;
        let format = layout.format();
        write_durable(&*fs, &format, format!("mailvc {FORMAT}\n").as_bytes())
            .map_err(RepoError::at(format))?;
        Self::open(fs, dir)
    }

    /// A second `init` on the same Maildir: the person says that it is the right one, though it
    /// was moved or restored.
    fn anchor_again(fs: &SharedFs, dir: &Path, request: &InitRequest) -> Result<Self, RepoError> {
        let mut repo = Self::open(fs.clone(), dir)?;
        let mut config = repo.config().clone();
        let maildir = open_maildir(fs, request)?;
        match &mut config.maildir {
            Some(known) => {
                let found = maildir
                    .read_anchor()?
                    .filter(|found| found.content == known.anchor);
                let Some(found) = found else {
                    return Err(RepoError::Exists(dir.to_owned()));
                };
                if known.path == maildir.root && known.anchor_inode == found.inode {
                    return Err(RepoError::Exists(dir.to_owned()));
                }
                known.path.clone_from(&maildir.root);
                known.anchor_inode = found.inode;
            }
            None => return Err(RepoError::Exists(dir.to_owned())),
        }
        repo.set_config(config)?;
        Ok(repo)
    }
}

fn open_maildir(fs: &SharedFs, request: &InitRequest) -> Result<Maildir, RepoError> {
    let root = &request.maildir;
    let there = fs.stat(root).is_ok_and(|stat| stat.kind == EntryKind::Dir);
    if !there && request.make_maildir {
        create_dir_durable(&**fs, root).map_err(RepoError::at(root))?;
    }
    let root = std::fs::canonicalize(root)
        .map_err(|_| WorktreeError::NoMaildir(request.maildir.clone()))?;
    let layout = request
        .layout
        .map_or_else(|| detect(&**fs, &root), |layout| Ok(layout.into()))?;
    let maildir = Maildir {
        fs: fs.clone(),
        root,
        layout,
    };
    if request.make_maildir && is_begun(&**fs, &maildir.root)? {
        for sub in SUB_DIRS {
            let path = maildir.root.join(sub);
            create_dir_durable(&**fs, &path).map_err(RepoError::at(path))?;
        }
    }
    if maildir.folders()?.is_empty() {
        return Err(WorktreeError::NotAMaildir(maildir.root).into());
    }
    Ok(maildir)
}

/// Whether a directory is empty, or holds no more than an interrupted `init` has made.
fn is_begun(fs: &dyn Fs, root: &Path) -> Result<bool, RepoError> {
    let entries = fs.read_dir(root).map_err(RepoError::at(root))?;
    let ours = |name: &OsStr| SUB_DIRS.iter().any(|sub| name == *sub);
    Ok(entries.iter().all(|entry| ours(&entry.name)))
}

/// Folders behind dots are Maildir++; folders without are nested; where there are none, Maildir++,
/// as mail servers have it.
fn detect(fs: &dyn Fs, root: &Path) -> Result<Layout, RepoError> {
    for entry in fs.read_dir(root).map_err(RepoError::at(root))? {
        let name = entry.name.as_encoded_bytes();
        let own = matches!(name, b"cur" | b"new" | b"tmp");
        let directory = !matches!(entry.kind, EntryKind::File | EntryKind::Other);
        if own || name.starts_with(b".") || !directory {
            continue;
        }
        let cur = root.join(&entry.name).join("cur");
        match fs.stat(&cur) {
            Ok(_) => return Ok(Layout::Nested),
            Err(error) if passes(&error) => {}
            Err(error) => return Err(RepoError::at(cur)(error)),
        }
    }
    Ok(Layout::MaildirPlusPlus)
}

/// Whether an error says of a path that it is not there, or nothing that is ours to look into.
fn passes(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// Whether something has this name. Not to be able to tell is an error: what is there is not to be
/// made anew.
fn is_there(fs: &dyn Fs, path: &Path) -> Result<bool, RepoError> {
    match fs.lstat(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(RepoError::at(path)(error)),
    }
}

/// Refuses a store within its Maildir or around it, before anything is made.
fn refuse_overlap(store: &Path, maildir: &Path) -> Result<(), RepoError> {
    let (store, maildir) = (real_path(store)?, real_path(maildir)?);
    if store.starts_with(&maildir) || maildir.starts_with(&store) {
        return Err(RepoError::StoreInMaildir { store, maildir });
    }
    Ok(())
}

/// A path without links, of which the last parts need not be there yet.
fn real_path(path: &Path) -> Result<PathBuf, RepoError> {
    let path = std::path::absolute(path).map_err(RepoError::at(path))?;
    for there in path.ancestors() {
        match std::fs::canonicalize(there) {
            Ok(real) => {
                let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
                // Joining nothing would end the path in a slash.
                let whole = if rest.as_os_str().is_empty() {
                    real
                } else {
                    real.join(rest)
                };
                return Ok(whole);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(RepoError::at(there)(error)),
        }
    }
    Ok(path)
}

fn device_key(fs: &dyn Fs, layout: &StoreLayout, name: &str) -> Result<KeyFile, RepoError> {
    let path = layout.device_key();
    if is_there(fs, &path)? {
        return Ok(KeyFile::load(fs, &path)?);
    }
    Ok(KeyFile::generate(fs, &path, name)?)
}

/// So many random bytes in hexadecimal.
pub(super) fn random_hex(bytes: usize) -> Result<String, RepoError> {
    use std::io::Read;
    let path = Path::new("/dev/urandom");
    let mut random = vec![0; bytes];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(RepoError::at(path))?;
    Ok(hex(&random))
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
