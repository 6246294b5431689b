//! The way back from a backend that speaks HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use h2::RecvStream;
use h2::client::ResponseFuture;
use http::Response;

use crate::http1::{ResponseHead, SWITCHING_PROTOCOLS};
use crate::http2;

use super::client::Outlet;
use super::download::{Answer, Download, DownloadError, INTERIM_MAX, refused};
use super::exchange::{Delivered, Progress};
use super::forward::{self, Framing};
use super::{grpc, stream_heads};

impl Download<'_> {
    /// What [`Download::run`] does, where the answer is a stream.
    pub(super) async fn run_stream(&mut self) -> Result<Delivered, DownloadError> {
        let (head, response) = self.final_head_of_stream().await?;
        let head_at = Instant::now();
        let (framing, keep_client) = self.manner(&head, head_at);
        let early_status = grpc::status(response.headers());
        Progress::set(&self.progress.response_started);
        let late_status = match self.send_head(&head, response, framing, keep_client)? {
            Passed::Whole => None,
            Passed::Head => self.body(head.body, framing).await?,
        };
        Ok(self.delivered(&head, head_at, keep_client, early_status.or(late_status)))
    }

    /// Passes on interim responses.
    async fn final_head_of_stream(&mut self) -> Result<(ResponseHead, Response<()>), DownloadError> {
        for _ in 0..INTERIM_MAX {
            let next = self.await_answer(|from, _, context| match from {
                Answer::H2 { response, .. } => poll_head(response, context),
                Answer::H1(_) => Poll::Ready(Err(DownloadError::Truncated)),
            });
            let (mut response, content) = next.await?;
            Progress::set(&self.progress.heard);
            let head = stream_heads::understand(&mut response, self.request.head.method)
                .map_err(|malformed| DownloadError::Malformed(malformed.detail))?;
            if head.status == SWITCHING_PROTOCOLS {
                return Err(DownloadError::Malformed("HTTP/2 has no switching of protocols"));
            }
            if content.is_some() {
                if let Answer::H2 { content: place, .. } = &mut self.from {
                    *place = content;
                }
                return Ok((head, response));
            }
            self.pass_interim(&head, response).await?;
        }
        Err(DownloadError::Malformed("too many interim responses"))
    }

    async fn pass_interim(
        &mut self,
        head: &ResponseHead,
        response: Response<()>,
    ) -> Result<(), DownloadError> {
        if let Outlet::H2(responder) = &mut self.to {
            return responder.send_interim(response).map_err(|_| DownloadError::ClientGone);
        }
        if self.request.head.minor == 1 {
            let mut text = Vec::new();
            http2::write_response(&mut text, self.fields, &response);
            forward::interim_head(self.pending, &text, head, self.fields);
        }
        self.interim().await
    }

    /// Sends the final head to a client of HTTP/2; to one of HTTP/1.1 it goes with the beginning of the body.
    fn send_head(
        &mut self,
        head: &ResponseHead,
        mut response: Response<()>,
        framing: Framing,
        keep_client: bool,
    ) -> Result<Passed, DownloadError> {
        let (beside, date) = (self.beside(framing, keep_client), || self.worker.http_date());
        let Outlet::H2(responder) = &mut self.to else {
            let mut text = Vec::new();
            http2::write_response(&mut text, self.fields, &response);
            forward::response_head(self.pending, &text, head, self.fields, beside, date);
            return Ok(Passed::Head);
        };
        let Answer::H2 { content, .. } = &self.from else { return Ok(Passed::Head) };
        let ends = content.as_ref().is_none_or(RecvStream::is_end_stream);
        stream_heads::add_to_response(response.headers_mut(), head, beside.set_cookie, date);
        responder.send_head(response, ends).map_err(|_| DownloadError::ClientGone)?;
        Ok(if ends { Passed::Whole } else { Passed::Head })
    }
}

/// How much of a response has been passed on.
enum Passed {
    Head,
    Whole,
}

/// The next head of a response; the final one with its content.
type NextHead = Result<(Response<()>, Option<RecvStream>), DownloadError>;

fn poll_head(response: &mut ResponseFuture, context: &mut Context<'_>) -> Poll<NextHead> {
    if let Poll::Ready(Some(Ok(head))) = response.poll_informational(context) {
        return Poll::Ready(Ok((head, None)));
    }
    Pin::new(response).poll(context).map(|head| match head {
        Ok(head) => {
            let (parts, content) = head.into_parts();
            Ok((Response::from_parts(parts, ()), Some(content)))
        }
        Err(error) => Err(refused(&error)),
    })
}
