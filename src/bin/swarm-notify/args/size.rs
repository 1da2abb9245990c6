//! Numbers of bytes on the command line, in the notation `1500`, `64k`, `1M` or `1MiB`.

use std::ops::RangeInclusive;

/// The letters of the units, smallest unit first. Each unit is 1000 times the previous unit, or 1024 times if an `i` follows
/// the letter.
const LETTERS: &[u8] = b"kmgt";

/// Returns a parser for numbers of bytes, which refuses numbers outside `range`. The parser ignores the case of letters, and
/// accepts a `B` at the end.
pub(crate) fn size(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| match read(text) {
        Some(size) if range.contains(&size) => Ok(size),
        Some(_) | None => Err(format!(
            "give a whole number of bytes from {} to {}, such as 1500, 64k or 1MiB: k, M, G and T are powers of 1000, Ki, Mi, \
             Gi and Ti of 1024, and B may follow",
            range.start(),
            range.end()
        )),
    }
}

fn read(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let (letter, base) = match unit.strip_suffix('i') {
        Some(letter) => (letter, 1024_u64),
        None => (unit, 1000),
    };
    let exponent = match letter.as_bytes() {
        [] if base == 1000 => 0,
        [letter] => 1 + LETTERS.iter().position(|other| other == letter)?,
        _ => return None,
    };
    let unit = base.checked_pow(u32::try_from(exponent).ok()?)?;
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let all = [
            ("0", 0),
            ("1500", 1500),
            ("7B", 7),
            ("64k", 64_000),
            ("64K", 64_000),
            ("64kB", 64_000),
            ("1M", 1_000_000),
            ("1Mi", 1 << 20),
            ("1MiB", 1 << 20),
            ("1mib", 1 << 20),
            ("2G", 2_000_000_000),
            ("2GiB", 2 << 30),
            ("3TB", 3_000_000_000_000),
            ("3Ti", 3 << 40),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, size) in all {
            assert_eq!(read(text), Some(size), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_size_is_refused() {
        let none = [
            "",
            "k",
            "iB",
            "B",
            "1i",
            "1iB",
            "1x",
            "1kk",
            "1Kib i",
            "1 k",
            " 1",
            "1.5M",
            "-1",
            "+1",
            "1P",
            "0x10",
            "1,000",
            "18446744073709551616",
            "18446744073709552k",
            "16777216Ti",
            "1é",
            "é",
        ];
        for text in none {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(size(1..=10)("0").is_err() && size(1..=10)("11").is_err() && size(1..=10)("10") == Ok(10));
    }
}
