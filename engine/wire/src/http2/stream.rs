//! The open streams.

use super::window::ReceiveWindow;

/// One open stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) tag: u32,
    /// What the peer lets us send; negative after it lowered its setting (RFC 9113 §6.9.2).
    pub(super) send_window: i64,
    /// The largest `send_window` so far.
    pub(super) largest_window: i64,
    pub(super) receive_window: ReceiveWindow,
    /// The final head came.
    pub(super) headed: bool,
    /// Bytes of body that the head announced.
    pub(super) expected: Option<u64>,
    /// Bytes of body so far, those of the frame that is being read included.
    pub(super) received: u64,
    /// The request's body, if a part of it waits for a window; empty otherwise.
    pub(super) body: Vec<u8>,
    /// Bytes of it that were sent.
    pub(super) sent: usize,
}

/// The open streams, found by id. Those that ended are reused with their buffers.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Ids and places of the open streams, ascending by id.
    ids: Vec<(u32, usize)>,
    /// Where the stream of an id was put last, by the lowest bits of its number. Open streams have numbers near each
    /// other, so that the search in `ids` is seldom needed.
    recent: Vec<u32>,
    slots: Vec<Stream>,
    free: Vec<usize>,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds a stream with an id above all others.
    pub(super) fn add(&mut self, id: u32) -> Option<&mut Stream> {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(Stream::default());
        }
        self.ids.push((id, slot));
        self.remember(id, slot);
        let stream = self.slots.get_mut(slot)?;
        let mut body = std::mem::take(&mut stream.body);
        body.clear();
        *stream = Stream { id, body, ..Stream::default() };
        Some(stream)
    }

    /// Notes where a stream is, in a table of twice as many entries as streams are open at least.
    fn remember(&mut self, id: u32, slot: usize) {
        if self.recent.len() < 2 * self.ids.len() {
            self.recent.clear();
            self.recent.resize((2 * self.ids.len()).next_power_of_two(), 0);
            for at in 0..self.ids.len() {
                if let Some((id, slot)) = self.ids.get(at).copied() {
                    self.enter(id, slot);
                }
            }
        }
        self.enter(id, slot);
    }

    fn enter(&mut self, id: u32, slot: usize) {
        let at = self.entry(id);
        if let Some(entry) = self.recent.get_mut(at) {
            *entry = slot as u32;
        }
    }

    /// The entry of an id in `recent`, whose length is a power of two or 0.
    #[inline]
    fn entry(&self, id: u32) -> usize {
        (id >> 1) as usize & self.recent.len().wrapping_sub(1)
    }

    /// The open stream of an id, if it is where a stream of that id was put last.
    #[inline]
    pub(super) fn recent(&mut self, id: u32) -> Option<&mut Stream> {
        let slot = *self.recent.get(self.entry(id))?;
        self.slots.get_mut(slot as usize).filter(|stream| stream.id == id && id != 0)
    }

    /// The place of an open stream.
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        let at = self.ids.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.ids.get(at).map(|(_, slot)| *slot)
    }

    /// The stream at a place, if it is still that one.
    pub(super) fn at(&mut self, slot: usize, id: u32) -> Option<&mut Stream> {
        self.slots.get_mut(slot).filter(|stream| stream.id == id)
    }

    pub(super) fn by_id(&mut self, id: u32) -> Option<&mut Stream> {
        let slot = self.find(id)?;
        self.at(slot, id)
    }

    /// Ends a stream: its tag, and whether a part of its body was waiting.
    pub(super) fn remove(&mut self, id: u32) -> Option<(u32, bool)> {
        let at = self.ids.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let (_, slot) = self.ids.remove(at);
        let stream = self.slots.get_mut(slot)?;
        stream.id = 0;
        self.free.push(slot);
        let waiting = !stream.body.is_empty();
        stream.body.clear();
        Some((stream.tag, waiting))
    }

    /// The id of the n-th open stream.
    pub(super) fn nth(&self, n: usize) -> Option<u32> {
        self.ids.get(n).map(|(id, _)| *id)
    }

    /// The open streams, ascending by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.ids.iter().filter_map(|(_, slot)| self.slots.get(*slot))
    }

    /// All streams, the ended ones included.
    pub(super) fn slots(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slots.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::Streams;

    /// The streams that are open by number: what a search from the front would find.
    fn is_found(streams: &mut Streams, id: u32) -> bool {
        let found = streams.find(id).is_some();
        let recent = streams.recent(id).map(|stream| stream.id);
        assert!(recent.is_none_or(|of| found && of == id), "{id} is not open, or is another");
        found
    }

    #[test]
    fn a_stream_is_found_until_it_ends() {
        let mut streams = Streams::default();
        for id in (1..=1_999).step_by(2) {
            assert!(streams.add(id).is_some());
            assert_eq!(streams.recent(id).map(|stream| stream.id), Some(id));
            if id >= 61 && id % 3 == 0 {
                assert!(streams.remove(id - 60).is_some());
            }
            assert!(!is_found(&mut streams, 0), "the connection is no stream");
        }
        let open = (0..=2_001).filter(|id| is_found(&mut streams, *id)).count();
        assert_eq!(open, streams.len());
    }

    #[test]
    fn streams_in_a_row_are_found_without_a_search() {
        let mut streams = Streams::default();
        for id in (1..=511).step_by(2) {
            streams.add(id);
        }
        assert!((1..=511).step_by(2).all(|id| streams.recent(id).is_some()));
    }
}
