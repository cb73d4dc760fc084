//! The rows of a file, put together to conversations, in the order in which these begin.

use super::source;
use crate::clock::Nanos;
use crate::dataset::{Branching, Content, Row, Session, synthesize};
use crate::error::{Error, Result};
use crate::plan::{LeftOut, Length, Remarks, Replay, Timing};
use crate::setting::Setting::{LongestInput, ScheduleFrom, ScheduleUntil};
use std::collections::HashMap;

/// A summary of a file: read through once, nothing of its texts kept.
#[derive(Debug)]
pub struct Survey {
    pub(super) gathered: Gathered<Brief>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Brief {
    isl: Option<u32>,
    osl: Option<u32>,
}

impl Survey {
    /// Reads a file through.
    ///
    /// # Errors
    /// When it cannot be read, or says something wrong; when nothing of it is left.
    pub fn read(replay: &Replay, seed: u64) -> Result<Self> {
        let brief = |batch: Vec<(u32, bool, Row)>| {
            let brief = |row: &Row| Brief {
                isl: match row.turn.content {
                    Content::Length { isl, .. } => Some(isl),
                    _ => None,
                },
                osl: row.turn.osl,
            };
            Ok(batch.iter().map(|(_, _, row)| brief(row)).collect())
        };
        let gathered = Gathered::read(replay, seed, &mut { brief })?;
        Ok(Self { gathered })
    }

    /// What of the file is not sent as it is, where it is sent with this timing.
    #[must_use]
    pub fn remarks(&self, timing: &Timing) -> Remarks {
        let mut remarks = self.gathered.remarks.clone();
        // Timestamps that do not count, or from which the schedule begins, make nothing late.
        let from_zero = timing.fixed && timing.from.is_none() && !timing.from_first && !timing.ignored;
        remarks.first_due_s = remarks.first_due_s.map(|due| due / timing.speedup).filter(|_| from_zero);
        remarks
    }

    /// How many conversations begin by themselves.
    #[must_use]
    pub fn conversations(&self) -> usize {
        self.gathered.roots
    }

    /// The id of the first conversation that has no timestamp, if there is one.
    #[must_use]
    pub fn untimed(&self) -> Option<&str> {
        let mut timed = vec![false; self.gathered.ids.len()];
        for item in &self.gathered.items {
            timed[item.conversation as usize] |= item.at.is_some();
        }
        let lacking = timed[..self.gathered.roots].iter().position(|timed| !timed)?;
        Some(&self.gathered.ids[lacking])
    }

    /// Whether some turn says a delay or, after another, a timestamp.
    #[must_use]
    pub fn turns_are_timed(&self) -> bool {
        self.gathered.items.iter().any(|item| item.delay.is_some() || item.at.is_some())
    }

    /// Mean and deviation of the input lengths that the file says; none where it has texts.
    #[must_use]
    pub fn isl(&self) -> Option<Length> {
        moments(self.gathered.items.iter().filter_map(|item| item.value.isl))
    }

    /// Mean and deviation of the output lengths that the file says.
    #[must_use]
    pub fn osl(&self) -> Option<Length> {
        moments(self.gathered.items.iter().filter_map(|item| item.value.osl))
    }

