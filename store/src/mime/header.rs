//! A message's header, field by field, as lenient as mail is: nothing in it is an error.

use super::HEAD;

/// The header's fields in their order, each with its folded lines, within the first [`HEAD`]
/// bytes. Lines end with LF; a CR before it belongs to the line's end. The first empty line ends
/// the header; a line that starts with a space or a tab continues the field above it.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// One field: all of its lines, the last without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    raw: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(head: &'a [u8]) -> Self {
        Self {
            rest: &head[..head.len().min(HEAD)],
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let mut end = line_len(self.rest);
        if without_end(&self.rest[..end]).is_empty() {
            self.rest = &[];
            return None;
        }
        while matches!(self.rest.get(end), Some(b' ' | b'\t')) {
            end += line_len(&self.rest[end..]);
        }
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Field {
            raw: without_end(field),
        })
    }
}

impl Field<'_> {
    /// What stands behind `name` and its colon, unfolded: the ends of its lines are taken out,
    /// nothing else. `None` if the field has another name. Letters match in either case; nothing
    /// may stand between the name and the colon.
    pub(super) fn value(self, name: &str) -> Option<Vec<u8>> {
        let (start, rest) = self.raw.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        start.eq_ignore_ascii_case(name.as_bytes()).then(|| {
            let lines = value.split_inclusive(|&byte| byte == b'\n');
            lines.flat_map(without_end).copied().collect()
        })
    }
}

fn line_len(bytes: &[u8]) -> usize {
    let newline = bytes.iter().position(|&byte| byte == b'\n');
    newline.map_or(bytes.len(), |at| at + 1)
}

fn without_end(line: &[u8]) -> &[u8] {
    let Some(line) = line.strip_suffix(b"\n") else {
        return line;
    };
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The first header field `name` (either case), unfolded, without the white space around it;
/// otherwise the bytes as they are. [`display`](super::display()) makes them readable.
pub fn header(head: &[u8], name: &str) -> Option<Vec<u8>> {
    let value = Fields::of(head).find_map(|field| field.value(name))?;
    Some(value.trim_ascii().to_vec())
}

/// The message's `Message-ID`, without its angle brackets and without white space; `None` if
/// there is none, or an empty one. Unbracketed ids, as some senders write them, are taken whole.
pub fn message_id(head: &[u8]) -> Option<Vec<u8>> {
    let value = header(head, "Message-ID")?;
    let inner = match value.iter().position(|&byte| byte == b'<') {
        Some(open) => &value[open + 1..],
        None => &value,
    };
    let close = inner.iter().position(|&byte| byte == b'>');
    let id: Vec<u8> = inner[..close.unwrap_or(inner.len())]
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &[u8], name: &str) -> Option<String> {
        header(head, name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    #[test]
    fn a_field_is_found_in_any_case_and_unfolded() {
        let head = b"From a@b Mon\nsubject: one\r\n\ttwo\r\n  three \r\nX: y\r\n\r\nTo: body";
        assert_eq!(of(head, "Subject").as_deref(), Some("one\ttwo  three"));
        assert_eq!(of(head, "x").as_deref(), Some("y"));
        assert_eq!(of(head, "To"), None);
    }

    #[test]
    fn the_first_of_several_fields_counts_even_if_empty() {
        assert_eq!(of(b"A:\nA: x\n", "A").as_deref(), Some(""));
    }

    #[test]
    fn a_name_must_be_whole_and_touch_its_colon() {
        assert_eq!(of(b"Dates: x\nDate : y\n Date: z\n", "Date"), None);
        assert_eq!(of(b"", "Date"), None);
        assert_eq!(of(b"Dat", "Date"), None);
    }

    #[test]
    fn nothing_behind_the_first_64_kib_is_seen() {
        let mut head = vec![b'x'; HEAD - 5];
        head[HEAD - 6] = b'\n';
        head.extend_from_slice(b"A: bcdef\n");
        assert_eq!(of(&head, "A").as_deref(), Some("bc"));
    }

    #[test]
    fn a_message_id_is_what_stands_in_the_brackets() {
        let id = |head: &[u8]| message_id(head).map(|id| id.escape_ascii().to_string());
        assert_eq!(id(b"Message-Id: <a@b> (c)\n").as_deref(), Some("a@b"));
        assert_eq!(
            id(b"MESSAGE-ID:\r\n <a\r\n @b>\r\n").as_deref(),
            Some("a@b")
        );
        assert_eq!(id(b"Message-ID: a@b\n").as_deref(), Some("a@b"));
        assert_eq!(id(b"Message-ID: <\xff@b\n").as_deref(), Some("\\xff@b"));
        assert_eq!(id(b"Message-ID: <>\n"), None);
    }
}
