//! What the readings say so far, as lines of text.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::machine::{Cpu, Load, Memory, Network};
use crate::reading::{End, Python, Reading, Value};

/// Columns of the bar and of the curve.
const WIDTH: usize = 24;

/// Columns of a message as it is shown: with its margin it fits a terminal of 80.
const MESSAGE_WIDTH: usize = 66;

/// What came in so far.
#[derive(Debug, Default)]
pub(crate) struct View {
    cpu: Option<Cpu>,
    /// The part of the time that the processors were busy, from reading to reading.
    busy: Vec<f64>,
    load: Option<Load>,
    memory: Option<Memory>,
    network: Option<(u64, Network)>,
    /// Bytes a second, in and out.
    rates: Option<(f64, f64)>,
    python: Option<Python>,
    /// What to say until Python takes part.
    until_python: String,
    machine: String,
    /// The sequence number that comes next, a kind.
    next: BTreeMap<&'static str, u64>,
    received: u64,
    missing: u64,
    repeated: u64,
    /// What the last line said.
    pub(crate) end: Option<End>,
    /// Microseconds from the reading to its arrival here.
    delays: Vec<u64>,
    /// Topic and payload of the last message.
    last: String,
}

/// The part of a JSON line that the view needs.
#[derive(Deserialize)]
struct Line {
    topic: String,
    payload: String,
}

impl View {
    pub(crate) fn of(until_python: String) -> Self {
        Self { until_python, ..Self::default() }
    }

    /// Takes a line of `polymqtt sub --json` that arrived at `now_us`.
    pub(crate) fn take(&mut self, line: &str, now_us: u64) -> Result<(), serde_json::Error> {
        let Line { topic, payload } = serde_json::from_str(line)?;
        let reading: Reading = serde_json::from_str(&payload)?;
        self.machine = topic.split('/').nth(1).unwrap_or_default().to_owned();
        self.received += 1;
        self.delays.push(now_us.saturating_sub(reading.taken_us));
        self.last = cut(&format!("{topic}  {payload}"));
        self.count(&reading);
        match reading.value {
            Value::Cpu(cpu) => {
                if let Some(earlier) = self.cpu.replace(cpu) {
                    self.busy.push(cpu.busy_since(&earlier));
                }
            }
            Value::Load(load) => self.load = Some(load),
            Value::Memory(memory) => self.memory = Some(memory),
            Value::Network(network) => self.network(reading.taken_us, network),
            Value::Python(python) => self.python = Some(python),
            Value::End(end) => self.end = Some(end),
        }
        Ok(())
    }

    fn count(&mut self, reading: &Reading) {
        let next = self.next.entry(reading.value.kind()).or_default();
        if reading.sequence < *next {
            self.repeated += 1;
            return;
        }
        self.missing += reading.sequence - *next;
        *next = reading.sequence + 1;
    }

    fn network(&mut self, taken_us: u64, now: Network) {
        if let Some((earlier_us, earlier)) = self.network.replace((taken_us, now)) {
            let seconds = taken_us.saturating_sub(earlier_us).max(1) as f64 / 1e6;
            let rate = |now: u64, earlier: u64| now.saturating_sub(earlier) as f64 / seconds;
            self.rates = Some((
                rate(now.received_bytes, earlier.received_bytes),
                rate(now.sent_bytes, earlier.sent_bytes),
            ));
        }
    }

