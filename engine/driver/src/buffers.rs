//! The ring of buffers that io_uring reads into.

use super::socket::number;
use io_uring::IoUring;
use io_uring::types::BufRingEntry;
use std::sync::atomic::{AtomicU16, Ordering};

/// A ring of provided buffers, lent to the kernel and given back with one tail publish a loop.
pub(super) struct Buffers {
    memory: Box<[u8]>,
    entries: *mut BufRingEntry,
    layout: std::alloc::Layout,
    /// How many: a power of two.
    count: u16,
    tail: u16,
}

impl Buffers {
    pub(super) fn register(ring: &IoUring, count: u16) -> Result<Self, i32> {
        let layout = std::alloc::Layout::from_size_align(usize::from(count) * size_of::<BufRingEntry>(), 4096)
            .map_err(|_| libc::EINVAL)?;
        // SAFETY: the layout is not empty, and a zeroed entry is valid.
        let entries: *mut BufRingEntry = unsafe { std::alloc::alloc_zeroed(layout).cast() };
        if entries.is_null() {
            return Err(libc::ENOMEM);
        }
        let mut buffers = Self {
            memory: vec![0; usize::from(count) * BUFFER_BYTES].into_boxed_slice(),
            entries,
            layout,
            count,
            tail: 0,
        };
        // Page faults would come within the kernel's reads, and count as the client's lag.
        for page in buffers.memory.chunks_mut(PAGE_BYTES) {
            page[0] = 1;
        }
        // SAFETY: the memory is page-aligned, large enough for `count` entries, and freed only after the ring is gone.
        unsafe { ring.submitter().register_buf_ring_with_flags(entries as u64, count, GROUP, 0) }
            .map_err(|e| number(&e))?;
        for id in 0..count {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    pub(super) fn slice(&self, id: u16, length: usize) -> &[u8] {
        let start = usize::from(id) * BUFFER_BYTES;
        &self.memory[start..start + length.min(BUFFER_BYTES)]
    }

    pub(super) fn give_back(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        let start = usize::from(id) * BUFFER_BYTES;
        // SAFETY: `index` is below `count`; the kernel does not read the entry before the tail is published.
        let entry = unsafe { &mut *self.entries.add(index) };
        entry.set_addr(self.memory.as_mut_ptr().wrapping_add(start) as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    pub(super) fn publish(&mut self) {
        // SAFETY: `entries` is the base of a registered ring, whose tail is a u16 that only this thread writes.
        unsafe { (*BufRingEntry::tail(self.entries).cast::<AtomicU16>()).store(self.tail, Ordering::Release) };
    }

    /// Leaves the memory to a kernel that may still write to it.
    pub(super) fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.memory));
        self.entries = std::ptr::null_mut();
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if self.entries.is_null() {
            return;
        }
        // SAFETY: allocated with this layout in `register`; the ring, which shares it, was dropped before.
        unsafe { std::alloc::dealloc(self.entries.cast(), self.layout) };
    }
}

/// Bytes of each: header, control block and payload.
pub(super) const BUFFER_BYTES: usize = 2048;
const PAGE_BYTES: usize = 4096;
/// Their group.
pub(super) const GROUP: u16 = 0;
