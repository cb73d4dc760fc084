//! Read-only facts of the machine: kernel, limits, cgroup quota, steal.
