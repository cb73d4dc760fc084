//! What the media are, taken apart again.

use super::*;
use crate::api::tests::plan;
use crate::plan::{Audio, EndpointKind, ImageFormat, Images, LocalMedia, VideoContent, Videos};

fn made(format: ImageFormat) -> Plan {
    let exactly = |mean| Length { mean, stddev: 0.0 };
    let mut plan = plan(EndpointKind::Chat);
    plan.seed = 7;
    plan.payload.images = Some(Images { count: 2, width: exactly(33.0), height: exactly(17.0), format });
    plan.payload.audio = Some(Audio {
        count: 1,
        seconds_mean: 0.5,
        seconds_stddev: 0.0,
        depths: vec![16],
        rates: vec![8_000],
        channels: 2,
    });
    plan
}

fn message(plan: &Plan, turn: usize) -> Message {
    let mut message = Message::text("look");
    attach(plan, Item(turn), &mut message);
    message
}

fn decoded(url: &str, head: &str) -> Vec<u8> {
    STANDARD.decode(url.strip_prefix(head).expect(head)).expect("base64")
}

#[test]
fn a_png_has_the_size_asked_for() {
    let message = message(&made(ImageFormat::Png), 0);
    assert_eq!(message.images.len(), 2);
    let bytes = decoded(&message.images[0], "data:image/png;base64,");
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
    let info = reader.next_frame(&mut pixels).expect("whole");
    assert_eq!((info.width, info.height), (33, 17));
    let distinct: std::collections::HashSet<u8> = pixels.iter().copied().collect();
    assert!(distinct.len() > 200, "noise: {}", distinct.len());
}

#[test]
fn a_jpeg_says_the_size_asked_for() {
    let message = message(&made(ImageFormat::Jpeg), 0);
    let bytes = decoded(&message.images[0], "data:image/jpeg;base64,");
    assert!(bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9]));
    // The frame header (ITU-T T.81 §B.2.2): marker, length, precision, lines, samples a line.
    let at = bytes.windows(2).position(|w| w == [0xff, 0xc0]).expect("SOF0");
    assert_eq!(bytes[at + 4..at + 9], [8, 0, 17, 0, 33]);
}

#[test]
fn random_formats_are_both_drawn() {
    let plan = made(ImageFormat::Random);
    let all: Vec<String> = (0..20).flat_map(|turn| message(&plan, turn).images).collect();
    let jpegs = all.iter().filter(|url| url.starts_with("data:image/jpeg")).count();
    assert!((5..35).contains(&jpegs), "{jpegs}");
}

#[test]
fn a_sound_is_a_wav_file_of_the_length_asked_for() {
    let message = message(&made(ImageFormat::Png), 0);
    let bytes = decoded(&message.audios[0], "wav,");
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let data = 8_000 / 2 * 4;
    assert_eq!(&bytes[..4], b"RIFF");
    assert_eq!(u32_at(4) as usize, bytes.len() - 8);
    assert_eq!(&bytes[8..16], b"WAVEfmt ");
    assert_eq!((bytes[20], bytes[22], bytes[34]), (1, 2, 16), "PCM, channels, depth");
    assert_eq!((u32_at(24), u32_at(28)), (8_000, 32_000), "rate, bytes a second");
    assert_eq!((u32_at(40), bytes.len()), (data, 44 + data as usize));
}

#[test]
fn media_depend_on_the_seed_and_the_turn_alone_and_never_repeat() {
    let plan = made(ImageFormat::Png);
    assert_eq!(message(&plan, 3), message(&plan, 3));
    let (three, four) = (message(&plan, 3), message(&plan, 4));
    assert_ne!(three.images[0], three.images[1]);
    assert_ne!(three.images, four.images);
    assert_ne!(three.audios, four.audios);
    let mut other = plan.clone();
    other.seed = 8;
    assert_ne!(message(&other, 3).images, three.images);
}

#[test]
fn sizes_over_the_limits_are_refused_with_a_remedy() {
    let mut wide = made(ImageFormat::Png);
    if let Some(images) = &mut wide.payload.images {
        images.width.mean = 20_000.0;
    }
    assert!(check(&wide).unwrap_err().to_string().contains("`plan.payload.images.width.mean`"));
    let mut many = made(ImageFormat::Png);
    if let Some(images) = &mut many.payload.images {
        (images.width.mean, images.height.mean) = (4_096.0, 4_096.0);
    }
    many.prompts.entries = 1_000;
    let e = check(&many).unwrap_err().to_string();
    assert!(e.contains("GiB") && e.contains("`plan.prompts.entries`"), "{e}");
    many.prompts.entries = 10;
    check(&many).expect("small enough");
}

