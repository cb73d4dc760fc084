//! Pure: the program that lets the segments of some servers into a packet ring (classic BPF, `linux/filter.h`).

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// One instruction, as the kernel reads it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u16,
    then: u8,
    otherwise: u8,
    operand: u32,
}

/// Accepts the first `bytes` of each TCP segment that one of the servers sends to a local port of `ports`, of those
/// servers that are of the family; none that leaves this machine. The program looks at a packet from its IP header on.
pub(super) fn program(
    servers: &[SocketAddr],
    ipv6: bool,
    ports: Option<&RangeInclusive<u16>>,
    bytes: u32,
) -> Vec<Instruction> {
    let version = if ipv6 { 0x60 } else { 0x40 };
    let mut program = vec![
        load(WORD, KIND),
        equal(libc::PACKET_OUTGOING.into(), 0, 1),
        give(0),
        load(BYTE, 0),
        Instruction { code: AND, then: 0, otherwise: 0, operand: 0xf0 },
        equal(version, 1, 0),
        give(0),
    ];
    match ipv6 {
        false => program.extend([
            load(BYTE, 9),
            equal(TCP, 1, 0),
            give(0),
            load(HALF, 6),
            Instruction { code: JUMP_BITS, then: 0, otherwise: 1, operand: 0x1fff },
            give(0),
            Instruction { code: HEADER_LENGTH, then: 0, otherwise: 0, operand: 0 },
        ]),
        true => program.extend([load(BYTE, 6), equal(TCP, 1, 0), give(0)]),
    }
    if let Some(ports) = ports {
        let port = if ipv6 { load(HALF, 42) } else { load(HALF_BEHIND_HEADER, 2) };
        let above = |code, port: u16, otherwise| Instruction { code, then: 0, otherwise, operand: port.into() };
        program.extend([port, above(JUMP_FROM, *ports.start(), 1), above(JUMP_ABOVE, *ports.end(), 1), give(0)]);
    }
    for server in servers.iter().filter(|server| server.is_ipv6() == ipv6).take(MOST_SERVERS) {
        accept(&mut program, server, bytes);
    }
    program.push(give(0));
    program
}

fn accept(program: &mut Vec<Instruction>, server: &SocketAddr, bytes: u32) {
    let port = server.port().into();
    match server.ip() {
        IpAddr::V4(ip) => program.extend([
            load(WORD, 12),
            equal(ip.to_bits(), 0, 3),
            Instruction { code: HALF_BEHIND_HEADER, then: 0, otherwise: 0, operand: 0 },
            equal(port, 0, 1),
            give(bytes),
        ]),
        IpAddr::V6(ip) => {
            let words = ip.octets();
            for (place, word) in words.chunks(4).enumerate() {
                let word = word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
                program.push(load(WORD, 8 + 4 * place as u32));
                program.push(equal(word, 0, 9 - 2 * place as u8));
            }
            program.extend([load(HALF, 40), equal(port, 0, 1), give(bytes)]);
        }
    }
}

const fn load(code: u16, at: u32) -> Instruction {
    Instruction { code, then: 0, otherwise: 0, operand: at }
}

/// Skips `then` instructions where the loaded value is equal, else `otherwise`.
const fn equal(operand: u32, then: u8, otherwise: u8) -> Instruction {
    Instruction { code: JUMP_EQUAL, then, otherwise, operand }
}

const fn give(bytes: u32) -> Instruction {
    Instruction { code: RETURN, then: 0, otherwise: 0, operand: bytes }
}

const TCP: u32 = 6;
/// Where the kernel gives the kind of a packet: `SKF_AD_OFF + SKF_AD_PKTTYPE`.
const KIND: u32 = 0xffff_f004;
/// `BPF_LD | BPF_ABS` with `BPF_W`, `BPF_H`, `BPF_B`.
const WORD: u16 = 0x20;
const HALF: u16 = 0x28;
const BYTE: u16 = 0x30;
/// `BPF_LDX | BPF_B | BPF_MSH`: four times the low half of a byte.
const HEADER_LENGTH: u16 = 0xb1;
/// `BPF_LD | BPF_H | BPF_IND`.
const HALF_BEHIND_HEADER: u16 = 0x48;
/// `BPF_JMP | BPF_K` with `BPF_JEQ`, `BPF_JGT`, `BPF_JGE`, `BPF_JSET`.
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ABOVE: u16 = 0x25;
const JUMP_FROM: u16 = 0x35;
const JUMP_BITS: u16 = 0x45;
/// `BPF_ALU | BPF_AND | BPF_K`.
const AND: u16 = 0x54;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

