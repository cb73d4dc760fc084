//! Lending that ends early: by the borrower, and by what is no TLS.

use super::*;

#[test]
fn a_break_ends_the_lending() {
    let ca = authority();
    let config = server(&leaf(&ca, |_| {}), ANY);
    let client = client(&ca.pem, |_| {}, &[]);
    let (mut session, mut peer, _) = meet(&client, &config);
    peer.writer().write_all(&[7; 40_000]).unwrap();
    let mut bytes = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut bytes).unwrap();
    }
    let mut calls = 0;
    session
        .receive(&bytes, |_| {
            calls += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(calls, 1);
}

#[test]
fn broken_records_are_an_error_and_never_a_panic() {
    let ca = authority();
    let config = server(&leaf(&ca, |_| {}), ANY);
    let client = client(&ca.pem, |_| {}, &[]);
    for at in [0, 3, 40, 900] {
        let (mut session, mut peer, _) = meet(&client, &config);
        peer.writer().write_all(&[7; 1000]).unwrap();
        let mut bytes = Vec::new();
        peer.write_tls(&mut bytes).unwrap();
        bytes[at] ^= 0x55;
        let outcome = session.receive(&bytes, |_| ControlFlow::Continue(()));
        assert!(outcome.is_err() || at == 3, "byte {at}: a longer record is still awaited");
    }
}

#[test]
fn what_was_decrypted_before_an_error_is_lent_whatever_the_read_holds() {
    let ca = authority();
    let answer: Vec<u8> = (0..40_000_u32).map(|i| (i * 11 % 253) as u8).collect();
    for version in [Version::Tls12, Version::Tls13] {
        let config = server(&leaf(&ca, |_| {}), Peer { version: Some(version), ..ANY });
        let client = client(&ca.pem, |_| {}, &[]);
        for alert in [false, true] {
            for split in [1, 700, 1 << 20] {
                let (mut session, mut peer, _) = meet(&client, &config);
                peer.writer().write_all(&answer).unwrap();
                let broken = [&[23, 3, 3, 0, 32][..], &[b'Z'; 32]].concat();
                if alert {
                    // The server cannot read the client: its fatal alert, encrypted, follows the response.
                    peer.read_tls(&mut &broken[..]).unwrap();
                    peer.process_new_packets().unwrap_err();
                }
                let mut bytes = Vec::new();
                while peer.wants_write() {
                    peer.write_tls(&mut bytes).unwrap();
                }
                if !alert {
                    bytes.extend(broken);
                }
                let mut plain = Vec::new();
                let outcome = bytes.chunks(split).try_for_each(|piece| {
                    session.receive(piece, |part| {
                        plain.extend_from_slice(part);
                        ControlFlow::Continue(())
                    })
                });
                assert!(outcome.is_err() && plain == answer, "{version:?}, alert {alert}, in pieces of {split}");
            }
        }
    }
}
