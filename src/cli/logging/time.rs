//! The time of a log line: RFC 3339 in UTC, to the microsecond.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{self, FormatTime};

const DAY: u64 = 86_400;
/// The first second of the year 10000, which has more digits than there is room for.
const YEAR_10000: u64 = 253_402_300_800;

/// Writes `now` as the library does. Before 1970 and after 9999 the library itself writes, and by its own clock.
pub(super) fn write_time(writer: &mut Writer<'_>, now: SystemTime) -> fmt::Result {
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) if since.as_secs() < YEAR_10000 => {
            let text = utc(since);
            writer.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
        }
        _ => time::SystemTime.format_time(writer),
    }
}

fn utc(since: Duration) -> [u8; 27] {
    let (days, second) = (since.as_secs() / DAY, (since.as_secs() % DAY) as u32);
    let (year, month, day) = date(days as u32);
    let micros = since.subsec_micros();
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (at, pair) in [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3_600),
        (14, second / 60 % 60),
        (17, second % 60),
        (20, micros / 10_000),
        (22, micros / 100 % 100),
        (24, micros % 100),
    ] {
        text[at] = b'0' + (pair / 10) as u8;
        text[at + 1] = b'0' + (pair % 10) as u8;
    }
    text
}

/// Year, month and day of the Gregorian calendar, of a day counted from 1970-01-01.
///
/// Counted in years that begin in March, so that a leap day is the last of its year, and in eras of 400 years,
/// which are all of the same length.
fn date(days: u32) -> (u32, u32, u32) {
    /// From 0000-03-01 to 1970-01-01.
    const TO_1970: u32 = 719_468;
    const ERA: u32 = 146_097;
    let days = days + TO_1970;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months in turn have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (era * 400 + year + u32::from(is_next_year), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(now: SystemTime) -> String {
        let mut text = String::new();
        write_time(&mut Writer::new(&mut text), now).unwrap();
        text
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, micros, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1, 1, "1970-01-01T00:00:01.000001Z"),
            (68_169_599, 999_999, "1972-02-28T23:59:59.999999Z"),
            (68_169_600, 500_000, "1972-02-29T00:00:00.500000Z"),
            (68_256_000, 0, "1972-03-01T00:00:00.000000Z"),
            (946_684_799, 0, "1999-12-31T23:59:59.000000Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000Z"),
            (2_147_483_648, 0, "2038-01-19T03:14:08.000000Z"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000000Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
            (11_847_456_541, 0, "2345-06-07T08:09:01.000000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000000Z"),
        ] {
            let now = UNIX_EPOCH + Duration::new(seconds, micros * 1_000);
            assert_eq!(written(now), expected);
        }
    }

    #[test]
    fn days_follow_each_other_for_eight_hundred_years() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..292_194 {
            assert_eq!(date(days), (year, month, day));
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u32::from(is_leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn the_time_of_now_is_that_of_the_library() {
        let by_library = || {
            let mut text = String::new();
            time::SystemTime
                .format_time(&mut Writer::new(&mut text))
                .unwrap();
            text
        };
        let (before, now, after) = (by_library(), written(SystemTime::now()), by_library());
        assert!(before <= now && now <= after, "{before} {now} {after}");
        let old = UNIX_EPOCH - Duration::from_secs(1);
        assert!(after <= written(old), "written by the library");
    }
}
