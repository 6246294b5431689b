//! Steps with a heading each; the first that fails ends the chore.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Failure;

/// Numbers its steps.
#[derive(Debug)]
pub(crate) struct Steps {
    total: usize,
    begun: usize,
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, begun: 0 }
    }

    /// Runs one step under a heading and tells how long it took.
    pub(crate) fn run(
        &mut self,
        title: &str,
        step: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.begun += 1;
        println!("\n==> [{}/{}] {title}", self.begun, self.total);
        std::io::stdout().flush().ok();
        let started = Instant::now();
        step().map_err(|failure| format!("{title}: {failure}"))?;
        println!("    done in {:.1} s", started.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Runs a program to its end, its output going where ours goes.
pub(crate) fn command(root: &Path, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let line = format!("{program} {}", arguments.join(" "));
    println!("    $ {line}");
    std::io::stdout().flush().ok();
    let status = Command::new(program).args(arguments).current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_step_and_command() {
        let mut steps = Steps::new(1);
        let failure = steps.run("lies", || command(Path::new("/"), "false", &["x"])).unwrap_err();
        assert!(failure.starts_with("lies: `false x` ended with "), "{failure}");
        let failure = command(Path::new("/"), "no-such-program", &[]).unwrap_err();
        assert!(failure.contains("did not start"), "{failure}");
    }

    #[test]
    fn success_passes() {
        assert!(Steps::new(1).run("truth", || command(Path::new("/"), "true", &[])).is_ok());
    }
}
