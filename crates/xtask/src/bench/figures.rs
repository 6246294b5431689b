//! What one run of one contender gave.

use super::bar::Figure;

/// Figures of one round; 0 where a scenario does not measure them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// CPU time of the proxy per request, microseconds.
    pub(crate) cpu_micros: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
    /// Part of its core that the proxy used.
    pub(crate) busy: f64,
    /// Part of the time that others kept it from its core.
    pub(crate) disturbed: f64,
    /// Part of the load's core that backend and load generator used.
    pub(crate) load_busy: f64,
    /// Resident memory after the load, KiB; before it where connections are idle.
    pub(crate) resident_kib: f64,
    /// Growth of resident memory per idle connection, KiB.
    pub(crate) idle_kib: Option<f64>,
    /// The longest latency around reloads.
    pub(crate) pause: Option<Pause>,
    /// Version, cipher, group and protocol of TLS, where clients come over it.
    pub(crate) negotiated: Option<String>,
}

/// How long requests waited at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pause {
    /// In the window after a reload, median of the windows: what a shared machine does by itself is in some of them.
    pub(crate) typical_ms: f64,
    /// In all windows after a reload.
    pub(crate) reload_ms: f64,
    /// In as many windows as long without one: what the machine does by itself.
    pub(crate) quiet_ms: f64,
    pub(crate) reloads: usize,
}

impl Figures {
    /// What a bar is about, in its unit.
    pub(crate) fn get(&self, figure: Figure) -> f64 {
        match figure {
            Figure::Cpu => self.cpu_micros,
            Figure::P99 => self.p99_ms,
            Figure::Pause => self.pause.map_or(f64::NAN, |pause| pause.typical_ms),
            Figure::Idle => self.idle_kib.unwrap_or(f64::NAN),
            Figure::Base => self.resident_kib / 1024.0,
        }
    }

    /// For people who watch the rounds go by.
    pub(crate) fn line(&self) -> String {
        if let Some(pause) = self.pause {
            return format!(
                "{:7.2} ms the longest around a reload, {:.2} ms around all {}, {:.2} ms without, p50 {:.2} ms, p99 {:.2} ms, {:.0} % busy, {:.0} % \
                 disturbed",
                pause.typical_ms,
                pause.reload_ms,
                pause.reloads,
                pause.quiet_ms,
                self.p50_ms,
                self.p99_ms,
                self.busy * 100.0,
                self.disturbed * 100.0
            );
        }
        if let Some(kib) = self.idle_kib {
            return format!("{kib:7.1} KiB a connection, {:.0} KiB before{}", self.resident_kib, self.tls());
        }
        let tail = if self.max_ms > 0.0 {
            let load_busy = self.load_busy * 100.0;
            format!(", p99.9 {:6.2} ms, max {:6.2} ms, load {load_busy:.0} % busy", self.p999_ms, self.max_ms)
        } else {
            String::new()
        };
        let latency = if self.p99_ms > 0.0 {
            format!(", p50 {:6.2} ms, p99 {:6.2} ms{tail}", self.p50_ms, self.p99_ms)
        } else {
            String::new()
        };
        format!(
            "{:7.1} us CPU, {:8.0}/s{latency}, {:3.0} % busy, {:.0} % disturbed, {:6.0} KiB resident{}",
            self.cpu_micros,
            self.per_second,
            self.busy * 100.0,
            self.disturbed * 100.0,
            self.resident_kib,
            self.tls()
        )
    }

    fn tls(&self) -> String {
        self.negotiated.as_ref().map_or_else(String::new, |negotiated| format!(", {negotiated}"))
    }
}
