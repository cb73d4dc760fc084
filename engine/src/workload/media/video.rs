//! Synthetic video: Motion JPEG in an MP4 file, with a track of PCM where sound is asked for.

use super::{data_url, image, mp4, noise};
use crate::plan::{VideoContent, Videos};
use crate::random::ItemRng;

/// One video, as a `data:` URL.
pub(super) fn make(videos: &Videos, mut rng: ItemRng) -> String {
    let scene = Scene::drawn(videos, &mut rng);
    let frames: Vec<Vec<u8>> = (0..frames(videos))
        .map(|at| {
            let pixels = match videos.content {
                VideoContent::Noise => noise(scene.pixels() * 3, &mut rng),
                VideoContent::MovingShapes => scene.shapes(at),
                VideoContent::GridClock => scene.clock(at),
            };
            image::jpeg(&pixels, videos.width, videos.height)
        })
        .collect();
    let sound = (videos.channels > 0).then(|| {
        let samples = (videos.seconds * f64::from(videos.rate)).round().max(1.0) as usize;
        let data = noise(samples * usize::from(videos.channels) * 2, &mut rng);
        mp4::Sound { data, rate: videos.rate, channels: videos.channels }
    });
    let video = mp4::Video { frames, width: videos.width, height: videos.height, fps: videos.fps };
    data_url(&mp4::file(&video, sound.as_ref()), "video/mp4")
}

/// Frames of one video, one at least.
pub(super) fn frames(videos: &Videos) -> u32 {
    (videos.seconds * f64::from(videos.fps)).round().max(1.0) as u32
}

/// A color: red, green, blue.
type Color = [u8; 3];

/// A disc or a square that moves evenly and comes in again on the other side.
struct Shape {
    round: bool,
    color: Color,
    /// Half of its side, pixels.
    half: f64,
    /// Where it begins, and how far it goes in a frame, pixels.
    from: [f64; 2],
    step: [f64; 2],
}

/// The scene of one video.
struct Scene {
    width: usize,
    height: usize,
    back: Color,
    shapes: Vec<Shape>,
}

impl Scene {
    fn drawn(videos: &Videos, rng: &mut ItemRng) -> Self {
        let (width, height) = (usize::from(videos.width), usize::from(videos.height));
        let share = |rng: &mut ItemRng| rng.below(1000) as f64 / 1000.0;
        let color = |rng: &mut ItemRng| [rng.below(256) as u8, rng.below(256) as u8, rng.below(256) as u8];
        let back = color(rng);
        let side = width.min(height) as f64;
        let shapes = (0..SHAPES)
            .map(|n| Shape {
                round: n % 2 == 0,
                color: color(rng),
                half: side * (0.05 + 0.1 * share(rng)),
                from: [width as f64 * share(rng), height as f64 * share(rng)],
                step: [side * 0.1 * (share(rng) - 0.5), side * 0.1 * (share(rng) - 0.5)],
            })
            .collect();
        Self { width, height, back, shapes }
    }

    fn pixels(&self) -> usize {
        self.width * self.height
    }

    fn filled(&self, color: impl Fn(f64, f64) -> Color) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(self.pixels() * 3);
        for y in 0..self.height {
            for x in 0..self.width {
                pixels.extend_from_slice(&color(x as f64, y as f64));
            }
        }
        pixels
    }

    fn shapes(&self, frame: u32) -> Vec<u8> {
        let t = f64::from(frame);
        let (width, height) = (self.width as f64, self.height as f64);
        let placed: Vec<(&Shape, f64, f64)> = self
            .shapes
            .iter()
            .map(|shape| {
                let x = (shape.from[0] + t * shape.step[0]).rem_euclid(width);
                (shape, x, (shape.from[1] + t * shape.step[1]).rem_euclid(height))
            })
            .collect();
        self.filled(|x, y| {
            let covers = |(shape, cx, cy): &&(&Shape, f64, f64)| {
                let (dx, dy) = ((x - cx).abs(), (y - cy).abs());
                match shape.round {
                    true => dx.hypot(dy) <= shape.half,
                    false => dx.max(dy) <= shape.half,
                }
            };
            placed.iter().find(covers).map_or(self.back, |(shape, ..)| shape.color)
        })
    }

    /// A grid of eighths, and a hand that goes round once in sixty frames.
    fn clock(&self, frame: u32) -> Vec<u8> {
        let (cx, cy) = (self.width as f64 / 2.0, self.height as f64 / 2.0);
        let angle = f64::from(frame) * std::f64::consts::TAU / 60.0;
        let (along, across) = (angle.sin(), -angle.cos());
        let length = cx.min(cy) * 0.9;
        let cell = (self.width.max(self.height) as f64 / 8.0).max(2.0);
        let hand = self.shapes.first().map_or([255; 3], |shape| shape.color);
        self.filled(|x, y| {
            let (dx, dy) = (x - cx, y - cy);
            let far = dx * along + dy * across;
            let beside = (dx * across - dy * along).abs();
            match () {
                () if (0.0..=length).contains(&far) && beside <= 1.5 => hand,
                () if x % cell < 1.0 || y % cell < 1.0 => self.back.map(|c| c ^ 0x80),
                () => self.back,
            }
        })
    }
}

/// Shapes of a scene.
const SHAPES: usize = 4;
