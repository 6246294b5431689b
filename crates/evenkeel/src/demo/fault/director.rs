//! Plays a story act by act: each goes on until what it is to show has been seen, or too long has passed.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::event::{Act, Event, Scene};
use super::moment::Moment;
use super::record::{Done, Named, Record};
use super::story::{Fault, SHARED, Step, Story};
use super::world::World;

/// Where a story is shown.
pub(super) trait View {
    /// Something has happened.
    fn tell(&mut self, event: &Event) -> io::Result<()>;
    /// Shows how things are, and waits for a moment. Whether somebody still wants to see more.
    fn show(&mut self, scene: &Scene) -> io::Result<bool>;
}

/// Plays one story.
pub(super) struct Director<'a> {
    story: &'static Story,
    world: &'a mut World,
    view: &'a mut dyn View,
    /// People read at 1; tests do not read.
    speed: f64,
    scene: Scene,
    record: Record,
    /// What `diagnose` said last: verdict and cause.
    said: (String, Option<String>),
}

/// Why a story does not go on: nobody wants to see more, or it is not true.
enum Cut {
    Left,
    Untrue(String),
    Failed(Box<dyn Error>),
}

/// To read a caption, and a verdict.
const READ_CAPTION: Duration = Duration::from_secs(5);
const READ_VERDICT: Duration = Duration::from_secs(9);
/// Longest waits: until enough has been seen to say that all is well, until the fault is named, until all is well again.
const EVEN_MAX: Duration = Duration::from_secs(60);
const VERDICT_MAX: Duration = Duration::from_secs(30);
const MEND_MAX: Duration = Duration::from_secs(30);
impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Box<dyn Error>> for Cut {
    fn from(error: Box<dyn Error>) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Director<'a> {
    pub(super) fn new(fault: Fault, world: &'a mut World, view: &'a mut dyn View, speed: f64) -> Self {
        let title = format!("Evenkeel demo, {}: {}", fault.name(), fault.about());
        let hint = format!(
            "meanwhile: evenkeel diagnose --admin {0}   status, /metrics: the same",
            world.admin_address()
        );
        Self {
            story: fault.story(),
            world,
            view,
            speed,
            scene: Scene { title, hint, ..Scene::default() },
            record: Record { fault: fault.name(), ..Record::default() },
            said: (String::new(), None),
        }
    }

    /// Plays it to the end, and `stays` there for as long as somebody wants to see it.
    pub(super) fn play(mut self, stays: bool) -> Result<Record, Box<dyn Error>> {
        let start = Event::Start {
            fault: self.record.fault.clone(),
            about: self.scene.title.clone(),
            backends: self.story.backends,
            balancer: self.world.address().to_string(),
            admin: self.world.admin_address().to_string(),
        };
        self.view.tell(&start)?;
        match self.acts(stays) {
            Ok(()) | Err(Cut::Left) => {}
            Err(Cut::Untrue(why)) => self.record.why_not = Some(why),
            Err(Cut::Failed(error)) => return Err(error),
        }
        self.view.tell(&Event::End(self.record.clone()))?;
        Ok(self.record)
    }

    fn acts(&mut self, stays: bool) -> Result<(), Cut> {
        let before = self.even()?;
        let since = self.fault(&before)?;
        self.verdict(&since)?;
        self.mend()?;
        self.record.told = true;
        if stays {
            let text = self.record.text();
            self.begin(Act::End, "That was it. The load goes on until you press Ctrl-C.")?;
            self.scene.text = text;
            self.look(|_, _| false, Duration::MAX)?;
        }
        Ok(())
    }

    /// All is well, and enough has been seen to say so.
    fn even(&mut self) -> Result<Moment, Cut> {
        self.begin(Act::Even, self.story.sound)?;
        let needs_usual = self.story.needs_usual;
        let read = self.pause_of(READ_CAPTION);
        let known = move |moment: &Moment, passed| {
            let pool = &moment.diagnosis["pools"][0];
            let usual = !needs_usual || pool["usual_latency_ms"].is_number();
            passed >= read && usual && pool["verdict"] == "even"
        };
        let why = "before anything was done, `diagnose` did not find traffic even within";
        self.wait(known, EVEN_MAX, why)?;
        let before = self.scene.moment.clone().ok_or_else(|| Cut::Untrue("nothing was seen".to_owned()))?;
        self.record.usual_ms = before.p99_ms();
        self.record.failed_before = before.frame.failed;
        Ok(before)
    }

    /// Somebody does something. What there was when the last of it was done.
    fn fault(&mut self, before: &Moment) -> Result<Moment, Cut> {
        let mut since = before.clone();
        for step in self.story.fault {
            since = self.take(Act::Fault, step)?;
            let lasts = step.lasts;
            self.look(move |_, passed| passed >= lasts, Duration::MAX)?;
        }
        let story = self.story;
        let why = "`diagnose` did not name it within";
        self.wait(move |moment, _| moment.cause_of(story).is_some(), VERDICT_MAX, why)?;
        Ok(since)
    }

    /// `diagnose` has named it.
    fn verdict(&mut self, since: &Moment) -> Result<(), Cut> {
        let Some(moment) = self.scene.moment.clone() else { return Ok(()) };
        let (at, seconds) = (moment.at(), moment.at() - since.at());
        let requests = moment.asked() - since.asked();
        let cause = moment.cause_of(self.story).unwrap_or_default();
        let answer = moment.answer();
        let text = crate::diagnose::text_of(&moment.diagnosis).unwrap_or_default();
        let caption =
            format!("Named by `diagnose`, {seconds:.1} s and {requests} requests after: {answer} ({cause}).");
        self.begin(Act::Verdict, &caption)?;
        self.scene.text.clone_from(&text);
        let named = Named { at, seconds, requests, cause: cause.clone(), answer: answer.clone() };
        self.record.named = Some(named);
        let diagnosis = moment.diagnosis;
        self.view.tell(&Event::Verdict { at, seconds, requests, cause, answer, text, diagnosis })?;
        let read = self.pause_of(READ_VERDICT);
        self.look(move |_, passed| passed >= read, Duration::MAX)?;
        Ok(())
    }

    /// Somebody does what it advised, and all is well again.
    fn mend(&mut self) -> Result<(), Cut> {
        let since = self.take(Act::Mend, &self.story.mend)?;
        let (story, usual) = (self.story, self.record.usual_ms);
        let began = since.at();
        let window = super::super::frame::NOW.as_secs_f64();
        let restored =
            move |moment: &Moment, _| moment.at() - began >= window && moment.is_restored(story, usual);
        self.wait(restored, MEND_MAX, "the mend did not restore evenness within")?;
        let at = self.scene.moment.as_ref().map_or(began, Moment::at);
        self.record.restored_at = Some(at);
        self.view.tell(&Event::Restored { at, seconds: at - began })?;
        let read = self.pause_of(READ_CAPTION);
        self.look(move |_, passed| passed >= read, Duration::MAX)?;
        Ok(())
    }

    /// Does what a step says, and notes it. What there was then.
    fn take(&mut self, act: Act, step: &Step) -> Result<Moment, Cut> {
        self.scene.text.clear();
        self.begin(act, step.caption)?;
        let warned = self.world.take(step)?;
        let moment = self.world.look()?;
        let done = Some(Done { at: moment.at(), what: step.caption.to_owned() });
        if act == Act::Fault {
            self.record.done = done;
            self.record.warned = warned;
        } else {
            self.record.mended = done;
        }
        self.scene.moment = Some(moment.clone());
        Ok(moment)
    }

    fn begin(&mut self, act: Act, caption: &str) -> Result<(), Cut> {
        caption.clone_into(&mut self.scene.caption);
        self.scene.act = act;
        let at = self.scene.moment.as_ref().map_or(0.0, Moment::at);
        Ok(self.view.tell(&Event::Act { act, at, caption: caption.to_owned() })?)
    }

    /// Goes on until `seen`; it is untrue that it comes, if it does not within `longest`.
    fn wait(
        &mut self,
        seen: impl Fn(&Moment, Duration) -> bool,
        longest: Duration,
        why: &str,
    ) -> Result<(), Cut> {
        if self.look(seen, longest)? {
            return Ok(());
        }
        let said = self.scene.moment.as_ref().map(Moment::answer).unwrap_or_default();
        Err(Cut::Untrue(format!("{why} {} s; it says: {said}", longest.as_secs())))
    }

    /// Shows how things are until `seen`, for no longer than `longest`. Whether it came.
    fn look(&mut self, seen: impl Fn(&Moment, Duration) -> bool, longest: Duration) -> Result<bool, Cut> {
        let began = Instant::now();
        loop {
            let moment = self.world.look()?;
            let passed = began.elapsed();
            let seen = seen(&moment, passed);
            self.note(&moment)?;
            self.scene.moment = Some(moment);
            if seen {
                return Ok(true);
            }
            if passed >= longest {
                return Ok(false);
            }
            if !self.view.show(&self.scene)? {
                return Err(Cut::Left);
            }
        }
    }

    /// Remembers what users see, and tells when `diagnose` says something else.
    fn note(&mut self, moment: &Moment) -> Result<(), Cut> {
        let pool = &moment.diagnosis["pools"][0];
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let verdict = text(&pool["verdict"]).unwrap_or_default();
        let said = (verdict, text(&pool["symptoms"][0]["cause"]));
        if matches!(self.scene.act, Act::Fault | Act::Verdict | Act::Mend) {
            self.record.see(moment);
        }
        if said != self.said {
            self.said = said.clone();
            let (verdict, cause) = said;
            let answer = moment.answer();
            let blames = matches!(verdict.as_str(), "skewed" | SHARED);
            if self.scene.act == Act::Fault && blames && moment.cause_of(self.story).is_none() {
                self.record.misled = Some(format!("{answer} ({})", cause.as_deref().unwrap_or(&verdict)));
            }
            self.view.tell(&Event::Says { at: moment.at(), verdict, cause, answer })?;
        }
        Ok(())
    }

    fn pause_of(&self, pause: Duration) -> Duration {
        pause.div_f64(self.speed)
    }
}