    /// When the conversations begin, in their order, where their timestamps count.
    #[must_use]
    pub fn starts(mut self, timing: &Timing) -> Vec<Nanos> {
        self.gathered.place(timing);
        let items = &self.gathered.items;
        let roots = self.gathered.roots;
        let mut starts = Vec::with_capacity(roots);
        for (i, item) in items.iter().enumerate().take_while(|(_, item)| (item.conversation as usize) < roots) {
            if i == 0 || items[i - 1].conversation != item.conversation {
                starts.push(item.at.unwrap_or(0));
            }
        }
        starts
    }
}

fn moments(lengths: impl Iterator<Item = u32> + Clone) -> Option<Length> {
    let n = lengths.clone().count();
    if n == 0 {
        return None;
    }
    let mean = lengths.clone().map(f64::from).sum::<f64>() / n as f64;
    let squares: f64 = lengths.map(|l| (f64::from(l) - mean).powi(2)).sum();
    Some(Length { mean, stddev: (squares / n as f64).sqrt() })
}

/// A turn, and what was made of it.
#[derive(Debug)]
pub(super) struct Item<T> {
    pub(super) conversation: u32,
    order: i64,
    pub(super) at: Option<Nanos>,
    pub(super) delay: Option<Nanos>,
    pub(super) value: T,
    pub(super) branches: Option<Box<[Branching]>>,
}

/// The turns of a file, conversation after conversation once they are placed.
#[derive(Debug)]
pub(super) struct Gathered<T> {
    pub(super) ids: Vec<String>,
    pub(super) items: Vec<Item<T>>,
    /// How many of the conversations, the first of all, begin by themselves; the others are begun by turns.
    pub(super) roots: usize,
    remarks: Remarks,
}

/// Makes something of each of these rows; with the number of its conversation, and whether it is the first of it.
pub(super) type Make<'a, T> = &'a mut dyn FnMut(Vec<(u32, bool, Row)>) -> Result<Vec<T>>;

impl<T> Gathered<T> {
    /// Reads a file, in batches.
    pub(super) fn read(replay: &Replay, seed: u64, make: Make<'_, T>) -> Result<Self> {
        let mut reader = Reader {
            numbers: HashMap::new(),
            out: Self { ids: Vec::new(), items: Vec::new(), roots: 0, remarks: Remarks::default() },
            batch: Vec::new(),
            bytes: 0,
            make,
        };
        let mut held = Vec::new();
        let timing = &replay.timing;
        let (mut outside_schedule, mut too_long) = (0, 0);
        let mut remarks = source::rows(replay, seed, &mut |mut row| {
            if !timing.takes(row.turn.at) {
                outside_schedule += 1;
                return Ok(());
            }
            if !replay.synthesis.alone(&mut row) {
                too_long += 1;
                return Ok(());
            }
            let (conversation, first) = reader.number(&row)?;
            if replay.synthesis.needs_all() {
                held.push((conversation as usize, row));
                return Ok(());
            }
            reader.push(conversation, first, row)
        })?;
        if !held.is_empty() {
            synthesize(&replay.synthesis, replay.block, seed, &mut held);
            let mut begun = vec![false; reader.out.ids.len()];
            for (conversation, row) in held {
                let first = !std::mem::replace(&mut begun[conversation], true);
                reader.push(conversation as u32, first, row)?;
            }
        }
        reader.flush()?;
        for (why, n) in [(LeftOut::OutsideSchedule, outside_schedule), (LeftOut::TooLong, too_long)] {
            if n > 0 {
                remarks.left_out.insert(why, n);
            }
        }
        reader.out.remarks = remarks;
        if reader.out.items.is_empty() {
            return Err(Error::usage(
                format!("{}: no request of it is left", replay.file.display()),
                format!(
                    "widen {ScheduleFrom} and {ScheduleUntil} (milliseconds of the file's own clock), or {LongestInput}"
                ),
            ));
        }
        reader.out.roots_first()?;
        Ok(reader.out)
    }

    /// Gives conversations the places that they have in this order.
    pub(super) fn renumber(&mut self, order: &[u32]) {
        let mut rank = vec![0; order.len()];
        for (place, c) in order.iter().enumerate() {
            rank[*c as usize] = place as u32;
        }
        self.ids = order.iter().map(|c| std::mem::take(&mut self.ids[*c as usize])).collect();
        for item in &mut self.items {
            item.conversation = rank[item.conversation as usize];
        }
        self.items.sort_by_key(|item| item.conversation);
    }

