//! The pages beside the generated responses.

use serde_json::json;

use crate::clock::unix_seconds;
use crate::http::{JSON, TEXT};
use crate::metrics;
use crate::routes::Route;
use crate::shared::Shared;

/// Content type and body of `route`; a reset is done here, a freeze is the caller's, after its response is written.
pub(crate) fn page(shared: &Shared, route: Route) -> (&'static str, String) {
    match route {
        Route::Generate(_) | Route::Health => (JSON, "{}".to_owned()),
        Route::Video => (JSON, json!({"id": "video_0", "object": "video", "status": "completed"}).to_string()),
        Route::Models => (JSON, models(&shared.config.model)),
        Route::Metrics => (TEXT, metrics::render(shared)),
        Route::Arrivals => (JSON, to_json(&shared.arrivals())),
        Route::State => (JSON, to_json(&shared.state())),
        Route::Freeze { ms } => (JSON, json!({"frozen_ms": ms}).to_string()),
        Route::Reset => {
            shared.reset();
            (JSON, "{}".to_owned())
        }
    }
}

fn models(model: &str) -> String {
    let entry = json!({"id": model, "object": "model", "created": unix_seconds(), "owned_by": "ringload-mock"});
    json!({"object": "list", "data": [entry]}).to_string()
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("numbers are valid JSON")
}
