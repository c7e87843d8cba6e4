//! Why a request is not fulfilled: `{ "error": sentence }`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::fmt;

/// Why a request is not fulfilled, as a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) sentence: String,
}

impl Problem {
    fn new(status: StatusCode, sentence: impl fmt::Display) -> Self {
        Problem { status, sentence: sentence.to_string() }
    }

    /// The request is not as it should be.
    pub(super) fn bad(sentence: impl fmt::Display) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// What it asks for is not there, or more than one thing is it.
    pub(super) fn missing(sentence: impl fmt::Display) -> Self {
        Problem::new(StatusCode::NOT_FOUND, sentence)
    }

    /// It cannot be done as things are.
    pub(super) fn conflict(sentence: impl fmt::Display) -> Self {
        Problem::new(StatusCode::CONFLICT, sentence)
    }

    /// It may not be asked here.
    pub(super) fn forbidden(sentence: impl fmt::Display) -> Self {
        Problem::new(StatusCode::FORBIDDEN, sentence)
    }

    /// A configuration has mistakes.
    pub(super) fn mistakes(sentence: impl fmt::Display) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, sentence)
    }

    /// The speaker is on its way down.
    pub(super) fn gone() -> Self {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the speaker is shutting down; ask again when it is back",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.sentence }))).into_response()
    }
}
