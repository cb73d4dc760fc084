//! The rings of buffers that io_uring reads into: one of small buffers for all connections, and one of large ones for
//! the few that fill one small buffer after another, as those do that carry many streams.

use super::socket::number;
use io_uring::IoUring;
use io_uring::types::BufRingEntry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// The buffers of a driver.
pub(super) struct Buffers {
    small: Ring,
    /// Made when the first connection needs them.
    large: Option<Ring>,
    /// As many places are taken as it has other holders.
    places: Arc<()>,
    /// They were refused, and are not asked for again.
    refused: bool,
}

/// The right to read into large buffers; one of [`LARGE_READERS`], until it is dropped.
pub(super) struct Place(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl Buffers {
    /// So many small buffers, a power of two.
    ///
    /// # Errors
    /// The error number with which the kernel refused them.
    pub(super) fn register(ring: &IoUring, count: u16) -> Result<Self, i32> {
        Ok(Self { small: Ring::register(ring, SMALL, count)?, large: None, places: Arc::default(), refused: false })
    }

    /// A place among the connections with large buffers; `None` where there is none.
    #[cold]
    pub(super) fn enlarge(&mut self, ring: &IoUring) -> Option<Place> {
        if self.refused || Arc::strong_count(&self.places) > LARGE_READERS {
            return None;
        }
        if self.large.is_none() {
            self.large = Ring::register(ring, LARGE, LARGE_BUFFERS).ok();
            self.refused = self.large.is_none();
        }
        self.large.is_some().then(|| Place(Arc::clone(&self.places)))
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        LARGE_READERS + 1 - Arc::strong_count(&self.places)
    }

    fn ring(&mut self, group: u16) -> &mut Ring {
        match &mut self.large {
            Some(large) if group == LARGE => large,
            _ => &mut self.small,
        }
    }

    /// What a read of so many bytes has put into a buffer, and whether it had room for more.
    pub(super) fn slice(&self, group: u16, id: u16, length: usize) -> (&[u8], bool) {
        match &self.large {
            Some(large) if group == LARGE => large.slice(id, length),
            _ => self.small.slice(id, length),
        }
    }

    pub(super) fn give_back(&mut self, group: u16, id: u16) {
        self.ring(group).give_back(id);
    }

    /// Shows the kernel what was given back.
    pub(super) fn publish(&mut self) {
        self.small.publish();
        if let Some(large) = &mut self.large {
            large.publish();
        }
    }

    /// Leaves the memory to a kernel that may still write to it.
    pub(super) fn leak(&mut self) {
        self.small.leak();
        if let Some(large) = &mut self.large {
            large.leak();
        }
    }
}

/// A ring of provided buffers of one size, lent to the kernel and given back with one tail publish a loop.
struct Ring {
    group: u16,
    memory: Box<[u8]>,
    entries: *mut BufRingEntry,
    layout: std::alloc::Layout,
    /// How many: a power of two.
    count: u16,
    tail: u16,
}

impl Ring {
    fn register(ring: &IoUring, group: u16, count: u16) -> Result<Self, i32> {
        let layout = std::alloc::Layout::from_size_align(usize::from(count) * size_of::<BufRingEntry>(), 4096)
            .map_err(|_| libc::EINVAL)?;
        // SAFETY: the layout is not empty, and a zeroed entry is valid.
        let entries: *mut BufRingEntry = unsafe { std::alloc::alloc_zeroed(layout).cast() };
        if entries.is_null() {
            return Err(libc::ENOMEM);
        }
        let mut buffers = Self {
            group,
            memory: vec![0; usize::from(count) * bytes_of(group)].into_boxed_slice(),
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
        unsafe { ring.submitter().register_buf_ring_with_flags(entries as u64, count, group, 0) }
            .map_err(|e| number(&e))?;
        for id in 0..count {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    fn slice(&self, id: u16, length: usize) -> (&[u8], bool) {
        let bytes = bytes_of(self.group);
        let start = usize::from(id) * bytes;
        (&self.memory[start..start + length.min(bytes)], length < bytes)
    }

    fn give_back(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        let bytes = bytes_of(self.group);
        let start = usize::from(id) * bytes;
        // SAFETY: `index` is below `count`; the kernel does not read the entry before the tail is published.
        let entry = unsafe { &mut *self.entries.add(index) };
        entry.set_addr(self.memory.as_mut_ptr().wrapping_add(start) as u64);
        entry.set_len(bytes as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&mut self) {
        // SAFETY: `entries` is the base of a registered ring, whose tail is a u16 that only this thread writes.
        unsafe { (*BufRingEntry::tail(self.entries).cast::<AtomicU16>()).store(self.tail, Ordering::Release) };
    }

    fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.memory));
        self.entries = std::ptr::null_mut();
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.entries.is_null() {
            return;
        }
        // SAFETY: allocated with this layout in `register`; the ring, which shares it, was dropped before.
        unsafe { std::alloc::dealloc(self.entries.cast(), self.layout) };
    }
}

/// The groups: their numbers are in the entries that read into them.
pub(super) const SMALL: u16 = 0;
pub(super) const LARGE: u16 = 1;

/// Bytes of a buffer: header, control block and payload. A large one holds a largest frame of HTTP/2 (RFC 9113 §4.2)
/// and a record of TLS (RFC 8446 §5.1).
const fn bytes_of(group: u16) -> usize {
    match group {
        LARGE => 17 * 1024,
        _ => 2048,
    }
}

/// Connections that are lent large buffers at a time, and how many of these there are. A read takes one of them however
/// few bytes it brings: too many readers would leave none.
pub(super) const LARGE_READERS: usize = 32;
const LARGE_BUFFERS: u16 = 128;
const PAGE_BYTES: usize = 4096;
