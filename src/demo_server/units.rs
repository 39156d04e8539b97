//! Tools of kind `units`: conversions between units, and Roman numerals.

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::demo_tool::{DemoTool, Hints};
use super::world::World;

/// A unit: its names, divided by commas (the first one is shown), and its size in the quantity's base unit.
type Unit = (&'static str, f64);

const LENGTHS: &[Unit] = &[
    ("m,metre,metres,meter,meters", 1.0),
    ("km,kilometre,kilometres,kilometer,kilometers", 1000.0),
    ("cm,centimetre,centimetres,centimeter,centimeters", 0.01),
    ("mm,millimetre,millimetres,millimeter,millimeters", 0.001),
    ("mi,mile,miles", 1609.344),
    ("yd,yard,yards", 0.9144),
    ("ft,foot,feet", 0.3048),
    ("in,inch,inches", 0.0254),
    ("nmi,nautical mile,nautical miles", 1852.0),
    ("ly,light year,light years", 9_460_730_472_580_800.0),
];
const WEIGHTS: &[Unit] = &[
    ("kg,kilogram,kilograms,kilo,kilos", 1.0),
    ("g,gram,grams", 0.001),
    ("mg,milligram,milligrams", 0.000_001),
    ("t,tonne,tonnes,metric ton,metric tons", 1000.0),
    ("lb,lbs,pound,pounds", 0.453_592_37),
    ("oz,ounce,ounces", 0.028_349_523_125),
    ("st,stone,stones", 6.350_293_18),
    ("short ton,us ton,tons", 907.184_74),
];
const AREAS: &[Unit] = &[
    ("m2,m²,square metre,square metres,square meter,square meters", 1.0),
    ("km2,km²,square kilometre,square kilometres,square kilometer,square kilometers", 1e6),
    ("cm2,cm²,square centimetre,square centimetres", 1e-4),
    ("ha,hectare,hectares", 1e4),
    ("acre,acres", 4_046.856_422_4),
    ("ft2,sq ft,square foot,square feet", 0.092_903_04),
    ("in2,sq in,square inch,square inches", 0.000_645_16),
    ("mi2,square mile,square miles", 2_589_988.110_336),
];
const VOLUMES: &[Unit] = &[
    ("l,litre,litres,liter,liters", 1.0),
    ("ml,millilitre,millilitres,milliliter,milliliters", 0.001),
    ("m3,m³,cubic metre,cubic metres,cubic meter,cubic meters", 1000.0),
    ("gal,us gallon,gallon,gallons", 3.785_411_784),
    ("imperial gallon,imperial gallons,uk gallon", 4.546_09),
    ("pt,us pint,pint,pints", 0.473_176_473),
    ("cup,cups,us cup", 0.236_588_236_5),
    ("fl oz,fluid ounce,fluid ounces", 0.029_573_529_562_5),
    ("tbsp,tablespoon,tablespoons", 0.014_786_764_781_25),
    ("tsp,teaspoon,teaspoons", 0.004_928_921_593_75),
];
const SPEEDS: &[Unit] = &[
    ("m/s,metres per second,meters per second", 1.0),
    ("km/h,kph,kmh,kilometres per hour,kilometers per hour", 1.0 / 3.6),
    ("mph,miles per hour", 0.447_04),
    ("kn,knot,knots", 1852.0 / 3600.0),
    ("ft/s,feet per second", 0.3048),
];
const SIZES: &[Unit] = &[
    ("B,byte,bytes", 1.0),
    ("bit,bits", 0.125),
    ("kB,kilobyte,kilobytes", 1e3),
    ("MB,megabyte,megabytes", 1e6),
    ("GB,gigabyte,gigabytes", 1e9),
    ("TB,terabyte,terabytes", 1e12),
    ("KiB,kibibyte,kibibytes", 1024.0),
    ("MiB,mebibyte,mebibytes", 1_048_576.0),
    ("GiB,gibibyte,gibibytes", 1_073_741_824.0),
    ("TiB,tebibyte,tebibytes", 1_099_511_627_776.0),
];

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "convert_length",
        title: "Convert length",
        description: "Converts a length or distance between metric, imperial and nautical units: metres, kilometres, centimetres, miles, yards, feet, inches, nautical miles, light years.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Length to convert."},"from":{"type":"string","description":"Unit of the value.","examples":["miles"]},"to":{"type":"string","description":"Unit to convert to.","examples":["km"]}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: |arguments, _| convert(arguments, LENGTHS),
    },
    DemoTool {
        name: "convert_weight",
        title: "Convert weight",
        description: "Converts a weight or mass between kilograms, grams, milligrams, tonnes, pounds, ounces, stones and US tons.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Weight to convert."},"from":{"type":"string","description":"Unit of the value.","examples":["lb"]},"to":{"type":"string","description":"Unit to convert to.","examples":["kg"]}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: |arguments, _| convert(arguments, WEIGHTS),
    },
    DemoTool {
        name: "convert_temperature",
        title: "Convert temperature",
        description: "Converts a temperature between degrees Celsius, degrees Fahrenheit and kelvin.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Temperature to convert."},"from":{"type":"string","enum":["celsius","fahrenheit","kelvin","C","F","K"],"description":"Scale of the value."},"to":{"type":"string","enum":["celsius","fahrenheit","kelvin","C","F","K"],"description":"Scale to convert to."}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: convert_temperature,
    },
    DemoTool {
        name: "convert_area",
        title: "Convert area",
        description: "Converts an area between square metres, square kilometres, hectares, acres, square feet, square inches and square miles.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Area to convert."},"from":{"type":"string","description":"Unit of the value.","examples":["acres"]},"to":{"type":"string","description":"Unit to convert to.","examples":["hectares"]}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: |arguments, _| convert(arguments, AREAS),
    },
    DemoTool {
        name: "convert_volume",
        title: "Convert volume",
        description: "Converts a volume between litres, millilitres, cubic metres, gallons, pints, cups, fluid ounces, tablespoons and teaspoons, also for recipes.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Volume to convert."},"from":{"type":"string","description":"Unit of the value.","examples":["cups"]},"to":{"type":"string","description":"Unit to convert to.","examples":["ml"]}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: |arguments, _| convert(arguments, VOLUMES),
    },
    DemoTool {
        name: "convert_speed",
        title: "Convert speed",
        description: "Converts a speed between kilometres per hour, miles per hour, metres per second, feet per second and knots.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Speed to convert."},"from":{"type":"string","description":"Unit of the value.","examples":["mph"]},"to":{"type":"string","description":"Unit to convert to.","examples":["km/h"]}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: |arguments, _| convert(arguments, SPEEDS),
    },
    DemoTool {
        name: "convert_data_size",
        title: "Convert data size",
        description: "Converts an amount of data between bits, bytes, kilobytes, megabytes, gigabytes, terabytes and their binary counterparts KiB, MiB, GiB and TiB.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":"number","description":"Amount to convert."},"from":{"type":"string","description":"Unit of the value.","examples":["GiB"]},"to":{"type":"string","description":"Unit to convert to.","examples":["MB"]}}"#,
        required: &["value", "from", "to"],
        output: "",
        run: |arguments, _| convert(arguments, SIZES),
    },
    DemoTool {
        name: "convert_roman_numeral",
        title: "Convert Roman numerals",
        description: "Converts a number from 1 to 3999 to a Roman numeral, or a Roman numeral back to a number.",
        hints: Hints::Reads,
        properties: r#"{"value":{"type":["string","integer"],"description":"Number or Roman numeral.","examples":[2026,"MMXXVI"]}}"#,
        required: &["value"],
        output: "",
        run: convert_roman_numeral,
    },
];

