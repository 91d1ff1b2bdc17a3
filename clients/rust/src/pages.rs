//! All memories of a listing, one after another, fetched page by page.

use std::collections::VecDeque;

use engram_api::{ListRequest, MemoryView};

use crate::client::SpaceClient;
use crate::error::ClientError;

/// An iterator over the memories of a listing. It ends after the first error.
#[derive(Debug)]
pub struct MemoryPages {
    space: SpaceClient,
    request: ListRequest,
    page: VecDeque<MemoryView>,
    done: bool,
}

impl SpaceClient {
    /// Reads all memories that the request asks for, page after page from its cursor on.
    pub fn pages(&self, request: ListRequest) -> MemoryPages {
        MemoryPages { space: self.clone(), request, page: VecDeque::new(), done: false }
    }
}

impl MemoryPages {
    fn fetch(&mut self) -> Result<(), ClientError> {
        let answer = self.space.list(&self.request)?;
        self.done = answer.next_cursor.is_none();
        self.request.cursor = answer.next_cursor;
        self.page = answer.memories.into();
        Ok(())
    }
}

impl Iterator for MemoryPages {
    type Item = Result<MemoryView, ClientError>;

    fn next(&mut self) -> Option<Result<MemoryView, ClientError>> {
        // A page may be empty and yet name a next one: a filter can pass over a whole stretch of the log.
        while self.page.is_empty() && !self.done {
            if let Err(error) = self.fetch() {
                self.done = true;
                return Some(Err(error));
            }
        }
        self.page.pop_front().map(Ok)
    }
}
