//! What differs between two states.

use mailvc_store::maildir::Standard;
use mailvc_store::object::MessageCopy;
use mailvc_store::worktree::{Change, Plan};
use serde_json::{Value, json};

use super::format::{bytes, count};
use super::{Page, json as parts};

/// How many names are shown without `-v`.
const MOST: usize = 20;

/// Two states' differences, named as people name them.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    plan: Plan,
    /// How the names of messages are shown: by id, and what their headers say.
    titles: Vec<(mailvc_store::object::BlobId, String)>,
    /// Whether programs are only told how many.
    counted: bool,
}

/// The kinds of change, counted.
struct Counts {
    new: u64,
    gone: u64,
    mended: u64,
    moved: u64,
    flags: u64,
    folders: u64,
}

fn counts(plan: &Plan) -> Counts {
    Counts {
        new: plan.add.len() as u64,
        gone: plan.remove.len() as u64,
        mended: plan.mend.len() as u64,
        moved: plan.moves.len() as u64,
        flags: plan.change.len() as u64,
        folders: (plan.make.len() + plan.drop.len()) as u64,
    }
}

impl Changes {
    /// The differences, with what is known of the messages' headers.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            ..Self::default()
        }
    }

    /// The differences as they are told in passing: the messages are named only if much is to be
    /// said. There may be hundreds of thousands.
    pub(crate) fn in_passing(plan: Plan, verbose: bool) -> Self {
        Self {
            plan,
            counted: !verbose,
            ..Self::default()
        }
    }

    /// Asks `title` for the words that stand behind each message that is going to be named.
    pub(crate) fn entitle(
        &mut self,
        verbose: bool,
        title: &dyn Fn(mailvc_store::object::BlobId) -> String,
    ) {
        let most = if verbose { usize::MAX } else { MOST };
        let plan = &self.plan;
        let ids = (plan.add.iter().take(most).map(|step| step.key.blob))
            .chain(plan.remove.iter().take(most).map(|step| step.key.blob))
            .chain(plan.mend.iter().take(most).map(|step| step.key.blob))
            .chain(plan.moves.iter().take(most).map(|step| step.key.blob))
            .chain(plan.change.iter().take(most).map(|step| step.key.blob));
        let mut titles: Vec<_> = ids.map(|id| (id, String::new())).collect();
        titles.sort_unstable();
        titles.dedup();
        for (id, text) in &mut titles {
            *text = title(*id);
        }
        self.titles = titles;
    }

    /// In one line: `12 new (1.2 MiB), 3 moved, 5 flags`; empty if there is nothing to say.
    pub(crate) fn line(&self) -> String {
        let counts = counts(&self.plan);
        let mut parts = Vec::new();
        if counts.new > 0 {
            let size = bytes(self.plan.bytes_added());
            parts.push(format!("{} new ({size})", count(counts.new)));
        }
        for (number, what) in [
            (counts.gone, "gone"),
            (counts.mended, "mended"),
            (counts.moved, "moved"),
            (counts.flags, "flags"),
            (counts.folders, "folders made or removed"),
        ] {
            if number > 0 {
                parts.push(format!("{} {what}", count(number)));
            }
        }
        if self.plan.subscriptions.is_some() {
            parts.push("subscriptions".to_owned());
        }
        parts.join(", ")
    }

    fn title(&self, id: mailvc_store::object::BlobId) -> String {
        let at = self.titles.binary_search_by_key(&id, |(id, _)| *id);
        let words = at.ok().and_then(|at| self.titles.get(at));
        let words = words.map_or("", |(_, words)| words.as_str());
        format!("{}  {words}", id.short()).trim_end().to_owned()
    }

    /// One line per change.
    pub(crate) fn names(&self, page: &mut Page) {
        let plan = &self.plan;
        let folders = (plan.make.iter().map(|path| format!("  + folder {path}")))
            .chain(plan.drop.iter().map(|path| format!("  - folder {path}")))
            .collect::<Vec<_>>();
        page.lines(MOST, folders.into_iter());
        page.lines(
            MOST,
            plan.add.iter().map(|step| {
                let flags = flags(&step.copy);
                format!("  + {}  {}{flags}", step.folder, self.title(step.key.blob))
            }),
        );
        page.lines(
            MOST,
            plan.remove
                .iter()
                .map(|step| format!("  - {}  {}", step.folder, self.title(step.key.blob))),
        );
        page.lines(
            MOST,
            plan.mend
                .iter()
                .map(|step| format!("  ! {}  {}", step.folder, self.title(step.key.blob))),
        );
        page.lines(
            MOST,
            plan.moves.iter().map(|step| {
                let title = self.title(step.key.blob);
                format!("  > {} → {}  {title}", step.from, step.to)
            }),
        );
        page.lines(
            MOST,
            plan.change.iter().map(|step| {
                let title = self.title(step.key.blob);
                format!("  ~ {}  {title}  {}", step.folder, difference(step))
            }),
        );
    }

    /// All of it for programs.
    pub(crate) fn json(&self) -> Value {
        let plan = &self.plan;
        let counts = counts(plan);
        let subscriptions = plan.subscriptions.as_ref().map(|lines| {
            let lines = lines.iter().map(|line| String::from_utf8_lossy(line));
            lines.collect::<Vec<_>>()
        });
        json!({
            "new": counts.new,
            "gone": counts.gone,
            "mended": counts.mended,
            "moved": counts.moved,
            "flags": counts.flags,
            "bytes": plan.bytes_added(),
            "folders_made": plan.make.iter().map(parts::folder).collect::<Vec<_>>(),
            "folders_removed": plan.drop.iter().map(parts::folder).collect::<Vec<_>>(),
            "subscriptions": subscriptions,
            "messages": (!self.counted).then(|| messages(plan)),
        })
    }
}