    /// The whole view, for a terminal that is redrawn.
    pub(crate) fn lines(&self, elapsed: Duration) -> Vec<String> {
        let memory = self.memory.as_ref();
        vec![
            format!("  {}   {:.0} s", self.machine, elapsed.as_secs_f64()),
            String::new(),
            match self.busy.last() {
                Some(busy) => format!("  cpu      {:<WIDTH$}  {:.0} % busy", curve(&self.busy), busy * 100.0),
                None => "  cpu".to_owned(),
            },
            match memory {
                Some(memory) => format!(
                    "  memory   {}  {:.0} % of {:.1} GiB in use",
                    bar(memory.used()),
                    memory.used() * 100.0,
                    memory.total_kib as f64 / 1024.0 / 1024.0
                ),
                None => "  memory".to_owned(),
            },
            match self.load {
                Some(load) => {
                    let averages = format!("{:.2}  {:.2}  {:.2}", load.one, load.five, load.fifteen);
                    format!(
                        "  load     {averages:<WIDTH$}  in 1, 5 and 15 min; {} of {} tasks run",
                        load.running, load.tasks
                    )
                }
                None => "  load".to_owned(),
            },
            match self.rates {
                Some((received, sent)) => {
                    format!(
                        "  network  {:<WIDTH$}  all interfaces",
                        format!("in {}  out {}", bytes(received), bytes(sent))
                    )
                }
                None => "  network".to_owned(),
            },
            match self.python {
                Some(python) => {
                    let used = format!("{:.1} MiB, {:.1} s", python.memory_kib as f64 / 1024.0, python.cpu_s);
                    format!("  python   {used:<WIDTH$}  {}", said_by(&python))
                }
                None => format!("  python   {}", cut(&self.until_python)),
            },
            String::new(),
            format!("  message  {}", self.last),
            format!("  so far   {}", self.counts()),
        ]
    }

    /// The view in one line, for a file or a log.
    pub(crate) fn line(&self, elapsed: Duration) -> String {
        let busy = self.busy.last().map_or_else(String::new, |busy| format!("{:.0} %", busy * 100.0));
        let memory =
            self.memory.as_ref().map_or_else(String::new, |memory| format!("{:.0} %", memory.used() * 100.0));
        let (received, sent) = self.rates.unwrap_or_default();
        format!(
            "{:3.0} s  cpu {busy}  memory {memory}  network in {} out {}  {}{}",
            elapsed.as_secs_f64(),
            bytes(received),
            bytes(sent),
            self.counts(),
            self.python.as_ref().map_or_else(String::new, |python| format!("; python: {}", said_by(python)))
        )
    }

    /// Whether every message came, here and at Python's part, each once.
    pub(crate) fn is_complete(&self) -> bool {
        let all = self.end.is_some_and(|end| end.messages == self.received);
        let python = self.python.is_none_or(|python| python.missing == 0 && python.repeated == 0);
        all && self.missing == 0 && self.repeated == 0 && python
    }

    fn counts(&self) -> String {
        format!("{} messages, {} missing, {} repeated", self.received, self.missing, self.repeated)
    }

    /// What is left to say at the end.
    pub(crate) fn summary(&self, elapsed: Duration) -> String {
        let of = self.end.map_or_else(String::new, |end| format!(" of {}", end.messages));
        let python = self.python.map_or_else(String::new, |python| {
            let published = self.next.get("python").copied().unwrap_or_default();
            format!(
                "\n{published} of them by Python, which itself received {}, {} missing, {} repeated",
                python.received, python.missing, python.repeated
            )
        });
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let at = |part: f64| {
            let index = (delays.len().saturating_sub(1) as f64 * part) as usize;
            delays.get(index).copied().unwrap_or_default() as f64 / 1000.0
        };
        format!(
            "{}{of} messages in {:.1} s at QoS 1, {} missing, {} repeated; \
             from reading to view {:.1} ms (median), {:.1} ms (99 of 100){python}",
            self.received,
            elapsed.as_secs_f64(),
            self.missing,
            self.repeated,
            at(0.5),
            at(0.99)
        )
    }
}

/// What Python's part says of Rust's readings.
fn said_by(python: &Python) -> String {
    let Python { received, missing, repeated, .. } = python;
    format!("received {received}, {missing} missing, {repeated} repeated")
}

fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_WIDTH).collect()
}

fn bar(part: f64) -> String {
    let full = ((part.clamp(0.0, 1.0) * WIDTH as f64).round() as usize).min(WIDTH);
    format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full))
}

