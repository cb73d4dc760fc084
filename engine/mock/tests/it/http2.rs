//! The same responses over HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use ringload_mock::{Config, Protocol, Server, Timing, TlsConfig, start};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::client::{Client, chat};
use crate::tls::trusting;

fn serve(tls: Option<TlsConfig>, protocol: Protocol, timing: Timing) -> Server {
    start(Config { tls, protocol, timing, ..Config::default() }).unwrap()
}

/// Posts `bodies` at once on one connection, each with its number as its `x-request-id`: status and body of each.
pub(crate) fn post(server: &Server, bodies: &[String]) -> Vec<(u16, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = TcpStream::connect(server.addr()).await.unwrap();
        if server.ca_pem().is_none() {
            return exchange(socket, bodies).await;
        }
        let config = trusting(server, false, &["h2", "http/1.1"]);
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().unwrap();
        let stream = connector.connect(name, socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        exchange(stream, bodies).await
    })
}

async fn exchange(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, bodies: &[String]) -> Vec<(u16, String)> {
    let (send, connection) = h2::client::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut send = send.ready().await.unwrap();
    let mut responses = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let request =
            http::Request::post("http://localhost/v1/chat/completions").header("x-request-id", number.to_string());
        let (response, mut stream) = send.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from(body.clone()), true).unwrap();
        responses.push(response);
    }
    let mut answers = Vec::new();
    for response in responses {
        let response = response.await.unwrap();
        let status = response.status().as_u16();
        let (mut body, mut text) = (response.into_body(), Vec::new());
        while let Some(Ok(part)) = body.data().await {
            body.flow_control().release_capacity(part.len()).unwrap();
            text.extend_from_slice(&part);
        }
        answers.push((status, String::from_utf8(text).unwrap()));
    }
    answers
}

#[test]
fn streams_come_in_the_clear_and_through_tls_beside_http1() {
    for tls in [None, Some(TlsConfig::default())] {
        for protocol in [Protocol::Http2, Protocol::Auto] {
            let server = serve(tls.clone(), protocol, Timing::default());
            let bodies = [chat(r#","max_tokens":20"#), chat(r#","max_tokens":3"#), "{}".into()];
            let answers = post(&server, &bodies);
            let tokens = |text: &str| text.matches(r#""delta":{"content""#).count();
            assert_eq!((answers[0].0, tokens(&answers[0].1)), (200, 20));
            assert_eq!((answers[1].0, tokens(&answers[1].1)), (200, 3));
            assert!(answers[0].1.starts_with("data: {"));
            assert!(answers[0].1.ends_with("}\n\ndata: [DONE]\n\n"));
            assert_eq!(answers[2].0, 400);
            let state = server.state();
            assert_eq!((state.finished, state.in_flight, state.output_tokens), (2, 0, 23));
        }
    }
    let server = serve(None, Protocol::Auto, Timing::Unpaced);
    assert_eq!(Client::connect(server.addr()).chat("").sent_ns().len(), 16);
}

#[test]
fn large_and_batched_streams_come_whole() {
    for timing in [Timing::Unpaced, Timing::Batching(Default::default())] {
        let server = serve(None, Protocol::Http2, timing);
        let body = chat(r#","max_tokens":200"#);
        for (status, text) in post(&server, &[body.clone(), body]) {
            assert_eq!((status, text.matches("sent_ns").count()), (200, 202));
        }
    }
}
