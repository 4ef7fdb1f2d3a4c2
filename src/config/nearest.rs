//! [`nearest`]: the word that may be meant.

/// Returns the word of `known` that is most similar to `word`, if one is similar enough.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let similarity =
        |candidate: &str| strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase());
    let rated = known.iter().map(|it| (similarity(it), *it));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(similarity, _)| *similarity > 0.8)
        .map(|(_, best)| best)
}
