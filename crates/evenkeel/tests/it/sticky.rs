//! Sessions: a cookie of Evenkeel's own keeps them where they are.

use evenkeel_testkit::{Client, Evenkeel, Gate, Load, Metrics, Reply, Response, until};

use crate::support::{Setup, attempts, backends, counts, get, get_with, who};

fn pool(sticky: &str) -> String {
    format!("strategy = \"round_robin\"\nhealth = false\npassive = false\nsticky = {sticky}")
}

/// The `Set-Cookie` fields of a response.
fn set(response: &Response) -> Vec<&str> {
    response.head.all("set-cookie")
}

/// The cookie that a response sets, as a client sends it back.
fn cookie(response: &Response) -> String {
    let [line] = set(response)[..] else { panic!("one cookie is set, not {:?}", set(response)) };
    line.split(';').next().unwrap_or_default().to_owned()
}

async fn ask(client: &mut Client, cookie: &str) -> Response {
    client.send(get_with("/", &format!("Cookie: x=y; {cookie}\r\n"))).await;
    client.response().await
}

/// Waits until so many sessions have begun and moved: they are counted when the answer has been delivered.
async fn await_sessions(evenkeel: &Evenkeel, new: f64, moved: f64) {
    let count = |metrics: &Metrics, event: &str| {
        metrics.value("evenkeel_pool_sessions_total", &[("pool", "web"), ("event", event)])
    };
    let counted = |metrics: &Metrics| (count(metrics, "new"), count(metrics, "moved")) == (new, moved);
    evenkeel.await_metrics(&format!("{new} new sessions, {moved} moved"), counted).await;
}

#[tokio::test]
async fn a_session_stays_where_it_began() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).pool(&pool("true")).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..3 {
        let first = client.get("h", "/").await;
        let line = set(&first)[0].to_owned();
        let (name, rest) = line.split_once('=').expect("a cookie");
        let (value, attributes) = rest.split_once(';').expect("attributes");
        let is_hex = value.len() == 16 && value.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        assert!(name == "EVENKEEL" && is_hex, "{line}");
        assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax");
        let cookie = cookie(&first);
        for _ in 0..10 {
            // Other connections are served by other workers.
            let next = ask(&mut evenkeel.client("web").await, &cookie).await;
            assert_eq!((who(&next), set(&next).len()), (who(&first), 0));
        }
    }
    assert!(counts(&all).values().all(|&count| count == 11), "{:?}", counts(&all));
    assert_eq!((attempts(&evenkeel, "sticky").await, attempts(&evenkeel, "algorithm").await), (30.0, 3.0));
    await_sessions(&evenkeel, 3.0, 0.0).await;
    let received = all[0].received();
    let forwarded = received.last().and_then(|request| request.head.field("cookie")).unwrap_or_default();
    assert!(forwarded.starts_with("x=y; EVENKEEL="), "the backend sees what the client sent: {forwarded}");
}

#[tokio::test]
async fn attributes_are_those_of_the_file() {
    let all = backends(["a", "b"]).await;
    let sticky = "{ cookie = \"HOME\", ttl = \"1h\", path = \"/shop\", secure = true, http_only = false, same_site = \"none\" }";
    let evenkeel = Setup::new(&all).pool(&pool(sticky)).start().await;
    let mut client = evenkeel.client("web").await;
    let mut response = client.get("h", "/").await;
    for _ in 0..3 {
        let cookie = cookie(&response);
        let [line] = set(&response)[..] else { panic!("one cookie") };
        assert_eq!(line, format!("{cookie}; Path=/shop; Max-Age=3600; Secure; SameSite=None"));
        // What would come to its end is renewed by every response.
        response = ask(&mut client, &cookie).await;
    }
    await_sessions(&evenkeel, 1.0, 0.0).await;
}

#[tokio::test]
async fn a_session_survives_a_restart_and_a_reload() {
    let all = backends(["a", "b", "c"]).await;
    let setup = Setup::new(&all).pool(&pool("true"));
    let first = setup.start().await;
    let begun = first.client("web").await.get("h", "/").await;
    let (home, cookie) = (who(&begun), cookie(&begun));
    first.reload(&setup.clone().pool(&pool("{ path = \"/x\" }")).text()).await;
    assert_eq!(who(&ask(&mut first.client("web").await, &cookie).await), home, "after a reload");
    let second = setup.start().await;
    assert_eq!(who(&ask(&mut second.client("web").await, &cookie).await), home, "on another instance");
}

