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
        let stream = self.slots.get_mut(slot)?;
        let mut body = std::mem::take(&mut stream.body);
        body.clear();
        *stream = Stream { id, body, ..Stream::default() };
        Some(stream)
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
