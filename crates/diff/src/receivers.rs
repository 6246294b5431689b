//! Who is told of alarms, before and after: by name, since their URLs may be secrets.

use evenkeel_config::{Config, Notify};

use crate::report::{Item, Rank};

/// What is to be told of receivers.
pub(crate) fn compare(old: &Config, new: &Config) -> Vec<Item> {
    let find = |all: &'_ [Notify], name: &str| all.iter().position(|one| one.name == name);
    let about = |one: &Notify| format!("notify {}", one.name);
    let mut items = Vec::new();
    for gone in old.notify.iter().filter(|one| find(&new.notify, &one.name).is_none()) {
        let item = Item::new(Rank::Change, "receiver-removed", about(gone), "is told of no alarm any more");
        items.push(match new.notify.is_empty() {
            true => item.more("nobody is told"),
            false => item,
        });
    }
    for one in &new.notify {
        match find(&old.notify, &one.name).map(|place| &old.notify[place]) {
            None => items.push(Item::new(Rank::Change, "receiver-added", about(one), "is told of alarms")),
            Some(before) if before != one => {
                let item = Item::new(Rank::Change, "receiver-changed", about(one), "has other settings");
                items.push(item.more("what waits for it is dropped, and what stands is told anew"));
            }
            Some(_) => {}
        }
    }
    items
}
