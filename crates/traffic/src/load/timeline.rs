//! What happened when: slices of a run that get longer as the run does, so that there are never many.

use super::latencies::Latencies;
use super::sample::Sample;

/// Counts by the time at which requests were due.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Of each slice, in nanoseconds.
    width: u64,
    slices: Vec<Slice>,
}

/// One stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Requests that were due in it.
    pub due: u64,
    /// Those that failed.
    pub failed: u64,
    /// From when each was due. `None` without any.
    pub latencies: Option<Box<Latencies>>,
    /// Answers of each backend, by number; those that are missing have none.
    pub backends: Vec<u32>,
}

/// A tenth of a second, for a start.
const WIDTH_MIN: u64 = 100_000_000;
/// Beyond, two slices become one.
const SLICES_MAX: usize = 240;

impl Timeline {
    pub(super) fn new() -> Self {
        Self { width: WIDTH_MIN, slices: Vec::new() }
    }

    /// Length of a slice, in nanoseconds.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// From the start of the run, none left out.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// Takes in a request, and which backend answered.
    pub(super) fn record(&mut self, sample: &Sample<'_>, backend: Option<usize>) {
        let slice = self.slice_at(sample.due);
        slice.due += 1;
        slice.failed += u64::from(sample.failure.is_some());
        if sample.failure.is_none_or(|class| class.is_timed()) {
            let latencies = slice.latencies.get_or_insert_with(|| Box::new(Latencies::coarse()));
            latencies.record(sample.done.saturating_sub(sample.due));
        }
        if let Some(backend) = backend {
            *slice.backend_mut(backend) += 1;
        }
    }

    /// Takes in another's counts; `numbers` says which number of ours each of its backends has.
    pub(super) fn add(&mut self, mut other: Self, numbers: &[usize]) {
        while other.width < self.width {
            other.widen();
        }
        while self.width < other.width {
            self.widen();
        }
        for (index, slice) in other.slices.into_iter().enumerate() {
            self.slice_at(index as u64 * self.width).add(slice, numbers);
        }
    }

    fn slice_at(&mut self, moment: u64) -> &mut Slice {
        while moment / self.width >= SLICES_MAX as u64 {
            self.widen();
        }
        let index = (moment / self.width) as usize;
        if index >= self.slices.len() {
            self.slices.resize_with(index + 1, Slice::default);
        }
        &mut self.slices[index]
    }

    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        let mut halves = std::mem::take(&mut self.slices).into_iter();
        while let Some(mut whole) = halves.next() {
            if let Some(second) = halves.next() {
                let same: Vec<usize> = (0..second.backends.len()).collect();
                whole.add(second, &same);
            }
            self.slices.push(whole);
        }
    }
}

impl Slice {
    fn backend_mut(&mut self, backend: usize) -> &mut u32 {
        if backend >= self.backends.len() {
            self.backends.resize(backend + 1, 0);
        }
        &mut self.backends[backend]
    }

    fn add(&mut self, other: Self, numbers: &[usize]) {
        self.due += other.due;
        self.failed += other.failed;
        match (&mut self.latencies, other.latencies) {
            (Some(ours), Some(theirs)) => ours.add(&theirs),
            (ours, theirs) => *ours = ours.take().or(theirs),
        }
        for (count, number) in other.backends.into_iter().zip(numbers) {
            let ours = self.backend_mut(*number);
            *ours = ours.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn sample(due: u64) -> Sample<'static> {
        Sample { due, sent: due, done: due + SECOND / 100, backend: None, failure: None, bytes: 0 }
    }

    #[test]
    fn a_long_run_has_long_slices() {
        let mut timeline = Timeline::new();
        for second in 0..100_000 {
            timeline.record(&sample(second * SECOND), Some((second % 3) as usize));
        }
        assert!(timeline.slices().len() <= SLICES_MAX && timeline.slices().len() > SLICES_MAX / 2 - 1);
        let due: u64 = timeline.slices().iter().map(|slice| slice.due).sum();
        let first: u32 = timeline.slices().iter().map(|slice| slice.backends[0]).sum();
        assert_eq!((due, first), (100_000, 33_334));
        let timed: u64 =
            timeline.slices().iter().flat_map(|slice| &slice.latencies).map(|one| one.count()).sum();
        assert_eq!(timed, 100_000);
    }

    #[test]
    fn parts_of_different_length_add_up() {
        let (mut long, mut short) = (Timeline::new(), Timeline::new());
        (0..100).for_each(|second| long.record(&sample(second * SECOND), Some(0)));
        (0..10).for_each(|second| short.record(&sample(second * SECOND), Some(0)));
        let mut one = long.clone();
        one.add(short.clone(), &[1]);
        short.add(long, &[0]);
        assert_eq!(one.width(), short.width());
        let counts =
            |timeline: &Timeline| -> Vec<u64> { timeline.slices().iter().map(|slice| slice.due).collect() };
        assert_eq!(counts(&one), counts(&short));
        assert_eq!(one.slices()[0].backends, [1, 1], "each backend keeps its own");
    }
}
