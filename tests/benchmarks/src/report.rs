//! Turns runs into medians, ratios of runs that were made side by side, a table and JSON.

use std::fmt;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::contenders::Contender;
use crate::cost::Cost;
use crate::idle_report;
use crate::runner::{Plan, Series};
use crate::task::{Measurement, SOURCE_WINDOW};
use crate::workload::{Exchange, Workload};

/// Everything that was measured, as it is written to the JSON file.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    /// Cores that the server and the client share.
    cores: usize,
    runs: u32,
    seconds_per_run: f64,
    /// Most QoS 1 messages that the source has in flight.
    source_window: u16,
    workloads: &'a [Comparison],
    idle_connections: Option<idle_report::Comparison>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        plan: &Plan,
        workloads: &'a [Comparison],
        idle_connections: Option<idle_report::Comparison>,
    ) -> Self {
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            runs: plan.runs,
            seconds_per_run: plan.length.as_secs_f64(),
            source_window: SOURCE_WINDOW,
            workloads,
            idle_connections,
        }
    }
}

/// One workload's contenders side by side.
#[derive(Serialize)]
pub(crate) struct Comparison {
    workload: Workload,
    payload_bytes: usize,
    best_peer: Option<Contender>,
    contenders: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    contender: Contender,
    pattern: &'static str,
    /// Messages (round trips) a second.
    rate: Option<Spread>,
    /// Large messages only: a second, payloads only.
    megabytes: Option<Spread>,
    /// Round trips only, microseconds.
    p50_us: Option<Spread>,
    p99_us: Option<Spread>,
    /// How many times as fast as the best peer: the median over the rounds of this run against that
    /// peer's run of the same round. Rates are compared; for round trips, their median times.
    times_best_peer: Option<f64>,
    times_raw: Option<f64>,
    /// Of a message.
    cost: Cost,
    failure: Option<String>,
    runs: Vec<Measurement>,
}

/// A median and what lies around it.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { median: (lower + upper) / 2.0, lowest, highest })
    }
}

/// Computes what the runs of one workload say.
pub(crate) fn compare(workload: Workload, all: &[Series]) -> Comparison {
    let median = |series: &Series| Spread::of(series.runs.iter().map(speed)).map(|spread| spread.median);
    let best_peer = all
        .iter()
        .filter(|series| series.contender.is_peer())
        .filter_map(|series| Some((series.contender, median(series)?)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(contender, _)| contender);
    let runs_of = |wanted: Option<Contender>| {
        all.iter().find(|series| Some(series.contender) == wanted).map(|series| series.runs.as_slice())
    };
    let rows = all.iter().map(|series| Row {
        contender: series.contender,
        pattern: series.contender.pattern(),
        rate: Spread::of(series.runs.iter().map(Measurement::rate)),
        megabytes: workload
            .is_large()
            .then(|| Spread::of(series.runs.iter().map(|run| run.rate() * workload.payload as f64 / 1e6)))
            .flatten(),
        p50_us: Spread::of(series.runs.iter().filter_map(|run| Some(micros(run.latency?.p50)))),
        p99_us: Spread::of(series.runs.iter().filter_map(|run| Some(micros(run.latency?.p99)))),
        times_best_peer: paired_ratio(&series.runs, runs_of(best_peer)),
        times_raw: paired_ratio(&series.runs, runs_of(Some(Contender::Raw))),
        cost: series.cost,
        failure: series.failure.as_ref().map(ToString::to_string),
        runs: series.runs.clone(),
    });
    Comparison { workload, payload_bytes: workload.payload, best_peer, contenders: rows.collect() }
}

/// How fast a run was, higher is faster: its rate, or for round trips the inverse of the median time.
fn speed(run: &Measurement) -> f64 {
    run.latency.map_or(run.rate(), |latency| 1.0 / latency.p50.as_secs_f64().max(f64::EPSILON))
}

/// The median over the rounds of how many times as fast one was as the other.
fn paired_ratio(ours: &[Measurement], theirs: Option<&[Measurement]>) -> Option<f64> {
    let pairs = ours.iter().zip(theirs?);
    Spread::of(pairs.map(|(one, other)| speed(one) / speed(other))).map(|spread| spread.median)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = match self.workload.exchange {
            _ if self.workload.is_large() => ["MB/s", "lowest - highest", ""],
            Exchange::RoundTrip => ["p50 µs", "lowest - highest", "p99 µs"],
            _ => ["msg/s", "lowest - highest", ""],
        };
        let [value, spread, extra] = titles;
        let name = self.workload.to_string();
        writeln!(
            f,
            "{name:<22}{value:>8}  {spread:>17}  {extra:>7}  {:>11}  {:>6}  {:>7}  {:>7}",
            "x best peer", "x raw", "instr", "alloc"
        )?;
        for row in &self.contenders {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<20}", self.contender.to_string())?;
        if let Some(main) = self.p50_us.or(self.megabytes).or(self.rate) {
            let spread = format!("{} - {}", short(main.lowest), short(main.highest));
            let extra = self.p99_us.map_or(String::new(), |p99| short(p99.median));
            write!(f, "{:>8}  {spread:>17}  {extra:>7}", short(main.median))?;
            write!(f, "  {:>11}  {:>6}", ratio(self.times_best_peer), ratio(self.times_raw))?;
            write!(f, "  {:>7}  {:>7}", count(self.cost.instructions, 0), count(self.cost.allocations, 2))?;
        }
        self.failure.as_ref().map_or(Ok(()), |failure| write!(f, "  FAILED: {failure}"))
    }
}

