//! Dates as ISO 9660 writes them, from seconds since 1970, in UTC.

use crate::format::{LongDate, ShortDate};

/// Years that a short date can say (ECMA-119, 9.1.5).
const SHORT_YEARS: std::ops::RangeInclusive<i64> = 1900..=2155;

/// A moment of the calendar.
#[derive(Clone, Copy)]
struct Civil {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

/// Seconds in a day.
const DAY: i64 = 86_400;

impl Civil {
    /// The moment `seconds` after 1970-01-01 00:00 UTC, in the proleptic Gregorian calendar.
    fn new(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Years begin in March here, so that the leap day is the last of a year; eras are 400 years.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: small(month),
            day: small(day_of_year - (153 * month_from_march + 2) / 5 + 1),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
        }
    }
}

/// A number that the calendar keeps below 256.
fn small(value: i64) -> u8 {
    u8::try_from(value).unwrap_or(0)
}

/// The date of a file (9.1.5): whole seconds of the years 1900 to 2155, the nearest of them.
pub(crate) fn short(seconds: i64) -> ShortDate {
    let civil = Civil::new(seconds);
    if civil.year < *SHORT_YEARS.start() {
        return ShortDate { years: 0, month: 1, day: 1, ..ShortDate::default() };
    }
    if civil.year > *SHORT_YEARS.end() {
        return ShortDate { years: 255, month: 12, day: 31, hour: 23, minute: 59, second: 59, zone: 0 };
    }
    let Civil { month, day, hour, minute, second, .. } = civil;
    ShortDate { years: small(civil.year - SHORT_YEARS.start()), month, day, hour, minute, second, zone: 0 }
}

/// The seconds since 1970 that a file's date says; `None` when it is none.
pub(crate) fn from_short(date: &ShortDate) -> Option<i64> {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || date.hour > 23 || date.minute > 59 {
        return None;
    }
    let year = SHORT_YEARS.start() + i64::from(date.years) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let time = i64::from(date.hour) * 3600 + i64::from(date.minute) * 60 + i64::from(date.second);
    Some(days * DAY + time - i64::from(date.zone) * 900)
}

/// The date of a volume (8.4.26.1).
pub(crate) fn long(seconds: i64) -> LongDate {
    let Civil { year, month, day, hour, minute, second } = Civil::new(seconds);
    let text = format!("{:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00", year.clamp(1, 9999));
    let mut date = LongDate::UNSPECIFIED;
    date.digits.copy_from_slice(text.as_bytes());
    date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // What `date -u -d @N +%Y%m%d%H%M%S` prints.
        for (seconds, text) in [
            (0, "1970010100000000"),
            (1, "1970010100000100"),
            (951_782_400, "2000022900000000"),
            (1_709_164_799, "2024022823595900"),
            (4_102_444_800, "2100010100000000"),
        ] {
            assert_eq!(long(seconds).digits, text.as_bytes(), "{seconds}");
            assert_eq!(from_short(&short(seconds)), Some(seconds));
        }
    }

    #[test]
    fn what_a_file_cannot_say_becomes_the_nearest_date() {
        assert_eq!(short(i64::from(i32::MIN) * 2).years, 0);
        let end = short(10_000_000_000);
        assert_eq!((end.years, end.month, end.day), (255, 12, 31));
        assert_eq!(from_short(&ShortDate { month: 13, ..short(0) }), None);
    }
}
