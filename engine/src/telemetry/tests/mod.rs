//! Known answers: expositions of each server, small and of our own making, in the shapes that these servers write.

mod collected;
mod gpus;
mod lines;
mod servers;
