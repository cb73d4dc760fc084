//! Flags on prompts → what is planned, and the refusals with their remedies.

use crate::flags::testing::{Scratch, made, refused};
use ringload_engine::plan::{LengthDistribution, Marker, Sampling};

#[test]
fn lengths_prefixes_and_samplers_are_planned() {
    let p = made(
        "-m x --seq-dist 128,64:25;512,128:75 --num-prefix-prompts 4 --prefix-prompt-length 100 --dataset-sampling-strategy shuffle",
    );
    assert!(matches!(&p.prompts.distribution, LengthDistribution::Pairs(pairs) if pairs.len() == 2));
    assert_eq!((p.prompts.context.prefixes, p.prompts.context.prefix_tokens), (4, 100));
    assert_eq!(p.prompts.sampling, Sampling::Shuffle);
    let p = made(
        "-m x --random-range-ratio 0.3 --isl 100 --osl 50 --cache-bust system_prefix --shared-system-prompt-length 9",
    );
    assert_eq!(p.prompts.distribution, LengthDistribution::Ratio { isl: 0.3, osl: 0.3 });
    assert_eq!(p.prompts.context.cache_bust, Some(Marker::SystemPrefix));
    let file = Scratch::new("system.txt", "Be kind.\n");
    let p =
        made(&format!("-m x --system-prompt-file {} --length-distribution lognormal --isl-stddev 5", file.0.display()));
    assert_eq!(p.prompts.context.system.as_deref(), Some("Be kind.\n"));
    assert_eq!(p.prompts.distribution, LengthDistribution::Lognormal);
    for (flags, remedy) in [
        ("--num-prefix-prompts 4", "--prefix-prompt-length"),
        ("--prefix-prompt-length 4", "--num-prefix-prompts"),
        ("--seq-dist 1,2:50", "add up to 50"),
        ("--seq-dist 1,2:100 --random-range-ratio 0.5", "drop one"),
        ("--random-range-ratio 0.5 --isl-stddev 3", "drop --isl-stddev"),
        ("--system-prompt-file /nowhere/s", "/nowhere/s"),
        ("--cache-bust warmup_isolation_system", "first_turn_prefix"),
        ("--synthesis-max-isl 4", "--input-file"),
        ("--replay-speedup 4", "--input-file"),
    ] {
        let text = refused(&format!("-m x {flags}"));
        assert!(text.contains(remedy), "{flags}: {text}");
    }
}
