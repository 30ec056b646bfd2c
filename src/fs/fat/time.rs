//! Times as FAT stores them: local time, which here is UTC, in steps of two seconds from 1980 to 2107.

use crate::timestamp::Timestamp;
use crate::units::low_u16;

/// 1980-01-01T00:00:00Z, the first time that FAT can hold.
const FIRST: i64 = 315_532_800;
/// 2107-12-31T23:59:58Z, the last.
const LAST: i64 = 4_354_819_198;

/// Date and time of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::fs) struct DosTime {
    /// Years since 1980 (7 bits), month (4), day (5).
    pub(in crate::fs) date: u16,
    /// Hour (5 bits), minute (6), second by two (5).
    pub(in crate::fs) time: u16,
    /// Hundredths of seconds to add, below 200: for the time of creation.
    pub(in crate::fs) hundredths: u8,
}

impl From<Timestamp> for DosTime {
    /// The nearest time that FAT can hold, not later than `timestamp` unless that is before 1980.
    fn from(timestamp: Timestamp) -> Self {
        let seconds = timestamp.seconds.clamp(FIRST, LAST);
        let civil = Timestamp::seconds(seconds).civil();
        // All fields are small and not negative: the year is from 1980 to 2107.
        let field = |value: i64| low_u16(value.unsigned_abs());
        let hundredths = match seconds == timestamp.seconds {
            true => field(civil.second % 2 * 100) + low_u16(u64::from(timestamp.nanoseconds) / 10_000_000),
            false => 0,
        };
        Self {
            date: field(civil.year - 1980) << 9 | field(civil.month) << 5 | field(civil.day),
            time: field(civil.hour) << 11 | field(civil.minute) << 5 | field(civil.second / 2),
            hundredths: u8::try_from(hundredths).unwrap_or(0),
        }
    }
}

impl DosTime {
    /// The time that was stored; `None` where the date is none.
    pub(super) fn timestamp(self) -> Option<Timestamp> {
        let (year, month, day) = (1980 + i64::from(self.date >> 9), self.date >> 5 & 15, self.date & 31);
        let (hour, minute, second) = (self.time >> 11, self.time >> 5 & 63, (self.time & 31) * 2);
        if !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Days from 1970 by Gregorian rules, years beginning with March.
        let (month, day) = (i64::from(month), i64::from(day));
        let shifted_year = if month > 2 { year } else { year - 1 };
        let shifted_month = (month + 9) % 12;
        let days = shifted_year * 365 + shifted_year / 4 - shifted_year / 100
            + shifted_year / 400
            + (153 * shifted_month + 2) / 5
            + day
            - 1
            - 719_468;
        let seconds = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        let hundredths = i64::from(self.hundredths.min(199));
        let nanoseconds = u32::try_from(hundredths % 100 * 10_000_000).unwrap_or(0);
        Timestamp::new(seconds + hundredths / 100, nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_of_the_range_become_its_ends() {
        for (seconds, expected) in [(1, FIRST), (FIRST, FIRST), (LAST, LAST), (LAST + 100, LAST)] {
            let stored = DosTime::from(Timestamp::seconds(seconds));
            assert_eq!(stored.timestamp(), Some(Timestamp::seconds(expected)));
        }
        assert_eq!(DosTime::from(Timestamp::STORE), DosTime { date: 1 << 5 | 1, time: 0, hundredths: 0 });
    }

    #[test]
    fn times_within_come_back_to_the_hundredth() {
        for seconds in [951_782_401, 1_700_000_000, 4_102_444_799] {
            let timestamp = Timestamp::new(seconds, 990_000_000).unwrap();
            assert_eq!(DosTime::from(timestamp).timestamp(), Some(timestamp));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for (date, time) in [(0, 0), (13 << 5 | 1, 0), (1 << 5, 0), (1 << 5 | 1, 24 << 11)] {
            assert_eq!(DosTime { date, time, hundredths: 0 }.timestamp(), None);
        }
    }
}
