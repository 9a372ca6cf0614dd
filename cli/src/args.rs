//! The command line as a whole: which commands there are, and how a run ends.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::context::{Context, Options};
use crate::error::{Failure, Problem};
use crate::output::{Output, Report};

/// git for a Maildir: records it, brings any earlier state back, and keeps several in step.
#[derive(Debug, Parser)]
#[command(name = "mailvc", version, max_term_width = 100, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
SNAPSHOT is an id, the start of one, `local`, `remotes/NAME`, `tags/NAME`, `SNAPSHOT~N` (N back), \
or `@{2026-06-28 16:30}` (what was here then).

Exit codes: 0 done, 1 error, 2 usage, 3 stopped by the guard, 4 peer or network (try again), \
5 damage found, 6 busy.";

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident => $module:ident;)*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$doc])* $name(commands::$module::Args),)*
        }

        impl Command {
            fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
                match self {
                    $(Self::$name(args) => commands::$module::run(args, context),)*
                }
            }
        }
    };
}

commands! {
    /// Puts a Maildir under mailvc and records it for the first time
    Init => init;
    /// Records the Maildir, if it changed
    Snapshot => snapshot;
    /// Shows what changed since the last snapshot, and what is not merged
    Status => status;
    /// Shows the recorded states, newest first
    Log => log;
    /// Shows a snapshot: who made it, what changed in it, its folders
    Show => show;
    /// Shows what differs between two states
    Diff => diff;
    /// Writes a message to standard output
    Cat => cat;
    /// Makes the Maildir, or another directory, what it was
    Checkout => checkout;
    /// Brings back messages that are missing; removes nothing
    Restore => restore;
    /// Takes back the last change that was made to the Maildir
    Undo => undo;
    /// Merges what other devices recorded into the Maildir
    Merge => merge;
    /// Names a snapshot, or lists the names
    Tag => tag;
    /// Says whose snapshots count
    Trust => trust;
    /// Shows or renews the key of this device
    Key => key;
    /// Makes a Maildir and a store like another device's
    Clone => clone;
    /// Brings this Maildir and other devices' into step
    Sync => sync;
    /// Takes what other devices have recorded, and leaves the Maildir alone
    Fetch => fetch;
    /// Leaves with other devices what is recorded here
    Push => push;
    /// Names other devices
    Remote => remote;
    /// Answers other devices
    Serve => serve;
    /// Checks all that is stored, and names the mail that damage hits
    Verify => verify;
    /// Makes the store smaller; gives up nothing
    Gc => gc;
    /// Shows what mailvc does, on mail that nobody can miss
    Tour => tour;
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let context = Context::new(cli.options);
    let output = context.output();
    let code = match cli.command.run(&context) {
        Ok(report) => output.print(&*report),
        Err(failure) => output.fail(&failure),
    };
    ExitCode::from(code.number())
}

/// A command line that cannot be understood; or a question for help.
fn refuse(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !json {
        error.exit();
    }
    let text = error.render().to_string();
    let what = text.lines().next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let usage = Cli::command().render_usage().to_string();
    let failure = Failure::new(Problem::Usage, what).next(usage);
    ExitCode::from(Output::json().fail(&failure).number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
