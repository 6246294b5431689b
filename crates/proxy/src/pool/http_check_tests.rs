use super::*;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const CHECK: HttpCheck<'_> =
    HttpCheck { path: "/", host: "backend", expect_status: &[(200, 299)], first: b"" };
const WELL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A backend that gives each of its connections the next of these answers, one for each question on it, and closes
/// after the last. Counts the questions.
async fn backend(connections: Vec<Vec<String>>) -> (SocketAddr, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        for answers in connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in answers {
                let mut question = Vec::new();
                while !question.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut question).await.unwrap() == 0 {
                        break;
                    }
                }
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
        std::future::pending::<()>().await;
    });
    (address, asked)
}

fn reuse() -> Reuse {
    Reuse::new(Arc::new(Semaphore::new(1)), Duration::from_millis(1), Duration::from_millis(20))
}

async fn check(address: SocketAddr, reuse: &mut Reuse) -> Option<Result<(), String>> {
    let Verdict { result, rest } = ask(address, None, CHECK, Some(reuse)).await;
    if let Some(rest) = rest {
        tokio::time::timeout(Duration::from_millis(50), reuse.finish(rest)).await.ok();
    }
    result
}

fn well(times: usize) -> Vec<String> {
    vec![WELL.to_owned(); times]
}

#[tokio::test]
async fn a_connection_is_kept_for_some_checks_and_then_renewed() {
    let every = RENEWED_EVERY as usize;
    let (address, asked) = backend(vec![well(every), well(every)]).await;
    let mut reuse = reuse();
    for _ in 0..2 * every {
        assert_eq!(check(address, &mut reuse).await, Some(Ok(())));
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 2 * every);
}

#[tokio::test]
async fn what_a_kept_connection_says_counts_only_when_it_is_yes() {
    let no = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".to_owned();
    for second in [no.clone(), "nonsense\n\n".to_owned(), String::new()] {
        let (address, _) = backend(vec![vec![WELL.to_owned(), second], well(1), vec![no.clone()]]).await;
        let mut reuse = reuse();
        assert_eq!(check(address, &mut reuse).await, Some(Ok(())));
        assert_eq!(check(address, &mut reuse).await, Some(Ok(())), "asked again on a new connection");
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(check(address, &mut reuse).await, Some(Err("status 503".to_owned())));
    }
}

#[tokio::test]
async fn a_connection_that_is_not_silent_or_may_not_stay_is_not_used_again() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nok", BODY_MAX + 1);
    for first in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nuntil it closes",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nnonsense",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        &long,
    ] {
        let (address, _) = backend(vec![vec![first.to_owned()], well(1)]).await;
        let mut reuse = reuse();
        assert_eq!(
            check(address, &mut reuse).await,
            Some(Ok(())),
            "the verdict does not wait for the body: {first:?}"
        );
        assert!(reuse.kept.is_none(), "{first:?}");
        assert_eq!(check(address, &mut reuse).await, Some(Ok(())));
    }
}

#[tokio::test]
async fn interim_answers_and_chunked_bodies_are_read_whole() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2;x\r\nok\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n";
    let (address, asked) = backend(vec![vec![answer.to_owned(); 3]]).await;
    let mut reuse = reuse();
    for _ in 0..3 {
        assert_eq!(check(address, &mut reuse).await, Some(Ok(())));
        assert!(reuse.kept.is_some());
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[tokio::test]
async fn without_a_file_to_spare_each_check_has_its_own_connection() {
    let (address, _) = backend(vec![well(1), well(1)]).await;
    let mut reuse = Reuse::new(Arc::new(Semaphore::new(0)), Duration::ZERO, Duration::ZERO);
    for _ in 0..2 {
        assert_eq!(check(address, &mut reuse).await, Some(Ok(())));
        assert!(reuse.kept.is_none());
    }
}

/// Such as one that a firewall has forgotten: nothing comes, not even an end.
#[tokio::test]
async fn a_kept_connection_that_says_nothing_leaves_time_for_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut question).await.unwrap();
            }
            stream.write_all(WELL.as_bytes()).await.unwrap();
            open.push(stream);
        }
    });
    let mut reuse = reuse();
    for _ in 0..3 {
        let checked = tokio::time::timeout(Duration::from_secs(2), check(address, &mut reuse)).await;
        assert_eq!(checked, Ok(Some(Ok(()))));
        assert!(reuse.kept.is_some());
    }
}
