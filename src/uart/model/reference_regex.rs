//! The regular expressions of the reference: the plain `regex` crate, on longer and longer
//! texts.

/// A regular expression, as the reference compiles it.
pub(super) enum ReferenceRegex {
    Bytes(regex::bytes::Regex),
    Text(regex::Regex),
}

/// The first match on a stream.
pub(super) struct FirstMatch {
    /// The number of bytes that are needed to know the match.
    pub(super) known: usize,
    /// The end of the text that was searched.
    pub(super) end: usize,
    pub(super) groups: Vec<Option<String>>,
    /// The end of the last group.
    pub(super) cursor: usize,
}

impl ReferenceRegex {
    /// Compiles the text behind `re:`. A regular expression that can match bytes other than UTF-8
    /// sees bytes, and its `.` and negated classes also match any single byte beyond ASCII.
    pub(super) fn stream_regex(regex: &str) -> Self {
        if let Ok(regex) = regex::Regex::new(regex) {
            return Self::Text(regex);
        }
        let hidden = [("(?-u:[^a])", "\u{1}"), ("(?s:.)", "\u{2}")];
        let shown = [
            (".", "(?:.|(?-u:[\\x80-\\xff]))"),
            ("[^a]", "(?:[^a]|(?-u:[\\x80-\\xff]))"),
            (r"\W", "(?:\\W|(?-u:[\\x80-\\xff]))"),
            ("\u{1}", "(?-u:[^a])"),
            ("\u{2}", "(?:(?s:.)|(?-u:[\\x80-\\xff]))"),
        ];
        let mut bytes = regex.to_owned();
        for (from, to) in hidden.into_iter().chain(shown) {
            bytes = bytes.replace(from, to);
        }
        Self::Bytes(regex::bytes::Regex::new(&bytes).unwrap())
    }

    /// Returns the groups of the match in a complete text.
    pub(super) fn find(&self, text: &[u8]) -> Option<Vec<Option<String>>> {
        match self {
            Self::Bytes(regex) => {
                let captures = regex.captures(text)?;
                let text = |group: regex::bytes::Match<'_>| lossy(group.as_bytes());
                Some(captures.iter().map(|group| group.map(text)).collect())
            }
            Self::Text(regex) => {
                let text = lossy(text);
                let captures = regex.captures(&text)?;
                let text = |group: regex::Match<'_>| group.as_str().to_owned();
                Some(captures.iter().map(|group| group.map(text)).collect())
            }
        }
    }

    /// Returns the first match on a stream that begins with `bytes`.
    pub(super) fn first(&self, bytes: &[u8]) -> Option<FirstMatch> {
        match self {
            Self::Bytes(regex) => (1..=bytes.len()).find_map(|end| {
                let captures = regex.captures(&bytes[..end])?;
                let cursor = captures.iter().flatten().map(|group| group.end()).max()?;
                let text = |group: regex::bytes::Match<'_>| lossy(group.as_bytes());
                Some(FirstMatch {
                    known: end,
                    end,
                    groups: captures.iter().map(|group| group.map(text)).collect(),
                    cursor,
                })
            }),
            Self::Text(regex) => {
                let (mut text, mut places) = (String::new(), vec![(0, 0)]);
                characters(bytes).into_iter().find_map(|character| {
                    text.push(character.char);
                    places.push((text.len(), character.end));
                    let captures = regex.captures(&text)?;
                    let cursor = captures.iter().flatten().map(|group| group.end()).max()?;
                    let place = places.iter().find(|(end, _)| *end == cursor)?;
                    let text = |group: regex::Match<'_>| group.as_str().to_owned();
                    Some(FirstMatch {
                        known: character.known,
                        end: character.end,
                        groups: captures.iter().map(|group| group.map(text)).collect(),
                        cursor: place.1,
                    })
                })
            }
        }
    }
}

/// A character of a stream.
struct Character {
    char: char,
    end: usize,
    /// The number of bytes that are needed to know the character.
    known: usize,
}

/// Returns the characters that are known by the last of `bytes`.
fn characters(bytes: &[u8]) -> Vec<Character> {
    let mut characters: Vec<Character> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let as_text = |end: usize| std::str::from_utf8(&bytes[at..end]);
        let open = |end: &usize| as_text(*end).is_err_and(|e| e.error_len().is_none());
        let Some(known) = (at + 1..=bytes.len()).find(|end| !open(end)) else {
            break;
        };
        let (char, end) = match as_text(known) {
            Ok(text) => (text.chars().next().unwrap(), known),
            Err(_) => (char::REPLACEMENT_CHARACTER, at + 1),
        };
        let before = characters.last().map_or(0, |character| character.known);
        let known = known.max(before);
        characters.push(Character { char, end, known });
        at = end;
    }
    characters
}

/// Returns complete bytes as text.
pub(super) fn lossy(bytes: &[u8]) -> String {
    let text = characters(bytes)
        .into_iter()
        .map(|character| character.char);
    let mut text: String = text.collect();
    // Nothing follows that would complete the last character.
    let whole: usize = characters(bytes).last().map_or(0, |last| last.end);
    text.extend(bytes[whole..].iter().map(|_| char::REPLACEMENT_CHARACTER));
    text
}
