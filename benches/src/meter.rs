//! What a stretch of work took: time, allocations, memory as the program counts it and as the kernel does.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The system's allocator, with everything counted: a program that wants to know makes it its global allocator.
#[derive(Debug)]
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is the system allocator's doing; the counters touch no memory of its.
#[expect(unsafe_code, reason = "an allocator cannot be had otherwise")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        ALLOCATED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        FREED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        ALLOCATED.fetch_add(size as u64, Relaxed);
        FREED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Nanoseconds on a CPU: what else the machine does is not counted, though it is felt in the caches.
    pub spent: u64,
    /// Allocations until now.
    pub allocations: u64,
    /// Octets allocated and not freed.
    pub live: u64,
    /// Octets of memory that the kernel has given the process.
    pub resident: u64,
}

impl Reading {
    /// Reads all counters.
    pub fn take() -> Self {
        let spent = spent();
        let (allocations, live) = (ALLOCATIONS.load(Relaxed), ALLOCATED.load(Relaxed) - FREED.load(Relaxed));
        Reading { spent, allocations, live, resident: resident() }
    }
}

/// Nanoseconds that the calling process was on a CPU, where it has one thread.
fn spent() -> u64 {
    let schedstat = fs::read_to_string("/proc/self/schedstat").expect("Linux counts what its tasks take");
    let first = schedstat.split(' ').next().and_then(|word| word.parse().ok());
    first.expect("the first word is a number")
}

/// `Rss` of the process, in octets.
fn resident() -> u64 {
    let all = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux counts memory");
    let line = all.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.expect("it is in kB") * 1024
}
