//! Kubernetes quantities in the form in which Go writes them back.
//!
//! Go keeps the text of a quantity that looks canonical to it (`1.500`, `+5Gi` and `1e3` stay) and rewrites any other
//! (`1000m` → `1`, `1024Mi` → `1Gi`, `0.5` → `500m`); a hash over its output has to know which.

/// Decimal digits that surely fit Go's fast path.
const FAST_DIGITS: i32 = 18;
/// Nothing is finer than a billionth: Go rounds up to it.
const FINEST: i32 = -9;
/// Binary quantities are capped here.
const LARGEST: u128 = i64::MAX as u128;

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Decimal,
    Exponent,
    Binary,
}

/// A quantity's text, taken apart.
struct Parts<'a> {
    negative: bool,
    /// Digits before the point without leading zeros, at least one.
    whole: &'a str,
    /// Digits behind the point.
    fraction: &'a str,
    format: Format,
    /// Of ten, or of two when binary.
    exponent: i32,
}

/// The text that Go writes for the quantity `text`; `text` itself when it is none, or too large to matter.
pub(super) fn canonical(text: &str) -> String {
    let text = text.trim();
    match parse(text) {
        Some(parts) if !is_kept(&parts) => rewrite(&parts).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    }
}

fn parse(text: &str) -> Option<Parts<'_>> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = split_digits(digits);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    let significant = whole.trim_start_matches('0');
    let (format, exponent) = interpret(suffix)?;
    (!digits.is_empty()).then_some(Parts {
        negative,
        whole: if significant.is_empty() { "0" } else { significant },
        fraction,
        format,
        exponent,
    })
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn interpret(suffix: &str) -> Option<(Format, i32)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Format::Decimal, *exponent));
    }
    if let Some(power) = (1..7).find(|power| BINARY[*power as usize] == suffix) {
        return Some((Format::Binary, power * 10));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Format::Exponent, exponent))
}

/// Whether Go takes the text for canonical as it is.
fn is_kept(parts: &Parts) -> bool {
    let length = |digits: &str| i32::try_from(digits.len()).unwrap_or(i32::MAX / 4);
    if parts.format == Format::Binary {
        let spare = 15 - length(parts.whole) - parts.exponent * 3 / 10 - 1;
        let Ok(value) = parts.whole.parse::<i64>() else { return false };
        let fits = value.checked_mul(1 << parts.exponent).is_some();
        return parts.fraction.is_empty() && spare >= 0 && fits && value & 7 != 0;
    }
    let scale = parts.exponent.saturating_sub(length(parts.fraction));
    let fast = length(parts.whole) + length(parts.fraction) <= FAST_DIGITS && scale >= FINEST;
    let round = if parts.fraction.len() >= 3 {
        parts.fraction.ends_with("000")
    } else {
        format!("{}{}", parts.whole, parts.fraction).ends_with("000")
    };
    fast && scale % 3 == 0 && !round && !parts.whole.starts_with('0')
}

fn rewrite(parts: &Parts) -> Option<String> {
    let digits: u128 = format!("{}{}", parts.whole, parts.fraction).parse().ok()?;
    if digits == 0 {
        return Some("0".to_owned());
    }
    let fraction = i32::try_from(parts.fraction.len()).ok()?;
    let sign = if parts.negative { "-" } else { "" };
    if parts.format == Format::Binary {
        let Some(amount) = digits.checked_mul(1 << parts.exponent) else { return Some(format!("{sign}{LARGEST}")) };
        let (amount, scale) = round_up(amount, -fraction)?;
        let unit = 10_u128.checked_pow(scale.unsigned_abs())?;
        if amount > LARGEST.checked_mul(unit)? {
            return Some(format!("{sign}{LARGEST}"));
        }
        if amount % unit != 0 || amount / unit < 1024 {
            return decimal(sign, amount, scale, Format::Decimal);
        }
        let (amount, power) = without_factors(amount / unit, 1024);
        return Some(format!("{sign}{amount}{}", BINARY[power as usize]));
    }
    let (amount, scale) = round_up(digits, parts.exponent.checked_sub(fraction)?)?;
    decimal(sign, amount, scale, parts.format)
}

/// `amount` × 10^`scale`, not finer than a billionth.
fn round_up(amount: u128, scale: i32) -> Option<(u128, i32)> {
    if scale >= FINEST {
        return Some((amount, scale));
    }
    let unit = 10_u128.checked_pow(FINEST.checked_sub(scale)?.unsigned_abs());
    Some((unit.map_or(1, |unit| amount.div_ceil(unit)), FINEST))
}

fn decimal(sign: &str, amount: u128, scale: i32, format: Format) -> Option<String> {
    let (mut amount, tens) = without_factors(amount, 10);
    let mut exponent = scale.checked_add(tens)?;
    while exponent % 3 != 0 {
        amount = amount.checked_mul(10)?;
        exponent -= 1;
    }
    let suffix = match format {
        Format::Exponent if exponent == 0 => String::new(),
        Format::Exponent => format!("e{exponent}"),
        // Go has no name for larger exponents either, and writes none.
        _ => DECIMAL.iter().find(|(_, power)| *power == exponent).map_or("", |(name, _)| name).to_owned(),
    };
    Some(format!("{sign}{amount}{suffix}"))
}

fn without_factors(mut amount: u128, factor: u128) -> (u128, i32) {
    let mut times = 0;
    while amount >= factor && amount.is_multiple_of(factor) {
        amount /= factor;
        times += 1;
    }
    (amount, times)
}
