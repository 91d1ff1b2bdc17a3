//! Modes of recall, both ways.

use engram_api::ModeName;
use engram_engine::Mode;

pub(super) fn mode(name: ModeName) -> Mode {
    match name {
        ModeName::Keyword => Mode::Keyword,
        ModeName::Similarity => Mode::Similarity,
        ModeName::Hybrid => Mode::Hybrid,
        ModeName::Associative => Mode::Associative,
    }
}

pub(crate) fn mode_name(mode: Mode) -> ModeName {
    match mode {
        Mode::Keyword => ModeName::Keyword,
        Mode::Similarity => ModeName::Similarity,
        Mode::Hybrid => ModeName::Hybrid,
        Mode::Associative => ModeName::Associative,
    }
}
