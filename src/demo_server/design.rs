//! Tools of kind `design`: logos, charts and colours; pictures become SVG files in the folder.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::colour::{Colour, Hsl};
use super::demo_tool::{DemoTool, Hints};
use super::folder::Folder;
use super::text::slug;
use super::units::show_number;
use super::world::World;

/// Most bars of a chart: more cannot be told apart.
const BARS_MAX: usize = 60;
/// Longest text in a picture, in characters.
const TEXT_MAX: usize = 60;
/// What the tools that draw say about the file that they wrote.
const FILE_OUTPUT: &str = r#"{"type":"object","properties":{"file":{"type":"string","description":"Path inside the server's folder."},"path":{"type":"string","description":"Absolute path."},"width":{"type":"integer"},"height":{"type":"integer"}},"required":["file","path","width","height"]}"#;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "generate_logo",
        title: "Generate logo",
        description: "Designs a logo for a company, product or team from its name and saves it as an SVG image file. Choose a style and a colour, or let it choose.",
        hints: Hints::Adds,
        properties: r##"{"text":{"type":"string","minLength":1,"maxLength":60,"default":"Logo","description":"Name that the logo is for.","examples":["Acme Coffee"]},"style":{"type":"string","enum":["circle","square","hexagon","shield","wordmark"],"default":"circle","description":"Shape of the logo."},"colour":{"type":"string","default":"indigo","description":"Main colour: a name, #rrggbb, rgb() or hsl().","examples":["teal","#1e88e5"]},"tagline":{"type":"string","maxLength":60,"description":"Small line below the name."}}"##,
        required: &[],
        output: FILE_OUTPUT,
        run: generate_logo,
    },
    DemoTool {
        name: "draw_chart",
        title: "Draw bar chart",
        description: "Draws a bar chart (diagram) of labelled values and saves it as an SVG image file.",
        hints: Hints::Adds,
        properties: r#"{"title":{"type":"string","maxLength":60,"default":"Chart","description":"Title above the chart."},"labels":{"type":"array","items":{"type":"string"},"description":"One label per bar.","examples":[["Mon","Tue","Wed"]]},"values":{"type":"array","items":{"type":"number"},"minItems":1,"maxItems":60,"description":"One value per bar.","examples":[[3,5,2]]},"colour":{"type":"string","default":"blue","description":"Colour of the bars."}}"#,
        required: &["values"],
        output: FILE_OUTPUT,
        run: draw_chart,
    },
    DemoTool {
        name: "make_palette",
        title: "Make colour palette",
        description: "Makes a palette of colours that go well together with a given colour: complementary, analogous, triadic, or lighter and darker shades.",
        hints: Hints::Reads,
        properties: r#"{"colour":{"type":"string","description":"Colour to start from.","examples":["teal"]},"scheme":{"type":"string","enum":["analogous","complementary","triadic","shades"],"default":"analogous","description":"How the colours belong together."},"count":{"type":"integer","minimum":2,"maximum":12,"default":5,"description":"Number of colours."}}"#,
        required: &["colour"],
        output: r#"{"type":"object","properties":{"colours":{"type":"array","items":{"type":"string"}}},"required":["colours"]}"#,
        run: make_palette,
    },
    DemoTool {
        name: "placeholder_image",
        title: "Placeholder image",
        description: "Makes a placeholder image of a given width and height, with a label, and saves it as an SVG file. For mock-ups and web pages.",
        hints: Hints::Adds,
        properties: r#"{"width":{"type":"integer","minimum":1,"maximum":10000,"default":800,"description":"Width in pixels."},"height":{"type":"integer","minimum":1,"maximum":10000,"default":450,"description":"Height in pixels."},"text":{"type":"string","maxLength":60,"description":"Label; the size when left out."},"colour":{"type":"string","default":"silver","description":"Background."}}"#,
        required: &[],
        output: FILE_OUTPUT,
        run: placeholder_image,
    },
    DemoTool {
        name: "convert_colour",
        title: "Convert colour",
        description: "Converts a colour between hexadecimal (#rrggbb), RGB and HSL, and understands common colour names.",
        hints: Hints::Reads,
        properties: r##"{"colour":{"type":"string","description":"Colour to convert.","examples":["#ff8800","rgb(255, 136, 0)","orange"]}}"##,
        required: &["colour"],
        output: r#"{"type":"object","properties":{"hex":{"type":"string"},"rgb":{"type":"string"},"hsl":{"type":"string"}},"required":["hex","rgb","hsl"]}"#,
        run: convert_colour,
    },
    DemoTool {
        name: "check_contrast",
        title: "Check colour contrast",
        description: "Checks whether text of one colour is readable on a background of another: contrast ratio and WCAG levels AA and AAA.",
        hints: Hints::Reads,
        properties: r##"{"text":{"type":"string","description":"Colour of the text.","examples":["#333333"]},"background":{"type":"string","default":"white","description":"Colour of the background."}}"##,
        required: &["text"],
        output: "",
        run: check_contrast,
    },
];

