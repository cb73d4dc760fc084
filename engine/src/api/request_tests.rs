//! Known answers of the request bodies of all APIs: what they ask for, as their specifications have it.

use super::tests::{asked, content, plan};
use super::*;
use crate::plan::{BodyTemplate, Message, Texts};
use serde_json::json;

fn tree(plan: &Plan, messages: &[Message], osl: Option<u32>) -> Value {
    let body = request_body(plan, &content(messages, osl)).expect("a body");
    serde_json::from_slice(&body.bytes).expect("JSON")
}

#[test]
fn requests_have_the_shape_of_their_api() {
    let mut responses = plan(EndpointKind::Responses);
    assert_eq!(
        asked(&responses, "hi", Some(5)),
        r#"{"model":"m","input":[{"type":"message","role":"user","content":"hi"}],"max_output_tokens":5,"stream":true}"#
    );
    responses.streaming = false;
    let messages = [Message::text("hi")];
    let body = request_body(&responses, &RequestContent { system: Some("be kind"), ..content(&messages, None) })
        .expect("a body");
    assert_eq!(
        String::from_utf8(body.bytes).unwrap(),
        r#"{"model":"m","input":[{"type":"message","role":"user","content":"hi"}],"instructions":"be kind","stream":false}"#
    );
    let anthropic = plan(EndpointKind::Messages);
    assert_eq!(
        asked(&anthropic, "hi", None),
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1024,"stream":true}"#
    );
    assert_eq!(headers(EndpointKind::Messages), [("anthropic-version", "2023-06-01")]);
    let mut tgi = plan(EndpointKind::HuggingfaceGenerate);
    tgi.extra_inputs.insert("do_sample".into(), true.into());
    assert_eq!(
        asked(&tgi, "hi", Some(5)),
        r#"{"inputs":"hi","parameters":{"max_new_tokens":5,"details":true,"do_sample":true}}"#
    );
    let embeddings = plan(EndpointKind::Embeddings);
    assert_eq!(asked(&embeddings, "hi", None), r#"{"model":"m","input":["hi"]}"#);
}

#[test]
fn rankings_send_their_query_and_passages_by_name() {
    let named = |name: &str, contents: &[&str]| Texts {
        name: name.into(),
        contents: contents.iter().map(|c| (*c).to_owned()).collect(),
    };
    let messages =
        [Message { texts: vec![named("query", &["q"]), named("passages", &["a", "b"])], ..Message::default() }];
    for (kind, body) in [
        (EndpointKind::CohereRankings, json!({"model": "m", "query": "q", "documents": ["a", "b"]})),
        (EndpointKind::HfTeiRankings, json!({"query": "q", "texts": ["a", "b"]})),
        (
            EndpointKind::NimRankings,
            json!({"model": "m", "query": {"text": "q"}, "passages": [{"text": "a"}, {"text": "b"}]}),
        ),
    ] {
        assert_eq!(tree(&plan(kind), &messages, None), body);
        let without = request_body(&plan(kind), &content(&[Message::text("x")], None));
        assert!(without.unwrap_err().to_string().contains("query"));
    }
}

