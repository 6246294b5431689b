//! Tells receivers of alarms: what has begun, what has another cause than it seemed, what is over. Once each, however
//! long it takes to reach them, and without anybody else waiting for it.
//!
//! What stands is looked at with each tick of the skew watch, which only puts messages into bounded queues. Each receiver
//! has a task of its own on the control thread, which delivers them.

mod desk;
mod message;
mod post;
mod receiver;
mod settings;
mod told;

use std::sync::{Arc, Mutex};

use evenkeel_core::{Nanos, Rng};

use crate::clock::Clock;
use crate::control::Control;
use crate::proxy::lock;

pub(crate) use message::{Details, Sender, Subject, What};
use receiver::Receiver;
pub(crate) use settings::{Settings, load};
pub(crate) use told::Alarm;

/// All receivers.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    receivers: Mutex<Vec<Arc<Receiver>>>,
}

impl Notifier {
    /// Brings the receivers to a configuration. Those that are as they were keep what they have not delivered; others
    /// begin anew, and are told what stands.
    pub(crate) fn configure(&self, control: &Control, clock: Clock, rng: &mut Rng, wanted: Vec<Settings>) {
        let mut receivers = lock(&self.receivers);
        let mut before = std::mem::take(&mut *receivers);
        for settings in wanted {
            let same = before.iter().position(|known| known.is_for(&settings));
            match same.map(|place| before.swap_remove(place)) {
                Some(known) => {
                    known.renew(settings);
                    receivers.push(known);
                }
                None => {
                    let new = Arc::new(Receiver::new(settings, Rng::from_seed(rng.next_u64())));
                    control.spawn(Arc::clone(&new).run(clock));
                    receivers.push(new);
                }
            }
        }
        before.iter().for_each(|gone| gone.leave());
    }

    /// Whether anybody is to be told of anything.
    pub(crate) fn is_silent(&self) -> bool {
        lock(&self.receivers).is_empty()
    }

    /// Puts what is new about what stands into the queues. `describe` is called for what is told only.
    pub(crate) fn look<A: Alarm>(
        &self,
        now: Nanos,
        sender: &Sender,
        standing: &[A],
        describe: impl Fn(&A) -> Details,
    ) {
        for receiver in lock(&self.receivers).iter() {
            receiver.look(now, sender, standing, &describe);
        }
    }

    /// How many messages each receiver got, by name and result.
    pub(crate) fn counts(&self) -> Vec<(String, [(&'static str, u64); receiver::RESULTS])> {
        lock(&self.receivers).iter().map(|receiver| (receiver.name(), receiver.counts())).collect()
    }
}
