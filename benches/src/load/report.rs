//! The table at the end: what each daemon took in each phase, and how many times what the first one took.

use super::{
    busy::Endured,
    phase::PEERS,
    received::{Differences, Table},
    scenario::Outcome,
};
use std::fmt;

/// What there is a line for in each phase.
const MEASURES: [Measure; 5] = [
    Measure { name: "CPU s", digits: 2, of: |outcome| outcome.taken.spent.as_secs_f64() },
    Measure { name: "wall s", digits: 2, of: |outcome| outcome.taken.wall.as_secs_f64() },
    Measure { name: "RSS MiB", digits: 1, of: |outcome| outcome.taken.resident as f64 / MEBIBYTE },
    Measure { name: "peak MiB", digits: 1, of: |outcome| outcome.taken.peak as f64 / MEBIBYTE },
    Measure { name: "UPDATEs", digits: 0, of: |outcome| outcome.updates as f64 },
];
const MEBIBYTE: f64 = 1024.0 * 1024.0;

struct Measure {
    name: &'static str,
    /// How many digits behind the point say something.
    digits: usize,
    of: fn(&Outcome) -> f64,
}

/// All that was measured.
#[derive(Default)]
pub struct Report {
    columns: Vec<String>,
    phases: Vec<Phase>,
    notes: Vec<String>,
}

struct Phase {
    scenario: &'static str,
    name: String,
    /// What the first daemon's receiver had at first.
    reference: Table,
    columns: Vec<Column>,
}

#[derive(Clone, Default)]
struct Column {
    /// By measure, one for each repetition.
    samples: [Vec<f64>; MEASURES.len()],
    differences: Option<Differences>,
}

impl Report {
    /// A report on daemons with these titles.
    pub fn new(columns: Vec<String>) -> Self {
        Report { columns, ..Report::default() }
    }

    /// Enters what came of a phase; the first that is entered is what all others' tables are compared with.
    pub fn enter(&mut self, column: usize, outcome: &Outcome) {
        let known = |phase: &Phase| phase.scenario == outcome.scenario && phase.name == outcome.phase;
        let at = self.phases.iter().position(known);
        let at = at.unwrap_or_else(|| {
            let columns = vec![Column::default(); self.columns.len()];
            let (scenario, name, reference) =
                (outcome.scenario, outcome.phase.clone(), outcome.table.clone());
            self.phases.push(Phase { scenario, name, reference, columns });
            self.phases.len() - 1
        });
        let phase = &mut self.phases[at];
        let column = &mut phase.columns[column];
        for (samples, measure) in column.samples.iter_mut().zip(MEASURES) {
            samples.push((measure.of)(outcome));
        }
        let found = outcome.table.differences(&phase.reference);
        column.differences =
            column.differences.filter(|known| *known != Differences::default()).or(Some(found));
    }

    /// Enters how a daemon's sessions endured.
    pub fn endured(&mut self, column: usize, endured: &Endured) {
        let Endured { lost, silence } = endured;
        let (name, silence) = (&self.columns[column], silence.as_secs_f64());
        self.notes
            .push(format!("{name}, hold time 3 s, all cores busy: {lost} of {PEERS} sessions lost, at most {silence:.2} s of silence"));
    }

    /// Whether all receivers of all daemons had the same.
    pub fn is_alike(&self) -> bool {
        let columns = self.phases.iter().flat_map(|phase| &phase.columns);
        columns.filter_map(|column| column.differences).all(|found| found == Differences::default())
    }
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

impl Phase {
    fn cell(&self, column: usize, measure: usize) -> String {
        let of = |column: usize| median(&self.columns[column].samples[measure]);
        let digits = MEASURES[measure].digits;
        match (of(column), of(0)) {
            (None, _) => "-".to_owned(),
            (Some(value), Some(first)) if column > 0 && first > 0.0 => {
                format!("{value:.digits$} ({:.2}x)", value / first)
            }
            (Some(value), _) => format!("{value:.digits$}"),
        }
    }

    fn told(&self, column: &Column) -> String {
        match column.differences {
            None => "-".to_owned(),
            Some(found) if found == Differences::default() => self.reference.len().to_string(),
            Some(_) => "differ".to_owned(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n| {:<40} | {:<8} |", "phase", "")?;
        self.columns.iter().try_for_each(|column| write!(f, " {column:>20} |"))?;
        write!(f, "\n|{:-<42}|{:-<10}|", "", "")?;
        self.columns.iter().try_for_each(|_| write!(f, "{:->21}:|", ""))?;
        for phase in &self.phases {
            for (at, measure) in MEASURES.iter().enumerate() {
                let name = if at == 0 { phase.name.as_str() } else { "" };
                write!(f, "\n| {name:<40} | {:<8} |", measure.name)?;
                (0..self.columns.len())
                    .try_for_each(|column| write!(f, " {:>20} |", phase.cell(column, at)))?;
            }
            write!(f, "\n| {:<40} | {:<8} |", "", "routes")?;
            phase.columns.iter().try_for_each(|column| write!(f, " {:>20} |", phase.told(column)))?;
        }
        writeln!(f, "\n")?;
        for phase in &self.phases {
            for (title, column) in self.columns.iter().zip(&phase.columns) {
                if let Some(found) = column.differences.filter(|found| *found != Differences::default()) {
                    writeln!(f, "* {}, {}: {title}: {found}", phase.scenario, phase.name)?;
                }
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "* {note}"))
    }
}