#[test]
fn bodies_tell_how_many_results_they_want() {
    use EndpointKind::{
        Chat, CohereRankings, Completions, Embeddings, HfTeiRankings, ImageEdit, ImageGeneration, NimEmbeddings,
        NimRankings,
    };
    for (kind, body, wanted) in [
        (Embeddings, json!({"input": ["a", "b", "c"]}), 3),
        (NimEmbeddings, json!({"input": ["a"]}), 1),
        (Embeddings, json!({"input": "a text"}), 1),
        (Embeddings, json!({"input": [1, 2, 3]}), 1),
        (Embeddings, json!({"input": [[1, 2], [3]]}), 2),
        (Embeddings, json!({}), 0),
        (CohereRankings, json!({"query": "q", "documents": ["a", "b", "c"]}), 3),
        (CohereRankings, json!({"documents": ["a", "b", "c"], "top_n": 2}), 2),
        (CohereRankings, json!({"documents": ["a", "b", "c"], "top_n": 9}), 3),
        (CohereRankings, json!({"documents": ["a", "b", "c"], "top_n": 0}), 3),
        (CohereRankings, json!({"documents": ["a", "b", "c"], "top_k": 1}), 1),
        (HfTeiRankings, json!({"texts": ["a", "b"]}), 2),
        (NimRankings, json!({"passages": [{"text": "a"}, {"text": "b"}]}), 2),
        (ImageGeneration, json!({"prompt": "a cat", "n": 2}), 2),
        (ImageEdit, json!({"prompt": "a cat", "n": 1}), 1),
        (ImageGeneration, json!({"prompt": "a cat"}), 0),
        (Chat, json!({"messages": [1, 2]}), 0),
        (Chat, json!({"messages": [1, 2], "n": 1}), 0),
        (Chat, json!({"messages": [1, 2], "n": 3}), 3),
        (Completions, json!({"prompt": "a text", "n": 1}), 0),
        (Completions, json!({"prompt": [1, 2, 3], "n": 2}), 2),
        (Completions, json!({"prompt": ["a", "b"]}), 2),
        (Completions, json!({"prompt": [[1, 2], [3]], "n": 2}), 4),
    ] {
        assert_eq!(results(kind, body.as_object().expect("an object")), wanted, "{kind:?} {body}");
    }
    let mut plan = plan(EndpointKind::Embeddings);
    plan.extra_inputs.insert("input".into(), json!(["x", "y"]));
    let body = request_body(&plan, &content(&[Message::text("replaced")], None)).expect("a body");
    assert_eq!(body.results, 2, "of the body that is sent");
}

