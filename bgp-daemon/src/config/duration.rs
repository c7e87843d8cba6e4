//! Times as people write them: `90s`, `5m`, `500ms`, `1h`.

use crate::policy::Wrong;
use std::{fmt, str::FromStr, time::Duration};

/// A time as people write it: one number and one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lasting(pub(crate) Duration);

/// The units with their milliseconds, largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Lasting {
    type Err = Wrong;
    fn from_str(text: &str) -> Result<Self, Wrong> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let millis =
            number.parse().ok().zip(unit).and_then(|(number, (_, of)): (u64, _)| of.checked_mul(number));
        millis.map(|millis| Lasting(Duration::from_millis(millis))).ok_or_else(|| {
            Wrong::new(
                text,
                "is not a time",
                "a number and a unit, like \"90s\", \"5m\", \"1h\" or \"500ms\"",
            )
        })
    }
}

/// Seconds up to two minutes, as in protocols; else the largest unit that leaves no rest.
impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let largest = if millis <= 120_000 { 1000 } else { u64::MAX };
        let whole = |(_, of): &&(&str, u64)| *of <= largest && millis.is_multiple_of(u128::from(*of));
        match UNITS.iter().find(whole) {
            Some((unit, of)) => f.pad(&format!("{}{unit}", millis / u128::from(*of))),
            None => f.pad(&format!("{millis}ms")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown_in_one_form() {
        let rows = [
            ("0s", 0, "0s"),
            ("90s", 90_000, "90s"),
            ("2m", 120_000, "120s"),
            ("5m", 300_000, "5m"),
            ("301s", 301_000, "301s"),
            ("500ms", 500, "500ms"),
            ("24h", 86_400_000, "1d"),
        ];
        for (text, millis, shown) in rows {
            let lasting: Lasting = text.parse().unwrap();
            assert_eq!(lasting.0, Duration::from_millis(millis), "{text}");
            assert_eq!(lasting.to_string(), shown);
        }
        for text in
            ["", "90", "s", "-1s", "1.5s", "1 s", "1s ", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(text.parse::<Lasting>().is_err(), "{text}");
        }
    }
}
