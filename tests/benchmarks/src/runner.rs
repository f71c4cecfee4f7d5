//! Runs contenders in turn, each run in a process of its own against one server process.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;

use crate::certificates::Certificates;
use crate::contenders::Contender;
use crate::cost::{self, Cost};
use crate::error::{BenchError, Context};
use crate::idle::Idle;
use crate::link::Link;
use crate::server::READY;
use crate::task::{Measurement, warm_up};
use crate::workload::Workload;

/// Messages of the first calibration run; of large ones.
const FIRST_COUNT: u64 = 1_000;
const FIRST_LARGE: u64 = 20;

/// Bounds of a calibrated run.
const COUNTS: std::ops::RangeInclusive<u64> = 100..=200_000_000;

/// What to measure and for how long.
pub(crate) struct Plan {
    pub(crate) filters: Vec<String>,
    pub(crate) runs: u32,
    pub(crate) length: Duration,
    /// Fixed number of messages a run, instead of calibrating.
    pub(crate) messages: Option<u64>,
    pub(crate) timeout: Duration,
    /// Whether to count instructions.
    pub(crate) instructions: bool,
    /// Idle connections in one process.
    pub(crate) connections: usize,
}

impl Plan {
    /// Where the number of messages is given: of large ones a tenth.
    fn messages(&self, workload: Workload) -> Option<u64> {
        let fewer = if workload.is_large() { 10 } else { 1 };
        self.messages.map(|messages| (messages / fewer).max(1))
    }

    fn contenders(&self, workload: Workload) -> impl Iterator<Item = Contender> {
        let wanted = move |contender: &Contender| {
            if contender.missing().is_some() || !contender.does(workload) {
                return false;
            }
            self.wants(&format!("{workload}/{contender}"))
        };
        Contender::value_variants().iter().copied().filter(wanted)
    }

    /// Whether something of that name is to be measured.
    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
    }
}

/// One contender's runs of one workload.
pub(crate) struct Series {
    pub(crate) contender: Contender,
    /// Position is the round: what has the same position was measured side by side.
    pub(crate) runs: Vec<Measurement>,
    pub(crate) cost: Cost,
    /// Why there are no more runs.
    pub(crate) failure: Option<BenchError>,
}

/// One contender's runs with idle connections.
pub(crate) struct IdleSeries {
    pub(crate) contender: Contender,
    pub(crate) runs: Vec<Idle>,
    /// Why there are no more runs.
    pub(crate) failure: Option<BenchError>,
}

/// The server process, and where to send the clients.
pub(crate) struct Runner {
    plan: Plan,
    certificates: Certificates,
    server: Child,
    port: u16,
}

