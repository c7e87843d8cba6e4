//! Giving memory back to the kernel: what a list took, and nobody needs any more.

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc's own, and nobody else's to wrap")]
pub(super) fn give_back() {
    // SAFETY: it takes the allocator's own locks, touches no memory that is in use, and takes any argument.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back() {}
