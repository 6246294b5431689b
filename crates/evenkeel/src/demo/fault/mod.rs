//! `evenkeel demo --fault`: a mistake that balancers make, shown live: even traffic, the fault, what users see, the
//! verdict of `diagnose`, the mend.

mod director;
mod event;
mod moment;
mod plain;
mod record;
mod screen;
mod setup;
mod story;
mod world;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::sync::mpsc::Receiver;

use crate::app::describe;
use crate::cli::DemoArgs;
use crate::output::{self, Answer};
use director::{Director, View};
use plain::Plain;
use record::Record;
use screen::Screen;
use world::World;

pub(crate) use story::Fault;

/// Plays a story. The answer is no if it turned out not to be true.
pub(super) fn demo(fault: Fault, arguments: &DemoArgs, stop: io::Result<Receiver<()>>) -> Answer {
    let on_screen = !arguments.plain && !arguments.json && output::addressable(io::stdout().is_terminal());
    let played = stop.map_err(Into::into).and_then(|stop| play(fault, arguments, stop, on_screen));
    match played {
        Ok(record) => ended(&record, on_screen),
        Err(error) => {
            output::complain(describe(error.as_ref()), "");
            Answer::No
        }
    }
}

fn play(
    fault: Fault,
    arguments: &DemoArgs,
    stop: Receiver<()>,
    on_screen: bool,
) -> Result<Record, Box<dyn Error>> {
    let mut world = World::start(fault.story(), arguments.listen)?;
    let mut view: Box<dyn View> = match on_screen {
        true => Box::new(Screen::new(stop)?),
        false => Box::new(Plain::new(stop, arguments.json)),
    };
    let director = Director::new(fault, &mut world, view.as_mut(), arguments.speed);
    let played = director.play(on_screen && !arguments.exit);
    // The terminal is given back before anything is said.
    drop(view);
    world.end();
    played
}

/// The closing words; in lines they have been told already.
fn ended(record: &Record, on_screen: bool) -> Answer {
    let told = if on_screen { output::out(record.text()) } else { Answer::Yes };
    match &record.why_not {
        Some(why) => {
            output::complain(
                why,
                "is the machine very busy? try again, or send `evenkeel demo --fault NAME --json`",
            );
            told.and(Answer::No)
        }
        None => told,
    }
}
