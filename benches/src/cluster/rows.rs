//! The table: what was measured, beside what was aimed at and what MetalLB took for the same.

use std::fmt;

/// A line that there is always: what it is about, what MetalLB took for it, what is aimed at.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What is done.
    pub what: &'static str,
    /// MetalLB 0.16.2, native mode.
    pub other: &'static str,
    /// What is aimed at.
    pub aim: &'static str,
}

/// All lines, in the order of the table.
pub const LINES: [Line; 10] = [
    Line { what: "start until the last prefix is at the router", other: "16.2 s", aim: "≤ 1.0 s" },
    Line { what: "… CPU until idle", other: "108–122 s", aim: "≤ 0.5 s" },
    Line { what: "RSS, a forced re-list included", other: "334 MiB", aim: "≤ 30 MiB" },
    Line { what: "… its peak", other: "395–421 MiB", aim: "≤ 30 MiB" },
    Line {
        what: "endpoint patch answered → router told, p50, p99",
        other: "5.8 ms, 13.7 ms",
        aim: "≤ 1 ms, ≤ 5 ms",
    },
    Line {
        what: "100 changes a second on other nodes",
        other: "0.82 of a core, no UPDATE",
        aim: "≤ 0.02, no UPDATE",
    },
    Line {
        what: "a community added to everything",
        other: "19.5 s, 2,800 UPDATEs, no reset",
        aim: "≤ 100 ms, as few as fit, no reset",
    },
    Line { what: "the API server is back: first change seen", other: "38.8 s", aim: "≤ 2 s" },
    Line {
        what: "API requests of one start",
        other: "10,368 writes",
        aim: "a list and a watch per kind, one status",
    },
    Line { what: "… of an idle minute", other: "-", aim: "≤ 2" },
];

/// What was measured, line by line, and what is to be said below.
#[derive(Clone, Debug, Default)]
pub struct Report {
    cells: [Option<String>; LINES.len()],
    notes: Vec<String>,
}

impl Report {
    /// Enters what was measured for a line.
    pub fn enter(&mut self, line: usize, cell: String) {
        eprintln!("{}: {cell}", LINES[line].what);
        self.cells[line] = Some(cell);
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| | kube-announcer | aim | MetalLB 0.16.2, native |\n|---|---|---|---|")?;
        for (Line { what, other, aim }, cell) in LINES.iter().zip(&self.cells) {
            let cell = cell.as_deref().unwrap_or("-");
            writeln!(f, "| {what} | {cell} | {aim} | {other} |")?;
        }
        writeln!(f)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "* {note}"))
    }
}

/// The one in the middle.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
