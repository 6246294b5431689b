//! A real Prometheus scrapes Evenkeel and computes the shares that Evenkeel tells.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use evenkeel_testkit::{Client, Evenkeel, Json, Load, TempDir, free_port, until};

use crate::support::{Setup, backends};

/// Shares of the attempts so far, by backend.
const SHARES: &str = "sum by (backend) (evenkeel_backend_attempts_total{pool=\"web\"}) \
    / ignoring(backend) group_left sum (evenkeel_backend_attempts_total{pool=\"web\"})";

/// One that scrapes.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Prometheus {
    /// Scrapes four times a second and has no rules.
    pub(crate) fn start(target: SocketAddr) -> Self {
        Self::run(target, "250ms", "")
    }

    /// Scrapes once a second, and looks at these rules as often.
    pub(crate) fn with_rules(target: SocketAddr, rules: &str) -> Self {
        Self::run(target, "1s", rules)
    }

    fn run(target: SocketAddr, interval: &str, rules: &str) -> Self {
        let directory = TempDir::new("prometheus");
        directory.write("rules.yml", rules);
        let config = directory.write(
            "prometheus.yml",
            &format!(
                "global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n  evaluation_interval: 1s\n\
                 rule_files: [rules.yml]\nscrape_configs:\n\
                 - job_name: evenkeel\n  static_configs:\n  - targets: ['{target}']\n"
            ),
        );
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus (`cargo xtask test` installs it)");
        Self { child, address, _directory: directory }
    }

    /// The rows of an instant query.
    pub(crate) async fn rows(&self, expression: &str) -> Option<Vec<Json>> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression))).await?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }

    /// What its interface answers; `None` while it does not.
    pub(crate) async fn get(&self, path: &str) -> Option<Json> {
        let mut client = Client::try_connect(self.address).await.ok()?;
        let response = client.get("localhost", path).await;
        serde_json_from(&response.body)
    }

    /// The value of an instant query by the label `backend`, once every backend has one.
    async fn query(&self, expression: &str) -> Option<Vec<(String, f64)>> {
        let row = |row: &Json| {
            let name = row["metric"]["backend"].as_str()?.to_owned();
            Some((name, row["value"][1].as_str()?.parse().ok()?))
        };
        self.rows(expression).await?.iter().map(row).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serde_json_from(bytes: &[u8]) -> Option<Json> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Percent-encoded, whatever it is.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn observed(evenkeel: &Evenkeel) -> Vec<(String, f64)> {
    let pools = evenkeel.admin_json("/pools").await;
    let backends = pools["pools"][0]["backends"].as_array().expect("a list of backends");
    let share = |backend: &Json| Some((backend["name"].as_str()?.to_owned(), backend["observed"].as_f64()?));
    backends.iter().filter_map(share).collect()
}

#[tokio::test]
async fn its_shares_are_ours() {
    let all = backends(["a", "b", "c"]).await;
    let entries = [all[0].entry(5), all[1].entry(2), all[2].entry(1)];
    let pool = "strategy = \"round_robin\"\nintent = \"weights\"\nhealth = false\npassive = false";
    let evenkeel = Setup::of_entries(entries).pool(pool).start().await;
    Load::new(evenkeel.address("web"), 4).run(803).await.assert_all_ok();
    let expected = observed(&evenkeel).await;
    assert_eq!(expected.len(), 3);
    let prometheus = Prometheus::start(evenkeel.address("admin"));
    until("Prometheus to agree", async || {
        let mut shares = prometheus.query(SHARES).await?;
        shares.sort_by(|one, other| one.0.cmp(&other.0));
        let equal = shares.len() == 3
            && shares
                .iter()
                .zip(&expected)
                .all(|(got, ours)| got.0 == ours.0 && (got.1 - ours.1).abs() < 1e-9);
        equal.then_some(())
    })
    .await;
}
