//! A fault at every step.

use super::{Fault, FaultFs};

/// Lets `fault` strike at the first write operation of `act`, then on a new disk at the second,
/// and so on until `act` ends before it strikes; returns how many operations `act` has. Each time
/// the disk is as it would be found after the crash, running again, when `check` gets it, with the
/// operation's number, or `None` after the undisturbed run (whose power is cut too, if the fault
/// cuts it: what was said to be done must be durable).
///
/// # Panics
/// If the disk cannot be rewound.
pub fn at_every_operation<S>(
    fault: Fault,
    prepare: impl Fn(&FaultFs) -> S,
    act: impl Fn(&FaultFs, &mut S),
    check: impl Fn(&FaultFs, &mut S, Option<u64>),
) -> u64 {
    for operation in 1.. {
        let disk = FaultFs::new();
        let mut subject = prepare(&disk);
        disk.state().journal.sync_all();
        disk.arm(operation, fault);
        act(&disk, &mut subject);
        let operations = disk.operations();
        let struck = disk.disarm();
        match fault {
            Fault::PowerLoss => disk.power_cut(),
            Fault::Reorder(seed) => disk.reordered_power_cut(seed ^ operation),
            Fault::Fail(_) | Fault::Torn => Ok(()),
        }
        .expect("the disk rewound");
        disk.revive();
        check(&disk, &mut subject, struck.then_some(operation));
        if !struck {
            return operations;
        }
    }
    unreachable!("operations are finite")
}
