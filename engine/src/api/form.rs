//! Bodies that are forms (`multipart/form-data`, RFC 7578): written from the fields of a body, and read back for the
//! files that show what was sent.

use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// What separates the parts. It is the same in every request, so that a body can be made before it is sent; a body that
/// holds it is refused.
const BOUNDARY: &str = "ringload-5f1d0c7be2a94f6d8b3c";
/// What stands before each boundary, and behind the last.
const DASHES: &str = "--";

/// The content type of every form.
pub(super) const CONTENT_TYPE: &str = "multipart/form-data; boundary=ringload-5f1d0c7be2a94f6d8b3c";

/// The member that makes an object a file: its bytes in base64.
pub(super) const FILE: &str = "b64_data";

/// Writes a body: objects with [`FILE`] are files, texts stand as they are, other values as JSON.
///
/// # Errors
/// [`crate::Blame::Usage`] where a file is no base64, or a field holds the boundary.
pub(super) fn write(body: &Map<String, Value>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (name, value) in body {
        let file = value.as_object().and_then(|fields| Some((fields.get(FILE)?.as_str()?, fields)));
        let text = |fields: &Map<String, Value>, key: &str| {
            fields.get(key).and_then(Value::as_str).unwrap_or_default().replace(['"', '\r', '\n'], "_")
        };
        let name = name.replace(['"', '\r', '\n'], "_");
        let mut part = format!("{DASHES}{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        let content = match (file, value) {
            (Some((data, fields)), _) => {
                let (filename, mime) = (text(fields, "filename"), text(fields, "content_type"));
                part += &format!("; filename=\"{filename}\"\r\nContent-Type: {mime}");
                STANDARD
                    .decode(data)
                    .map_err(|e| Error::usage(format!("a file is no base64: {e}"), "give a file, or a data: URL"))?
            }
            (None, Value::String(text)) => text.clone().into_bytes(),
            (None, other) => other.to_string().into_bytes(),
        };
        if content.windows(BOUNDARY.len()).any(|bytes| bytes == BOUNDARY.as_bytes()) {
            return Err(Error::usage("a field holds the boundary of forms", "change its text"));
        }
        out.extend_from_slice(part.as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("{DASHES}{BOUNDARY}{DASHES}\r\n").as_bytes());
    Ok(out)
}

/// The fields of a body that [`write`] made, files in base64; `None` of anything else.
#[must_use]
pub fn read_form(body: &[u8]) -> Option<Value> {
    let opening = format!("{DASHES}{BOUNDARY}\r\nContent-Disposition: form-data; name=\"");
    let mut fields = Map::new();
    let mut rest = body;
    while let Some(part) = rest.strip_prefix(opening.as_bytes()) {
        let head_end = find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&part[..head_end]).ok()?;
        let part = &part[head_end + 4..];
        let end = find(part, format!("\r\n{DASHES}{BOUNDARY}").as_bytes())?;
        let (content, after) = part.split_at(end);
        rest = &after[2..];
        let (name, more) = head.split_once('"')?;
        let value = match more.strip_prefix("; filename=\"").and_then(|more| more.split_once('"')) {
            Some((filename, more)) => {
                let mime = more.strip_prefix("\r\nContent-Type: ")?;
                serde_json::json!({FILE: STANDARD.encode(content), "filename": filename, "content_type": mime})
            }
            None => String::from_utf8(content.to_vec()).ok()?.into(),
        };
        fields.insert(name.to_owned(), value);
    }
    rest.starts_with(format!("{DASHES}{BOUNDARY}{DASHES}").as_bytes()).then_some(Value::Object(fields))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_has_a_part_for_each_field_and_is_read_back() {
        let image = json!({FILE: "AAEC/w==", "filename": "image.png", "content_type": "image/png"});
        let body = json!({"prompt": "make it \"blue\"\r\n--", "n": 1, "image": image});
        let written = write(body.as_object().unwrap()).unwrap();
        let mut expected = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nmake it \"blue\"\r\n--\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"image.png\"\r\nContent-Type: image/png\r\n\r\n"
        )
        .into_bytes();
        expected.extend([0, 1, 2, 0xff]);
        expected.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
        assert_eq!(written, expected);
        assert!(CONTENT_TYPE.ends_with(BOUNDARY));
        let read = read_form(&written).unwrap();
        assert_eq!(read, json!({"prompt": "make it \"blue\"\r\n--", "n": "1", "image": image}));
        for end in 0..written.len() - 4 {
            assert!(read_form(&written[..end]).is_none(), "{end}");
        }
        assert!(read_form(b"{}").is_none());
    }

    #[test]
    fn what_cannot_be_a_form_is_refused() {
        let refused = |body: Value| write(body.as_object().unwrap()).unwrap_err().to_string();
        assert!(refused(json!({"prompt": BOUNDARY})).contains("boundary"));
        assert!(refused(json!({"image": {FILE: "?"}})).contains("base64"));
    }
}
