//! Arithmetic expressions: a parser that evaluates while it reads.

/// Deepest nesting. A guess that is far from the end of a thread's stack.
const DEPTH_MAX: u32 = 200;
/// Words that people use for operators, longest first.
const WORDS: [(&str, &str); 11] = [
    ("multiplied by", "*"),
    ("to the power of", "^"),
    ("divided by", "/"),
    ("percent of", "%*"),
    ("% of", "%*"),
    ("times", "*"),
    ("minus", "-"),
    ("plus", "+"),
    ("over", "/"),
    ("mod", " mod "),
    ("squared", "^2"),
];

/// Evaluates an expression.
///
/// # Errors
/// A sentence that says what is wrong and where.
pub(super) fn evaluate(text: &str) -> Result<f64, String> {
    let mut plain = text.to_lowercase();
    for (word, operator) in WORDS {
        plain = plain.replace(word, operator);
    }
    let letters: Vec<char> = plain.trim_end_matches(['=', '?', ' ']).chars().collect();
    let mut reader = Reader { letters, at: 0, depth: 0 };
    let value = reader.sum()?;
    reader.skip();
    if reader.at < reader.letters.len() {
        return Err(reader.unexpected("an operator"));
    }
    if value.is_finite() { Ok(value) } else { Err("the result is too large or not a real number".to_owned()) }
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    depth: u32,
}

impl Reader {
    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        loop {
            value = match self.next_of("+-−") {
                Some('+') => value + self.product()?,
                Some(_) => value - self.product()?,
                None => return Ok(value),
            };
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.signed()?;
        loop {
            if self.eat_word("mod") {
                value = self.remainder(value)?;
                continue;
            }
            let before = self.at;
            value = match self.next_of("*/×·÷%") {
                Some('/' | '÷') => match self.signed()? {
                    0.0 => return Err("division by zero".to_owned()),
                    divisor => value / divisor,
                },
                Some('%') if self.is_operand_next() => self.remainder(value)?,
                Some('%') => value / 100.0,
                Some(_) => value * self.signed()?,
                None if self.is_factor_next() => value * self.signed()?,
                None => {
                    self.at = before;
                    return Ok(value);
                }
            };
        }
    }

    fn remainder(&mut self, value: f64) -> Result<f64, String> {
        let divisor = self.signed()?;
        if divisor == 0.0 { Err("division by zero".to_owned()) } else { Ok(value.rem_euclid(divisor)) }
    }

    /// A sign binds less than a power: -2^2 is -4.
    fn signed(&mut self) -> Result<f64, String> {
        match self.next_of("+-−") {
            Some('+') => self.deeper(Self::signed),
            Some(_) => Ok(-self.deeper(Self::signed)?),
            None => self.power(),
        }
    }

    fn power(&mut self) -> Result<f64, String> {
        let base = self.factorial()?;
        self.skip();
        if self.letters[self.at..].starts_with(&['*', '*']) {
            self.at += 2;
        } else if self.next_of("^").is_none() {
            return Ok(base);
        }
        Ok(base.powf(self.deeper(Self::signed)?))
    }

    fn factorial(&mut self) -> Result<f64, String> {
        let mut value = self.atom()?;
        while let Some(mark) = self.next_of("!²³") {
            value = match mark {
                '²' => value.powi(2),
                '³' => value.powi(3),
                _ if value < 0.0 || value.fract() != 0.0 => {
                    return Err("only whole numbers from 0 have a factorial".to_owned());
                }
                _ => {
                    let (mut product, mut factor) = (1.0, 2.0);
                    while factor <= value && f64::is_finite(product) {
                        product *= factor;
                        factor += 1.0;
                    }
                    product
                }
            };
        }
        Ok(value)
    }

    fn atom(&mut self) -> Result<f64, String> {
        self.skip();
        match self.letters.get(self.at) {
            Some('(') => {
                self.at += 1;
                let value = self.deeper(Self::sum)?;
                self.close()?;
                Ok(value)
            }
            Some('√') => {
                self.at += 1;
                let value = self.deeper(Self::atom)?;
                apply("sqrt", &[value])
            }
            Some(letter) if letter.is_ascii_digit() || *letter == '.' => self.number(),
            Some(letter) if letter.is_alphabetic() => self.named(),
            _ => Err(self.unexpected("a number, a name or \"(\"")),
        }
    }

    fn number(&mut self) -> Result<f64, String> {
        let start = self.at;
        let is_digit = |letter: Option<&char>| letter.is_some_and(char::is_ascii_digit);
        while is_digit(self.letters.get(self.at)) || matches!(self.letters.get(self.at), Some('.' | '_')) {
            self.at += 1;
        }
        let exponent = usize::from(matches!(self.letters.get(self.at + 1), Some('+' | '-'))) + 1;
        if self.letters.get(self.at) == Some(&'e') && is_digit(self.letters.get(self.at + exponent)) {
            self.at += exponent;
            while is_digit(self.letters.get(self.at)) {
                self.at += 1;
            }
        }
        let text: String = self.letters[start..self.at].iter().filter(|letter| **letter != '_').collect();
        text.parse().map_err(|_| format!("{text:?} is no number"))
    }

