//! A Prometheus and an Alertmanager of the replay's own, with the rules that are shipped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::{Client, Json, TempDir, free_port, until};

use crate::Failure;

use super::site::local;

/// The rules, from the root of the repository.
pub(crate) const RULES: &str = "deploy/prometheus/evenkeel-rules.yml";
/// In place of each `for:` of the rules: nobody replays for as long as a page may wait.
const FOR: &str = "1s";
/// Prometheus asks for metrics and works its rules out as often as this.
const EVERY: &str = "1s";

/// Both of them. They end with this.
#[derive(Debug)]
pub(crate) struct Alerting {
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
    children: Vec<Child>,
    directory: TempDir,
}

impl Alerting {
    /// Starts both before an Evenkeel with this port of its admin interface, and waits until both answer.
    pub(crate) async fn start(root: &Path, admin: u16) -> Result<Self, Failure> {
        let rules = root.join(RULES);
        let rules =
            std::fs::read_to_string(&rules).map_err(|error| format!("{}: {error}", rules.display()))?;
        let directory = TempDir::new("alerting");
        let (prometheus, alertmanager) = (local(free_port()), local(free_port()));
        let mut started = Self { prometheus, alertmanager, children: Vec::new(), directory };
        started.start_alertmanager()?;
        started.start_prometheus(&shortened(&rules), admin)?;
        for (address, path) in [(prometheus, "/-/ready"), (alertmanager, "/-/ready")] {
            until("Prometheus and Alertmanager", async || {
                let ready = fetch(address, path).await;
                ready.filter(|(status, _)| *status == 200)
            })
            .await;
        }
        Ok(started)
    }

    fn start_prometheus(&mut self, rules: &str, admin: u16) -> Result<(), Failure> {
        let directory = &self.directory;
        directory.write("rules.yml", rules);
        let config = format!(
            "global: {{ scrape_interval: {EVERY}, scrape_timeout: {EVERY}, evaluation_interval: {EVERY} }}\n\
             rule_files: [rules.yml]\n\
             alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}] }}\n\
             scrape_configs: [{{ job_name: evenkeel, static_configs: [{{ targets: ['{}'] }}] }}]\n",
            self.alertmanager,
            local(admin)
        );
        let config = directory.write("prometheus.yml", &config);
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", directory.path().join("data").display()),
            format!("--web.listen-address={}", self.prometheus),
        ];
        self.launch("prometheus", &arguments)
    }

    fn start_alertmanager(&mut self) -> Result<(), Failure> {
        let directory = &self.directory;
        let config = "route: { receiver: nobody, group_wait: 0s }\nreceivers: [{ name: nobody }]\n";
        let config = directory.write("alertmanager.yml", config);
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", directory.path().join("alerts").display()),
            format!("--web.listen-address={}", self.alertmanager),
            // One alone, which looks for no others.
            "--cluster.listen-address=".to_owned(),
        ];
        self.launch("prometheus-alertmanager", &arguments)
    }

    fn launch(&mut self, program: &str, arguments: &[String]) -> Result<(), Failure> {
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.children.push(child.map_err(|error| format!("{program}: {error}"))?);
        Ok(())
    }

    /// Names of the alerts that fire now, with what each says of the backend.
    pub(crate) async fn firing(&self) -> BTreeMap<String, String> {
        let Some((_, body)) = fetch(self.prometheus, "/api/v1/alerts").await else { return BTreeMap::new() };
        let alerts = body["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing").filter_map(|alert| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
            let about = format!("{} {}", label("backend"), label("cause"));
            Some((alert["labels"]["alertname"].as_str()?.to_owned(), about.trim().to_owned()))
        });
        firing.collect()
    }

    /// Whether the Alertmanager has been told of an alert.
    pub(crate) async fn notified(&self, alert: &str) -> bool {
        let told = fetch(self.alertmanager, "/api/v2/alerts").await;
        let told = told.and_then(|(_, body)| body.as_array().cloned()).unwrap_or_default();
        told.iter().any(|one| one["labels"]["alertname"] == alert)
    }
}

impl Drop for Alerting {
    fn drop(&mut self) {
        for child in &mut self.children {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Status and JSON, or null where it is none; nothing while nobody answers.
async fn fetch(address: SocketAddr, path: &str) -> Option<(u16, Json)> {
    let exchange = async {
        let mut client = Client::try_connect(address).await.ok()?;
        client.try_send(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await.ok()?;
        let response = client.try_response("GET").await.ok()?;
        Some((response.status(), response.text().parse().unwrap_or_default()))
    };
    tokio::time::timeout(Duration::from_secs(2), exchange).await.ok().flatten()
}

/// The rules with every `for:` made short.
fn shortened(rules: &str) -> String {
    let mut text = String::with_capacity(rules.len());
    for line in rules.lines() {
        let begins = line
            .find("for: ")
            .filter(|at| line[..*at].trim_end().ends_with(['{', ',', '-']) || line[..*at].trim().is_empty());
        match begins {
            Some(at) if !line.trim_start().starts_with('#') => {
                let rest = &line[at + "for: ".len()..];
                let end = rest.find([',', '}', ' ', '#']).unwrap_or(rest.len());
                text.push_str(&format!("{}for: {FOR}{}", &line[..at], &rest[end..]));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_waiting_is_made_short() {
        let rules = "- alert: A\n  expr: x == 1 # for: ever\n  for: 2m\n- {alert: B, expr: \"y[5m]\", for: 10m, labels: {}}\n\
                     # for: 5m\n  summary: wait for: it\n";
        let expected = "- alert: A\n  expr: x == 1 # for: ever\n  for: 1s\n- {alert: B, expr: \"y[5m]\", for: 1s, labels: {}}\n\
                        # for: 5m\n  summary: wait for: it\n";
        assert_eq!(shortened(rules), expected);
    }
}
