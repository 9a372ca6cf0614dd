//! Numbers, sizes and dates as people read them.

use jiff::Timestamp as Moment;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mailvc_store::time::Timestamp;

/// A number with its thousands set apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 message`, `2 messages`.
pub(crate) fn of(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// A length in bytes.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let unit_name = UNITS.get(unit).unwrap_or(&"B");
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {unit_name}")
    } else {
        format!("{value:.1} {unit_name}")
    }
}

/// A time, in the zone of this machine.
pub(crate) fn day_time(time: Timestamp) -> String {
    match Moment::from_second(time.0) {
        Ok(moment) => {
            let local = moment.to_zoned(TimeZone::system());
            local.strftime("%Y-%m-%d %H:%M").to_string()
        }
        Err(_) => "no known time  ".to_owned(),
    }
}

/// A time in UTC, as in RFC 3339; `None` for one that no calendar has.
pub(crate) fn rfc3339(time: Timestamp) -> Option<String> {
    Some(Moment::from_second(time.0).ok()?.to_string())
}

/// The time that a person means, in the zone of this machine unless it names another: a date, or
/// a date and a time.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Moment>() {
        return Some(Timestamp(moment.as_second()));
    }
    let civil: DateTime = text.trim().parse().ok()?;
    let local = civil.to_zoned(TimeZone::system()).ok()?;
    Some(Timestamp(local.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(of(1, "message"), "1 message");
        assert_eq!(of(1000, "message"), "1,000 messages");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(300 << 20), "300 MiB");
        assert!(bytes(u64::MAX).ends_with("TiB"));
    }

    #[test]
    fn a_time_may_be_given_in_several_ways() {
        let noon = Some(Timestamp(1_767_355_200));
        assert_eq!(parse_time("2026-01-02T12:00:00Z"), noon);
        assert_eq!(parse_time("2026-01-02 13:00+01:00"), noon);
        assert!(parse_time("2026-01-02 16:30").is_some());
        assert!(parse_time("2026-01-02").is_some());
        assert_eq!(parse_time("yesterday"), None);
        assert_eq!(parse_time("2026-02-30"), None);
    }

    #[test]
    fn times_that_no_calendar_has_are_no_trouble() {
        for time in [i64::MIN, i64::MAX] {
            assert_eq!(rfc3339(Timestamp(time)), None);
            assert!(!day_time(Timestamp(time)).is_empty());
        }
    }
}