fn generate_logo(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let name = short(arguments, "text")?.unwrap_or_else(|| "Logo".to_owned());
    let style = arguments.word("style", &["circle", "square", "hexagon", "shield", "wordmark"])?;
    let main = colour(arguments, "colour", "indigo")?;
    let tagline = short(arguments, "tagline")?.unwrap_or_default();
    let (light, dark) = (main.lighter(0.12), main.lighter(-0.12));
    let shape = match style {
        "square" => r#"<rect x="70" y="40" width="180" height="180" rx="36" fill="url(#fill)"/>"#.to_owned(),
        "hexagon" => format!(r#"<polygon points="{}" fill="url(#fill)"/>"#, corners(160.0, 130.0, 100.0, 6)),
        "shield" => r#"<path d="M160 30 L245 60 V130 C245 185 205 215 160 232 C115 215 75 185 75 130 V60 Z" fill="url(#fill)"/>"#.to_owned(),
        "wordmark" => String::new(),
        _ => r#"<circle cx="160" cy="130" r="95" fill="url(#fill)"/>"#.to_owned(),
    };
    let initials: String = name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    let size = if initials.chars().count() > 1 { 80 } else { 100 };
    let letters = if style == "wordmark" {
        format!(
            r#"<text x="160" y="150" font-size="{}" font-weight="800" fill="url(#fill)" letter-spacing="-1">{}</text><rect x="60" y="175" width="200" height="8" rx="4" fill="{light}"/>"#,
            fitted(&name, 280, 72),
            escaped(&name)
        )
    } else {
        format!(
            r#"<text x="160" y="{}" font-size="{size}" font-weight="700" fill="{}">{}</text><text x="160" y="270" font-size="{}" font-weight="600" fill="{dark}">{}</text>"#,
            130 + size / 3,
            main.ink(),
            escaped(&initials.to_uppercase()),
            fitted(&name, 290, 34),
            escaped(&name)
        )
    };
    let line = format!(
        r##"<text x="160" y="300" font-size="{}" fill="#666666">{}</text>"##,
        fitted(&tagline, 290, 16),
        escaped(&tagline)
    );
    let picture = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320" viewBox="0 0 320 320" role="img"><title>{}</title><defs><linearGradient id="fill" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="{light}"/><stop offset="1" stop-color="{dark}"/></linearGradient></defs><g text-anchor="middle" font-family="Helvetica, Arial, sans-serif">{shape}{letters}{line}</g></svg>
"#,
        escaped(&name)
    );
    save(world, &format!("{} logo", name), &picture, (320, 320), &format!("Logo for {name:?} ({style}, {main})"))
}