#[test]
fn files_are_taken_in_and_urls_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, b"abc").unwrap();
        path.to_str().unwrap().to_owned()
    };
    let url = "http://h/p.png".to_owned();
    let mut message = Message {
        images: vec![path("p.JPG"), url.clone(), "data:image/png;base64,eA==".into()],
        audios: vec![path("s.wav"), "wav,YWJj".into()],
        videos: vec![path("f.mp4")],
        ..Message::default()
    };
    let files = MediaFiles::new(dir.path(), &LocalMedia::Beside).unwrap();
    take_in(&mut message, &files).unwrap();
    assert_eq!(message.images, ["data:image/jpeg;base64,YWJj".into(), url, "data:image/png;base64,eA==".to_owned()]);
    assert_eq!(message.audios, ["wav,YWJj", "wav,YWJj"]);
    assert_eq!(message.videos, ["data:video/mp4;base64,YWJj"]);
    for wrong in ["/nope/p.png", &path("p.txt")] {
        message.images = vec![wrong.to_owned()];
        let e = take_in(&mut message, &files).unwrap_err();
        assert!(e.what.starts_with(wrong) && !e.remedy.is_empty(), "{e}");
    }
}

/// The body of the first box of this path.
fn boxed<'a>(mut bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
    for kind in path {
        loop {
            let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            let (this, rest) = bytes.split_at(size);
            if &this[4..8] == kind.as_bytes() {
                bytes = &this[8..];
                break;
            }
            bytes = rest;
        }
    }
    bytes
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

#[test]
fn a_video_is_an_mp4_of_the_frames_and_the_sound_asked_for() {
    let mut plan = made(ImageFormat::Png);
    (plan.payload.images, plan.payload.audio) = (None, None);
    let mut film = |content, channels| {
        let (width, height, seconds, fps, rate) = (32, 24, 1.5, 4, 8_000);
        plan.payload.videos = Some(Videos { count: 1, width, height, seconds, fps, content, channels, rate });
        check(&plan).unwrap();
        decoded(&message(&plan, 3).videos[0], "data:video/mp4;base64,")
    };
    let bytes = film(VideoContent::MovingShapes, 2);
    let track = ["moov", "trak", "mdia"];
    let at = |more: &[&str]| boxed(&bytes, &[&track, more].concat());
    assert_eq!((number(at(&["mdhd"]), 12), number(at(&["mdhd"]), 16)), (4, 6), "ticks a second, and in all");
    let sizes = at(&["minf", "stbl", "stsz"]);
    let frames: Vec<usize> = (0..number(sizes, 8)).map(|i| number(sizes, 12 + 4 * i)).collect();
    assert_eq!(frames.len(), 6);
    let offset = number(at(&["minf", "stbl", "stco"]), 8);
    let mut place = offset;
    for size in &frames {
        let frame = &bytes[place..place + size];
        assert!(frame.starts_with(&[0xff, 0xd8]) && frame.ends_with(&[0xff, 0xd9]));
        let head = frame.windows(2).position(|w| w == [0xff, 0xc0]).expect("SOF0");
        assert_eq!(frame[head + 4..head + 9], [8, 0, 24, 0, 32]);
        place += size;
    }
    // 1.5 s of two channels of 16 bits at 8 kHz, to the end of the file.
    assert_eq!(bytes.len() - place, 48_000);
    assert_eq!(boxed(&bytes, &["mdat"]).len(), bytes.len() - offset);
    let entry = at(&["minf", "stbl", "stsd"]);
    assert_eq!((&entry[12..16], &entry[40..44]), (b"mp4v".as_slice(), [0, 32, 0, 24].as_slice()));
    assert_eq!(entry[entry.len() - 16..][..2], [0x6c, 0x11], "JPEG, by its descriptor");
    let silent = film(VideoContent::GridClock, 0);
    assert_eq!(silent.windows(4).filter(|w| w == b"trak").count(), 1);
    assert_ne!(silent, film(VideoContent::Noise, 0));
    assert_eq!(silent, film(VideoContent::GridClock, 0), "the seed and the turn decide it");
}
