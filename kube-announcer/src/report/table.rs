//! Columns of text.

/// Rows under a heading, each column as wide as it has to be, the last one as long as it is.
pub fn table<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; COLUMNS]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            line += cell;
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    };
    let mut text = line(heading);
    text.extend(rows.iter().map(|row| line(row.each_ref().map(String::as_str))));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let rows = [
            ["a".to_owned(), "été".to_owned(), "x".to_owned()],
            ["long".into(), String::new(), String::new()],
        ];
        assert_eq!(table(["A", "B", "C"], &rows), "A     B    C\na     été  x\nlong\n");
    }
}
