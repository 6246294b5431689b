use std::time::Duration;

use evenkeel_proxy::journal::{Options, What};
use hyper::header::{ACCEPT, HOST};

use super::*;

/// Three events of two pools.
fn told() -> Events {
    let journal = Journal::start(Options::default()).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let _watching = journal.watch(move || tell.send(()).unwrap_or_default());
    journal.record(Some("web"), Some("a"), What::MemberAdded);
    journal.record(Some("api"), Some("b"), What::MemberAdded);
    journal.record(Some("web"), Some("a"), What::Ejected { why: "503".to_owned() });
    while journal.counts().iter().map(|(_, count)| count).sum::<u64>() < 3 {
        told.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    Events::new(journal)
}

fn request(uri: &str, accept: &str) -> Request<()> {
    Request::builder().uri(uri).header(HOST, "localhost").header(ACCEPT, accept).body(()).unwrap()
}

async fn once(events: &Events, uri: &str) -> (StatusCode, String) {
    let response = events.answer(&request(uri, "*/*"), &Busy::default()).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The next part of a body.
async fn part(body: &mut AnyBody) -> Option<String> {
    let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap()?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn lines_by_pool_kind_and_number() {
    let events = told();
    let (status, all) = once(&events, "/events").await;
    assert_eq!((status, all.lines().count()), (StatusCode::OK, 3), "{all}");
    let first: serde_json::Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    let after = format!("/events?after={}", first["seq"]);
    assert_eq!(once(&events, &after).await.1.lines().count(), 2);
    assert_eq!(once(&events, "/events?pool=web&kind=ejected").await.1.lines().count(), 1);
    assert!(once(&events, "/events?limit=1").await.1.contains("ejected"), "the latest");
    let (_, document) = once(&events, "/events?format=document&pool=api").await;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((document["events"].as_array().unwrap().len(), &document["missed"]), (1, &json!(false)));
    let (_, lost) = once(&events, "/events?after=1").await;
    assert!(lost.starts_with("{\"lagging\":true"), "numbers of an earlier process: {lost}");
    assert_eq!(once(&events, "/events?kind=sku").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_follows_is_told_and_goes_without_a_trace() {
    let events = told();
    let busy = Busy::default();
    let response = events.answer(&request("/events?limit=1", "text/event-stream"), &busy).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    assert_eq!(part(&mut body).await.as_deref(), Some(":\n\n"));
    let first = part(&mut body).await.unwrap();
    assert!(first.starts_with("id: ") && first.contains("\nevent: ejected\ndata: {"), "{first}");
    events.journal.record(Some("web"), Some("a"), What::Returned { why: String::new() });
    assert!(part(&mut body).await.unwrap().contains("event: returned"));
    assert_eq!((events.journal.watchers(), busy.is_busy()), (1, true));
    drop(body);
    let gone = async {
        while events.journal.watchers() > 0 || busy.is_busy() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert_eq!(events.places.available_permits(), FOLLOWERS_MAX);
}

#[tokio::test]
async fn only_so_many_may_follow() {
    let events = told();
    let busy = Busy::default();
    let mut open = Vec::new();
    for _ in 0..FOLLOWERS_MAX {
        open.push(events.answer(&request("/events?follow", "*/*"), &busy).await);
    }
    assert!(open.iter().all(|response| response.status() == StatusCode::OK));
    let refused = events.answer(&request("/events?follow", "*/*"), &busy).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn who_takes_nothing_is_cut_off() {
    let events = told();
    let (parts, body) = mpsc::channel(1);
    let asked = Asked::of(&request("/events?limit=3", "text/event-stream")).unwrap();
    let mut follower = Follower::new(events.journal.clone(), asked, parts);
    follower.stall_max = Duration::from_millis(50);
    // The first part waits in the channel, the second finds it full.
    tokio::time::timeout(Duration::from_secs(10), follower.run()).await.unwrap();
    assert_eq!(events.journal.watchers(), 0);
    drop(body);
}

/// One that reads, but not fast enough, is told so and cut off.
#[tokio::test]
async fn who_falls_behind_is_told() {
    let events = told();
    let (parts, mut body) = mpsc::channel(1);
    let asked = Asked::of(&request("/events?follow", "*/*")).unwrap();
    let follower = tokio::spawn(Follower::new(events.journal.clone(), asked, parts).run());
    assert_eq!(body.recv().await.unwrap(), "\n");
    // From here on it follows, wherever it began.
    while body.try_recv().is_err() {
        events.journal.record(None, None, What::Stopping);
        tokio::task::yield_now().await;
    }
    let count = || events.journal.counts().iter().map(|(_, count)| count).sum::<u64>();
    let (before, mut told) = (count(), 0_u64);
    // More than memory holds, while two parts at most are on their way.
    while told < 10_900 {
        let burst = 500;
        (0..burst).for_each(|_| events.journal.record(Some("web"), Some("a"), What::MemberAdded));
        told += burst;
        while count() < before + told {
            tokio::task::yield_now().await;
        }
    }
    let mut last = String::new();
    while let Some(part) = body.recv().await {
        last = String::from_utf8(part.to_vec()).unwrap();
    }
    follower.await.unwrap();
    assert!(last.starts_with("{\"lagging\":true"), "{}", &last[..last.len().min(200)]);
}
