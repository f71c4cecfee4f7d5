//! The table: a row for each machine and kind of reading, with the latest readings of it.

use std::collections::{BTreeMap, VecDeque};

use polymqtt::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Readings that a row keeps.
const KEPT: usize = 60;

/// Rows that the table takes: topics come from the network, and so would memory go.
const MOST_ROWS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By the last two levels of the topic, machine and kind.
    rows: BTreeMap<String, Row>,
    readings: u64,
}

/// The readings of one kind of one machine.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Oldest first.
    readings: VecDeque<Reading>,
    total: u64,
    missed: u64,
}

/// One reading, as the demo publishes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reading {
    /// Counts the readings of one kind from 0.
    sequence: u64,
    /// What was read; what that is does not concern the table.
    value: Value,
    /// When it was taken, in microseconds since 1970.
    taken_us: u64,
}

/// How much the table knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) rows: usize,
    pub(crate) readings: u64,
}

impl Table {
    /// Takes a reading in. The error is one line for people.
    pub(crate) fn take(&mut self, message: &Message) -> Result<(), String> {
        let reading = serde_json::from_slice(message.payload()).map_err(|error| error.to_string())?;
        let key = key(message.topic());
        if self.rows.len() >= MOST_ROWS && !self.rows.contains_key(key) {
            return Err(format!("the table has {MOST_ROWS} rows already"));
        }
        self.readings += u64::from(self.rows.entry(key.to_owned()).or_default().take(reading));
        Ok(())
    }

    /// The row that the last two levels of a topic name.
    pub(crate) fn row(&self, topic: &str) -> Option<&Row> {
        self.rows.get(key(topic))
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary { rows: self.rows.len(), readings: self.readings }
    }
}

impl Row {
    /// Whether the reading is new: at QoS 1 the same may arrive twice.
    fn take(&mut self, reading: Reading) -> bool {
        if let Some(last) = self.readings.back() {
            if reading.taken_us <= last.taken_us {
                return false;
            }
            // A lower number is a publisher that was started anew.
            self.missed += reading.sequence.saturating_sub(last.sequence.saturating_add(1));
        }
        if self.readings.len() == KEPT {
            self.readings.pop_front();
        }
        self.readings.push_back(reading);
        self.total += 1;
        true
    }

    /// The row with its latest readings, at most so many.
    pub(crate) fn to_json(&self, most: usize) -> Value {
        let left_out = self.readings.len().saturating_sub(most);
        let readings: Vec<&Reading> = self.readings.iter().skip(left_out).collect();
        json!({ "total": self.total, "missed": self.missed, "readings": readings })
    }
}

/// The last two levels of a topic.
fn key(topic: &str) -> &str {
    let start = topic.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash + 1);
    topic.get(start..).unwrap_or(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(table: &mut Table, sequence: u64, taken_us: u64) {
        let payload = json!({ "sequence": sequence, "value": { "x": sequence }, "taken_us": taken_us });
        table.take(&Message::new("machines/m/cpu", payload.to_string()).unwrap()).unwrap();
    }

    #[test]
    fn a_row_keeps_the_latest_and_counts_all() {
        let mut table = Table::default();
        for n in 0..100 {
            take(&mut table, n, n + 1);
        }
        let row = table.row("table/row/m/cpu").unwrap().to_json(2);
        assert_eq!((&row["total"], &row["missed"]), (&json!(100), &json!(0)));
        assert_eq!(row["readings"][0]["value"], json!({ "x": 98 }));
        assert_eq!(
            table.row("m/cpu").unwrap().to_json(usize::MAX)["readings"].as_array().unwrap().len(),
            KEPT
        );
        assert_eq!(table.summary(), Summary { rows: 1, readings: 100 });
    }

    #[test]
    fn a_second_copy_is_no_reading_and_a_gap_is_counted() {
        let mut table = Table::default();
        for (sequence, taken_us) in [(0, 10), (0, 10), (3, 20), (0, 30)] {
            take(&mut table, sequence, taken_us);
        }
        let row = table.row("a/m/cpu").unwrap().to_json(9);
        assert_eq!((&row["total"], &row["missed"]), (&json!(3), &json!(2)));
    }

    #[test]
    fn what_is_no_reading_is_told() {
        let mut table = Table::default();
        assert!(table.take(&Message::new("machines/m/cpu", "nonsense").unwrap()).is_err());
        assert_eq!(table.summary().rows, 0);
        assert!(table.row("m/cpu").is_none());
    }
}
