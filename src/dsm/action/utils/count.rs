//! How numbers are said: which recorded words make a number. A language that strings words together as
//! English or German do is one more [`CountRule`].

/// The largest number that can be said.
pub const MAX_COUNT: u64 = 9_999_999_999;

/// How a language says numbers.
#[derive(Debug)]
pub struct CountRule {
    /// Up to here each number is one word.
    words_up_to: u64,
    /// Where the unit of a number with tens is said.
    unit: Unit,
}

#[derive(Debug)]
enum Unit {
    BehindTens,
    BeforeTens,
}

/// English: twenty-one.
pub const RIGHT: CountRule = CountRule {
    words_up_to: 20,
    unit: Unit::BehindTens,
};

/// German: einundzwanzig.
pub const LEFT: CountRule = CountRule {
    words_up_to: 20,
    unit: Unit::BeforeTens,
};

impl CountRule {
    /// The words of a number up to [`MAX_COUNT`], in the order they are said. Each place above the tens has
    /// words of its own (`300`, `20000`); a unit that is said together with tens is an `x` word.
    pub fn words(&self, number: u64) -> Vec<String> {
        if number <= self.words_up_to {
            return vec![number.to_string()];
        }
        let places = (2..=9).rev().map(|zeros| 10_u64.pow(zeros));
        let digits = places.map(|place| number / place % 10 * place);
        let mut words: Vec<String> = digits
            .filter(|digit| *digit > 0)
            .map(|digit| digit.to_string())
            .collect();
        let rest = number % 100;
        let (tens, unit) = (rest / 10 * 10, rest % 10);
        match &self.unit {
            _ if rest == 0 => {}
            _ if rest <= self.words_up_to || unit == 0 => words.push(rest.to_string()),
            Unit::BehindTens => words.extend([tens.to_string(), format!("x{unit}")]),
            Unit::BeforeTens => words.extend([format!("x{unit}"), tens.to_string()]),
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_they_were_measured() {
        let table = [
            (0, "0", "0"),
            (7, "7", "7"),
            (20, "20", "20"),
            (21, "20 x1", "x1 20"),
            (30, "30", "30"),
            (99, "90 x9", "x9 90"),
            (100, "100", "100"),
            (101, "100 1", "100 1"),
            (120, "100 20", "100 20"),
            (121, "100 20 x1", "100 x1 20"),
            (999, "900 90 x9", "900 x9 90"),
            (1001, "1000 1", "1000 1"),
            (1121, "1000 100 20 x1", "1000 100 x1 20"),
            (12_345, "10000 2000 300 40 x5", "10000 2000 300 x5 40"),
            (21_000, "20000 1000", "20000 1000"),
            (2_500_000, "2000000 500000", "2000000 500000"),
            (4_000_000_000, "4000000000", "4000000000"),
        ];
        for (number, right, left) in table {
            assert_eq!(RIGHT.words(number).join(" "), right);
            assert_eq!(LEFT.words(number).join(" "), left);
        }
        assert_eq!(RIGHT.words(MAX_COUNT).len(), 10);
    }
}