/// Servers of a family at most: the kernel takes 4096 instructions, and one over IPv6 has eleven.
pub(super) const MOST_SERVERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program over a packet that arrives, as the kernel does: the bytes that it accepts.
    fn run(program: &[Instruction], packet: &[u8]) -> u32 {
        run_over(program, packet, libc::PACKET_HOST.into())
    }

    fn run_over(program: &[Instruction], packet: &[u8], kind: u32) -> u32 {
        let value = |at: usize, bytes: usize| {
            packet.get(at..at + bytes).map(|b| b.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        };
        let (mut a, mut x, mut place) = (0, 0, 0);
        loop {
            let at = program[place];
            let k = at.operand as usize;
            place += 1;
            let loaded = match at.code {
                WORD if at.operand == KIND => Some(kind),
                WORD => value(k, 4),
                HALF => value(k, 2),
                BYTE => value(k, 1),
                HALF_BEHIND_HEADER => value(x + k, 2),
                HEADER_LENGTH => {
                    x = packet.get(k).map_or(0, |byte| usize::from(byte & 15) * 4);
                    continue;
                }
                JUMP_EQUAL | JUMP_ABOVE | JUMP_FROM | JUMP_BITS => {
                    let holds = match at.code {
                        JUMP_EQUAL => a == at.operand,
                        JUMP_ABOVE => a > at.operand,
                        JUMP_FROM => a >= at.operand,
                        _ => a & at.operand != 0,
                    };
                    place += usize::from(if holds { at.then } else { at.otherwise });
                    continue;
                }
                AND => {
                    a &= at.operand;
                    continue;
                }
                RETURN => return at.operand,
                other => panic!("{other}"),
            };
            match loaded {
                Some(value) => a = value,
                // Beyond the packet: it is not accepted.
                None => return 0,
            }
        }
    }

    const LOCAL_PORT: u16 = 40_000;

    fn packet(from: SocketAddr, protocol: u8) -> Vec<u8> {
        let mut bytes = match from.ip() {
            IpAddr::V4(ip) => {
                let mut bytes = vec![0x46, 0, 0, 60, 0, 0, 0x40, 0, 64, protocol, 0, 0];
                bytes.extend(ip.octets());
                bytes.resize(24, 0);
                bytes
            }
            IpAddr::V6(ip) => {
                let mut bytes = vec![0x60, 0, 0, 0, 0, 20, protocol, 64];
                bytes.extend(ip.octets());
                bytes.resize(40, 0);
                bytes
            }
        };
        bytes.extend(from.port().to_be_bytes());
        bytes.extend(LOCAL_PORT.to_be_bytes());
        bytes.resize(bytes.len() + 16, 0);
        bytes
    }

    #[test]
    fn segments_of_the_servers_alone_are_accepted() {
        let server = |text: &str| text.parse::<SocketAddr>().unwrap();
        let servers = [server("10.0.0.1:80"), server("[2001:db8::1]:80"), server("10.0.0.2:8080"), server("[::1]:1")];
        for other in
            ["10.0.0.1:81", "10.0.0.3:80", "10.0.0.2:80", "[2001:db8::1]:81", "[2001:db8::2]:80", "[2001:db9::1]:80"]
                .map(server)
                .into_iter()
                .chain(servers)
        {
            let program = program(&servers, other.is_ipv6(), None, 96);
            let accepted = if servers.contains(&other) { 96 } else { 0 };
            assert_eq!(run(&program, &packet(other, 6)), accepted, "{other}");
            assert_eq!(run_over(&program, &packet(other, 6), 4), 0, "it leaves");
            let of_other_version = super::program(&servers, !other.is_ipv6(), None, 96);
            assert_eq!(run(&of_other_version, &packet(other, 6)), 0, "{other}");
            assert_eq!(run(&program, &packet(other, 17)), 0, "UDP");
        }
        let mut fragment = packet(servers[0], 6);
        fragment[7] = 9;
        assert_eq!(run(&program(&servers, false, None, 96), &fragment), 0);
        assert_eq!(run(&program(&[], false, None, 96), &packet(servers[0], 6)), 0);
    }

    #[test]
    fn segments_to_local_ports_of_the_range_alone_are_accepted() {
        for server in ["10.0.0.1:80", "[2001:db8::1]:80"].map(|text| text.parse::<SocketAddr>().unwrap()) {
            for (ports, accepted) in [
                (LOCAL_PORT..=LOCAL_PORT, 96),
                (1..=LOCAL_PORT, 96),
                (LOCAL_PORT..=u16::MAX, 96),
                (1..=LOCAL_PORT - 1, 0),
                (LOCAL_PORT + 1..=u16::MAX, 0),
            ] {
                let program = program(&[server], server.is_ipv6(), Some(&ports), 96);
                assert_eq!(run(&program, &packet(server, 6)), accepted, "{server} {ports:?}");
            }
        }
    }

    #[test]
    fn a_program_is_no_longer_than_the_kernel_takes() {
        let servers: Vec<SocketAddr> =
            (0..2_000u16).map(|port| SocketAddr::new("::1".parse().unwrap(), port)).collect();
        assert!(program(&servers, true, Some(&(1..=2)), 96).len() <= 4_096);
    }
}
