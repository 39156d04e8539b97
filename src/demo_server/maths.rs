//! Tools of kind `maths`: calculating, primes, equations and random numbers.

use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::demo_tool::{DemoTool, Hints};
use super::expression;
use super::statistics::describe_numbers;
use super::units::show_number;
use super::world::World;

/// Largest whole number that JSON numbers hold exactly: 2^53.
const WHOLE_MAX: i64 = 9_007_199_254_740_992;
/// Most random numbers at once. A guess.
const RANDOM_MAX: usize = 1000;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "evaluate_expression",
        title: "Calculate",
        description: "Calculates an arithmetic expression, like a pocket calculator: + - * / ^ %, brackets, factorials, roots, logarithms, trigonometry (in radians), pi and e. Also understands \"12 times 7\".",
        hints: Hints::Reads,
        properties: r#"{"expression":{"type":"string","description":"What to calculate.","examples":["(3 + 4) * 2^5","sqrt(2) / 2","12 times 7"]}}"#,
        required: &["expression"],
        output: r#"{"type":"object","properties":{"result":{"type":"number"}},"required":["result"]}"#,
        run: evaluate_expression,
    },
    DemoTool {
        name: "describe_numbers",
        title: "Statistics of numbers",
        description: "Calculates statistics of a list of numbers: mean (average), median, mode, standard deviation, variance, quartiles, minimum, maximum and sum.",
        hints: Hints::Reads,
        properties: r#"{"numbers":{"type":"array","items":{"type":"number"},"minItems":1,"description":"The numbers.","examples":[[4,8,15,16,23,42]]}}"#,
        required: &["numbers"],
        output: r#"{"type":"object","properties":{"count":{"type":"integer"},"sum":{"type":"number"},"mean":{"type":"number"},"median":{"type":"number"},"standard_deviation":{"type":"number"},"minimum":{"type":"number"},"maximum":{"type":"number"}},"required":["count","sum","mean","median","standard_deviation","minimum","maximum"]}"#,
        run: describe_numbers,
    },
    DemoTool {
        name: "prime_factors",
        title: "Prime factors",
        description: "Factorises a whole number into primes, and so tells whether it is a prime number.",
        hints: Hints::Reads,
        properties: r#"{"number":{"type":"integer","minimum":2,"maximum":9007199254740992,"description":"Number to factorise.","examples":[360]}}"#,
        required: &["number"],
        output: r#"{"type":"object","properties":{"is_prime":{"type":"boolean"},"factors":{"type":"array","items":{"type":"integer"}}},"required":["is_prime","factors"]}"#,
        run: prime_factors,
    },
    DemoTool {
        name: "solve_quadratic",
        title: "Solve a quadratic equation",
        description: "Solves the equation a·x² + b·x + c = 0 and gives its real or complex solutions.",
        hints: Hints::Reads,
        properties: r#"{"a":{"type":"number","description":"Coefficient of x²."},"b":{"type":"number","description":"Coefficient of x."},"c":{"type":"number","description":"The constant."}}"#,
        required: &["a", "b", "c"],
        output: "",
        run: solve_quadratic,
    },
    DemoTool {
        name: "random_numbers",
        title: "Random numbers",
        description: "Draws random whole numbers from a range, for example to roll dice. The same seed gives the same numbers again.",
        hints: Hints::Reads,
        properties: r#"{"min":{"type":"integer","default":1,"description":"Smallest number."},"max":{"type":"integer","default":100,"description":"Largest number."},"count":{"type":"integer","default":1,"minimum":1,"maximum":1000,"description":"How many."},"seed":{"type":"integer","description":"Start of the sequence; left out, it comes from the clock."}}"#,
        required: &[],
        output: "",
        run: random_numbers,
    },
];

fn evaluate_expression(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let text = arguments.filled_text("expression")?;
    let result = expression::evaluate(text).map_err(|why| Fault::Unusable { name: "expression", why })?;
    Ok(Answer::with(format!("{text} = {}", show_number(result)), json!({"result": result})))
}

fn prime_factors(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let number = arguments.whole("number", None, 2, WHOLE_MAX)?.unsigned_abs();
    let mut factors = Vec::new();
    let mut rest = number;
    let mut divisor = 2;
    // At most 2^26.5 steps, about a third of a second for the worst number.
    while divisor * divisor <= rest {
        while rest.is_multiple_of(divisor) {
            factors.push(divisor);
            rest /= divisor;
        }
        divisor += if divisor == 2 { 1 } else { 2 };
    }
    if rest > 1 {
        factors.push(rest);
    }
    let is_prime = factors.len() == 1;
    let shown: Vec<String> = factors.iter().map(u64::to_string).collect();
    let text =
        if is_prime { format!("{number} is a prime number") } else { format!("{number} = {}", shown.join(" × ")) };
    Ok(Answer::with(text, json!({"is_prime": is_prime, "factors": factors})))
}

fn solve_quadratic(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let (a, b, c) = (arguments.number("a")?, arguments.number("b")?, arguments.number("c")?);
    if a == 0.0 {
        return Ok(Answer::text(match (b == 0.0, c == 0.0) {
            (true, true) => "Every x is a solution.".to_owned(),
            (true, false) => "There is no solution.".to_owned(),
            (false, _) => format!("x = {} (the equation is linear)", show_number(-c / b)),
        }));
    }
    let discriminant = b * b - 4.0 * a * c;
    if discriminant < 0.0 {
        let (real, imaginary) = (show_number(-b / (2.0 * a)), show_number((-discriminant).sqrt() / (2.0 * a).abs()));
        return Ok(Answer::text(format!("x = {real} ± {imaginary}i (two complex solutions)")));
    }
    // Without subtracting numbers of nearly the same size, which would lose digits.
    let half = -0.5 * (b + b.signum() * discriminant.sqrt());
    let (first, second) = if half == 0.0 { (0.0, 0.0) } else { (half / a, c / half) };
    let (small, large) = (first.min(second), first.max(second));
    Ok(Answer::text(if discriminant == 0.0 {
        format!("x = {} (one solution)", show_number(small))
    } else {
        format!("x = {} or x = {}", show_number(small), show_number(large))
    }))
}

fn random_numbers(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let min = arguments.whole("min", Some(1), -WHOLE_MAX, WHOLE_MAX)?;
    let max = arguments.whole("max", Some(100), -WHOLE_MAX, WHOLE_MAX)?;
    let count = arguments.count("count", 1, 1, RANDOM_MAX)?;
    if min > max {
        return Err(Fault::Unusable { name: "min", why: format!("{min} is more than max, {max}") });
    }
    let seed = arguments.whole("seed", Some((world.now_s)()), i64::MIN, i64::MAX)?;
    let mut state = seed.cast_unsigned();
    let span = (max - min).unsigned_abs() + 1;
    let draw = |_| {
        // The top of a 128-bit product: even to one part in 2^10 for the largest range, and exact enough for dice.
        let high = (u128::from(split_mix(&mut state)) * u128::from(span)) >> 64;
        (i128::from(min) + i128::try_from(high).unwrap_or_default()).to_string()
    };
    let numbers: Vec<String> = (0..count).map(draw).collect();
    Ok(Answer::text(format!("{} (seed {seed})", numbers.join(", "))))
}

/// The SplitMix64 generator: a counter and a mixing function.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
