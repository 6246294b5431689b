//! The command line, declared. `docs/reference/cli.md` is checked against it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use evenkeel_analyze::{FieldMap, Format};
use evenkeel_config::BackendAddress;
use evenkeel_core::StrategyKind;

use crate::demo::Fault;
use crate::load::LoadArgs;
use crate::parse;
use crate::verify::VerifyArgs;

/// Where the admin interface is unless the configuration moves it.
pub(crate) const ADMIN: &str = "127.0.0.1:9901";

/// A load balancer that makes uneven traffic impossible to miss.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 ok, 1 the answer is no, 2 called wrongly.\n\
                  Start with: evenkeel check evenkeel.toml && evenkeel run -c evenkeel.toml"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Check a configuration file; the same as `evenkeel check FILE`
    #[arg(short = 't', long = "test", value_name = "FILE", num_args = 0..=1)]
    test: Option<Option<PathBuf>>,
    /// The file that -t checks
    #[arg(short, long, value_name = "FILE", requires = "test")]
    config: Option<PathBuf>,
    /// With -t: refuse a file that has warnings
    #[arg(long, requires = "test")]
    strict: bool,
    /// With -t: print the diagnostics as JSON
    #[arg(long, requires = "test", conflicts_with = "sarif")]
    json: bool,
    /// With -t: print the diagnostics as SARIF
    #[arg(long, requires = "test")]
    sarif: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: backends, balancer, load and a live view, all in this process
    #[command(after_help = "Examples: evenkeel demo --backends 5 --strategy round_robin\n          \
                            evenkeel demo --fault weights\n\n\
                            Exit status: 0 shown, 1 the verdict did not come or the mend did not help, 2 called wrongly")]
    Demo(DemoArgs),
    /// Run the balancer
    #[command(after_help = "Examples: evenkeel run -c evenkeel.toml\n          \
                            evenkeel run --listen 127.0.0.1:8080 --to 10.0.0.1:80 --to 10.0.0.2:80\n\n\
                            Signals: HUP reload, USR1 reopen logs, TERM and INT stop after running requests; twice: now")]
    Run(RunArgs),
    /// Check a configuration file without running it
    #[command(after_help = "Examples: evenkeel check --strict evenkeel.toml\n          \
                            evenkeel check --sarif evenkeel.toml > evenkeel.sarif")]
    Check(CheckArgs),
    /// Tell why a rule of `check` matters, with a file that breaks it and the same put right
    #[command(after_help = "Examples: evenkeel explain\n          evenkeel explain weights-without-intent")]
    Explain(ExplainArgs),
    /// Tell what share each backend will have, now and in each failure, before a file is deployed
    #[command(after_help = "Examples: evenkeel rehearse evenkeel.toml\n          \
                            evenkeel rehearse evenkeel.toml --rate 2000 --backend-rate 500 --pairs\n          \
                            evenkeel rehearse evenkeel.toml --log /var/log/haproxy.log --html rehearsal.html\n\n\
                            Exit status: 0 it may be deployed, 1 it should not, 2 called wrongly")]
    Rehearse(RehearseArgs),
    /// Print the JSON Schema of the configuration, for editors
    #[command(after_help = "Example: evenkeel schema > evenkeel.schema.json")]
    Schema,
    /// Tell what a change of the configuration does to the traffic: shares, routes, keys, protections
    #[command(after_help = "Examples: evenkeel diff old.toml new.toml\n          \
                            git show main:evenkeel.toml | evenkeel diff - evenkeel.toml --markdown\n          \
                            evenkeel diff running evenkeel.toml\n\n\
                            Exit status: 0 compared; with --exit-code 1 when the traffic changes; 1 when NEW is refused; \
                            2 called wrongly")]
    Diff(DiffArgs),
    /// Tell where the file, the running balancer and its backends have come apart
    #[command(after_help = "Example: evenkeel drift /etc/evenkeel/evenkeel.toml\n\n\
                            Exit status: 0 nothing has, 1 something has, 2 called wrongly")]
    Drift(DriftArgs),
    /// Tell from an access log, also HAProxy's, nginx's or Envoy's, how traffic was spread, and whether that was even
    #[command(after_help = "Examples: evenkeel analyze /var/log/haproxy.log\n          \
                            evenkeel analyze access.log.gz --expect 10.0.0.1:80=2,10.0.0.2:80=1\n          \
                            evenkeel analyze traefik.log --field-map backend=12,pool=11,millis=13\n          \
                            zcat *.gz | evenkeel analyze - --format '$remote_addr [$time_local] $status $upstream_addr'\n\n\
                            Exit status: 0 nothing is wrong, 1 something is, 2 called wrongly")]
    Analyze(AnalyzeArgs),
    /// Send load at a fixed rate, and tell latency, errors, and who answered; or search for the capacity
    #[command(
        after_help = "Examples: evenkeel load http://127.0.0.1:8080/ --rate 500 --duration 30s\n          \
                            evenkeel load http://10.0.0.1/ --rate 100..2000 --step 100 --html load.html\n          \
                            evenkeel load http://10.0.0.1/ --find-capacity --objective 'p99<50ms,errors<0.1%'\n\n\
                            Exit status: 0 ok, 1 the split is skewed, the objective is missed, or all failed, 2 called \
                            wrongly"
    )]
    Load(Box<LoadArgs>),
    /// Send requests through any balancer and test whether the answers are split as they should be
    #[command(after_help = "Examples: evenkeel verify http://127.0.0.1:8080/ --equal 3\n          \
                            evenkeel verify https://shop.example/ --by cookie:SERVERID --expect web1=2,web2=1\n          \
                            evenkeel verify http://127.0.0.1:8080/ --config evenkeel.toml --routes\n\n\
                            Exit status: 0 as expected, or undecided without --strict; 1 refused, or nothing can be said;\n\
                            2 called wrongly")]
    Verify(Box<VerifyArgs>),
    /// Is it the balancer? Tell whether traffic is spread as intended, since when not, why, and whose doing it is
    #[command(after_help = "Example: evenkeel diagnose --watch\n\n\
                            Exit status: 0 nothing is wrong, 1 something is or nobody answers, 2 called wrongly")]
    Diagnose(DiagnoseArgs),
    /// Show the running balancer: pools, backends, shares
    #[command(after_help = "Example: evenkeel status --admin 127.0.0.1:9901")]
    Status(StatusArgs),
    /// Show what happened: reloads, health, ejections, drains, skew, in order
    #[command(after_help = "Examples: evenkeel events --since 10m\n          \
                            evenkeel events --follow --pool web --kind skew,backend\n          \
                            evenkeel events --file /var/lib/evenkeel/events.redb\n\n\
                            Exit status: 0 shown, 1 nobody answers or the file cannot be read, 2 called wrongly")]
    Events(EventsArgs),
    /// Write the timeline and evidence of an incident as Markdown, from the journal
    #[command(
        after_help = "Example: evenkeel postmortem --from '2026-11-22 03:00' --to '2026-11-22 03:30' > incident.md\n\n\
                            Exit status: 0 written, 1 nobody answers or the file cannot be read, 2 called wrongly"
    )]
    Postmortem(PostmortemArgs),
    /// Make the running balancer read its file again, and tell how that went
    #[command(after_help = "Example: evenkeel check evenkeel.toml && evenkeel reload")]
    Reload(ReloadArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file
    pub(crate) file: PathBuf,
    /// Refuse a file that has warnings
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the diagnostics as JSON on standard output
    #[arg(long, conflicts_with = "sarif")]
    pub(crate) json: bool,
    /// Print the diagnostics as SARIF 2.1.0 on standard output, for code review tools
    #[arg(long)]
    pub(crate) sarif: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The rule, as it stands in brackets behind `error` or `warning`; all of them are listed without
    pub(crate) rule: Option<String>,
    /// Print what there is to tell as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// The configuration file
    pub(crate) file: PathBuf,
    /// Requests a second that each pool gets, or one of them; repeat it for each [default: `expect.peak_rate`, or half of
    /// what the backends can do]
    #[arg(long, value_name = "[POOL=]RATE", value_delimiter = ',', value_parser = parse::rate)]
    pub(crate) rate: Vec<(Option<String>, f64)>,
    /// Requests a second that a backend of capacity 1 can do [default: `expect.backend_rate`, or twice what it gets]
    #[arg(long, value_name = "RATE", value_parser = parse::positive)]
    pub(crate) backend_rate: Option<f64>,
    /// Mean time that a backend takes for a request [default: 20ms]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub(crate) latency: Option<Duration>,
    /// Different keys, where a strategy goes by keys
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) keys: u32,
    /// How popular they are: the k-th as often as 1/k to the power of S; 0 is all alike, 1 is what pages look like
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = parse::exponent)]
    pub(crate) zipf: f64,
    /// Mean requests of a session, where sessions stick to a backend
    #[arg(long, value_name = "N", default_value_t = 20.0, value_parser = parse::length)]
    pub(crate) session_length: f64,
    /// Mean requests of a connection, where whole connections are balanced
    #[arg(long, value_name = "N", default_value_t = 50.0, value_parser = parse::length)]
    pub(crate) connection_length: f64,
    /// An access log to take rate, latency and clients from, as `evenkeel analyze` reads it; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// How its lines look; found out if not given
    #[arg(long, value_name = "FORMAT", requires = "log", value_parser = Format::from_text)]
    pub(crate) format: Option<Format>,
    /// Look host names up; nothing else ever opens a connection
    #[arg(long)]
    pub(crate) resolve: bool,
    /// Let every two backends fail together, too
    #[arg(long)]
    pub(crate) pairs: bool,
    /// Only this pool; repeat it for each
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Vec<String>,
    /// Most requests that one situation is played with
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(500..=10_000_000))]
    pub(crate) requests: u64,
    /// What chances come from: the same file and the same seed give the same report
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write the report as a page, too
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print the report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", required_unless_present = "listen", conflicts_with = "listen")]
    pub(crate) config: Option<PathBuf>,
    /// Without a file: where to accept HTTP clients; :8080 is every IPv4 address
    #[arg(long, value_name = "ADDR", requires = "to", value_parser = parse::listen_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Without a file: a backend; repeat it for each
    #[arg(long, value_name = "ADDR", requires = "listen", value_parser = parse::backend_address)]
    pub(crate) to: Vec<BackendAddress>,
    /// Without a file: where the admin interface listens [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", requires = "listen", value_parser = parse::listen_address)]
    pub(crate) admin: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// The log, compressed by gzip or not; - is standard input
    pub(crate) log: PathBuf,
    /// How its lines look: haproxy, envoy, evenkeel-json, evenkeel-combined, or an nginx log_format with $upstream_addr;
    /// found out if not given
    #[arg(long, value_name = "FORMAT", value_parser = Format::from_text)]
    pub(crate) format: Option<Format>,
    /// Of other balancers: which word of a line, or which key of a JSON object, says what, such as backend=12,pool=11 or
    /// backend=upstream.host,time=ts; words that are not named are those of the combined format
    #[arg(long, value_name = "NAME=FIELD,...", value_parser = FieldMap::new, conflicts_with = "format")]
    pub(crate) field_map: Option<FieldMap>,
    /// Every backend that there should be, and its part in any unit, 1 if left out; equal parts of all that occur if not
    /// given
    #[arg(long, value_name = "BACKEND=PART", value_delimiter = ',', value_parser = parse::part)]
    pub(crate) expect: Vec<(String, f64)>,
    /// Only this pool; repeat it for each
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Vec<String>,
    /// Only from this time on, such as "2026-11-21 12:54", in UTC if it has no zone
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub(crate) since: Option<i64>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub(crate) until: Option<i64>,
    /// Name clients by their addresses
    #[arg(long)]
    pub(crate) show_clients: bool,
    /// Print the report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiagnoseArgs {
    /// The admin interface of the running balancer
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN", default_value = ADMIN)]
    pub(crate) admin: String,
    /// Ask again every two seconds, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print what GET /diagnose answers
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The file in force: a path, - for standard input, or the word running for what the balancer runs; may be left out
    /// with --admin
    #[arg(value_name = "OLD", required_unless_present = "admin")]
    pub(crate) old: Option<PathBuf>,
    /// The file that is to take its place; also - or running
    #[arg(value_name = "NEW")]
    pub(crate) new: Option<PathBuf>,
    /// The admin interface of the running balancer [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN")]
    pub(crate) admin: Option<String>,
    /// Also show what does not change, and every request that shows a change of routes
    #[arg(long)]
    pub(crate) all: bool,
    /// Print Markdown, for a comment on a pull request
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Exit with 1 when the traffic changes
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print the comparison as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// The file that the balancer should be running; the one that it was started with if not given
    pub(crate) file: Option<PathBuf>,
    /// The admin interface of the running balancer
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN", default_value = ADMIN)]
    pub(crate) admin: String,
    /// Print the report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The admin interface of the running balancer
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN", default_value = ADMIN)]
    pub(crate) admin: String,
    /// Print what GET /pools answers
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The admin interface of the running balancer
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN", default_value = ADMIN)]
    pub(crate) admin: String,
    /// Go on with what happens from now on, until interrupted
    #[arg(long, conflicts_with = "file")]
    pub(crate) follow: bool,
    /// Only of this pool; repeat it for each
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Vec<String>,
    /// Only of this kind, or of those that begin with it: reload is reload_applied and reload_failed; repeat it for each
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) kind: Vec<String>,
    /// Only from so long ago on
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub(crate) since: Option<Duration>,
    /// The latest ones at most [default: 100, or 10000 with --since]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: Option<u16>,
    /// Read the database of a process that has ended
    #[arg(long, value_name = "DB")]
    pub(crate) file: Option<PathBuf>,
    /// Print an object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PostmortemArgs {
    /// From this time on, such as "2026-11-21 12:54", in UTC if it has no zone
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub(crate) from: i64,
    /// Until this time [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub(crate) to: Option<i64>,
    /// The admin interface of the running balancer
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN", default_value = ADMIN)]
    pub(crate) admin: String,
    /// Read the database of a process that has ended
    #[arg(long, value_name = "DB")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// The admin interface of the running balancer, which must be on this machine
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_ADMIN", default_value = ADMIN)]
    pub(crate) admin: String,
    /// How long to wait for the outcome
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse::duration)]
    pub(crate) timeout: Duration,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Show how a mistake looks, how `diagnose` names it, and what mends it, in about half a minute
    #[arg(long, value_name = "FAULT", conflicts_with_all = ["duration", "backends", "strategy"])]
    pub(crate) fault: Option<Fault>,
    /// With --fault on a terminal: end when the story has been told, as without a terminal
    #[arg(long, requires = "fault")]
    pub(crate) exit: bool,
    /// With --fault: print what happens as JSON, one event a line
    #[arg(long, requires = "fault")]
    pub(crate) json: bool,
    /// With --fault: how fast people read, as a multiple of the usual; for tests
    #[arg(long, hide = true, default_value_t = 1.0, value_parser = parse::positive)]
    pub(crate) speed: f64,
    /// How long it runs
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse::duration)]
    pub(crate) duration: Duration,
    /// How many backends; they are not equally fast
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) backends: u8,
    /// How the balancer picks
    #[arg(long, value_name = "NAME", default_value = "least_request", value_parser = parse::strategy)]
    pub(crate) strategy: StrategyKind,
    /// Print lines instead of the live view, as without a terminal
    #[arg(long)]
    pub(crate) plain: bool,
    /// Where the balancer listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = parse::listen_address)]
    pub(crate) listen: SocketAddr,
}

