//! One measurement, as every table of Criterion's shows it.

use criterion::{
    Criterion, SamplingMode,
    measurement::{Measurement, WallTime},
};
use std::{cell::RefCell, hint::black_box};

/// Measures with Criterion and returns its fastest sample, in nanoseconds for each of so
/// many messages or events. `None` where the command line filters it out.
pub fn measure<T>(
    criterion: &mut Criterion,
    row: &str,
    column: &str,
    each: usize,
    mut run: impl FnMut() -> T,
) -> Option<f64> {
    let samples = RefCell::new(Vec::new());
    let clock = WallTime;
    let mut group = criterion.benchmark_group(row);
    group.sampling_mode(SamplingMode::Flat).bench_function(column, |bencher| {
        bencher.iter_custom(|iterations| {
            let start = clock.start();
            for _ in 0..iterations {
                black_box(run());
            }
            let took = clock.end(start);
            samples.borrow_mut().push(took.as_nanos() as f64 / iterations as f64);
            took
        });
    });
    group.finish();
    // The fastest: whatever else the machine does only adds to a sample.
    samples.into_inner().into_iter().min_by(f64::total_cmp).map(|fastest| fastest / each as f64)
}
