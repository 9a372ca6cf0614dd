//! The stock of words and of phrases from which mail is written. Both are drawn by Zipf's law,
//! as in any language, so that what compresses real mail compresses this.

use std::sync::OnceLock;

use super::random::Random;

/// Words are ranks below `2^WORD_BITS - 1`.
const WORD_BITS: u64 = 13;
/// Phrases are ranks below `2^PHRASE_BITS - 1`.
const PHRASE_BITS: u64 = 11;

/// The words that any mail is full of, the most frequent first.
const COMMON: &str = "the to and of a I in that is for it you on be not with this have are but \
    if as or we can was at do from so will there what an by my just all would no which when has \
    one me about out use your they like more some get don't only then them how should I'm also \
    know think any now work time other because than it's been new want were could make see same \
    who did need had their way good first these please file list problem case after into two \
    really thanks might into where why still version change mail server message used using since \
    even send patch test running error folder line back both last read write code sure look well \
    right without before every something people most question between through under while seems";

/// What ends messages everywhere.
pub(super) const SIGN_OFFS: [&str; 6] = [
    "Best regards,",
    "Thanks,",
    "Cheers,",
    "Kind regards,",
    "Regards",
    "Thank you very much in advance,",
];

struct Stock {
    words: Vec<String>,
    phrases: Vec<String>,
}

fn stock() -> &'static Stock {
    static STOCK: OnceLock<Stock> = OnceLock::new();
    STOCK.get_or_init(|| {
        let random = &mut Random::new(1, 1);
        let mut words: Vec<String> = COMMON.split_whitespace().map(str::to_owned).collect();
        while words.len() < (1 << WORD_BITS) {
            words.push(coined(random, words.len()));
        }
        let phrases = (0..1 << PHRASE_BITS)
            .map(|_| phrase(random, &words))
            .collect();
        Stock { words, phrases }
    })
}

/// A pronounceable word, the longer the rarer.
fn coined(random: &mut Random, rank: usize) -> String {
    const STARTS: [&str; 20] = [
        "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl",
        "con", "re", "in",
    ];
    const MIDDLES: [&str; 12] = [
        "a", "e", "i", "o", "u", "ea", "ou", "er", "ar", "al", "in", "en",
    ];
    const ENDS: [&str; 14] = [
        "", "s", "t", "n", "ed", "ing", "er", "tion", "ly", "ck", "ment", "d", "l", "te",
    ];
    let mut word = String::new();
    for _ in 0..=(rank.ilog2() / 8 + random.zipf(2) as u32 / 2) {
        word.push_str(random.pick(&STARTS));
        word.push_str(random.pick(&MIDDLES));
    }
    word.push_str(random.pick(&ENDS));
    word
}

fn phrase(random: &mut Random, words: &[String]) -> String {
    let chosen: Vec<&str> = (0..3 + random.below(5))
        .map(|_| words[random.zipf(WORD_BITS)].as_str())
        .collect();
    chosen.join(" ")
}

/// One word.
pub(super) fn word(random: &mut Random) -> &'static str {
    &stock().words[random.zipf(WORD_BITS)]
}

/// A few words for a subject or a name of a file.
pub(super) fn title(random: &mut Random, words: u64) -> String {
    let chosen: Vec<&str> = (0..words).map(|_| word(random)).collect();
    chosen.join(" ")
}

/// Paragraphs of at least `length` bytes, lines of at most 72 columns, ending in a line break.
pub(super) fn text(random: &mut Random, length: u64) -> String {
    let mut text = String::new();
    while (text.len() as u64) < length {
        if !text.is_empty() {
            text.push('\n');
        }
        paragraph(random, &mut text);
    }
    text
}

fn paragraph(random: &mut Random, text: &mut String) {
    let mut column = 0;
    for _ in 0..=random.below(5) {
        let sentence = sentence(random);
        for word in sentence.split(' ') {
            if column > 0 && column + word.len() >= 72 {
                text.push('\n');
                column = 0;
            } else if column > 0 {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += word.len();
        }
    }
    text.push('\n');
}

fn sentence(random: &mut Random) -> String {
    let mut sentence = String::new();
    for _ in 0..2 + random.below(6) {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        // People repeat their phrases more than their words.
        if random.percent(57) {
            sentence.push_str(&stock().phrases[random.zipf(PHRASE_BITS)]);
        } else {
            sentence.push_str(word(random));
        }
    }
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push(['.', '.', '.', ',', '?', ':'][random.below(6) as usize]);
    sentence
}
