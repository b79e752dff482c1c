//! What the canonical ABI asks of a core module: memory on demand, strings and lists in it.

use std::alloc::{alloc, dealloc, realloc, Layout};
use std::slice;

#[export_name = "cabi_realloc"]
unsafe extern "C" fn cabi_realloc(old: *mut u8, before: usize, align: usize, size: usize) -> *mut u8 {
    if size == 0 {
        return align as *mut u8;
    }
    let place = if before == 0 {
        alloc(Layout::from_size_align_unchecked(size, align))
    } else {
        realloc(old, Layout::from_size_align_unchecked(before, align), size)
    };
    if place.is_null() {
        std::process::abort();
    }
    place
}

/// A string that the caller laid into our memory; it is ours from here on.
pub unsafe fn taken(at: *mut u8, length: usize) -> String {
    if length == 0 {
        return String::new();
    }
    String::from_raw_parts(at, length, length)
}

/// Lays bytes where the caller reads them, and leaves them there until `freed`.
pub fn given(bytes: &[u8]) -> (*mut u8, usize) {
    let place = Box::leak(bytes.to_vec().into_boxed_slice());
    (place.as_mut_ptr(), place.len())
}

pub unsafe fn freed(at: *mut u8, size: usize, align: usize) {
    if size > 0 {
        dealloc(at, Layout::from_size_align_unchecked(size, align));
    }
}

/// A place for what does not fit a core result; the caller reads it before it calls again.
pub struct Area<const SIZE: usize>(pub [u64; SIZE]);

impl<const SIZE: usize> Area<SIZE> {
    pub fn bytes(&mut self) -> &mut [u8] {
        unsafe { slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), SIZE * 8) }
    }
}

pub fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