/// Every message that differs, for programs.
fn messages(plan: &Plan) -> Value {
    let named = |path, key, more: Value| {
        let mut map = parts::entry(path, key);
        if let Value::Object(more) = more {
            map.extend(more);
        }
        Value::Object(map)
    };
    json!({
        "new": plan.add.iter().map(|step| named(&step.folder, step.key, json!({
            "size": step.size, "copy": parts::copy(&step.copy),
        }))).collect::<Vec<_>>(),
        "gone": plan.remove.iter().map(|step| named(&step.folder, step.key, json!({
            "size": step.size, "copy": parts::copy(&step.copy),
        }))).collect::<Vec<_>>(),
        "mended": plan.mend.iter().map(|step| named(&step.folder, step.key, json!({
            "size": step.size, "copy": parts::copy(&step.copy),
        }))).collect::<Vec<_>>(),
        "moved": plan.moves.iter().map(|step| named(&step.from, step.key, json!({
            "to": parts::folder(&step.to),
            "before": parts::copy(&step.before), "after": parts::copy(&step.after),
        }))).collect::<Vec<_>>(),
        "flags": plan.change.iter().map(|step| named(&step.folder, step.key, json!({
            "before": parts::copy(&step.from), "after": parts::copy(&step.to),
        }))).collect::<Vec<_>>(),
    })
}

fn flags(copy: &MessageCopy) -> String {
    let mut text = copy.flags.to_string();
    if copy.recent {
        text.push_str(" new");
    }
    if text.is_empty() {
        text
    } else {
        format!("  [{}]", text.trim_start())
    }
}

/// What changed in a copy: `+S -F`.
fn difference(step: &Change) -> String {
    let mut words = Vec::new();
    for flag in Standard::ALL {
        let letter = char::from(flag.letter());
        match (step.from.flags.has(flag), step.to.flags.has(flag)) {
            (false, true) => words.push(format!("+{letter}")),
            (true, false) => words.push(format!("-{letter}")),
            _ => {}
        }
    }
    match (step.from.recent, step.to.recent) {
        (true, false) => words.push("new → cur".to_owned()),
        (false, true) => words.push("cur → new".to_owned()),
        _ => {}
    }
    if words.is_empty() {
        let same = step.from.flags == step.to.flags;
        words.push(if same { "file time" } else { "other flags" }.to_owned());
    }
    words.join(" ")
}
