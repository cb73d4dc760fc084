//! System calls that a thread of a test is denied, as by an older kernel or a sandbox.

use super::socket::errno;

/// Makes system calls fail with an error number, for the calling thread and those that it starts from now on (seccomp,
/// Linux 3.17).
///
/// # Errors
/// The error number with which the kernel refuses the filter.
pub(crate) fn deny(calls: &[libc::c_long], error: i32) -> Result<(), i32> {
    let statement = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    // The first word of seccomp_data is the number of the call.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for call in calls {
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        filter.push(statement(equal, *call as u32, 0, 1));
        let fails = libc::SECCOMP_RET_ERRNO | error as u32;
        filter.push(statement(libc::BPF_RET | libc::BPF_K, fails, 0, 0));
    }
    let allowed = libc::SECCOMP_RET_ALLOW;
    filter.push(statement(libc::BPF_RET | libc::BPF_K, allowed, 0, 0));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the first call passes plain numbers; the program and its filter are readable for the length of the
    // second.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1_u64, 0_u64, 0_u64, 0_u64) != 0 {
            return Err(errno());
        }
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        match libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program) {
            0 => Ok(()),
            _ => Err(errno()),
        }
    }
}