fn draw_chart(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let title = short(arguments, "title")?.unwrap_or_else(|| "Chart".to_owned());
    let values = arguments.numbers("values")?;
    let mut labels = arguments.texts("labels")?;
    let fill = colour(arguments, "colour", "blue")?;
    if values.is_empty() || values.len() > BARS_MAX {
        return Err(Fault::Unusable { name: "values", why: format!("give 1 to {BARS_MAX} numbers") });
    }
    if labels.len() > values.len() {
        let why = format!("there are {} labels, but {} values", labels.len(), values.len());
        return Err(Fault::Unusable { name: "labels", why });
    }
    labels.resize(values.len(), String::new());
    let (top, bottom, left, width) = (60.0, 330.0, 60.0, 520.0);
    let high = values.iter().copied().fold(0.0, f64::max);
    let low = values.iter().copied().fold(0.0, f64::min);
    let range = if high - low > 0.0 { high - low } else { 1.0 };
    let y = |value: f64| bottom - (value - low) / range * (bottom - top);
    let bars = u32::try_from(values.len()).map_or(1.0, f64::from);
    let step = width / bars;
    let mut marks = String::new();
    let mut x = left + step * 0.1;
    for (label, value) in labels.iter().zip(&values) {
        let (from, to) = (y(value.max(0.0)), y(value.min(0.0)));
        let middle = x + step * 0.4;
        write!(
            marks,
            r#"<rect x="{x:.1}" y="{from:.1}" width="{:.1}" height="{:.1}" rx="2" fill="{fill}"/><text x="{middle:.1}" y="{:.1}">{}</text><text x="{middle:.1}" y="352">{}</text>"#,
            step * 0.8,
            (to - from).max(0.5),
            from - 6.0,
            show_number(*value),
            escaped(&label.chars().take(16).collect::<String>()),
        )
        .ok();
        x += step;
    }
    let picture = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="640" height="380" viewBox="0 0 640 380" role="img"><title>{title}</title><rect width="640" height="380" fill="#ffffff"/><g font-family="Helvetica, Arial, sans-serif" font-size="12" text-anchor="middle" fill="#333333"><text x="320" y="32" font-size="20" font-weight="600">{title}</text>{marks}<line x1="{left}" y1="{zero:.1}" x2="{right}" y2="{zero:.1}" stroke="#333333"/></g></svg>
"##,
        title = escaped(&title),
        zero = y(0.0),
        right = left + width,
    );
    save(world, &format!("{title} chart"), &picture, (640, 380), &format!("Bar chart of {} values", values.len()))
}

fn make_palette(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let base = colour(arguments, "colour", "")?;
    let scheme = arguments.word("scheme", &["analogous", "complementary", "triadic", "shades"])?;
    let count = arguments.count("count", 5, 2, 12)?;
    let hsl = base.to_hsl();
    let turned = |degrees: f64, lighter: f64| {
        let lightness = (hsl.lightness + lighter).clamp(0.05, 0.95);
        Colour::from_hsl(Hsl { hue: (hsl.hue + degrees).rem_euclid(360.0), lightness, ..hsl })
    };
    let last = u32::try_from(count - 1).map_or(1.0, f64::from);
    let colours: Vec<String> = (0_u32..)
        .take(count)
        .map(|at| {
            let round = f64::from(at / 3) * 0.1;
            match scheme {
                "complementary" => turned(f64::from(at % 2) * 180.0, f64::from(at / 2) * 0.1),
                "triadic" => turned(f64::from(at % 3) * 120.0, round),
                "shades" => Colour::from_hsl(Hsl { lightness: 0.9 - 0.75 * f64::from(at) / last, ..hsl }),
                _ => turned(f64::from(at) * 30.0, 0.0),
            }
            .to_string()
        })
        .collect();
    Ok(Answer::with(format!("{scheme} palette of {base}: {}", colours.join(", ")), json!({"colours": colours})))
}

