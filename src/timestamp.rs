//! A point in time as file systems store it.

use serde::{Deserialize, Serialize};

/// Seconds and nanoseconds since 1970-01-01T00:00:00Z. Seconds may be negative; nanoseconds count
/// forward from the second, 0 to 999,999,999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp {
    /// Whole seconds since the epoch.
    pub seconds: i64,
    /// Nanoseconds after that second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// The modification time that Nix gives every file of the store: one second after the epoch.
    pub const STORE: Self = Self::seconds(1);

    /// A whole second.
    pub const fn seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }

    /// A second and a fraction; `None` when `nanoseconds` is a second or more.
    pub const fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        if nanoseconds < 1_000_000_000 { Some(Self { seconds, nanoseconds }) } else { None }
    }

    /// The date and time of day in UTC (proleptic Gregorian calendar).
    pub fn civil(self) -> Civil {
        // Days are counted from 0000-03-01, so that the leap day ends its year.
        let days = self.seconds.div_euclid(86_400) + 719_468;
        let second_of_day = self.seconds.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
        }
    }
}

/// A UTC date and time of day, every field in its usual range (month and day from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year, astronomical numbering.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_match_the_calendar() {
        let cases = [
            (0, (1970, 1, 1, 0, 0, 0)),
            (951_782_400, (2000, 2, 29, 0, 0, 0)),
            (4_102_444_799, (2099, 12, 31, 23, 59, 59)),
            (-1, (1969, 12, 31, 23, 59, 59)),
        ];
        for (seconds, (year, month, day, hour, minute, second)) in cases {
            assert_eq!(Timestamp::seconds(seconds).civil(), Civil { year, month, day, hour, minute, second });
        }
    }
}
