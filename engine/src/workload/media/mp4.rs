//! MP4 files (ISO/IEC 14496-12 and -14): one track of Motion JPEG, and one of PCM where there is sound.

/// A track of frames, each a JPEG image.
pub(super) struct Video {
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) width: u16,
    pub(super) height: u16,
    /// Frames a second.
    pub(super) fps: u32,
}

/// A track of PCM: 16 bits, little-endian, channels interleaved.
pub(super) struct Sound {
    pub(super) data: Vec<u8>,
    /// Samples a second.
    pub(super) rate: u32,
    pub(super) channels: u16,
}

/// The whole file.
pub(super) fn file(video: &Video, sound: Option<&Sound>) -> Vec<u8> {
    let brands = joined(&[b"isom", &512_u32.to_be_bytes(), b"isom", b"mp41"]);
    let mut file = boxed(b"ftyp", &[&brands]);
    // Offsets have one length whatever they are: the second index is as long as the first.
    let before = file.len() + index(video, sound, 0).len() + HEAD;
    file.extend(index(video, sound, before as u32));
    let frames: usize = video.frames.iter().map(Vec::len).sum();
    let data = frames + sound.map_or(0, |sound| sound.data.len());
    file.extend_from_slice(&((HEAD + data) as u32).to_be_bytes());
    file.extend_from_slice(b"mdat");
    video.frames.iter().for_each(|frame| file.extend_from_slice(frame));
    if let Some(sound) = sound {
        file.extend_from_slice(&sound.data);
    }
    file
}

/// The box `moov`: what the tracks are, and that their data begin at `from`, frames first.
fn index(video: &Video, sound: Option<&Sound>, from: u32) -> Vec<u8> {
    let length = |samples: u64, rate: u32| (samples * u64::from(SCALE) / u64::from(rate.max(1))) as u32;
    let frames = video.frames.len() as u32;
    let shown = length(u64::from(frames), video.fps);
    let sizes: Vec<u32> = video.frames.iter().map(|frame| frame.len() as u32).collect();
    let picture = Track {
        id: 1,
        handler: *b"vide",
        media_header: boxed(b"vmhd", &[&1_u32.to_be_bytes(), &[0; 8]]),
        entry: picture_entry(video),
        size: [video.width, video.height],
        scale: video.fps,
        shown,
        samples: frames,
        sizes: Sizes::Each(sizes.clone()),
        offset: from,
    };
    let tone = sound.map(|sound| {
        let frame = u32::from(sound.channels) * 2;
        let samples = sound.data.len() as u32 / frame.max(1);
        Track {
            id: 2,
            handler: *b"soun",
            media_header: boxed(b"smhd", &[&[0; 8]]),
            entry: sound_entry(sound),
            size: [0, 0],
            scale: sound.rate,
            shown: length(u64::from(samples), sound.rate),
            samples,
            sizes: Sizes::All(frame),
            offset: from + sizes.iter().sum::<u32>(),
        }
    });
    let longest = shown.max(tone.as_ref().map_or(0, |track| track.shown));
    let movie = [
        numbers(&[0, 0, 0, SCALE, longest, 0x0001_0000]),
        vec![1, 0],
        vec![0; 10],
        matrix(),
        vec![0; 24],
        numbers(&[3]),
    ]
    .concat();
    let tracks: Vec<u8> = [Some(picture), tone].into_iter().flatten().flat_map(|track| track.bytes()).collect();
    boxed(b"moov", &[&boxed(b"mvhd", &[&movie]), &tracks])
}

/// The durations of a track's samples.
enum Sizes {
    Each(Vec<u32>),
    All(u32),
}

/// A track whose samples lie one after the other, each as long as one tick of its clock.
struct Track {
    id: u32,
    handler: [u8; 4],
    media_header: Vec<u8>,
    entry: Vec<u8>,
    size: [u16; 2],
    /// Ticks a second.
    scale: u32,
    /// Length on the clock of the whole file.
    shown: u32,
    samples: u32,
    sizes: Sizes,
    offset: u32,
}

