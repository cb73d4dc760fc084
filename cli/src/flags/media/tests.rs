//! Flags on what a request holds beside its prompt → what is planned, and the refusals.

use crate::flags::testing::{made, refused};
use ringload_engine::plan::{ImageFormat, VideoContent};

#[test]
fn any_flag_of_images_or_audio_asks_for_them_with_aiperfs_defaults() {
    let plain = made("--model m");
    assert!(plain.payload.is_plain());
    let images = made("--model m --image-width-mean 640").payload.images.unwrap();
    assert_eq!(
        (images.count, images.width.mean, images.height.mean, images.format),
        (1, 640.0, 512.0, ImageFormat::Png)
    );
    let audio = made("--model m --audio-depths 8,24 --audio-sample-rates 8,44100").payload.audio.unwrap();
    assert_eq!((audio.seconds_mean, audio.channels), (10.0, 1));
    assert_eq!((audio.depths, audio.rates), (vec![8, 24], vec![8_000, 44_100]));
    assert!(made("--model m --image-batch-size 0 --image-width-mean 5").payload.images.is_none());
    let e = refused("--model m --endpoint-type completions --image-format png");
    assert!(e.contains("takes no images") && e.contains("chat"), "{e}");
    let e = refused("--model m --endpoint-type messages --audio-length-mean 1");
    assert!(e.contains("takes no audio"), "{e}");
    assert!(refused("--model m --audio-depths 12").contains("8, 16, 24 or 32"));
}

#[test]
fn a_rankings_query_and_passages_have_lengths_of_their_own() {
    let p = made("--model m --endpoint-type nim_rankings --rankings-passages-mean 3 --isl 900");
    assert_eq!((p.prompts.isl.mean, p.payload.passages.count.mean), (32.0, 3.0));
    assert_eq!(p.payload.passages.tokens.mean, 128.0);
    let e = refused("--model m --rankings-passages-mean 3");
    assert!(e.contains("cohere_rankings"), "{e}");
}

#[test]
fn a_template_is_a_name_a_file_or_the_text_itself() {
    let template = |source: &str| {
        let line = format!("--model m --endpoint-type template --extra-inputs payload_template:{source} top_k:1");
        let plan = made(&line);
        assert_eq!(plan.extra_inputs.keys().collect::<Vec<_>>(), ["top_k"]);
        plan.payload.template.unwrap().source().to_owned()
    };
    assert!(template("nv-embedqa").contains("texts|tojson"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"{\"a\": {{ text|tojson }}}").unwrap();
    assert_eq!(template(file.path().to_str().unwrap()), "{\"a\": {{ text|tojson }}}");
    assert_eq!(template("{{texts|tojson}}"), "{{texts|tojson}}");
    let e = refused("--model m --endpoint-type template");
    assert!(e.contains("payload_template"), "{e}");
    let e = refused("--model m --endpoint-type template --extra-inputs payload_template:/no/such/file");
    assert!(e.contains("/no/such/file"), "{e}");
    let e = refused("--model m --endpoint-type raw --extra-inputs response_field:a[*]");
    assert!(e.contains("JSON pointer"), "{e}");
}

#[test]
fn both_sides_give_requests_a_video_and_a_note_says_how_it_is_encoded() {
    let flags = "--model m --video-width 64 --video-height 48 --video-fps 2 --video-duration 3 --video-batch-size 2";
    let line = format!("{flags} --video-synth-type grid-clock --video-codec libvpx-vp9 --video-format webm");
    let planned = crate::flags::testing::planned(&line).unwrap();
    let videos = planned.plan.payload.videos.unwrap();
    assert_eq!((videos.width, videos.height, videos.count, videos.fps), (64, 48, 2, 2));
    assert_eq!((videos.seconds, videos.content, videos.channels), (3.0, VideoContent::GridClock, 0));
    let note = planned.notes.iter().find(|note| note.contains("Motion JPEG in MP4")).unwrap();
    assert!(note.contains("whatever --video-format webm and --video-codec libvpx-vp9 says"), "{note}");
    assert!(made("--model m --video-width 64 --video-height 48 --video-batch-size 0").payload.videos.is_none());
    let sound =
        made("--model m --video-width 64 --video-height 48 --video-audio-num-channels 2 --video-audio-sample-rate 48");
    assert_eq!(sound.payload.videos.map(|v| (v.channels, v.rate, v.seconds, v.fps)), Some((2, 48_000, 5.0, 4)));
}
