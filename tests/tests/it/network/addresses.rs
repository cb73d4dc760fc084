//! Addresses on both sides, of which some refuse.

use super::*;

#[test]
fn connections_leave_by_the_addresses_that_are_given() {
    on_both(|io| {
        let server = words();
        let mut plan = closed(server.addr(), io, 2, 4);
        plan.network.source_ips = vec![std::net::IpAddr::from([127, 0, 0, 2]), std::net::IpAddr::from([127, 0, 0, 3])];
        let run = drive(&plan);
        all_well(&run);
        let mut from = server.peers();
        from.sort();
        assert_eq!(from, plan.network.source_ips, "each address once");
    });
}

#[test]
fn a_socket_of_the_file_system_is_a_server_too() {
    on_both(|io| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let serving = std::thread::spawn(move || {
            use std::io::{BufRead, BufReader, Read, Write};
            let (stream, _) = listener.accept().unwrap();
            let mut from = BufReader::new(&stream);
            for _ in 0..2 {
                let (mut line, mut length) = (String::new(), 0);
                while from.read_line(&mut line).unwrap() > 2 {
                    if let Some(n) = line.strip_prefix("Content-Length: ") {
                        length = n.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                from.read_exact(&mut body).unwrap();
                (&stream).write_all(peer::chat(3).as_bytes()).unwrap();
            }
        });
        let mut plan = closed(nowhere(), io, 1, 2);
        plan.targets = vec![Target::parse(&format!("unix:{}", path.display())).unwrap()];
        all_well(&drive(&plan));
        serving.join().unwrap();
    });
}

#[test]
fn a_connect_that_is_refused_is_tried_and_not_made() {
    on_both(|io| {
        let run = drive(&closed(nowhere(), io, 1, 3));
        let c = run.summary.network.connections;
        assert_eq!((c.tried, c.made), (3, 0));
        for r in &run.records {
            let detail = r.detail.clone().unwrap_or_default();
            assert!(detail.starts_with("127.0.0.1:1: "), "{detail}");
        }
    });
}

#[test]
fn a_server_on_one_family_is_reached_by_a_name_that_has_both() {
    on_both(|io| {
        let server = words();
        let mut plan = closed(nowhere(), io, 1, 4);
        let url = format!("http://localhost:{}", server.addr().port());
        plan.targets = vec![Target::parse(&url).unwrap()];
        plan.reuse = Reuse::Never;
        let both = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        plan.network.resolve = vec![Pin { host: "localhost".into(), port: server.addr().port(), addrs: both.to_vec() }];
        let run = drive(&plan);
        all_well(&run);
        phases(&run);
        let c = run.summary.network.connections;
        assert_eq!((c.tried, c.made), (5, 4), "one by a detour, which is remembered");
    });
}

/// A plan to a name of these addresses, all of one port.
fn at_addresses(io: Io, scheme: &str, port: u16, addrs: &[&str]) -> Plan {
    let mut plan = closed(nowhere(), io, 8, 32);
    plan.targets = vec![Target::parse(&format!("{scheme}://localhost:{port}")).unwrap()];
    plan.reuse = Reuse::Never;
    plan.network.resolve =
        vec![Pin { host: "localhost".into(), port, addrs: addrs.iter().map(|a| a.parse().unwrap()).collect() }];
    plan
}

#[test]
fn addresses_that_refuse_cost_no_request_while_one_lives() {
    on_both(|io| {
        // The server listens on the last but one; both families have dead ones.
        let server = words();
        let addrs = ["127.0.0.2", "127.0.0.3", "::1", "127.0.0.1", "127.0.0.4"];
        let run = drive(&at_addresses(io, "http", server.addr().port(), &addrs));
        all_well(&run);
        let network = &run.summary.network;
        assert_eq!(network.connections.made, 32);
        let failed: Vec<&str> = network.failed_addresses.iter().map(|f| f.address.as_str()).collect();
        assert_eq!(failed.len(), 4, "{failed:?}");
        assert!(!failed.iter().any(|f| f.starts_with("127.0.0.1:")), "{failed:?}");
    });
}

#[test]
fn a_target_of_which_no_address_lives_is_told_as_that() {
    on_both(|io| {
        let run = drive(&at_addresses(io, "http", 1, &["127.0.0.1", "127.0.0.2", "127.0.0.3"]));
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Failed(Cause::ConnectRefused));
            let detail = r.detail.clone().unwrap_or_default();
            assert!(detail.starts_with("each of 3 addresses failed; the last, 127.0.0."), "{detail}");
        }
    });
}

#[test]
fn alpn_is_asked_of_every_address() {
    on_both(|io| {
        let server = speaking(Protocol::Auto, true, 250);
        let (secured, _file) = for_server(&server, io, 2, 4);
        let dead = ["127.0.0.2", "127.0.0.3", "127.0.0.1"];
        let mut plan = at_addresses(io, "https", server.addr().port(), &dead);
        plan.network.tls = secured.network.tls.clone();
        plan.reuse = Reuse::Pooled;
        let run = drive(&plan);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded, "{:?}", r.detail);
        }
        assert_eq!(run.summary.network.targets[0].http, "2");
    });
}

#[test]
fn a_local_address_that_cannot_be_had_gives_way_to_the_next() {
    fn reached<D: Driver>(driver: Result<D, i32>, to: SocketAddr) -> bool {
        let mut driver = driver.expect("a driver");
        let key = Key { slot: 0, generation: 1 };
        let mut reached = false;
        driver.connect(key, &to.into(), 0).expect("a connect");
        let until = driver.now() + 10_000_000_000;
        while !reached && driver.now() < until {
            let mut on = |_, event: Event<'_>, _| reached |= matches!(event, Event::Connected { .. });
            driver.wait(until, 0, &mut on).expect("a wait");
        }
        reached
    }
    let server = words();
    let options = Options { source_ips: vec![[192, 0, 2, 77].into(), [127, 0, 0, 9].into()], ..Options::default() };
    on_both(|io| {
        assert!(match io {
            Io::Uring => reached(Uring::new(1, options.clone()), server.addr()),
            Io::Epoll => reached(Epoll::new(1, options.clone()), server.addr()),
        });
    });
}
