//! git for a Maildir.

fn main() -> std::process::ExitCode {
    mailvc::main()
}
