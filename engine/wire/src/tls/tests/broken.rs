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