/// The last parts of the time, each from 0 to 1.
fn curve(parts: &[f64]) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = parts.get(parts.len().saturating_sub(WIDTH)..).unwrap_or_default();
    let step = |part: &f64| {
        let index = (part * (STEPS.len() - 1) as f64).round() as usize;
        STEPS.get(index).copied().unwrap_or('█')
    };
    shown.iter().map(step).collect()
}

fn bytes(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.1} MB/s", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} kB/s", rate / 1e3),
        rate => format!("{rate:.0} B/s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(view: &mut View, sequence: u64, value: Value, taken_us: u64) {
        let reading = Reading { sequence, value, taken_us };
        let payload = serde_json::to_string(&reading).unwrap();
        let line = json!({ "topic": "machines/here/x", "payload": payload, "qos": 1, "retain": false });
        view.take(&line.to_string(), taken_us + 500).unwrap();
    }

    fn memory() -> Value {
        Value::Memory(Memory { total_kib: 1000, available_kib: 250 })
    }

    fn python() -> Python {
        Python { memory_kib: 123_456, cpu_s: 12.34, received: 1234, missing: 0, repeated: 0 }
    }

    #[test]
    fn what_is_lost_or_repeated_shows() {
        let mut view = View::default();
        for sequence in [0, 1, 1, 4] {
            taken(&mut view, sequence, memory(), 1000);
        }
        assert_eq!((view.received, view.missing, view.repeated), (4, 2, 1));
    }

    #[test]
    fn it_is_complete_when_all_came_here_and_at_python() {
        let complete = |messages, python| {
            let mut view = View::default();
            taken(&mut view, 0, Value::Python(python), 0);
            taken(&mut view, 0, Value::End(End { messages }), 0);
            view.is_complete()
        };
        assert!(complete(2, python()));
        assert!(!complete(3, python()));
        assert!(!complete(2, Python { missing: 1, ..python() }));
        assert!(!complete(2, Python { repeated: 1, ..python() }));
        assert!(!View::default().is_complete());
    }

    #[test]
    fn rates_come_from_two_readings() {
        let mut view = View::default();
        taken(&mut view, 0, Value::Network(Network { received_bytes: 0, sent_bytes: 100 }), 1_000_000);
        assert_eq!(view.rates, None);
        taken(&mut view, 1, Value::Network(Network { received_bytes: 1000, sent_bytes: 100 }), 1_500_000);
        assert_eq!(view.rates, Some((2000.0, 0.0)));
    }

    #[test]
    fn lines_fit_a_terminal_and_hold_no_escape_codes() {
        let mut view = View::default();
        let load = Load { one: 12.34, five: 10.0, fifteen: 9.87, running: 12, tasks: 1234 };
        for sequence in 0..100 {
            let cpu = Cpu { busy_ticks: sequence * 2, idle_ticks: sequence };
            taken(&mut view, sequence, Value::Cpu(cpu), sequence);
            taken(&mut view, sequence, Value::Load(load), sequence);
            taken(&mut view, sequence, memory(), sequence);
        }
        view.until_python = "is being built; its log is ".repeat(5);
        for line in view.lines(Duration::from_secs(12)) {
            assert!(line.chars().count() < 80, "{line}");
        }
        taken(&mut view, 0, Value::Python(python()), 0);
        for line in view.lines(Duration::from_secs(12)) {
            assert!(line.chars().count() < 80, "{line}");
            assert!(!line.contains('\x1b'));
        }
    }

    #[test]
    fn the_summary_tells_the_delay() {
        let mut view = View::default();
        taken(&mut view, 0, memory(), 1000);
        taken(&mut view, 0, Value::Python(python()), 1000);
        taken(&mut view, 0, Value::End(End { messages: 4 }), 1000);
        let summary = view.summary(Duration::from_secs(1));
        assert!(summary.starts_with("3 of 4 messages in 1.0 s"), "{summary}");
        assert!(summary.contains("0.5 ms (median)"), "{summary}");
        assert!(summary.contains("1 of them by Python, which itself received 1234, 0 missing"), "{summary}");
    }

    #[test]
    fn a_line_that_is_no_reading_is_an_error() {
        assert!(View::default().take("{}", 0).is_err());
    }
}
