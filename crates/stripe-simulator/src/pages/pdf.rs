//! PDF of an invoice, for printing: one page of lines in a font that every reader has.
//!
//! Invariant: the table at the end of the file names the place of every object in it.

use super::words::{day, money};
use crate::object::Object;

/// Returns the lines of an invoice, from the top.
pub fn invoice(invoice: &Object) -> Vec<u8> {
    let currency = invoice.text("currency");
    let mut lines = vec![
        format!("Invoice {}", invoice.text("number")),
        invoice.text("account_name").to_owned(),
        format!("Date: {}", day(invoice.int("created"))),
        format!("For: {}", invoice.maybe("customer_email").unwrap_or_else(|| invoice.text("customer"))),
        String::new(),
    ];
    for line in invoice.each("lines") {
        lines.push(format!("{}   {}", line.text("description"), money(line.int("amount"), currency)));
    }
    lines.push(String::new());
    lines.push(format!("Total   {}", money(invoice.int("total"), currency)));
    lines.push(format!("Paid   {}", money(invoice.int("amount_paid"), currency)));
    lines.push(format!("Open   {}", money(invoice.int("amount_remaining"), currency)));
    document(&lines)
}

/// Returns a document of one page with these lines.
fn document(lines: &[String]) -> Vec<u8> {
    let mut text = b"BT /F1 11 Tf 15 TL 56 780 Td\n".to_vec();
    for line in lines {
        text.extend(b"(");
        text.extend(line.chars().flat_map(encode));
        text.extend(b") '\n");
    }
    text.extend(b"ET");
    let mut stream = format!("<< /Length {} >>\nstream\n", text.len()).into_bytes();
    stream.extend(text);
    stream.extend(b"\nendstream");
    let objects: [Vec<u8>; 5] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>"
            .to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        stream,
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", number + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    file.extend(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").bytes());
    file
}

/// Returns a letter as the file's encoding writes it; a letter that the encoding lacks becomes a question mark.
fn encode(letter: char) -> Vec<u8> {
    match letter {
        '(' | ')' | '\\' => vec![b'\\', u8::try_from(letter).unwrap_or(b'?')],
        '€' => vec![0x80],
        ' '..='~' | '\u{a0}'..='\u{ff}' => vec![u8::try_from(letter).unwrap_or(b'?')],
        _ => vec![b'?'],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_the_place_of_every_object() {
        let file = document(&["One (1) €5".to_owned(), "Two".to_owned()]);
        let found = |bytes: &[u8]| file.windows(bytes.len()).position(|window| window == bytes).unwrap();
        let table = found(b"xref\n0 6\n");
        let start: usize =
            String::from_utf8_lossy(&file[found(b"startxref\n") + 10..]).lines().next().unwrap().parse().unwrap();
        assert_eq!(start, table);
        for (number, entry) in file[table..].split(|byte| *byte == b'\n').skip(3).take(5).enumerate() {
            let place: usize = String::from_utf8_lossy(&entry[..10]).parse().unwrap();
            assert!(file[place..].starts_with(format!("{} 0 obj", number + 1).as_bytes()), "object {}", number + 1);
        }
        assert!(file.windows(14).any(|window| window == b"(One \\(1\\) \x805)"));
    }
}
