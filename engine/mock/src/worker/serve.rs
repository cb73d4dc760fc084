//! Moves a connection on: reads what arrived, and writes what is due.

use std::io;

use mio::event::Event;

use super::conn::{After, Conn};
use super::{HANDSHAKE, Worker};
use crate::batching::Engine;
use crate::clock::{self, now_ns};
use crate::stream::{End, Stream};
use crate::timers::Wake;
use crate::truth::Notes;

/// What to do with a connection after it was moved on.
enum Next {
    /// It waits for the client, for room to write, or for a grant.
    Wait,
    WakeAt(u64),
    /// It has written its share of this turn and has more.
    Again,
    /// The response is over and written; there may be a next request.
    Idle,
}

impl Worker {
    pub(super) fn handle_event(&mut self, key: usize, event: &Event) {
        if event.is_error() {
            return self.close(key);
        }
        if event.is_writable() && self.conns.get(key).is_some_and(Conn::blocked) {
            self.serve(key);
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if event.is_readable() || event.is_read_closed() {
            conn.unread = true;
            conn.half_closed |= event.is_read_closed();
            if conn.stream.is_some() {
                // A client that stops listening cancels its request; anything else it says can wait.
                if conn.half_closed {
                    self.close(key);
                }
            } else if !conn.blocked() {
                self.serve(key);
            }
        }
    }

    /// The engine has made a token for the sequence `id`.
    pub(super) fn handle_grant(&mut self, id: u64) {
        let key = (id >> 32) as usize;
        let stream = self.conns.get_mut(key).and_then(|conn| conn.stream.as_mut());
        if let Some(stream) = stream.filter(|stream| sequence_id(key, stream.number) == id) {
            stream.grant();
            self.serve(key);
        }
    }

    /// Writes what is due, and goes on with the next requests when the response is over.
    pub(super) fn serve(&mut self, key: usize) {
        loop {
            let next = self.write_due(key).and_then(|next| match next {
                Next::Idle if !self.take_request(key)? => Ok(Next::Wait),
                other => Ok(other),
            });
            let number = self.number(key);
            match (next, number) {
                (Ok(Next::Idle), _) => continue,
                (Ok(Next::WakeAt(due_ns)), Some(number)) => self.timers.push(Wake { due_ns, number, key }),
                (Ok(Next::Again), Some(number)) => self.ready.push_back((key, number)),
                (Ok(_), Some(_)) => {}
                (Ok(_), None) => self.hold(key),
                (Err(_), _) => self.close(key),
            }
            return;
        }
    }

    /// Comes back to a handshake that is held back.
    fn hold(&mut self, key: usize) {
        if let Some(due_ns) = self.conns[key].held_ns() {
            self.timers.push(Wake { due_ns, number: HANDSHAKE, key });
        }
    }

    fn write_due(&mut self, key: usize) -> io::Result<Next> {
        let conn = &mut self.conns[key];
        let was_blocked = conn.blocked();
        conn.flush()?;
        if was_blocked && !conn.blocked() {
            Notes::note_flushed(&mut conn.note);
        }
        let mut writes = 0;
        loop {
            if conn.blocked() {
                return Ok(Next::Wait);
            }
            let Some(stream) = &mut conn.stream else {
                self.shared.notes.end(&mut conn.note, true);
                return conn.handle_all_written().map(|()| Next::Idle);
            };
            let (due_ns, now_ns) = (stream.due_ns(), now_ns());
            if due_ns == u64::MAX {
                return Ok(Next::Wait);
            }
            if due_ns > now_ns {
                return Ok(Next::WakeAt(due_ns));
            }
            if writes == WRITES_PER_TURN {
                return Ok(Next::Again);
            }
            writes += 1;
            self.scratch.clear();
            let rendered = stream.render(now_ns, &mut self.scratch);
            self.shared.note_write(rendered.tokens);
            if let Some(end) = rendered.end {
                self.shared.finish();
                forget(&mut self.engine, key, stream);
                conn.stream = None;
                conn.after = match end {
                    End::KeepAlive => After::KeepAlive,
                    End::Close => After::Close,
                    End::Reset => After::Reset,
                };
            }
            let begun_ns = conn.note.as_ref().map_or(0, |_| clock::now_ns());
            conn.send(&self.scratch)?;
            let (events, tokens) = (rendered.events, rendered.tokens);
            let notes = &self.shared.notes;
            notes.note_write(&mut conn.note, begun_ns, events, tokens);
        }
    }

    /// Drops a connection and what was under way on it.
    pub(super) fn close(&mut self, key: usize) {
        let Some(mut conn) = self.conns.try_remove(key) else {
            return;
        };
        // The descriptor leaves the poll when it is closed; an error here changes nothing.
        let _ = self.poll.registry().deregister(conn.socket());
        self.acceptor.handle_close();
        self.shared.close();
        self.shared.notes.end(&mut conn.note, conn.stream.is_none());
        if let Some(stream) = conn.stream {
            self.shared.cancel();
            forget(&mut self.engine, key, &stream);
        }
    }

    fn number(&self, key: usize) -> Option<u64> {
        let conn: Option<&Conn> = self.conns.get(key);
        conn.and_then(|conn| conn.stream.as_ref()).map(|stream| stream.number)
    }
}

/// Takes a stream's sequence from the engine, if it is still in there.
fn forget(engine: &mut Option<Engine>, key: usize, stream: &Stream) {
    if let Some(engine) = engine.as_mut().filter(|_| stream.awaits_grants()) {
        engine.cancel(sequence_id(key, stream.number));
    }
}

/// The engine's name for the request `number` on the connection `key`.
pub(super) fn sequence_id(key: usize, number: u64) -> u64 {
    (key as u64) << 32 | number & 0xffff_ffff
}

/// How many writes a stream may make before the others have their turn.
const WRITES_PER_TURN: usize = 16;
