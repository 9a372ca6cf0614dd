use std::io::{self, Write};

use mailvc_store::odb::{ObjectRead, OdbError};
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Problem};
use crate::output::{Output, Page, Report};

/// Arguments of `cat`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The message: its id (as `b3sum FILE` prints it), or the start of it
    #[arg(value_name = "ID")]
    id: String,
}

struct Written;

/// Writes a message to standard output.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let id = Context::message(&repo, &args.id)?;
    let mut out = io::BufWriter::new(Output::raw());
    let written = repo.odb().read_blob(id, &mut out);
    match (written, out.flush()) {
        (Err(OdbError::Output(error)), _) | (Ok(_), Err(error)) => match error.kind() {
            // Whoever closed the pipe wants no more.
            io::ErrorKind::BrokenPipe => Ok(Box::new(Written)),
            _ => Err(Failure::new(Problem::Error, error.to_string())),
        },
        (Err(error), _) => Err(Failure::from(error)
            .meaning("what was written is not the message, or not all of it: throw it away")),
        (Ok(_), Ok(())) => Ok(Box::new(Written)),
    }
}

impl Report for Written {
    fn human(&self, _: &mut Page) {}

    fn json(&self) -> Value {
        Value::Null
    }
}
