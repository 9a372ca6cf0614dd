//! `serve`: a sync, cut off at the end that is called.

use std::os::unix::net::UnixStream;
use std::thread;

use mailvc_store::progress::NoProgress;
use mailvc_store::repo::Repository;
use mailvc_tests::fault_fs::FaultFs;
use mailvc_tests::maildir;
use mailvc_transport::protocol::{Limits, Request, run_client};
use mailvc_transport::serve::{Admission, ServeError, serve};
use mailvc_transport::session::{Consent, RepoDevice, Stance};
use mailvc_transport::wire::{Role, Verb};

use crate::cut::{Command, Done, cut_off_everywhere};
use crate::fetching::{Other, apart};
use crate::stores::{lock_request, mail, open};

fn answer(repo: &Repository, stream: UnixStream) -> Result<(), ServeError> {
    let admission = Admission {
        role: Role::Sync,
        only: None,
    };
    let reader = stream.try_clone().expect("a stream");
    serve(repo, (reader, stream), &admission, &lock_request()).map(drop)
}

fn call(repo: &Repository, stream: UnixStream) -> Done {
    let stance = Stance::Caller {
        remote: "origin".to_owned(),
        expected: None,
        introduce: true,
    };
    let lock = lock_request();
    let mut device = RepoDevice::new(repo, stance, Consent::default(), &lock)?;
    let request = Request {
        verb: Verb::Sync,
        account: b"",
        limits: Limits::default(),
        progress: &NoProgress,
    };
    run_client(&mut device, (stream.try_clone()?, stream), &request)?;
    Ok(())
}

fn session(disk: &FaultFs, from: &Other) -> Done {
    from.snapshot();
    let here = open(disk)?;
    let (near, far) = UnixStream::pair()?;
    thread::scope(|scope| {
        let serving = scope.spawn(|| answer(&here, near));
        let called = call(&from.repo, far);
        let served = serving.join().expect("no panic");
        // Why the store could not be used is for the people at that end.
        called.map_err(|told| served.err().map_or(told, Into::into))
    })
}

#[test]
fn the_end_that_is_called_may_be_cut_off_anywhere_too() {
    cut_off_everywhere(&Command {
        name: "serve",
        prepare: apart,
        act: |disk: &FaultFs, from: &Other| {
            session(disk, from)?;
            if disk.refused_to_read() {
                return Ok(());
            }
            assert_eq!(open(disk)?.local()?, from.repo.local()?);
            maildir::assert_same(&mail(disk), &from.maildir());
            Ok(())
        },
        again: |_: &FaultFs, _: &Other, _: &str| true,
    });
}
