//! Giving memory back to the kernel: glibc keeps what was freed in the middle of its heap until it is asked.

/// A fall of the tables' memory that is worth the walk through the heap.
const WORTH: usize = 32 << 20;

/// Watches how much memory the tables take.
#[derive(Debug, Default)]
pub(crate) struct Trim {
    highest: usize,
}

impl Trim {
    /// The tables take so many octets now.
    pub(crate) fn see(&mut self, octets: usize) {
        if self.highest.saturating_sub(octets) < WORTH {
            self.highest = self.highest.max(octets);
            return;
        }
        self.highest = octets;
        give_back();
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc's own, and nobody else's to wrap")]
fn give_back() {
    // SAFETY: it takes the allocator's own locks, touches no memory that is in use, and takes any argument.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_fall_is_worth_it() {
        let mut trim = Trim::default();
        trim.see(100 << 20);
        trim.see(90 << 20);
        assert_eq!(trim.highest, 100 << 20);
        trim.see(60 << 20);
        assert_eq!(trim.highest, 60 << 20);
    }
}