fn convert(arguments: &Arguments, units: &[Unit]) -> Result<Answer, Fault> {
    let value = arguments.number("value")?;
    let (from_name, from) = unit("from", arguments.text("from")?, units)?;
    let (to_name, to) = unit("to", arguments.text("to")?, units)?;
    let result = value * from / to;
    Ok(Answer::text(format!("{} {from_name} = {} {to_name}", show_number(value), show_number(result))))
}

fn unit(name: &'static str, text: &str, units: &[Unit]) -> Result<(&'static str, f64), Fault> {
    let text = text.trim();
    let shown = |unit: &Unit| unit.0.split(',').next().unwrap_or_default();
    // Exact case first: MB is not Mb. Then any case, because people write "KM".
    let exact = units.iter().find(|unit| unit.0.split(',').any(|known| known == text));
    let found =
        exact.or_else(|| units.iter().find(|unit| unit.0.split(',').any(|known| known.eq_ignore_ascii_case(text))));
    found.map(|unit| (shown(unit), unit.1)).ok_or_else(|| Fault::NotOneOf {
        name: name.to_owned(),
        got: text.to_owned(),
        allowed: units.iter().map(shown).collect::<Vec<_>>().join(", "),
    })
}

fn convert_temperature(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    const SCALES: [&str; 6] = ["celsius", "fahrenheit", "kelvin", "C", "F", "K"];
    let value = arguments.number("value")?;
    let scale =
        |name| Ok::<_, Fault>(arguments.word(name, &SCALES)?.chars().next().unwrap_or('C').to_ascii_uppercase());
    let (from, to) = (scale("from")?, scale("to")?);
    let kelvin = match from {
        'F' => (value - 32.0) * 5.0 / 9.0 + 273.15,
        'K' => value,
        _ => value + 273.15,
    };
    if kelvin < 0.0 {
        return Err(Fault::Unusable { name: "value", why: "it is below absolute zero".to_owned() });
    }
    let result = match to {
        'F' => (kelvin - 273.15) * 9.0 / 5.0 + 32.0,
        'K' => kelvin,
        _ => kelvin - 273.15,
    };
    let degree = |scale| if scale == 'K' { "K".to_owned() } else { format!("°{scale}") };
    let text = format!("{} {} = {} {}", show_number(value), degree(from), show_number(result), degree(to));
    Ok(Answer::text(text))
}

