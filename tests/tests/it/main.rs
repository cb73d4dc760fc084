//! The real `ringload` and the real engine against real sockets.
//!
//! - `known_answers`: servers that know the truth about their timing
//! - `truth`: every token against the server's own account of its writes, also with a client that is stopped
//! - `packets`: the same where each segment has an arrival of its own, and the reader moves none
//! - `verdict`: clients that are stopped, crowded out and starved, and servers that stand still
//! - `workload`: whether a run sends what it was asked for
//! - `load`: arrivals as the server receives them; caps, ends, warm-ups
//! - `schedules`: rates that move, slots that open over time, bounds on prefills, users
//! - `sessions`: conversations of several turns
//! - `cli`: exit statuses, signals, what reaches the wire
//! - `secrets`: they are on the wire and nowhere else
//! - `endpoints`: every API dialect, streamed and whole, and what requests hold
//! - `examples`: the library's examples against the built-in server
//! - `limits`: cancelled requests, time-outs within a stream, runs that end early over their failures
//! - `network`: names, TLS, sockets, and phases that hold what they should
//! - `nagle`: servers that leave Nagle's algorithm on
//! - `guides`: every command of the guides, as it stands
//! - `hosts`: hosts as users write them, and proxies that an environment names
//! - `wire`: peers with bad manners
//! - `packaging`: what wheels and Debian packages hold
//! - `preflight`: the one request before the load, and what is said where it is not answered
//! - `public_datasets`: rows from a server, from what was kept of it, and from a file
//! - `raw_export`: what each request sent and was answered; runs noted at a tracking server
//! - `preparation`: threads and rings that cannot be had, and connections that are reset by the thousand
//! - `aiperf`: configuration files, control hooks, and judgements for a service of continuous integration
//! - `early`: answers that come before the request was sent whole
//! - `http2`: HTTP/2 frame by frame: rules that a server breaks, rules that it bends, and requests that are retried
//! - `faults`: the matrix of what a server, a network or a machine can do to a run, and its table in
//!   `docs/RELIABILITY.md`
//! - `files`: what a run leaves
//! - `kept`: what is kept of runs whose disk or folder fails them, and of earlier runs in the same folder
//! - `server_metrics`: the server's own metrics beside those of its answers
//! - `server_timings`: what servers say of their time in their answers
//! - `otel`: runs sent to a collector of OpenTelemetry
//! - `signals`: a run is stopped at each of its stages
//! - `campaign`: repeats, sweeps, the search for the capacity, and what is left of them
//! - `made_again`: repeats, points and probes that the client spoiled
//! - `compare`: runs against each other
//! - `calibrate`: what this machine can drive, and runs that say what share of it they used
//! - `selftest`: the same in one command, with what is said against what the server did
//! - `over_time`: the run over time; tiers, conditions, the steady part
//! - `crowd`: many streams at once
//! - `memory`: ten thousand streams of servers that never stop sending
//!
//! Unless a test says otherwise it runs on both drivers. The same truths are asked of virtual time in the engine's
//! `known_answers`.

mod aiperf;
mod calibrate;
mod campaign;
mod cli;
mod compare;
mod crowd;
mod early;
mod endpoints;
mod examples;
mod faults;
mod files;
mod guides;
mod hosts;
mod http2;
mod kept;
mod known_answers;
mod limits;
mod load;
mod made_again;
mod memory;
mod nagle;
mod network;
mod otel;
mod over_time;
mod packaging;
mod packets;
mod preflight;
mod preparation;
mod public_datasets;
mod raw_export;
mod schedules;
mod secrets;
mod selftest;
mod server_metrics;
mod server_timings;
mod sessions;
mod signals;
mod truth;
mod verdict;
mod wire;
mod workload;
