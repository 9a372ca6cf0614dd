//! `snapshot`.

use mailvc_tests::fault_fs::FaultFs;
use mailvc_tests::maildir::{self, Messages};

use crate::cut::{Command, cut_off_everywhere};
use crate::mail::{first, second};
use crate::stores::{init, mail, snapshot};

/// Gives the Maildir as it is.
fn prepare(disk: &FaultFs) -> Messages {
    init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    snapshot(disk).expect("recorded");
    second(&mail(disk));
    maildir::read(&mail(disk)).expect("read")
}

#[test]
fn a_snapshot_may_be_cut_off_anywhere_and_touches_no_mail() {
    cut_off_everywhere(&Command {
        name: "snapshot",
        prepare,
        act: |disk: &FaultFs, _: &Messages| {
            snapshot(disk)?;
            Ok(())
        },
        again: |disk: &FaultFs, mail_before: &Messages, at: &str| {
            let now = maildir::read(&mail(disk)).expect("read");
            assert_eq!(now.difference(mail_before), "", "{at}");
            true
        },
    });
}
