//! Cuts a text, for names and messages of limited length.

/// Returns the beginning of `text`, at most `max_len` bytes.
pub(super) fn beginning(text: &str, max_len: usize) -> &str {
    let mut end = max_len.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
