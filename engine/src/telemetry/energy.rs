//! What the energy and the power of GPUs come to for what was served.

use super::gpu::GpuFigures;

/// What a run came to, as far as energy is shared out over it; absent where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// Output tokens that arrived in the measured phase.
    pub output_tokens: Option<f64>,
    /// Tokens of prompts and of output of the successful requests.
    pub total_tokens: Option<f64>,
    /// Successful requests.
    pub requests: f64,
    /// Output tokens a second.
    pub output_throughput: Option<f64>,
    /// Requests a second.
    pub request_throughput: Option<f64>,
    /// Good requests a second.
    pub goodput: Option<f64>,
    /// Mean latency of a request, in seconds.
    pub latency_s: Option<f64>,
    /// Requests that the plan keeps in flight.
    pub users: Option<f64>,
}

impl GpuFigures {
    /// Adds what energy and power come to for what was served in the measured phase.
    pub fn share_out(&mut self, served: &Served) {
        let some = |value: Option<f64>| value.filter(|value| *value > 0.0);
        let (joules, watts) = (some(self.energy_j), some(self.average_power_w));
        let each = |of: Option<f64>| joules.zip(some(of)).map(|(joules, of)| joules / of);
        let for_each_watt = |rate: Option<f64>| rate.zip(watts).map(|(rate, watts)| rate / watts);
        self.joules_per_output_token = each(served.output_tokens);
        self.output_tokens_per_joule = self.joules_per_output_token.map(|joules| 1.0 / joules);
        self.joules_per_total_token = each(served.total_tokens);
        self.joules_per_request = each(Some(served.requests));
        self.joules_per_user = each(served.users);
        self.energy_delay_js = self.joules_per_request.zip(served.latency_s).map(|(joules, s)| joules * s);
        self.output_throughput_per_watt = for_each_watt(served.output_throughput);
        self.request_throughput_per_watt = for_each_watt(served.request_throughput);
        self.goodput_per_watt = for_each_watt(served.goodput);
    }
}
