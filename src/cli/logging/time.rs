//! The time of a log line: RFC 3339 in UTC, to the microsecond.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use ::time::UtcDateTime;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{self, FormatTime};

/// Writes `now` as the library does. Before 1970 and after 9999 the library itself writes, and by its own clock.
pub(super) fn write_time(writer: &mut Writer<'_>, now: SystemTime) -> fmt::Result {
    match since_1970(now) {
        Some(time) => {
            let text = utc(time);
            writer.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
        }
        None => time::SystemTime.format_time(writer),
    }
}

/// `None`: before 1970, or after 9999, whose years have more digits than there is room for.
fn since_1970(now: SystemTime) -> Option<UtcDateTime> {
    let since = now.duration_since(UNIX_EPOCH).ok()?;
    let second = UtcDateTime::from_unix_timestamp(since.as_secs().try_into().ok()?).ok()?;
    second.replace_microsecond(since.subsec_micros()).ok()
}

fn utc(time: UtcDateTime) -> [u8; 27] {
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, micros) = time.as_hms_micro();
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (at, pair) in [
        (0, year as u32 / 100),
        (2, year as u32 % 100),
        (5, u8::from(month).into()),
        (8, day.into()),
        (11, hour.into()),
        (14, minute.into()),
        (17, second.into()),
        (20, micros / 10_000),
        (22, micros / 100 % 100),
        (24, micros % 100),
    ] {
        text[at] = b'0' + (pair / 10) as u8;
        text[at + 1] = b'0' + (pair % 10) as u8;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let far = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        for beyond in [old, far] {
            assert!(after <= written(beyond), "written by the library");
        }
    }
}