const NUMERALS: [(u32, &str); 13] = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

fn convert_roman_numeral(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let bad = |why: &str| Fault::Unusable { name: "value", why: why.to_owned() };
    let text = match arguments.value("value") {
        Some(value) if value.is_number() => value.to_string(),
        _ => arguments.filled_text("value")?.to_ascii_uppercase(),
    };
    if let Ok(number) = text.parse::<i64>() {
        let number = u32::try_from(number).ok().filter(|n| (1..=3999).contains(n));
        let number = number.ok_or_else(|| bad("Roman numerals go from 1 to 3999"))?;
        return Ok(Answer::text(format!("{number} = {}", to_roman(number))));
    }
    let mut number = 0;
    let mut rest = text.as_str();
    for (value, numeral) in NUMERALS {
        while let Some(shorter) = rest.strip_prefix(numeral) {
            number += value;
            rest = shorter;
        }
    }
    // Written back, so that IIII and IM are not taken for numerals.
    if !rest.is_empty() || number > 3999 || to_roman(number) != text {
        return Err(bad("it is neither a number nor a correct Roman numeral"));
    }
    Ok(Answer::text(format!("{text} = {number}")))
}

fn to_roman(mut number: u32) -> String {
    let mut text = String::new();
    for (value, numeral) in NUMERALS {
        while number >= value {
            text.push_str(numeral);
            number -= value;
        }
    }
    text
}

/// At most 10 significant digits, without trailing zeros: enough for people, and hides what binary fractions do.
pub(super) fn show_number(number: f64) -> String {
    const WHOLE_MAX: f64 = 1e15;
    if number == 0.0 || !number.is_finite() {
        return if number == 0.0 { "0".to_owned() } else { number.to_string() };
    }
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        return format!("{number:.0}");
    }
    let rounded: f64 = format!("{number:.9e}").parse().unwrap_or(number);
    if (1e-6..WHOLE_MAX).contains(&rounded.abs()) { rounded.to_string() } else { format!("{rounded:e}") }
}
