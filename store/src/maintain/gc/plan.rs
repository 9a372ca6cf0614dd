//! Which packs are worth repacking.

use super::{Collector, Superseded, superseded};
use crate::object::PackId;
use crate::odb::{OdbError, PackShape};
use crate::time::Timestamp;

/// A pack stays if it is so many times as long as all shorter ones together: so no byte of a
/// message is written more often than the mail doubles.
const FACTOR: u64 = 2;
/// Packs from this length on stay whatever the others are like.
const ENOUGH: u64 = super::PACK_TARGET / 2;
/// And those from so many objects on.
const ENOUGH_OBJECTS: u64 = super::PACK_OBJECTS as u64 / 2;
/// A pack of other objects up to this length is always written again with what is new: only in one
/// pack do the versions of a node lie side by side, and elsewhere each would stand whole.
const JOINED: u64 = 16 << 20;

/// What is to become of each pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcPlan {
    /// These stay as they are.
    pub keep: Vec<PackShape>,
    /// These are written anew, together.
    pub repack: Vec<PackShape>,
    /// Everything in these is elsewhere: they go.
    pub drop: Vec<PackShape>,
    /// As `drop`, but they were in use too short a time ago.
    pub wait: Vec<PackShape>,
}

impl GcPlan {
    /// How much room the new packs take at most, in bytes, until the old ones go.
    pub fn needs(&self) -> u64 {
        self.repack.iter().map(|pack| pack.bytes).sum()
    }
}

impl Collector<'_> {
    /// Says what is to be done, and does nothing. `grace` is how long, in seconds, a pack stays
    /// after its objects are elsewhere.
    pub fn plan(&self, noted: &Superseded, now: Timestamp, grace: u64) -> Result<GcPlan, OdbError> {
        let mut plan = GcPlan::default();
        let mut live = Vec::new();
        for shape in self.odb.shapes()? {
            match noted.since(shape.id) {
                None => live.push(shape),
                Some(since) if superseded::is_over(since, now, grace) => plan.drop.push(shape),
                Some(_) => plan.wait.push(shape),
            }
        }
        // One that has a gap is for `verify` and `fetch` to mend.
        let whole: Vec<PackShape> = live.iter().filter(|it| it.whole).copied().collect();
        let chosen = choose(&whole);
        for shape in live {
            if chosen.contains(&shape.id) {
                plan.repack.push(shape);
            } else {
                plan.keep.push(shape);
            }
        }
        Ok(plan)
    }
}

/// Packs of small groups, and of those that were repacked the ones that are short beside what is
/// new: messages and other objects each by themselves.
fn choose(live: &[PackShape]) -> Vec<PackId> {
    let (good, poor): (Vec<PackShape>, Vec<PackShape>) =
        live.iter().partition(|shape| shape.is_repacked());
    let mut chosen: Vec<PackId> = poor.iter().map(|shape| shape.id).collect();
    for of_messages in [true, false] {
        let mut class: Vec<&PackShape> = good
            .iter()
            .filter(|shape| (shape.messages > 0) == of_messages && !is_enough(shape))
            .collect();
        class.sort_unstable_by_key(|shape| (shape.bytes, shape.id));
        let new = poor.iter().map(|shape| share(shape, of_messages)).sum();
        let mut until = rolled_up(&class, new);
        if !of_messages && new > 0 {
            until = until.max(class.partition_point(|shape| shape.bytes <= JOINED));
        }
        if until > 1 || new > 0 {
            chosen.extend(class.iter().take(until).map(|shape| shape.id));
        }
    }
    chosen
}

/// Whether a pack is about as long as any becomes.
fn is_enough(shape: &PackShape) -> bool {
    shape.bytes >= ENOUGH || shape.messages + shape.others >= ENOUGH_OBJECTS
}

/// How many bytes of a pack are messages, or other objects: about.
fn share(shape: &PackShape, of_messages: bool) -> u64 {
    let count = if of_messages {
        shape.messages
    } else {
        shape.others
    };
    let all = (shape.messages + shape.others).max(1);
    shape.bytes / all * count
}

