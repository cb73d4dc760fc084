//! CPU time under two loads → what a request costs and what an output event costs.

/// The work of one core under a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests that were issued.
    pub requests: f64,
    /// Output events that arrived.
    pub events: f64,
    /// CPU time in user mode, nanoseconds.
    pub user_ns: f64,
    /// CPU time in the kernel, nanoseconds.
    pub system_ns: f64,
}

/// User and system part of what each costs, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// A request, its output events apart.
    pub request: (f64, f64),
    /// An output event.
    pub event: (f64, f64),
}

/// Costs from a load of long responses and one of short responses. `None` where one of them did nothing.
///
/// Two equations, `cpu = requests · request + events · event`, are solved for user and system time apart. Where that
/// says that something costs less than nothing, because both loads are noisy or alike, all time under the long
/// responses is their events', and requests have what is left of the short ones': that makes the ceiling lower, not
/// higher.
#[must_use]
pub fn costs(long: &Load, short: &Load) -> Option<Costs> {
    if long.events <= 0.0 || short.requests <= 0.0 {
        return None;
    }
    let solve = |of: fn(&Load) -> f64| {
        let determinant = long.events * short.requests - short.events * long.requests;
        let event = (of(long) * short.requests - of(short) * long.requests) / determinant;
        let request = (of(short) * long.events - of(long) * short.events) / determinant;
        if determinant > 0.0 && event >= 0.0 && request >= 0.0 {
            return (request, event);
        }
        let event = of(long) / long.events;
        let rest = of(short) - event * short.events;
        (rest.max(0.0) / short.requests, event)
    };
    let (user, system) = (solve(|l| l.user_ns), solve(|l| l.system_ns));
    Some(Costs { request: (user.0, system.0), event: (user.1, system.1) })
}