/// A number with about three digits.
pub(crate) fn short(value: f64) -> String {
    match value {
        value if value >= 1e7 => format!("{:.1} M", value / 1e6),
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 1e4 => format!("{:.0} k", value / 1e3),
        value if value >= 1e3 => format!("{:.2} k", value / 1e3),
        value => format!("{value:.1}"),
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| if value < 0.1 { format!("{value:.4}") } else { format!("{value:.2}") },
    )
}

/// A number with so many decimals.
fn count(value: Option<f64>, decimals: usize) -> String {
    // Not "-0.00".
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.decimals$}", value.max(0.0)))
}

/// How each contender that was measured is set and what it awaits.
pub(crate) fn patterns(comparisons: &[Comparison]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in comparisons.iter().flat_map(|comparison| &comparison.contenders) {
        let line = format!("{}: {}", row.contender, row.pattern);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BenchError;

    fn series(contender: Contender, millis: &[u64]) -> Series {
        let run = |&millis| Measurement {
            count: 1000,
            elapsed: Duration::from_millis(millis),
            latency: None,
            allocations: None,
        };
        Series { contender, runs: millis.iter().map(run).collect(), cost: Cost::default(), failure: None }
    }

    #[test]
    fn ratios_are_medians_of_pairs_against_the_best_peer() {
        let compared = compare(
            "publish-qos0".parse().unwrap(),
            &[
                series(Contender::Raw, &[1, 2, 4]),
                series(Contender::Rumqttc, &[10, 40, 40]),
                series(Contender::Mqtt5, &[50, 50, 50]),
            ],
        );
        assert_eq!(compared.best_peer, Some(Contender::Rumqttc));
        let raw = &compared.contenders[0];
        assert_eq!(raw.rate.unwrap().median.round(), 500_000.0);
        // Pairs: 10, 20, 10.
        assert_eq!(raw.times_best_peer.unwrap().round(), 10.0);
        assert_eq!(compared.contenders[1].times_raw.unwrap(), 0.1);
    }

    #[test]
    fn a_failure_is_shown_and_the_rest_still_compared() {
        let mut failed = series(Contender::Mqtt5, &[]);
        failed.failure = Some(BenchError::TimedOut(3));
        let compared = compare("publish-qos1".parse().unwrap(), &[series(Contender::Raw, &[1]), failed]);
        assert_eq!(compared.best_peer, None);
        assert!(compared.to_string().contains("FAILED: no result within 3 s, killed"));
    }
}
