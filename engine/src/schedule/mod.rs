//! Pure: arrivals as iterators of nanoseconds from the start of a phase.