#[tokio::test]
async fn a_session_whose_backend_is_dead_gets_another() {
    for health in ["false", "{ path = \"/healthz\", interval = \"100ms\", rise = 1, fall = 2 }"] {
        let mut all = backends(["a", "b", "c"]).await;
        let pool = pool("true").replace("health = false", &format!("health = {health}"));
        let evenkeel = Setup::new(&all).pool(&pool).start().await;
        evenkeel.await_eligible("web", 3).await;
        let mut client = evenkeel.client("web").await;
        let begun = client.get("h", "/").await;
        let (home, old) = (who(&begun), cookie(&begun));
        let dead = all.iter().position(|backend| backend.name() == home).expect("one of them");
        all[dead].stop().await;
        if health != "false" {
            evenkeel.await_eligible("web", 2).await;
        }
        let moved = ask(&mut client, &old).await;
        let (new_home, new) = (who(&moved), cookie(&moved));
        assert!(moved.status() == 200 && new_home != home && new != old, "{moved:?}");
        let next = ask(&mut client, &new).await;
        assert_eq!((who(&next), set(&next).len()), (new_home, 0));
        await_sessions(&evenkeel, 1.0, 1.0).await;
        // Whoever still has the old cookie finds its backend again once that is back.
        all[dead].resume().await;
        evenkeel.await_eligible("web", 3).await;
        assert_eq!(who(&ask(&mut client, &old).await), home);
    }
}

#[tokio::test]
async fn what_is_no_cookie_of_ours_is_ignored() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).pool(&pool("true")).start().await;
    let mut client = evenkeel.client("web").await;
    for bad in [
        "EVENKEEL=",
        "EVENKEEL=a",
        "EVENKEEL=zzzzzzzzzzzzzzzz",
        "EVENKEEL=\"0123456789abcdef\"",
        "EVENKEEL=0123456789abcdef0123456789abcdef",
        "evenkeel=0123456789abcdef",
    ] {
        let response = ask(&mut client, bad).await;
        assert_eq!((response.status(), set(&response).len()), (200, 1), "{bad}");
    }
    await_sessions(&evenkeel, 6.0, 0.0).await;
    // It looks like one of ours and is nobody's: a backend that has gone from the file.
    assert_eq!(set(&ask(&mut client, "EVENKEEL=0123456789abcdef").await).len(), 1);
    await_sessions(&evenkeel, 6.0, 1.0).await;
}

/// A limit is about one request; a session is for longer.
#[tokio::test]
async fn a_busy_backend_does_not_lose_its_sessions() {
    let all = backends(["a", "b"]).await;
    let entries = all.iter().map(|backend| backend.entry_with("max_in_flight = 1"));
    let evenkeel = Setup::of_entries(entries).pool(&pool("true")).start().await;
    let begun = evenkeel.client("web").await.get("h", "/").await;
    let (home, cookie) = (who(&begun), cookie(&begun));
    let at_home = all.iter().find(|backend| backend.name() == home).expect("one of them");
    // The client has the answer a moment before the backend is counted as free again.
    let free = |metrics: &Metrics| metrics.value("evenkeel_backend_in_flight", &[("pool", "web")]) == 0.0;
    evenkeel.await_metrics("the end of it", free).await;
    let gate = Gate::new();
    let reply = Reply::named(&home, "late").behind(&gate);
    at_home.set_answer(move |_| reply.clone());
    let mut busy = evenkeel.client("web").await;
    busy.send(get_with("/", &format!("Cookie: {cookie}\r\n"))).await;
    until("the first request", async || (at_home.requests() == 2).then_some(())).await;
    let elsewhere = ask(&mut evenkeel.client("web").await, &cookie).await;
    assert!(who(&elsewhere) != home && set(&elsewhere).is_empty(), "{elsewhere:?}");
    gate.open();
    busy.response().await;
    evenkeel.await_metrics("the end of it", free).await;
    let back = ask(&mut evenkeel.client("web").await, &cookie).await;
    assert_eq!((who(&back), set(&back).len()), (home, 0));
    await_sessions(&evenkeel, 1.0, 0.0).await;
}

#[tokio::test]
async fn no_cookie_where_none_is_configured() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    assert!(set(&client.response().await).is_empty());
    Load::new(evenkeel.address("web"), 2).run(20).await.assert_all_ok();
    assert_eq!(evenkeel.metrics().await.get("evenkeel_pool_sessions_total", &[]), None);
}