    /// Brings conversations into the order in which they begin, their turns into theirs, and their times to the run's
    /// clock.
    pub(super) fn place(&mut self, timing: &Timing) {
        let scaled = |ns: Nanos| (ns as f64 / timing.speedup).round() as Nanos;
        for item in &mut self.items {
            let counts = !timing.ignored;
            item.at = item.at.filter(|_| counts && timing.fixed).map(scaled);
            let delay = item.delay.filter(|_| counts).map(scaled);
            item.delay = delay.map(|delay| delay.min(timing.delay_cap.unwrap_or(Nanos::MAX)));
        }
        // Sorting is stable: turns without an order are in that of the file.
        self.items.sort_by_key(|item| (item.conversation, item.order));
        if !timing.fixed {
            return;
        }
        let first = self.items.iter().filter_map(|item| item.at).min().unwrap_or(0);
        let zero = match timing.from {
            Some(from) => scaled(from),
            None if timing.from_first => first,
            None => 0,
        };
        for item in &mut self.items {
            item.at = item.at.map(|at| at.saturating_sub(zero));
        }
        if let Some(cap) = timing.gap_cap {
            self.cap_gaps(cap);
        }
        self.order_by_start();
    }

    fn cap_gaps(&mut self, cap: Nanos) {
        let mut order: Vec<usize> = (0..self.items.len()).filter(|i| self.items[*i].at.is_some()).collect();
        order.sort_by_key(|i| self.items[*i].at);
        let (mut before, mut now) = (0, 0);
        for i in order {
            let at = self.items[i].at.unwrap_or(0);
            now += (at - before).min(cap);
            before = at;
            self.items[i].at = Some(now);
        }
    }

    fn order_by_start(&mut self) {
        let mut starts = vec![Nanos::MAX; self.ids.len()];
        for item in &self.items {
            let start = &mut starts[item.conversation as usize];
            *start = (*start).min(item.at.unwrap_or(Nanos::MAX));
        }
        let mut order: Vec<u32> = (0..self.ids.len() as u32).collect();
        order.sort_by_key(|c| (*c as usize >= self.roots, starts[*c as usize]));
        self.renumber(&order);
    }
}

struct Reader<'a, T> {
    numbers: HashMap<String, u32>,
    out: Gathered<T>,
    batch: Vec<(u32, bool, Row)>,
    bytes: usize,
    make: Make<'a, T>,
}

impl<T> Reader<'_, T> {
    /// The number of a row's conversation, and whether it begins it.
    fn number(&mut self, row: &Row) -> Result<(u32, bool)> {
        let next = self.out.ids.len() as u32;
        if next == u32::MAX {
            return Err(Error::usage("it has more than 4294967295 conversations", "split the file"));
        }
        match &row.session {
            Session::Same if next > 0 => return Ok((next - 1, false)),
            Session::Same | Session::Fresh => self.out.ids.push(format!("session_{next:06}")),
            Session::Named(id) => {
                if let Some(known) = self.numbers.get(id) {
                    return Ok((*known, false));
                }
                self.numbers.insert(id.clone(), next);
                self.out.ids.push(id.clone());
            }
        }
        Ok((next, true))
    }

    fn push(&mut self, conversation: u32, first: bool, row: Row) -> Result<()> {
        self.bytes += match &row.turn.content {
            Content::Length { isl, .. } => *isl as usize * 5,
            Content::Payload(bytes) => bytes.len(),
            Content::Messages(messages) => messages.iter().flat_map(|m| m.contents()).map(str::len).sum(),
        };
        self.batch.push((conversation, first, row));
        if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let mut batch = batch;
        let heads: Vec<_> = batch
            .iter_mut()
            .map(|(c, _, row)| {
                let branches = Some(std::mem::take(&mut row.branches)).filter(|branches| !branches.is_empty());
                (*c, row.order, row.turn.at, row.turn.delay, branches.map(Vec::into_boxed_slice))
            })
            .collect();
        let made = (self.make)(batch)?;
        let items = heads.into_iter().zip(made).map(|((conversation, order, at, delay, branches), value)| Item {
            conversation,
            order,
            at,
            delay,
            value,
            branches,
        });
        self.out.items.extend(items);
        Ok(())
    }
}

/// Rows made at once.
const BATCH: usize = 4_096;
/// Bytes of text made at once, about.
const BATCH_BYTES: usize = 32 << 20;