impl Runner {
    pub(crate) fn start(plan: Plan) -> Result<Self, BenchError> {
        let certificates = Certificates::make()?;
        let mut server = Command::new(this_program()?)
            .arg("run-server")
            .arg(certificates.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the server")?;
        let mut line = String::new();
        if let Some(output) = server.stdout.take() {
            BufReader::new(output).read_line(&mut line).context("read the server's port")?;
        }
        let port = line.trim().strip_prefix(READY).and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| BenchError::Child("the server did not start".to_owned()))?;
        Ok(Self { plan, certificates, server, port })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The workloads that have any contender.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = Workload> {
        let wanted = |workload: &Workload| self.plan.contenders(*workload).next().is_some();
        Workload::ALL.iter().copied().filter(wanted)
    }

    /// Calibrates each contender, then runs them in turn: A B C A B C.
    pub(crate) fn measure(&self, workload: Workload) -> Vec<Series> {
        let mut entries = Vec::new();
        for contender in self.plan.contenders(workload) {
            let (count, failure) = match self.calibrate(contender, workload) {
                Ok(count) => (count, None),
                Err(error) => (0, Some(error)),
            };
            entries.push((count, Series { contender, runs: Vec::new(), cost: Cost::default(), failure }));
        }
        for round in 1..=self.plan.runs {
            for (count, series) in entries.iter_mut().filter(|(_, series)| series.failure.is_none()) {
                let (name, runs) = (series.contender, self.plan.runs);
                show_progress(format_args!("{workload}/{name} {round} of {runs}"));
                match self.run(series.contender, workload, *count) {
                    Ok(measured) => series.runs.push(measured),
                    Err(error) => series.failure = Some(error),
                }
            }
        }
        for (_, series) in entries.iter_mut().filter(|(_, series)| series.failure.is_none()) {
            series.cost = self.cost(series.contender, workload);
        }
        show_progress(format_args!(""));
        entries.into_iter().map(|(_, series)| series).collect()
    }

    /// Opens idle connections, contender by contender in turn.
    pub(crate) fn measure_idle(&self) -> Vec<IdleSeries> {
        let wanted =
            |contender: &Contender| contender.idles() && self.plan.wants(&format!("idle/{contender}"));
        let contenders = Contender::value_variants().iter().copied().filter(wanted);
        let mut all: Vec<IdleSeries> =
            contenders.map(|contender| IdleSeries { contender, runs: Vec::new(), failure: None }).collect();
        for round in 1..=self.plan.runs {
            for series in all.iter_mut().filter(|series| series.failure.is_none()) {
                show_progress(format_args!("idle/{} {round} of {}", series.contender, self.plan.runs));
                match self.idle(series.contender) {
                    Ok(idle) => series.runs.push(idle),
                    Err(error) => series.failure = Some(error),
                }
            }
        }
        show_progress(format_args!(""));
        all
    }

    fn idle(&self, contender: Contender) -> Result<Idle, BenchError> {
        let (port, connections) = (self.port.to_string(), self.plan.connections.to_string());
        let mut command = Command::new(this_program()?);
        command.args(["hold-idle", &contender.to_string(), &port, &connections]);
        let (out, _) = self.output(command)?;
        Ok(serde_json::from_str(&out)?)
    }

    /// How many messages fill a run.
    fn calibrate(&self, contender: Contender, workload: Workload) -> Result<u64, BenchError> {
        if let Some(messages) = self.plan.messages(workload) {
            return Ok(messages);
        }
        let wanted = self.plan.length.as_secs_f64();
        let mut count = if workload.is_large() { FIRST_LARGE } else { FIRST_COUNT };
        loop {
            show_progress(format_args!("{workload}/{contender} calibrating"));
            let measured = self.run(contender, workload, count)?;
            let enough = (measured.rate() * wanted) as u64;
            // A run that is long enough tells the rate; a shorter one only the next step.
            if measured.elapsed * 5 >= self.plan.length || enough <= count {
                return Ok(enough.clamp(*COUNTS.start(), *COUNTS.end()));
            }
            count = enough.min(count.saturating_mul(20));
        }
    }

    /// Counts what a message costs, if the means are there and the client bears them.
    fn cost(&self, contender: Contender, workload: Workload) -> Cost {
        let messages = self.plan.messages(workload).unwrap_or_else(|| cost::messages(workload));
        let both = |count: &dyn Fn(u64) -> Option<u64>| {
            Some(cost::each(count(messages)?, count(2 * messages)?, messages + warm_up(messages)))
        };
        let instructions = |messages| {
            show_progress(format_args!("{workload}/{contender} counting instructions"));
            let program = cost::callgrind(&program(contender).ok()?);
            let (_, said) = self.client(program, contender, workload, messages).ok()?;
            cost::collected(&said)
        };
        let allocations = |messages| {
            show_progress(format_args!("{workload}/{contender} counting allocations"));
            // A program of its own counts by itself.
            let program = contender.program().map(Path::to_path_buf).or_else(cost::counting)?;
            self.client(Command::new(program), contender, workload, messages).ok()?.0.allocations
        };
        let wanted = self.plan.instructions && cost::has_callgrind();
        Cost {
            instructions: if wanted { both(&instructions) } else { None },
            allocations: both(&allocations),
        }
    }

    /// One run in a process of its own.
    fn run(&self, contender: Contender, workload: Workload, count: u64) -> Result<Measurement, BenchError> {
        let program = Command::new(program(contender)?);
        self.client(program, contender, workload, count).map(|(measured, _)| measured)
    }

    /// Runs a client with this program; gives what it measured, and what was said on standard error.
    fn client(
        &self,
        mut program: Command,
        contender: Contender,
        workload: Workload,
        count: u64,
    ) -> Result<(Measurement, String), BenchError> {
        program.arg("run-client");
        program.args([contender.to_string(), workload.to_string(), self.port.to_string(), count.to_string()]);
        if workload.link == Link::Tls {
            program.arg("--authority").arg(self.certificates.authority());
        }
        let (out, err) = self.output(program)?;
        Ok((serde_json::from_str(&out)?, err))
    }

    /// Runs a program to its end; gives what it said on standard output and standard error.
    fn output(&self, mut program: Command) -> Result<(String, String), BenchError> {
        let mut child = program
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start a client")?;
        let (sender, output) = mpsc::channel();
        let mut pipes = (child.stdout.take(), child.stderr.take());
        thread::spawn(move || {
            let (mut out, mut err) = (String::new(), String::new());
            // The pipes end with the process; what they gave until then says what happened.
            drop(pipes.0.as_mut().map(|pipe| pipe.read_to_string(&mut out)));
            drop(pipes.1.as_mut().map(|pipe| pipe.read_to_string(&mut err)));
            drop(sender.send((out, err)));
        });
        let Ok((out, err)) = output.recv_timeout(self.plan.timeout) else {
            end(&mut child);
            return Err(BenchError::TimedOut(self.plan.timeout.as_secs()));
        };
        let status = child.wait().context("wait for a client")?;
        if status.success() {
            Ok((out, err))
        } else {
            let reason = err.trim().lines().last().unwrap_or("failed without a word");
            Err(BenchError::Child(reason.to_owned()))
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

/// The program that runs a contender.
fn program(contender: Contender) -> Result<PathBuf, BenchError> {
    contender.program().map_or_else(this_program, |program| Ok(program.to_path_buf()))
}

fn this_program() -> Result<PathBuf, BenchError> {
    env::current_exe().context("find this program")
}

/// Replaces the last line of a terminal; elsewhere there is only the result.
fn show_progress(what: fmt::Arguments<'_>) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    }
}

/// Kills a process that is not wanted any longer; one that has ended by itself is as good.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}
