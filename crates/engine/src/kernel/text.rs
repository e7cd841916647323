//! Text from outside: one rule for all of it, and a stricter rule for text that is shown as one line.
//!
//! Invariant: text that passes can be kept by every database, and a line shows all of its letters in the order in which
//! they were written.

/// Returns `true` for a character that no text from outside may have: a control character other than tab, line feed and
/// carriage return.
pub fn is_forbidden(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\t' | '\n' | '\r')
}

/// Returns `true` for a text that may stand in a list, a subject or a table beside others: a name, a reason, an id.
/// Such a text has no control characters, no ends of lines, no invisible characters and none that turns the direction
/// of writing. A joiner is a part of a letter where it stands between two letters beyond ASCII, as in many emoji.
pub fn is_line(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let mut is_joined = || !before.is_ascii() && letters.peek().is_some_and(|after| !after.is_ascii());
        let is_good = match letter {
            '\u{200c}' | '\u{200d}' => is_joined(),
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' => false,
            '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => false,
            letter => !letter.is_control(),
        };
        if !is_good {
            return false;
        }
        before = letter;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_all_of_its_letters_in_their_order() {
        for good in
            ["", "Ada's studio", "Städte & Söhne", "عربي", "עברית", "日本語", "👩\u{200d}🎨 Ada", "می\u{200c}خواهم"]
        {
            assert!(is_line(good), "{good:?}");
        }
        let directions =
            "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}";
        let unseen = "\u{200b}\u{200c}\u{200d}\u{2060}\u{2063}\u{feff}\u{ad}\u{180e}\u{2028}\u{2029}\u{fffa}";
        let controls = (0..0x20).chain(0x7f..0xa0).filter_map(char::from_u32);
        for wrong in directions.chars().chain(unseen.chars()).chain(controls) {
            for text in [format!("{wrong}gpj"), format!("a{wrong}b"), format!("ab{wrong}"), wrong.to_string()] {
                assert!(!is_line(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_has_lines_and_cells_and_no_other_control_characters() {
        let forbidden: Vec<char> = ('\0'..='\u{10ffff}').filter(|letter| is_forbidden(*letter)).collect();
        assert_eq!(forbidden.len(), 65 - 3, "{forbidden:?}");
        assert!(!forbidden.contains(&'\n') && forbidden.contains(&'\0') && forbidden.contains(&'\u{85}'));
    }
}