    fn named(&mut self) -> Result<f64, String> {
        let start = self.at;
        while self.letters.get(self.at).is_some_and(|letter| letter.is_alphanumeric()) {
            self.at += 1;
        }
        let name: String = self.letters[start..self.at].iter().collect();
        match name.as_str() {
            "pi" | "π" => return Ok(std::f64::consts::PI),
            "tau" => return Ok(std::f64::consts::TAU),
            "e" => return Ok(std::f64::consts::E),
            _ => {}
        }
        if self.next_of("(").is_none() {
            return Err(format!("{name:?} is not known; a function needs brackets, like sqrt(2)"));
        }
        let mut values = vec![self.deeper(Self::sum)?];
        while self.next_of(",;").is_some() {
            values.push(self.deeper(Self::sum)?);
        }
        self.close()?;
        apply(&name, &values)
    }

    fn close(&mut self) -> Result<(), String> {
        if self.next_of(")").is_some() { Ok(()) } else { Err(self.unexpected("\")\"")) }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<f64, String>) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("it is nested deeper than {DEPTH_MAX}"));
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn skip(&mut self) {
        while self.letters.get(self.at).is_some_and(|letter| letter.is_whitespace()) {
            self.at += 1;
        }
    }

    /// Takes the next letter if it is one of these.
    fn next_of(&mut self, wanted: &str) -> Option<char> {
        self.skip();
        let letter = *self.letters.get(self.at)?;
        // ** is a power, and belongs to nobody else.
        let is_power = letter == '*' && self.letters.get(self.at + 1) == Some(&'*');
        if !wanted.contains(letter) || is_power {
            return None;
        }
        self.at += 1;
        Some(letter)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        self.skip();
        let is_here = self.letters[self.at..].iter().copied().take(word.len()).eq(word.chars())
            && self.letters.get(self.at + word.len()).is_none_or(|letter| !letter.is_alphanumeric());
        if is_here {
            self.at += word.len();
        }
        is_here
    }

    /// Whether a factor follows without an operator, as in 2(3+4) or 2pi.
    fn is_factor_next(&mut self) -> bool {
        self.skip();
        self.letters.get(self.at).is_some_and(|letter| *letter == '(' || *letter == '√' || letter.is_alphabetic())
    }

    fn is_operand_next(&mut self) -> bool {
        self.is_factor_next()
            || self.letters.get(self.at).is_some_and(|letter| letter.is_ascii_digit() || *letter == '.')
    }

    fn unexpected(&self, expected: &str) -> String {
        match self.letters.get(self.at) {
            Some(letter) => format!("{expected} is expected at character {}, not {letter:?}", self.at + 1),
            None => format!("{expected} is expected at the end"),
        }
    }
}

fn apply(name: &str, values: &[f64]) -> Result<f64, String> {
    let result = match (name, values) {
        ("sqrt", [x]) => x.sqrt(),
        ("cbrt", [x]) => x.cbrt(),
        ("abs", [x]) => x.abs(),
        ("exp", [x]) => x.exp(),
        ("ln", [x]) => x.ln(),
        ("log" | "log10", [x]) => x.log10(),
        ("log2", [x]) => x.log2(),
        ("log", [x, base]) => x.log(*base),
        ("sin", [x]) => x.sin(),
        ("cos", [x]) => x.cos(),
        ("tan", [x]) => x.tan(),
        ("asin", [x]) => x.asin(),
        ("acos", [x]) => x.acos(),
        ("atan", [x]) => x.atan(),
        ("atan2", [y, x]) => y.atan2(*x),
        ("sinh", [x]) => x.sinh(),
        ("cosh", [x]) => x.cosh(),
        ("tanh", [x]) => x.tanh(),
        ("rad" | "radians", [x]) => x.to_radians(),
        ("deg" | "degrees", [x]) => x.to_degrees(),
        ("floor", [x]) => x.floor(),
        ("ceil", [x]) => x.ceil(),
        ("round", [x]) => x.round(),
        ("trunc", [x]) => x.trunc(),
        ("sign", [x]) => x.signum(),
        ("pow", [x, y]) => x.powf(*y),
        ("hypot", [x, y]) => x.hypot(*y),
        ("min", values) => values.iter().copied().fold(f64::INFINITY, f64::min),
        ("max", values) => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ("sum", values) => values.iter().sum(),
        _ => return Err(format!("there is no function {name} of {} numbers", values.len())),
    };
    if result.is_nan() { Err(format!("{name} has no real value there")) } else { Ok(result) }
}
