//! Tables for people: columns as wide as what stands in them, numbers to the right.

use std::fmt::Write as _;

/// Where the text of a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A column: its header, and where its text stands.
pub(crate) type Column = (&'static str, Side);

/// Rows under headers. Rows may be printed in parts: columns only get wider.
pub(crate) struct Table<'c> {
    columns: &'c [Column],
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl<'c> Table<'c> {
    /// With a row of headers.
    pub(crate) fn new(columns: &'c [Column]) -> Self {
        let headers = columns.iter().map(|(header, _)| (*header).to_owned()).collect();
        let mut table = Table::plain(columns);
        table.push(headers);
        table
    }

    /// Without.
    pub(crate) fn plain(columns: &'c [Column]) -> Self {
        Table { columns, widths: vec![0; columns.len()], rows: Vec::new() }
    }

    /// A row; what it lacks stays empty.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        for (width, text) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(text.chars().count());
        }
        self.rows.push(row);
    }

    /// The rows so far, which are gone from it.
    pub(crate) fn take(&mut self) -> String {
        let mut text = String::new();
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for (((_, side), width), cell) in self.columns.iter().zip(&self.widths).zip(&row) {
                let width = *width;
                // An empty column takes no room.
                if width == 0 {
                    continue;
                }
                // Writing to a text cannot fail.
                let _ = match side {
                    Side::Left => write!(line, "{cell:width$}  "),
                    Side::Right => write!(line, "{cell:>width$}  "),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// `00:00:42`, `2d 04:11`.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days}d {hours:02}:{minutes:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }
}

/// `42s`, `3m`, `5h`, `2d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// `512 B`, `1.5 MiB`.
pub(crate) fn octets(octets: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if octets < 1024 {
        return format!("{octets} B");
    }
    let mut value = octets as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_empty_ones_take_no_room() {
        let columns = [("NAME", Side::Left), ("", Side::Left), ("COUNT", Side::Right), ("NOTE", Side::Left)];
        let mut table = Table::new(&columns);
        table.push(["a", "", "1000000", "first"].map(String::from).into());
        assert_eq!(table.take(), "NAME    COUNT  NOTE\na     1000000  first\n");
        table.push(["long name", "", "1"].map(String::from).into());
        assert_eq!(table.take(), "long name        1\n");
    }

    #[test]
    fn times_and_sizes_are_short() {
        assert_eq!([span(42), span(86400 * 2 + 15060)], ["00:00:42", "2d 04:11"]);
        assert_eq!([age(59), age(61), age(7200), age(200_000)], ["59s", "1m", "2h", "2d"]);
        assert_eq!([octets(5), octets(1536), octets(3 << 30)], ["5 B", "1.5 KiB", "3.0 GiB"]);
    }
}