impl Cli {
    /// The command asked for; `-t` is one in disguise.
    ///
    /// # Errors
    /// When flags are combined in a way that names no file or two.
    pub(crate) fn into_command(self) -> Result<Command, clap::Error> {
        if let Some(command) = self.command {
            return Ok(command);
        }
        let file = match (self.test.flatten(), self.config) {
            (Some(file), None) | (None, Some(file)) => file,
            (Some(_), Some(_)) => return Err(usage("-t and -c both name a file; give one")),
            (None, None) => return Err(usage("-t needs a file: evenkeel -t evenkeel.toml")),
        };
        Ok(Command::Check(CheckArgs { file, strict: self.strict, json: self.json, sarif: self.sarif }))
    }
}

fn usage(message: &str) -> clap::Error {
    Cli::command().error(ErrorKind::ArgumentConflict, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(arguments: &[&str]) -> Result<PathBuf, clap::Error> {
        match Cli::try_parse_from(arguments)?.into_command()? {
            Command::Check(check) => Ok(check.file),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_takes_a_file_or_addresses() {
        let parses = |arguments: &[&str]| {
            let arguments = ["evenkeel", "run"].iter().chain(arguments);
            Cli::try_parse_from(arguments).map(|_| ()).map_err(|error| error.exit_code())
        };
        assert_eq!(parses(&["-c", "f"]), Ok(()));
        assert_eq!(parses(&["--listen", ":80", "--to", "a:1", "--to", "b:1", "--admin", ":1"]), Ok(()));
        for bad in
            [&[][..], &["--listen", ":80"], &["--to", "a:1"], &["-c", "f", "--listen", ":80", "--to", "a:1"]]
        {
            assert_eq!(parses(bad), Err(2), "{bad:?}");
        }
        assert_eq!(parses(&["-c", "f", "--admin", ":1"]), Err(2), "the file says where");
    }

    #[test]
    fn three_ways_to_check() {
        for arguments in
            [&["evenkeel", "check", "f"][..], &["evenkeel", "-t", "f"], &["evenkeel", "-t", "-c", "f"]]
        {
            assert_eq!(file_of(arguments).unwrap(), PathBuf::from("f"), "{arguments:?}");
        }
        for arguments in
            [&["evenkeel"][..], &["evenkeel", "-t"], &["evenkeel", "-c", "f"], &["evenkeel", "f"]]
        {
            assert_eq!(file_of(arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
        }
    }

    /// Every command and long flag is in the reference, and every command has an example in its help.
    #[test]
    fn the_reference_is_complete() {
        let page = include_str!("../../../docs/reference/cli.md");
        let mut cli = Cli::command();
        cli.build();
        let commands = cli.get_subcommands().filter(|command| command.get_name() != "help");
        for command in commands {
            let name = command.get_name();
            let heading = format!("\n## `evenkeel {name}");
            let start = page.find(&heading).unwrap_or_else(|| panic!("docs/reference/cli.md lacks{heading}"));
            let section = &page[start + 1..];
            let section = &section[..section.find("\n## ").unwrap_or(section.len())];
            assert!(section.contains("```sh"), "{name} has no example");
            let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
            for flag in shown.filter_map(|argument| argument.get_long()) {
                let listed = flag == "help" || section.contains(&format!("`--{flag}"));
                assert!(listed, "docs/reference/cli.md: {name} lacks --{flag}");
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("evenkeel "), "the help of {name} has no example");
        }
        for flag in cli.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&format!("--{flag}")), "docs/reference/cli.md lacks --{flag}");
        }
    }
}
