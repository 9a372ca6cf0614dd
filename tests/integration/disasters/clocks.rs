//! A battery is empty and a machine believes that it is 1970, or somebody sets 2099. A syncer that
//! lets the newer time win lets one of them win for ever, and one that drops what is old by date
//! drops everything. Here no clock decides anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use mailvc_tests::machine::{Machine, assert_in_step, assert_is};
use mailvc_tests::mail_client::EVERYTHING;

use super::server_and_laptop;

const THEN: i64 = 86_400;
const FAR: i64 = 4_080_000_000;

/// What a program sees instead of the system's clock, in C since it goes between a program and
/// its C library.
const SOURCE: &str = r"
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += atoll(getenv(CLOCK_OFF));
    return result;
}
";

/// The name of the variable that says by how many seconds a clock is off.
const VARIABLE: &str = "CLOCK_OFF_BY";

/// Builds it; `None` where nothing builds C.
fn library(dir: &Path) -> Option<PathBuf> {
    let (source, library) = (dir.join("clock.c"), dir.join("clock.so"));
    fs::write(&source, SOURCE).expect("written");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library);
    cc.arg(format!("-DCLOCK_OFF=\"{VARIABLE}\"")).arg(&source);
    cc.status().ok()?.success().then_some(library)
}

/// Sets the clock of all that runs on a machine to `time`, in seconds since 1970.
fn set_clock(machine: &mut Machine, library: &Path, time: i64) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    let off = time - i64::try_from(now.as_secs()).expect("a time");
    machine.home.set("LD_PRELOAD", library);
    machine.home.set(VARIABLE, off.to_string());
}

fn right_clock(machine: &mut Machine) {
    machine.home.set(VARIABLE, "0");
}

/// Everybody works and syncs, some with a clock that is wrong.
fn work_in(times: [Option<i64>; 2]) {
    let (mut server, mut laptop) = server_and_laptop();
    let Some(library) = library(server.home.path()) else {
        return;
    };
    let mut model = server.messages();
    let mut clients = [server.client((0, 2), 1), laptop.client((1, 2), 2)];
    for (machine, time) in [&mut server, &mut laptop].into_iter().zip(times) {
        if let Some(time) = time {
            set_clock(machine, &library, time);
        }
    }
    for round in 0..3 {
        if round == 1 {
            // They notice, and set them right.
            right_clock(&mut server);
            right_clock(&mut laptop);
        }
        for client in &mut clients {
            model.apply(&client.work(15, &EVERYTHING).expect("worked"));
        }
        server.run(&["snapshot"]).ok();
        laptop.run(&["gc", "--grace", "0"]).ok();
        let caller = if round % 2 == 0 { &laptop } else { &server };
        caller.sync();
        caller.sync();
        for machine in [&server, &laptop] {
            assert_is(machine, &model);
        }
        assert_in_step(&[&server, &laptop]);
    }
    let log = server.run(&["log"]).ok().stdout;
    for time in times.into_iter().flatten() {
        let year = if time == THEN { "1970-" } else { "2099-" };
        assert!(log.contains(year), "the clock was not wrong: {log}");
    }
    server.assert_clean();
    laptop.assert_clean();
}

#[test]
fn a_device_in_1970_neither_loses_nor_wins() {
    work_in([None, Some(THEN)]);
}

#[test]
fn a_device_in_2099_neither_loses_nor_wins() {
    work_in([Some(FAR), None]);
}

#[test]
fn devices_in_1970_and_2099_come_into_step() {
    work_in([Some(THEN), Some(FAR)]);
}