impl Track {
    fn bytes(&self) -> Vec<u8> {
        // Enabled, in the movie, in the preview; volume of sound.
        let volume = if self.handler == *b"soun" { [1, 0] } else { [0, 0] };
        let head = [
            numbers(&[7, 0, 0, self.id, 0, self.shown]),
            vec![0; 12],
            volume.to_vec(),
            vec![0; 2],
            matrix(),
            numbers(&self.size.map(|side| u32::from(side) << 16)),
        ];
        let media = [numbers(&[0, 0, 0, self.scale, self.samples]), vec![0x55, 0xc4, 0, 0]].concat();
        let handler = [numbers(&[0, 0]), self.handler.to_vec(), vec![0; 13]].concat();
        let reference = boxed(b"url ", &[&1_u32.to_be_bytes()]);
        let data = boxed(b"dinf", &[&boxed(b"dref", &[&numbers(&[0, 1]), &reference])]);
        let sizes = match &self.sizes {
            Sizes::Each(sizes) => numbers(&[[0, 0, self.samples].as_slice(), sizes].concat()),
            Sizes::All(size) => numbers(&[0, *size, self.samples]),
        };
        let table = [
            boxed(b"stsd", &[&numbers(&[0, 1]), &self.entry]),
            boxed(b"stts", &[&numbers(&[0, 1, self.samples, 1])]),
            boxed(b"stsc", &[&numbers(&[0, 1, 1, self.samples, 1])]),
            boxed(b"stsz", &[&sizes]),
            boxed(b"stco", &[&numbers(&[0, 1, self.offset])]),
        ];
        let information = boxed(b"minf", &[&self.media_header, &data, &boxed(b"stbl", &[&table.concat()])]);
        let media = [boxed(b"mdhd", &[&media]), boxed(b"hdlr", &[&handler]), information].concat();
        boxed(b"trak", &[&boxed(b"tkhd", &[&head.concat()]), &boxed(b"mdia", &[&media])])
    }
}

/// A visual sample entry whose descriptor says JPEG (ISO/IEC 14496-1, object type 0x6C).
fn picture_entry(video: &Video) -> Vec<u8> {
    let largest = video.frames.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let rate = largest.saturating_mul(8).saturating_mul(video.fps);
    let [_, buffer @ ..] = largest.to_be_bytes();
    let configuration = joined(&[&[0x6c, 0x11], &buffer, &numbers(&[rate, rate])]);
    let stream = joined(&[&[0, 1, 0, 4, configuration.len() as u8], &configuration, &[6, 1, 2]]);
    let descriptor = boxed(b"esds", &[&[0; 4], &[3, stream.len() as u8], &stream]);
    let (width, height) = (video.width.to_be_bytes(), video.height.to_be_bytes());
    let resolution = numbers(&[72 << 16, 72 << 16, 0]);
    let first = [0, 0, 0, 0, 0, 0, 0, 1];
    let fields = joined(&[&first, &[0; 16], &width, &height, &resolution, &[0, 1], &[0; 32]]);
    boxed(b"mp4v", &[&fields, &[0, 24, 0xff, 0xff], &descriptor])
}

/// An audio sample entry of 16-bit little-endian PCM.
fn sound_entry(sound: &Sound) -> Vec<u8> {
    let channels = sound.channels.to_be_bytes();
    let head = joined(&[&[0, 0, 0, 0, 0, 0, 0, 1], &[0; 8], &channels, &[0, 16, 0, 0, 0, 0]]);
    boxed(b"sowt", &[&head, &(sound.rate << 16).to_be_bytes()])
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let head = joined(&[&((HEAD + length) as u32).to_be_bytes(), kind]);
    joined(&[&head, &joined(parts)])
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// The matrix that changes nothing.
fn matrix() -> Vec<u8> {
    numbers(&[0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000])
}

/// Bytes of the head of a box.
const HEAD: usize = 8;
/// Ticks a second of the clock of the whole file.
const SCALE: u32 = 1_000;
