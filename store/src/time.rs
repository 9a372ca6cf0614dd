//! Time, as information for people. No decision about mail may ever rest on it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 00:00 UTC; negative before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// What the machine's clock says, right or wrong.
    #[allow(clippy::disallowed_methods)] // the one place that asks the clock
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }
}

/// Nanoseconds since 1970 by the machine's clock, to compare with the times of files.
#[allow(clippy::disallowed_methods)] // the one place that asks the clock
pub fn now_ns() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_secs()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX)),
        }
    }
}

/// Days from 1970-01-01 to a date of the (proleptic) Gregorian calendar; `None` if there is no
/// such date. Months and days count from 1.
pub fn days_from_civil(year: u16, month: u8, day: u8) -> Option<i64> {
    if day == 0 || day > days_in_month(year, month)? {
        return None;
    }
    // Years start in March, so that the leap day is a year's last.
    let year = i64::from(year) - i64::from(month <= 2);
    let month = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    Some(365 * year + leap_days + day_of_year - 719_468)
}

fn days_in_month(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(28 + u8::from(leap)),
        _ => None,
    }
}

/// The date that is `days` after 1970-01-01, as year, month and day; `None` outside the years 0 to
/// 9999.
pub fn civil_from_days(days: i64) -> Option<(u16, u8, u8)> {
    // 400 years have 146,097 days; this guess is at most two years too early, never too late.
    let guess = 1969 + days.saturating_mul(400).div_euclid(146_097);
    let mut year = u16::try_from(guess.clamp(0, 9999)).ok()?;
    while year < 9999 && days_from_civil(year + 1, 1, 1)? <= days {
        year += 1;
    }
    let mut rest = days - days_from_civil(year, 1, 1)?;
    for month in 1..=12 {
        let length = i64::from(days_in_month(year, month)?);
        if (0..length).contains(&rest) {
            return Some((year, month, rest as u8 + 1));
        }
        rest -= length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_two_spellings() {
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(days_from_civil(2000, 2, 29), Some(11_016));
        assert_eq!(days_from_civil(1900, 2, 29), None);
        assert_eq!(days_from_civil(2001, 13, 1), None);
        let (first, last) = (days_from_civil(0, 1, 1), days_from_civil(9999, 12, 31));
        let (first, last) = (first.expect("a date"), last.expect("a date"));
        assert_eq!(last - first + 1, 3_652_425);
        for days in (first..=last).step_by(13).chain([last]) {
            let (year, month, day) = civil_from_days(days).expect("in range");
            assert_eq!(days_from_civil(year, month, day), Some(days));
        }
        assert_eq!(civil_from_days(first - 1), None);
        assert_eq!(civil_from_days(last + 1), None);
    }
}
