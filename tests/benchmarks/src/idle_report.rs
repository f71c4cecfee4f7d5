//! Idle connections as a table and in the JSON.

use std::fmt;

use serde::Serialize;

use crate::contenders::Contender;
use crate::idle::Idle;
use crate::report::{Spread, short};
use crate::runner::IdleSeries;

/// The contenders side by side.
#[derive(Serialize)]
pub(crate) struct Comparison {
    contenders: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    contender: Contender,
    /// Resident memory a connection.
    kibibytes: Option<Spread>,
    /// Until all were open.
    seconds: Option<Spread>,
    failure: Option<String>,
    runs: Vec<Idle>,
}

impl Comparison {
    /// What the runs say; `None` where nothing was to be measured.
    pub(crate) fn of(all: &[IdleSeries]) -> Option<Self> {
        let rows = all.iter().map(|series| Row {
            contender: series.contender,
            kibibytes: Spread::of(series.runs.iter().map(|run| run.bytes / 1024.0)),
            seconds: Spread::of(series.runs.iter().map(|run| run.opening.as_secs_f64())),
            failure: series.failure.as_ref().map(ToString::to_string),
            runs: series.runs.clone(),
        });
        let contenders: Vec<Row> = rows.collect();
        (!contenders.is_empty()).then_some(Self { contenders })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<22}{:>8}  {:>17}  {:>10}  {:>11}",
            "idle", "KiB each", "lowest - highest", "opened in s", "connections"
        )?;
        for row in &self.contenders {
            write!(f, "  {:<20}", row.contender.to_string())?;
            if let (Some(memory), Some(seconds)) = (row.kibibytes, row.seconds) {
                let spread = format!("{} - {}", short(memory.lowest), short(memory.highest));
                let connections = row.runs.first().map_or(0, |run| run.connections);
                write!(
                    f,
                    "{:>8}  {spread:>17}  {:>11.2}  {connections:>11}",
                    short(memory.median),
                    seconds.median
                )?;
            }
            if let Some(failure) = &row.failure {
                write!(f, "  FAILED: {failure}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