#[test]
fn pictures_are_asked_for_by_json_or_by_a_form() {
    let image = "data:image/png;base64,AAEC";
    let of = |images: &[&str], text: &str| {
        [Message { images: images.iter().map(|i| (*i).to_owned()).collect(), ..Message::text(text) }]
    };
    let mut generation = plan(EndpointKind::ImageGeneration);
    generation.extra_inputs.insert("size".into(), "64x64".into());
    assert_eq!(
        tree(&generation, &of(&[], "a cat"), None),
        json!({"model": "m", "prompt": "a cat", "response_format": "b64_json", "n": 1, "size": "64x64"})
    );
    let edit = plan(EndpointKind::ImageEdit);
    let form = request_body(&edit, &content(&of(&[image], "blue"), None)).expect("a form");
    let file = json!({"b64_data": "AAEC", "filename": "image.png", "content_type": "image/png"});
    let fields = json!({"model": "m", "prompt": "blue", "response_format": "b64_json", "n": "1", "image": file});
    assert_eq!(read_form(&form.bytes), Some(fields));
    assert_eq!(form.own, None);
    let away = request_body(&edit, &content(&of(&["http://h/i.png"], "blue"), None)).expect("a form");
    assert_eq!(read_form(&away.bytes).expect("a form")["url"], "http://h/i.png");
    let retrieval = plan(EndpointKind::ImageRetrieval);
    let page = [Message { images: vec![image.into()], ..Message::default() }];
    assert_eq!(tree(&retrieval, &page, None), json!({"input": [{"type": "image_url", "url": image}]}));
    for (plan, messages, why) in [
        (&edit, of(&[], "blue"), "without an image"),
        (&edit, of(&["data:text/plain;base64,AA=="], "x"), "none of PNG"),
        (&retrieval, of(&[image], "find"), "takes no texts"),
        (&generation, of(&[], ""), "has no prompt"),
        (&generation, of(&[image], "x"), "takes no images"),
    ] {
        let error = request_body(plan, &content(&messages, None)).unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn images_and_audio_take_the_shape_of_their_api() {
    let messages = [Message {
        images: vec!["data:image/png;base64,AA==".into(), "http://h/i.jpg".into()],
        ..Message::text("look")
    }];
    let content = |kind, field: &str| tree(&plan(kind), &messages, None)[field][0]["content"].clone();
    assert_eq!(
        content(EndpointKind::Chat, "messages"),
        json!([
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "image_url", "image_url": {"url": "http://h/i.jpg"}},
        ])
    );
    assert_eq!(
        content(EndpointKind::Responses, "input"),
        json!([
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
            {"type": "input_image", "image_url": "http://h/i.jpg"},
        ])
    );
    assert_eq!(
        content(EndpointKind::Messages, "messages"),
        json!([
            {"type": "text", "text": "look"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            {"type": "image", "source": {"type": "url", "url": "http://h/i.jpg"}},
        ])
    );
    assert_eq!(
        tree(&plan(EndpointKind::NimEmbeddings), &messages, None)["input"],
        json!(["look data:image/png;base64,AA==", "http://h/i.jpg"])
    );
    for sound in ["wav,AA==", "data:audio/wav;base64,AA=="] {
        let messages = [Message { audios: vec![sound.into()], ..Message::default() }];
        assert_eq!(
            tree(&plan(EndpointKind::Chat), &messages, None)["messages"][0]["content"],
            json!([{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}])
        );
    }
}

#[test]
fn what_an_api_has_no_place_for_is_refused_and_not_left_out() {
    let image = Message { images: vec!["http://h/i.png".into()], ..Message::text("look") };
    let video = Message { videos: vec!["http://h/v.mp4".into()], ..Message::text("look") };
    for (kind, message, what) in [
        (EndpointKind::Completions, image, "images"),
        (EndpointKind::Messages, video.clone(), "videos"),
        (EndpointKind::Responses, video, "videos"),
    ] {
        let e = request_body(&plan(kind), &content(&[message], None)).unwrap_err().to_string();
        assert!(e.contains(what) && e.contains("chat"), "{e}");
    }
}

#[test]
fn a_template_makes_the_body_and_says_when_it_does_not() {
    let mut plan = plan(EndpointKind::Template);
    let e = request_body(&plan, &content(&[], None)).unwrap_err().to_string();
    assert!(e.contains("payload.template"), "{e}");
    let mut made = |source: &str| {
        plan.payload.template = Some(BodyTemplate::new(source).expect(source));
        let messages = [Message::text("say \"hi\"\n"), Message::text("b")];
        request_body(&plan, &content(&messages, Some(3))).map(|body| String::from_utf8(body.bytes).unwrap())
    };
    assert_eq!(
        made(r#"{"t": {{ text|tojson }}, "all": {{ texts|tojson }}, "n": {{ max_tokens }}, "m": "{{ model }}", "s": {{ stream|tojson }}}"#).unwrap(),
        r#"{"t":"say \"hi\"\n","all":["say \"hi\"\n","b"],"n":3,"m":"m","s":true}"#
    );
    assert_eq!(made("nv-embedqa").unwrap(), r#"{"text":["say \"hi\"\n","b"]}"#);
    let e = made(r#"{"t": "{{ text }}"}"#).unwrap_err().to_string();
    assert!(e.contains("no JSON object") && e.contains("tojson"), "{e}");
    let e = made("{{ nothing.more }}").unwrap_err().to_string();
    assert!(e.contains("fails"), "{e}");
    assert!(BodyTemplate::new("{% if %}").unwrap_err().to_string().contains("template"));
    plan.extra_inputs.insert("top".into(), 1.into());
    plan.payload.template = Some(BodyTemplate::new("{}").unwrap());
    assert_eq!(tree(&plan, &[], None), json!({"top": 1}));
}

#[test]
fn a_raw_body_is_sent_as_it_is_and_nothing_else_is() {
    let plan = plan(EndpointKind::Raw);
    let message = Message { verbatim: Some(json!({"z": 1, "a": [2]})), ..Message::default() };
    let body = request_body(&plan, &content(&[message], None)).expect("a body");
    assert_eq!(body.bytes, br#"{"z":1,"a":[2]}"#);
    let e = request_body(&plan, &content(&[Message::text("x")], None)).unwrap_err();
    assert!(e.to_string().contains("`plan.prompts.replay.file`"), "{e}");
}

#[test]
fn what_a_dialect_has_no_place_for_is_refused() {
    let verbatim = |role: &str| Message { verbatim: Some(json!({"role": role, "content": "x"})), ..Message::default() };
    for (kind, system, messages, flag) in [
        (EndpointKind::Completions, Some("s"), vec![], "system prompt"),
        (EndpointKind::Embeddings, Some("s"), vec![], "system prompt"),
        (EndpointKind::Completions, None, vec![verbatim("user")], "no messages"),
        (EndpointKind::Messages, None, vec![verbatim("user"), verbatim("system")], "role system"),
    ] {
        let asked = RequestContent { system, ..content(&messages, None) };
        let e = request_body(&plan(kind), &asked).expect_err(flag);
        assert!(e.what.contains(flag) && !e.remedy.is_empty(), "{e}");
    }
}
