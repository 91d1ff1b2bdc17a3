//! All memories of a listing, or all records of an export, one after another, fetched page by page.

use std::collections::VecDeque;

use engram_api::{ExportRequest, ListRequest, MemoryView, TransferRecord};

use crate::client::SpaceClient;
use crate::error::ClientError;

/// What is read page by page.
trait Paged {
    type Item;

    /// The next page and whether another one follows.
    fn fetch(&mut self, space: &SpaceClient) -> Result<(Vec<Self::Item>, bool), ClientError>;
}

impl Paged for ListRequest {
    type Item = MemoryView;

    fn fetch(&mut self, space: &SpaceClient) -> Result<(Vec<MemoryView>, bool), ClientError> {
        let answer = space.list(self)?;
        self.cursor = answer.next_cursor;
        Ok((answer.memories, self.cursor.is_some()))
    }
}

impl Paged for ExportRequest {
    type Item = TransferRecord;

    fn fetch(&mut self, space: &SpaceClient) -> Result<(Vec<TransferRecord>, bool), ClientError> {
        let answer = space.export(self)?;
        self.cursor = answer.next_cursor;
        Ok((answer.records, self.cursor.is_some()))
    }
}

#[derive(Debug)]
struct Pages<R: Paged> {
    space: SpaceClient,
    request: R,
    page: VecDeque<R::Item>,
    done: bool,
}

impl<R: Paged> Pages<R> {
    fn new(space: &SpaceClient, request: R) -> Pages<R> {
        Pages { space: space.clone(), request, page: VecDeque::new(), done: false }
    }

    fn next(&mut self) -> Option<Result<R::Item, ClientError>> {
        // A page may be empty and yet name a next one: a filter can pass over a whole stretch of the log.
        while self.page.is_empty() && !self.done {
            match self.request.fetch(&self.space) {
                Ok((page, more)) => {
                    self.page = page.into();
                    self.done = !more;
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// An iterator over the memories of a listing. It ends after the first error.
#[derive(Debug)]
pub struct MemoryPages(Pages<ListRequest>);

/// An iterator over the records of an export. It ends after the first error.
#[derive(Debug)]
pub struct RecordPages(Pages<ExportRequest>);

impl SpaceClient {
    /// Reads all memories that the request asks for, page after page from its cursor on.
    pub fn pages(&self, request: ListRequest) -> MemoryPages {
        MemoryPages(Pages::new(self, request))
    }

    /// Reads all records that the request asks for, page after page from its cursor on.
    pub fn export_pages(&self, request: ExportRequest) -> RecordPages {
        RecordPages(Pages::new(self, request))
    }
}

impl Iterator for MemoryPages {
    type Item = Result<MemoryView, ClientError>;

    fn next(&mut self) -> Option<Result<MemoryView, ClientError>> {
        self.0.next()
    }
}

impl Iterator for RecordPages {
    type Item = Result<TransferRecord, ClientError>;

    fn next(&mut self) -> Option<Result<TransferRecord, ClientError>> {
        self.0.next()
    }
}
