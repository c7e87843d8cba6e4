//! The table at the end: nanoseconds of the fastest way in, and how many times longer each takes.

use std::fmt;

/// One row: a case, and for each column nanoseconds per message or nothing.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    cells: Vec<Option<f64>>,
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    /// Enters what a case took in a column.
    pub fn enter(&mut self, row: &str, column: &'static str, nanoseconds: Option<f64>) {
        let at = self.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        });
        let row = match self.rows.iter().position(|known| known.name == row) {
            Some(row) => row,
            None => {
                self.rows.push(Row { name: row.to_owned(), cells: Vec::new() });
                self.rows.len() - 1
            }
        };
        let cells = &mut self.rows[row].cells;
        cells.resize(cells.len().max(at + 1), None);
        cells[at] = nanoseconds;
    }

    /// Adds a line below the table; the same one only once.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The first column in nanoseconds, the others in nanoseconds and as a ratio to the first.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nns per message, and how many times the first column:\n")?;
        write!(f, "| {:<35} |", "case")?;
        self.columns.iter().try_for_each(|column| write!(f, " {column:>18} |"))?;
        write!(f, "\n|{:-<37}|", "")?;
        self.columns.iter().try_for_each(|_| write!(f, "{:->19}:|", ""))?;
        for row in &self.rows {
            write!(f, "\n| {:<35} |", row.name)?;
            let ours = row.cells.first().copied().flatten();
            for column in 0..self.columns.len() {
                let text = match (row.cells.get(column).copied().flatten(), ours) {
                    (None, _) => "-".to_owned(),
                    (Some(ns), Some(ours)) if column > 0 => format!("{} ({:.1}x)", digits(ns), ns / ours),
                    (Some(ns), _) => digits(ns),
                };
                write!(f, " {text:>18} |")?;
            }
        }
        writeln!(f, "\n")?;
        self.notes.iter().try_for_each(|note| writeln!(f, "* {note}"))
    }
}

fn digits(nanoseconds: f64) -> String {
    if nanoseconds < 100.0 { format!("{nanoseconds:.1}") } else { format!("{nanoseconds:.0}") }
}
