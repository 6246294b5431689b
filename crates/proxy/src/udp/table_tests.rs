use std::time::Duration;

use super::*;

fn flow(port: u16) -> Flow {
    Flow { client: SocketAddr::from(([192, 0, 2, 1], port)), local: None }
}

/// The table against a list that is searched and sorted, through many steps in an order drawn with a fixed seed.
#[test]
fn is_what_a_plain_list_would_be() {
    let start = Instant::now();
    let mut rng = evenkeel_core::Rng::from_seed(7);
    let mut table = Table::new();
    // Flow, session, standing; least recently used first.
    let mut list: Vec<(Flow, u64, Standing)> = Vec::new();
    for step in 0..20_000_u64 {
        let now = start + Duration::from_millis(step);
        let wanted = flow((rng.next_u64() % 40) as u16);
        let known = list.iter().position(|(flow, ..)| *flow == wanted);
        assert_eq!(table.find(&wanted).is_some(), known.is_some());
        match (table.find(&wanted), known) {
            (Some(place), Some(at)) => {
                assert_eq!(
                    table.get(place).map(|(flow, session)| (*flow, *session)),
                    Some((wanted, list[at].1))
                );
                let mut entry = list.remove(at);
                match rng.next_u64() % 4 {
                    0 => assert_eq!(table.remove(place), Some((wanted, entry.1))),
                    1 => {
                        entry.2 = Standing::Answering;
                        table.vouch(place, now);
                        list.push(entry);
                    }
                    _ => {
                        table.touch(place, now);
                        list.push(entry);
                    }
                }
            }
            _ => {
                table.insert(wanted, step, now);
                list.push((wanted, step, Standing::Heard));
            }
        }
        assert_eq!(table.len(), list.len());
        for standing in [Standing::Heard, Standing::Answering] {
            let oldest = list.iter().find(|entry| entry.2 == standing).map(|entry| entry.1);
            let found =
                table.oldest(standing).and_then(|(place, _)| table.get(place)).map(|(_, session)| *session);
            assert_eq!(found, oldest, "{standing:?} at step {step}");
        }
        let found = table
            .oldest_of_all()
            .map(|(place, _)| place)
            .and_then(|place| table.get(place))
            .map(|(_, session)| *session);
        assert_eq!(found, list.first().map(|entry| entry.1));
    }
    assert!(table.slots.len() <= 40, "places are used again");
}

#[test]
fn one_client_of_two_addresses_has_two_sessions() {
    let mut table = Table::new();
    let at = |last| Flow { local: Some(IpAddr::from([10, 0, 0, last])), ..flow(1) };
    let first = table.insert(at(1), 'a', Instant::now());
    let second = table.insert(at(2), 'b', Instant::now());
    assert_eq!(
        (table.find(&at(1)), table.find(&at(2)), table.find(&flow(1))),
        (Some(first), Some(second), None)
    );
    assert_eq!(table.remove(first), Some((at(1), 'a')));
    assert_eq!((table.remove(first), table.get(first).is_none(), table.len()), (None, true, 1));
}
