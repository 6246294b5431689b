//! `evenkeel load`.

mod arguments;
mod curve;
mod prepare;
mod progress;
mod text;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use evenkeel_traffic::load::{
    Capacity, Next, Objective, Plan, Record, Report, Run, Search, page, probe_of, profile_of, report,
};
use evenkeel_traffic::split::Expectation;

use crate::app::signals::{self, Signal};
use crate::output::{self, Answer, Refusal};
use crate::verify::expected::Expected;
pub(crate) use arguments::LoadArgs;
use progress::Bar;

/// How often is looked whether a run is over, and the bar drawn.
const LOOK: Duration = Duration::from_millis(100);
/// At least, a rate is judged so long in a search.
const PROBE_MIN: Duration = Duration::from_secs(2);
/// And at most, unless more is asked for.
const PROBE_MAX: Duration = Duration::from_secs(120);

/// How often the user has asked for an end.
#[derive(Clone, Debug, Default)]
struct Interrupts(Arc<AtomicU32>);

/// What a run gave: the plan, the counts, and how long requests were due for.
type Ran = (Plan, Record, f64);

/// Sends load, and says what came of it. The answer is no when the split is skewed, the objective missed, or nothing answered well.
pub(crate) fn load(arguments: &LoadArgs) -> Answer {
    match loaded(arguments) {
        Ok(report) => tell(arguments, &report),
        Err(refusal) => refusal.tell(arguments.json),
    }
}

fn loaded(arguments: &LoadArgs) -> Result<Report, Refusal> {
    let io = |error: io::Error| Refusal::no(format!("cannot send load: {error}"), "");
    let Expected { expectation, names, notes, .. } = prepare::expected(arguments)?;
    notes.iter().for_each(|note| output::err(format_args!("note: {note}\n")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    let plan = runtime.block_on(prepare::plan(arguments, names))?;
    drop(runtime);
    let interrupts = Interrupts::listen().map_err(io)?;
    match &arguments.objective {
        Some(objective) if arguments.find_capacity => {
            find_capacity(arguments, &plan, objective, &expectation, &interrupts).map_err(io)
        }
        objective => {
            let (plan, record, seconds) = run(plan, &Bar::of_run(), &interrupts).map_err(io)?;
            Ok(report(&plan, &record, seconds, (&expectation, objective.as_ref())))
        }
    }
}

/// Runs a plan to its end, or to the user's.
fn run(plan: Plan, bar: &Bar, interrupts: &Interrupts) -> io::Result<Ran> {
    let lasts = plan.profile.lasts();
    let run = Run::start(&plan)?;
    let mut stopped_at = None;
    while !run.is_over() {
        std::thread::sleep(LOOK);
        bar.show(&run, lasts);
        if stopped_at.is_none() && interrupts.count() > 0 {
            stopped_at = Some(run.elapsed());
            run.stop();
        }
    }
    bar.clear();
    let seconds = stopped_at.unwrap_or(lasts).min(lasts).as_secs_f64();
    let record = run.finish()?;
    Ok((plan, record, seconds))
}

fn find_capacity(
    arguments: &LoadArgs,
    plan: &Plan,
    objective: &Objective,
    expectation: &Expectation,
    interrupts: &Interrupts,
) -> io::Result<Report> {
    let least = arguments.step_time.unwrap_or(PROBE_MIN);
    let mut search = Search::new(arguments.rate.from, arguments.max_rate);
    let (mut probes, mut best): (Vec<_>, Option<Ran>) = (Vec::new(), None);
    let bracket = loop {
        let rate = match search.next() {
            Next::Done(bracket) => break bracket,
            Next::Try(rate) => rate,
        };
        let profile = profile_of(rate, objective, least, PROBE_MAX);
        let plan = plan.with_profile(profile, plan.seed.wrapping_add(probes.len() as u64 * 1_000));
        let ran = run(plan, &Bar::of_probe(rate, search.progress()), interrupts)?;
        if interrupts.count() > 0 {
            best = best.or(Some(ran));
            break search.bracket();
        }
        let Some(probe) = probe_of(&ran.0, &ran.1, objective) else { break search.bracket() };
        progress::tell_probe(&probe);
        search.judge(rate, probe.judged);
        if best.is_none() || probe.met {
            best = Some(ran);
        }
        probes.push(probe);
    };
    let (plan, record, seconds) = best.ok_or_else(|| io::Error::other("no rate was tried"))?;
    let capacity = Capacity::new(objective, bracket, probes, interrupts.count() > 0);
    let mut report = report(&plan, &record, seconds, (expectation, None));
    report.capacity = Some(capacity);
    Ok(report)
}

fn tell(arguments: &LoadArgs, report: &Report) -> Answer {
    let mut answer = if report.is_yes() { Answer::Yes } else { Answer::No };
    if let Some(file) = &arguments.html {
        answer = answer.and(write(file, &page(report)));
    }
    let told = if arguments.json {
        serde_json::to_value(report).map_or(Answer::No, |value| output::json(&value))
    } else {
        output::out(text::render(report))
    };
    told.and(answer)
}

fn write(file: &Path, page: &str) -> Answer {
    match std::fs::write(file, page) {
        Ok(()) => Answer::Yes,
        Err(error) => {
            output::complain(format_args!("cannot write {}: {error}", file.display()), "");
            Answer::No
        }
    }
}

impl Interrupts {
    /// Counts SIGINT, SIGTERM and SIGHUP (the terminal is gone) from now on. The third ends the process, in case the report hangs.
    fn listen() -> io::Result<Self> {
        let interrupts = Self::default();
        let count = Arc::clone(&interrupts.0);
        signals::listen(move |signal| {
            if matches!(signal, Signal::Terminate | Signal::Reload)
                && count.fetch_add(1, Ordering::Relaxed) >= 2
            {
                std::process::exit(130);
            }
        })?;
        Ok(interrupts)
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
