//! Waiting for a condition: polled, with a deadline.

use std::time::{Duration, Instant};

/// How long a condition may take before a test calls it failed. Generous: two cores run many tests at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls `check` until it gives a value.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub async fn until<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, check).await
}

/// Polls `check` until it gives a value, for at most `limit`.
///
/// # Panics
/// After `limit`, naming `what`.
pub async fn until_within<T>(limit: Duration, what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_what_the_check_gives() {
        let mut left = 3;
        let value = until("three polls", async || {
            left -= 1;
            (left == 0).then_some(7)
        });
        assert_eq!(value.await, 7);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for: nothing")]
    async fn gives_up_at_the_deadline() {
        until_within(Duration::from_millis(30), "nothing", async || None::<()>).await;
    }
}