fn placeholder_image(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let side = |name, default| arguments.whole(name, Some(default), 1, 10_000);
    let (width, height) = (side("width", 800)?, side("height", 450)?);
    let text = short(arguments, "text")?.unwrap_or_else(|| format!("{width} × {height}"));
    let background = colour(arguments, "colour", "silver")?;
    let size = fitted(&text, width * 8 / 10, height / 3);
    let picture = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"><rect width="100%" height="100%" fill="{background}"/><text x="50%" y="50%" font-family="Helvetica, Arial, sans-serif" font-size="{size}" fill="{}" text-anchor="middle" dominant-baseline="central">{}</text></svg>
"#,
        background.ink(),
        escaped(&text)
    );
    save(world, &format!("placeholder {width}x{height}"), &picture, (width, height), "Placeholder image")
}

fn convert_colour(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let colour = colour(arguments, "colour", "")?;
    let hsl = colour.to_hsl();
    let rgb = format!("rgb({}, {}, {})", colour.red, colour.green, colour.blue);
    let hsl = format!("hsl({:.0}, {:.0}%, {:.0}%)", hsl.hue, hsl.saturation * 100.0, hsl.lightness * 100.0);
    let structured = json!({"hex": colour.to_string(), "rgb": rgb, "hsl": hsl});
    Ok(Answer::with(format!("{colour} = {rgb} = {hsl}"), structured))
}

fn check_contrast(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let (text, background) = (colour(arguments, "text", "")?, colour(arguments, "background", "white")?);
    let ratio = text.contrast(background);
    // Thresholds of WCAG 2: 4.5 and 7 for normal text, 3 for large text.
    let verdict = match ratio {
        _ if ratio >= 7.0 => "passes AAA",
        _ if ratio >= 4.5 => "passes AA",
        _ if ratio >= 3.0 => "passes AA for large text only",
        _ => "fails AA",
    };
    Ok(Answer::text(format!("{text} on {background}: contrast {ratio:.2}:1, {verdict}")))
}

fn save(world: &World, name: &str, picture: &str, (width, height): (i64, i64), what: &str) -> Result<Answer, Fault> {
    let stem: String = slug(name).chars().take(80).collect();
    let saved = Folder::open(world)?.write_new(&stem, "svg", picture)?;
    let path = saved.path.display().to_string();
    let text = format!("{what} saved as {} ({width} × {height}, {} bytes): {path}", saved.shown, picture.len());
    Ok(Answer::with(text, json!({"file": saved.shown, "path": path, "width": width, "height": height})))
}

fn colour(arguments: &Arguments, name: &'static str, default: &str) -> Result<Colour, Fault> {
    let text = arguments.optional_text(name)?.unwrap_or(default);
    Colour::parse(text).ok_or_else(|| Fault::Unusable {
        name,
        why: format!("{text:?} is no colour like teal, #1e88e5, rgb(30, 136, 229) or hsl(207, 79%, 51%)"),
    })
}

fn short(arguments: &Arguments, name: &'static str) -> Result<Option<String>, Fault> {
    let Some(text) = arguments.optional_text(name)?.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > TEXT_MAX {
        return Err(Fault::Unusable { name, why: format!("it is longer than {TEXT_MAX} characters") });
    }
    Ok(Some(text.to_owned()))
}

/// The corners of a regular polygon that stands on a corner.
fn corners(x: f64, y: f64, radius: f64, count: u32) -> String {
    let corner = |at: u32| {
        let angle = TAU * f64::from(at) / f64::from(count) - TAU / 4.0;
        format!("{:.1},{:.1}", x + radius * angle.cos(), y + radius * angle.sin())
    };
    (0..count).map(corner).collect::<Vec<_>>().join(" ")
}

/// A font size at which the text is about as wide as asked: a letter of these fonts is .6 as wide as high.
fn fitted(text: &str, width: i64, max: i64) -> i64 {
    let letters = i64::try_from(text.chars().count().max(1)).unwrap_or(1);
    (width * 10 / (letters * 6)).clamp(1, max.max(1))
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