/// How many of the packs, the shortest first, are to be joined with what is `new`, so that those
/// left are each at least [`FACTOR`] times as long as all before them.
fn rolled_up(class: &[&PackShape], new: u64) -> usize {
    let (mut until, mut sum) = (0, new);
    for (shape, at) in class.iter().zip(1..) {
        if shape.bytes < FACTOR.saturating_mul(sum) {
            until = at;
        }
        sum += shape.bytes;
    }
    until
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(number: u8, bytes: u64, messages: u64) -> PackShape {
        PackShape {
            id: PackId::new([number; 32]),
            bytes,
            messages,
            others: u64::from(messages == 0),
            groups: 1,
            plain: 100,
            whole: true,
        }
    }

    fn numbers(live: &[PackShape]) -> Vec<u8> {
        let mut chosen: Vec<u8> = choose(live).iter().map(|id| id.as_bytes()[0]).collect();
        chosen.sort_unstable();
        chosen
    }

    #[test]
    fn what_is_long_beside_all_shorter_ones_stays() {
        let live = [shape(1, 100, 1), shape(2, 300, 1), shape(3, 1000, 1)];
        assert!(numbers(&live).is_empty());
    }

    #[test]
    fn packs_that_are_as_long_as_any_becomes_stay_side_by_side() {
        let many = ENOUGH_OBJECTS;
        let long = [shape(1, ENOUGH, 1), shape(2, ENOUGH, 1)];
        let full = [shape(3, 1000, many), shape(4, 1000, many)];
        assert!(numbers(&[long, full].concat()).is_empty());
    }

    #[test]
    fn equals_are_joined_and_a_much_longer_one_stays() {
        let live = [shape(1, 100, 1), shape(2, 110, 1), shape(3, 1000, 1)];
        assert_eq!(numbers(&live), [1, 2]);
    }

    #[test]
    fn packs_of_small_groups_are_always_repacked_and_take_short_ones_along() {
        let small = PackShape {
            groups: 100,
            ..shape(1, 500, 1)
        };
        let live = [small, shape(2, 600, 1), shape(3, 5000, 1), shape(4, 10, 0)];
        assert_eq!(numbers(&live), [1, 2]);
    }

    #[test]
    fn messages_and_other_objects_do_not_push_each_other() {
        let live = [shape(1, 100, 1), shape(2, 110, 0)];
        assert!(numbers(&live).is_empty());
    }

    #[test]
    fn other_objects_are_brought_together_with_new_ones_as_long_as_that_is_little_work() {
        let small = PackShape {
            groups: 100,
            ..shape(1, 10, 0)
        };
        let live = [small, shape(2, JOINED, 0), shape(3, 3 * JOINED, 0)];
        assert_eq!(numbers(&live), [1, 2]);
        assert!(numbers(&live[1..]).is_empty());
    }

    #[test]
    fn a_pack_alone_is_never_repacked_again() {
        assert!(numbers(&[shape(1, 100, 1)]).is_empty());
    }

    #[test]
    fn no_byte_of_a_message_is_written_more_often_than_the_mail_doubles() {
        let (mut live, mut written, mut new) = (Vec::new(), 0, 0);
        for day in 0..250_u8 {
            live.push(shape(day, 10, 1));
            new += 10;
            let chosen = choose(&live);
            let bytes = |of: &[PackShape]| of.iter().map(|it| it.bytes).sum::<u64>();
            let (old, rest): (Vec<_>, Vec<_>) = live.iter().partition(|it| chosen.contains(&it.id));
            written += bytes(&old);
            live = rest;
            if !old.is_empty() {
                live.push(shape(day, bytes(&old), 1));
            }
        }
        assert_eq!(live.iter().map(|it| it.bytes).sum::<u64>(), new);
        assert!(live.len() <= 8, "{}", live.len());
        assert!(written <= 9 * new, "{written} of {new}");
    }
}
