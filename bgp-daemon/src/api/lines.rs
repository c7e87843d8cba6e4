//! Lists as lines of JSON that are made as they are read: a page is made when there is room for it.

use super::problem::Problem;
use axum::{
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// Pages that wait for whoever reads. When it is full the list is not made any further: a reader who stops costs no
/// more than this.
const PAGES: usize = 2;

/// Where pages of a list go.
#[derive(Debug)]
pub(super) struct Pages(mpsc::Sender<Bytes>);

/// Nobody reads any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread;

impl Pages {
    /// Sends a page, when there is room for it.
    pub(super) async fn send<T: Serialize>(&self, page: &[T]) -> Result<(), Unread> {
        let mut lines = Vec::new();
        for document in page {
            // Documents are plain values: they have no keys that are not texts, and nothing else fails.
            if serde_json::to_writer(&mut lines, document).is_ok() {
                lines.push(b'\n');
            }
        }
        if lines.is_empty() {
            return if self.0.is_closed() { Err(Unread) } else { Ok(()) };
        }
        self.0.send(lines.into()).await.map_err(|_| Unread)
    }

    /// Ends the list with why there is no more of it.
    pub(super) async fn fail(&self, problem: &Problem) {
        let _ = self.send(&[serde_json::json!({ "error": problem.sentence })]).await;
    }

    /// Nobody reads any more.
    pub(super) async fn unread(&self) {
        self.0.closed().await;
    }
}

/// A list that is made by a task of its own.
pub(super) fn respond<F: Future<Output = ()> + Send + 'static>(make: impl FnOnce(Pages) -> F) -> Response {
    let (sender, receiver) = mpsc::channel(PAGES);
    tokio::spawn(make(Pages(sender)));
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(Lines(receiver))).into_response()
}

/// A list that is there as a whole.
pub(super) fn whole<T: Serialize>(list: &[T]) -> Response {
    let line = |document| serde_json::to_string(document).map(|line| line + "\n").unwrap_or_default();
    let lines: String = list.iter().map(line).collect();
    ([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

/// The pages as a body.
struct Lines(mpsc::Receiver<Bytes>);

impl Stream for Lines {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|page| page.map(Ok))
    }
}
