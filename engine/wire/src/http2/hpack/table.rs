//! The static and the dynamic table (RFC 7541 §2.3, §4, Appendix A).

use super::HpackError;
use std::collections::VecDeque;

/// Both tables of a decoder, as one address space: 1 to 61 is static, 62 the newest entry of the dynamic table.
#[derive(Debug)]
pub(super) struct Table {
    /// Names and values of the entries, oldest first; evicted ones may be in front.
    bytes: Vec<u8>,
    /// How many bytes ever added lie before the front of `bytes`.
    base: usize,
    /// Newest first.
    entries: VecDeque<Entry>,
    /// As in RFC 7541 §4.1: bytes of names and values, and 32 for each entry.
    size: usize,
    max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Bytes ever added before this entry's name.
    at: usize,
    name: usize,
    value: usize,
}

impl Entry {
    fn size(self) -> usize {
        self.name + self.value + ENTRY_BYTES
    }
}

impl Table {
    pub(super) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), base: 0, entries: VecDeque::new(), size: 0, max }
    }

    /// Changes the greatest size, and evicts what is over it.
    pub(super) fn resize(&mut self, max: usize) {
        self.max = max;
        self.evict(0);
    }

    /// Name and value of an entry.
    pub(super) fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), HpackError> {
        let index = index.checked_sub(1).ok_or(HpackError::Index)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Ok((name, value));
        }
        index
            .checked_sub(STATIC.len())
            .and_then(|i| self.entries.get(i))
            .and_then(|entry| {
                let bytes = self.bytes.get(entry.at.checked_sub(self.base)?..)?;
                let (name, rest) = bytes.split_at_checked(entry.name)?;
                Some((name, rest.get(..entry.value)?))
            })
            .ok_or(HpackError::Index)
    }

    /// Adds an entry; one that is larger than the table empties it instead (RFC 7541 §4.4).
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let entry = Entry { at: self.base + self.bytes.len(), name: name.len(), value: value.len() };
        self.evict(entry.size());
        if entry.size() <= self.max {
            self.bytes.extend_from_slice(name);
            self.bytes.extend_from_slice(value);
            self.entries.push_front(entry);
            self.size += entry.size();
        }
    }

    /// Evicts the oldest entries until `room` more bytes fit or none is left.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.max
            && let Some(entry) = self.entries.pop_back()
        {
            self.size -= entry.size();
        }
        let live = self.entries.back().map_or(self.base + self.bytes.len(), |e| e.at);
        let dead = (live - self.base).min(self.bytes.len());
        if dead > self.max {
            self.bytes.drain(..dead);
            self.base += dead;
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// The index of the static entry with this name and value, and that of the first with this name.
pub(super) fn find(name: &[u8], value: &[u8]) -> (Option<usize>, Option<usize>) {
    let at = |found: Option<usize>| found.map(|i| i + 1);
    (at(STATIC.iter().position(|e| *e == (name, value))), at(STATIC.iter().position(|e| e.0 == name)))
}

/// The size of an entry beside its bytes.
const ENTRY_BYTES: usize = 32;

static STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];
