/// Bytes that are not the canonical form of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what} at byte {offset}")]
pub struct DecodeError {
    /// The field that was expected.
    pub what: &'static str,
    /// Where it was expected, in bytes from the start of what was decoded.
    pub offset: usize,
}
