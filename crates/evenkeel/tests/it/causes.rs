//! Causes that the counters alone do not show: which key is hot, which connections stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Json, Load, Reply, Step, Tally, until_within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use crate::raw::{Server, connect, layer4, read};
use crate::support::{Setup, backends, get, get_with};

/// Ticks of a second are waited for.
const LONG: Duration = Duration::from_secs(60);

fn after(millis: u64) -> Reply {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    Reply::steps([Step::Pause(Duration::from_millis(millis)), Step::Send(answer)])
}

/// The worst symptom of the only pool, once it is one that `is_it`.
async fn symptom(evenkeel: &Evenkeel, what: &str, is_it: impl Fn(&Json) -> bool) -> Json {
    until_within(LONG, what, async || {
        let worst = evenkeel.admin_json("/diagnose").await["pools"][0]["symptoms"][0].clone();
        (worst.is_object() && is_it(&worst)).then_some(worst)
    })
    .await
}

/// One path is asked for all the time over two connections, all sorts of others over two more.
fn traffic(evenkeel: &Evenkeel, stop: &Arc<AtomicBool>) -> (JoinHandle<Tally>, Vec<JoinHandle<()>>) {
    let (hot, stopped) = (Load::new(evenkeel.address("web"), 2).path("/hot"), Arc::clone(stop));
    let hot = tokio::spawn(async move { hot.run_until(stopped).await });
    let others = (0..2_u64).map(|mut number| {
        let (address, stopped) = (evenkeel.address("web"), Arc::clone(stop));
        tokio::spawn(async move {
            let mut client = evenkeel_testkit::Client::connect(address).await;
            while !stopped.load(Ordering::Relaxed) {
                number += 2;
                client.send(get(&format!("/{number}"))).await;
                client.response().await;
            }
        })
    });
    (hot, others.collect())
}

#[tokio::test]
async fn a_key_that_is_hot_is_named_by_hash_and_only_if_asked_for_as_it_is() {
    let all = backends(["a", "b", "c"]).await;
    all.iter().for_each(|backend| backend.set_answer(|_| after(5)));
    let pool = |more: &str| {
        let keys = format!("strategy = \"maglev\"\nhash = {{ path = true{more} }}");
        Setup::new(&all).pool(&format!("{keys}\nhealth = false\npassive = false"))
    };
    let evenkeel = pool("").start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (hot, others) = traffic(&evenkeel, &stop);
    let is_hot = |worst: &Json| worst["cause"] == "hot_key" && worst["keys"][0].is_array();
    let found = symptom(&evenkeel, "a hot key", is_hot).await;
    assert_eq!(found["blame"], "clients", "{found}");
    let sentence = found["sentence"].as_str().expect("a text");
    assert!(sentence.contains("key #") && !sentence.contains("/hot"), "{sentence}");
    let share = found["keys"][0][1].as_f64().expect("a share");
    assert!((0.3..0.7).contains(&share), "{found}");
    let metrics = evenkeel.metrics().await;
    let top = metrics.value("evenkeel_pool_top_key_share", &[("pool", "web")]);
    assert!((0.3..0.7).contains(&top), "{top}");
    assert!(metrics.value("evenkeel_pool_design_effect", &[("unit", "key")]) > 10.0);

    evenkeel.reload(&pool(", show_keys = true").text()).await;
    let is_named = |worst: &Json| is_hot(worst) && worst["keys"][0][0] == "\"/hot\"";
    let named = symptom(&evenkeel, "the key as it is", is_named).await;
    assert!(named["sentence"].as_str().expect("a text").contains("key \"/hot\" alone makes"), "{named}");
    stop.store(true, Ordering::Relaxed);
    hot.await.expect("it ran").assert_all_ok();
    for other in others {
        other.await.expect("it ran");
    }
}

/// One of three begins anew: its connections are gone, and no new ones come to fill the gap.
#[tokio::test]
async fn connections_that_stay_are_why_one_has_none() {
    let [a, b, c] = [Server::start("a").await, Server::start("b").await, Server::start("c").await];
    let evenkeel = layer4("tcp", [&a, &b, &c]).start().await;
    let mut clients = Vec::new();
    for _ in 0..240 {
        let mut client = connect(&evenkeel).await;
        client.write_all(b"first words").await.expect("it is open");
        // Leaves when its backend does.
        clients.push(tokio::spawn(async move {
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await
        }));
    }
    until_within(LONG, "an even pool", async || {
        let pool = evenkeel.admin_json("/diagnose").await["pools"][0].clone();
        (pool["verdict"] == "even").then_some(())
    })
    .await;
    let mut gone = 0;
    while let Some(mut connection) = c.take() {
        // Closed in good order: what is not read would reset it.
        assert_eq!(read(&mut connection, 11).await, b"first words");
        gone += 1;
    }
    assert_eq!(gone, 80, "they were spread evenly");
    let found =
        symptom(&evenkeel, "connections that stay", |worst| worst["cause"] == "long_lived_connections").await;
    assert_eq!(
        (&found["backend"], &found["dimension"]),
        (&Json::from("c"), &Json::from("in_flight")),
        "{found}"
    );
    assert!(found["sentence"].as_str().is_some_and(|text| text.contains("stay where they are")), "{found}");
    assert!(found["advice"].as_str().is_some_and(|text| text.contains("connection_age")), "{found}");
    clients.iter().for_each(JoinHandle::abort);
}

/// The cookie names a backend, not a session: that one client makes it all shows by the client's address.
#[tokio::test]
async fn one_session_that_makes_most_of_the_requests_is_named_for_it() {
    let all = backends(["a", "b", "c"]).await;
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false\nsticky = true";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    let first = client.response().await;
    let cookie =
        first.head.field("set-cookie").and_then(|line| line.split(';').next()).expect("a cookie").to_owned();
    let found = until_within(LONG, "the session", async || {
        for _ in 0..100 {
            client.send(get_with("/", &format!("Cookie: {cookie}\r\n"))).await;
            client.response().await;
        }
        let worst = evenkeel.admin_json("/diagnose").await["pools"][0]["symptoms"][0].clone();
        (worst["cause"] == "stickiness" && worst["design_effect"].is_number()).then_some(worst)
    })
    .await;
    let sentence = found["sentence"].as_str().expect("a text");
    assert!(sentence.contains("as uneven as 1 client of one size"), "{sentence}");
    assert!(sentence.contains("the largest makes 100 %"), "{sentence}");
    assert!(evenkeel.metrics().await.value("evenkeel_pool_design_effect", &[("unit", "session")]) > 20.0);
}
