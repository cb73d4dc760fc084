//! A trace made into another: faster, longer, with longer or more prefixes. AIPerf's `--synthesis-*`.

use super::{Content, Row};
use crate::plan::Synthesis;
use crate::random::{ItemRng, Stream};
use std::collections::HashMap;

impl Synthesis {
    /// Whether a row stays, and what of it can be changed without the others.
    pub fn alone(&self, row: &mut Row) -> bool {
        if let (Some(most), Content::Length { isl, .. }) = (self.max_isl, &row.turn.content)
            && *isl > most
        {
            return false;
        }
        if self.speedup != 1.0 {
            row.turn.at = row.turn.at.map(|at| (at as f64 / self.speedup).round() as u64);
        }
        if let Some(osl) = &mut row.turn.osl {
            let scaled = (f64::from(*osl) * self.output_len).round().clamp(1.0, f64::from(u32::MAX)) as u32;
            *osl = scaled.min(self.max_osl.unwrap_or(u32::MAX)).max(1);
        }
        true
    }
}

/// Changes the blocks and lengths of all rows. `conversation` says which a row belongs to: all turns of one stay under
/// one root.
///
/// The prefix of a prompt is its blocks up to the first that is in no other place of the trace. Where it becomes k
/// times as long, each of its blocks becomes k, the same wherever that block stands; a fraction is made up by blocks of
/// its own. The rest gets new blocks.
pub fn synthesize(synthesis: &Synthesis, block: u32, seed: u64, rows: &mut [(usize, Row)]) {
    let mut counts: HashMap<u64, u32> = HashMap::new();
    for id in rows.iter().flat_map(|(_, row)| ids(row)) {
        *counts.entry(*id).or_default() += 1;
    }
    let shared = |id: &u64| counts.get(id).is_some_and(|n| *n > 1);
    let stretch = synthesis.prefix_len;
    let whole = (stretch.floor() as u64).max(1);
    let top = counts.keys().max().copied().unwrap_or(0).saturating_add(1);
    let mut fresh = top.saturating_mul(whole);
    for (_, row) in rows.iter_mut() {
        let Content::Length { isl, hash_ids } = &mut row.turn.content else {
            continue;
        };
        if hash_ids.is_empty() {
            *isl = scaled(*isl, synthesis.prompt_len).max(1);
            continue;
        }
        let prefix = hash_ids.iter().take_while(|id| shared(id)).count();
        let prefix_tokens = (prefix as u64 * u64::from(block)).min(u64::from(*isl)) as u32;
        let rest = scaled(*isl - prefix_tokens, synthesis.prompt_len);
        let mut blocks: Vec<u64> = if stretch < 1.0 {
            let kept = if prefix == 0 { 0 } else { ((prefix as f64 * stretch) as usize).max(1) };
            hash_ids[..kept].to_vec()
        } else {
            hash_ids[..prefix].iter().flat_map(|id| (0..whole).map(move |j| id * whole + j)).collect()
        };
        let mut new = |n: u64| {
            let from = fresh;
            fresh += n;
            from..fresh
        };
        if stretch > 1.0 {
            let wanted = (prefix as f64 * stretch).ceil() as u64;
            blocks.extend(new(wanted.saturating_sub(blocks.len() as u64)));
        }
        let mut tokens = u64::from(block) * blocks.len() as u64;
        if stretch == 1.0 {
            tokens = u64::from(prefix_tokens);
        }
        tokens += u64::from(rest);
        let all = tokens.div_ceil(u64::from(block));
        blocks.extend(new(all.saturating_sub(blocks.len() as u64)));
        *isl = tokens.clamp(1, u64::from(u32::MAX)) as u32;
        *hash_ids = blocks;
    }
    if synthesis.prefix_roots > 1 {
        for (conversation, row) in rows.iter_mut() {
            let root = ItemRng::new(seed, Stream::Root, *conversation as u64).below(synthesis.prefix_roots as usize);
            if let Content::Length { hash_ids, .. } = &mut row.turn.content {
                hash_ids.iter_mut().for_each(|id| *id = id.wrapping_add(fresh.wrapping_mul(root as u64)));
            }
        }
    }
}

fn ids(row: &Row) -> &[u64] {
    match &row.turn.content {
        Content::Length { hash_ids, .. } => hash_ids,
        _ => &[],
    }
}

fn scaled(tokens: u32, factor: f64) -> u32 {
    (f64::from(tokens) * factor).min(f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Turn;

    fn row(isl: u32, hash_ids: &[u64]) -> (usize, Row) {
        let content = Content::Length { isl, hash_ids: hash_ids.to_vec() };
        (0, Row::single(Turn { at: Some(1_000), osl: Some(7), content, ..Turn::default() }))
    }

    fn after(synthesis: Synthesis, mut rows: Vec<(usize, Row)>) -> Vec<(u32, Vec<u64>)> {
        synthesize(&synthesis, 10, 1, &mut rows);
        let of = |(_, row): (usize, Row)| match row.turn.content {
            Content::Length { isl, hash_ids } => (isl, hash_ids),
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(of).collect()
    }

    #[test]
    fn a_longer_prefix_is_shared_by_those_who_shared_it() {
        let rows = || vec![row(25, &[1, 2, 3]), row(28, &[1, 2, 4])];
        let made = after(Synthesis { prefix_len: 2.0, ..Synthesis::default() }, rows());
        assert_eq!(made[0].0, 40 + 5);
        assert_eq!(made[1].0, 40 + 8);
        assert_eq!(made[0].1[..4], [2, 3, 4, 5]);
        assert_eq!(made[0].1[..4], made[1].1[..4]);
        assert_ne!(made[0].1[4], made[1].1[4]);
        let halved = after(Synthesis { prefix_len: 0.5, ..Synthesis::default() }, rows());
        assert_eq!((halved[0].0, halved[0].1[0], halved[0].1.len()), (15, 1, 2));
        let fraction = after(Synthesis { prefix_len: 1.5, ..Synthesis::default() }, rows());
        assert_eq!((fraction[0].0, fraction[0].1.len()), (35, 4));
    }

    #[test]
    fn the_rest_of_a_prompt_is_stretched_alone() {
        let made =
            after(Synthesis { prompt_len: 3.0, ..Synthesis::default() }, vec![row(25, &[1, 2, 3]), row(20, &[1, 2])]);
        assert_eq!(made[0].0, 20 + 15);
        assert_eq!(made[0].1.len(), 4);
        assert_eq!(made[1], (20, vec![1, 2]));
    }

    #[test]
    fn roots_share_nothing() {
        let rows = (0..40).map(|i| (i, row(20, &[1, 2]).1)).collect();
        let made = after(Synthesis { prefix_roots: 3, ..Synthesis::default() }, rows);
        let mut firsts: Vec<u64> = made.iter().map(|m| m.1[0]).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 3);
    }

    #[test]
    fn rows_alone_are_sped_up_filtered_and_capped() {
        let synthesis =
            Synthesis { speedup: 4.0, output_len: 2.0, max_isl: Some(20), max_osl: Some(12), ..Synthesis::default() };
        let (_, mut kept) = row(20, &[]);
        assert!(synthesis.alone(&mut kept));
        assert_eq!((kept.turn.at, kept.turn.osl), (Some(250), Some(12)));
        assert!(!synthesis.alone(&mut row(21, &[]).1));
    }
}
