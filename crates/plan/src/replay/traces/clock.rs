//! Times as traces write them: numbers of some unit, or dates. All become whole picoseconds.

/// Unit of a time that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
    /// Nanoseconds.
    Nanosecond,
}

impl Unit {
    /// Units by name.
    pub const ALL: [(&'static str, Unit); 4] =
        [("s", Unit::Second), ("ms", Unit::Millisecond), ("us", Unit::Microsecond), ("ns", Unit::Nanosecond)];

    /// Decimal digits of a picosecond.
    fn digits(self) -> u32 {
        match self {
            Unit::Second => 12,
            Unit::Millisecond => 9,
            Unit::Microsecond => 6,
            Unit::Nanosecond => 3,
        }
    }
}

const DAY: i128 = 86_400;
const PER_SECOND: i128 = 1_000_000_000_000;

/// A time in picoseconds: a number of `unit`, or a date and time of day. `None`: it is neither, or negative.
pub fn parse(text: &str, unit: Unit) -> Option<i128> {
    let text = text.trim();
    if text.get(4..5) == Some("-") && text.len() >= 19 { date(text) } else { number(text, unit.digits()) }
}

/// A decimal number shifted by so many digits, exactly; digits beyond the picosecond are cut off.
fn number(text: &str, digits: u32) -> Option<i128> {
    if text.contains(['e', 'E']) {
        let value = text.parse::<f64>().ok()? * 10f64.powi(digits as i32);
        return (0.0..1e30).contains(&value).then_some(value as i128);
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digit = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if !digit(whole) || !digit(part) || (whole.is_empty() && part.is_empty()) || whole.len() > 18 {
        return None;
    }
    let mut value: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    for place in 0..digits as usize {
        value = value * 10 + part.as_bytes().get(place).map_or(0, |b| i128::from(b - b'0'));
    }
    Some(value)
}

/// `2023-11-16 18:15:46.6805900`, with `T` or a blank, a zone or none.
fn date(text: &str) -> Option<i128> {
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok().filter(|n| *n >= 0);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let sound = text.get(7..8) == Some("-") && matches!(text.get(10..11), Some("T" | " "));
    let sound = sound && text.get(13..14) == Some(":") && text.get(16..17) == Some(":");
    let within = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !sound || !within {
        return None;
    }
    let rest = text.get(19..)?;
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (part, zone) = rest.split_at(end);
    let part = if part.is_empty() { 0 } else { number(&format!("0{part}"), 12)? };
    let clock = i128::from(hour * 3600 + minute * 60 + second);
    Some((i128::from(days(year, month, day)) * DAY + clock - zone_seconds(zone)?) * PER_SECOND + part)
}

/// `Z`, `+08:00` or nothing, in seconds.
fn zone_seconds(zone: &str) -> Option<i128> {
    let Some(digits) = zone.strip_prefix(['+', '-']) else { return (zone.is_empty() || zone == "Z").then_some(0) };
    let (hours, minutes) = digits.split_once(':').unwrap_or(digits.split_at_checked(2)?);
    let hours: i128 = hours.parse().ok()?;
    let minutes: i128 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let seconds = hours * 3600 + minutes * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_by_hand() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(parse("1.5", Unit::Second), Some(1_500_000_000_000));
        assert_eq!(parse("46926808", Unit::Nanosecond), Some(46_926_808_000));
        assert_eq!(parse("27482", Unit::Millisecond), Some(27_482_000_000_000));
        assert_eq!(parse("1e3", Unit::Millisecond), Some(PER_SECOND));
        let first = parse("2023-11-16 18:15:46.6805900", Unit::Second).expect("a time");
        let second = parse("2023-11-16 18:15:50.9951690", Unit::Second).expect("a time");
        assert_eq!(second - first, 4_314_579_000_000);
        let zoned = parse("2023-11-17T02:15:46.68059+08:00", Unit::Second);
        assert_eq!(zoned, Some(first));
        assert_eq!(
            parse("2024-05-10 00:00:00.009930+00:00", Unit::Second).map(|t| t % PER_SECOND),
            Some(9_930_000_000)
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "-1",
            "abc",
            "1.2.3",
            "nan",
            "2023-13-01 00:00:00",
            "2023-11-16 25:00:00",
            "1e40",
            "2023-11-16x18:15:46",
        ] {
            assert_eq!(parse(bad, Unit::Second), None, "{bad}");
        }
    }
}
