//! A made-up company's tools: twelve servers of fifty tools, no two descriptions alike, about as long and as varied as
//! those of real servers, and requests in words that mean one of them.

use serde_json::{Value, json};

/// Tools of one server: each thing with each deed.
pub(crate) const TOOLS_OF_ONE: usize = 50;

/// Servers: name, where its things live, and its ten things.
pub(crate) const SERVERS: [(&str, &str, [&str; 10]); 12] = [
    (
        "mail",
        "the mailbox",
        [
            "message",
            "draft",
            "folder",
            "attachment",
            "signature",
            "thread",
            "filter rule",
            "mailing list",
            "out-of-office reply",
            "contact",
        ],
    ),
    (
        "calendar",
        "the shared calendar",
        [
            "appointment",
            "meeting room",
            "reminder",
            "invitation",
            "time slot",
            "holiday",
            "recurring event",
            "attendee",
            "agenda",
            "time zone",
        ],
    ),
    (
        "code",
        "the source repository",
        [
            "branch",
            "commit",
            "pull request",
            "issue",
            "release",
            "review comment",
            "tag",
            "workflow run",
            "file blob",
            "milestone",
        ],
    ),
    (
        "shop",
        "the online shop",
        [
            "order",
            "product",
            "voucher",
            "basket",
            "refund",
            "shipping label",
            "stock level",
            "supplier",
            "price list",
            "customer review",
        ],
    ),
    (
        "bank",
        "the bank account",
        [
            "payment",
            "standing order",
            "statement",
            "card",
            "exchange rate",
            "invoice",
            "direct debit",
            "beneficiary",
            "balance",
            "tax report",
        ],
    ),
    (
        "cloud",
        "the cloud project",
        [
            "virtual machine",
            "storage bucket",
            "load balancer",
            "firewall rule",
            "DNS record",
            "database instance",
            "secret",
            "log stream",
            "container image",
            "alert",
        ],
    ),
    (
        "maps",
        "the map service",
        [
            "route",
            "place",
            "traffic report",
            "geofence",
            "elevation profile",
            "bus stop",
            "street address",
            "parking space",
            "satellite picture",
            "travel time",
        ],
    ),
    (
        "media",
        "the media library",
        [
            "photo",
            "playlist",
            "podcast episode",
            "subtitle",
            "album",
            "video clip",
            "thumbnail",
            "audio track",
            "caption",
            "live stream",
        ],
    ),
    (
        "people",
        "the staff directory",
        [
            "employee",
            "job opening",
            "leave request",
            "payslip",
            "team",
            "training course",
            "performance review",
            "badge",
            "contract",
            "expense claim",
        ],
    ),
    (
        "tickets",
        "the support desk",
        [
            "ticket",
            "canned answer",
            "customer",
            "service level",
            "escalation",
            "knowledge article",
            "satisfaction survey",
            "queue",
            "shift",
            "chat transcript",
        ],
    ),
    (
        "lab",
        "the measurement archive",
        [
            "sample",
            "sensor reading",
            "experiment",
            "calibration",
            "chart",
            "data set",
            "instrument",
            "protocol",
            "error estimate",
            "spectrum",
        ],
    ),
    (
        "home",
        "the house",
        [
            "lamp",
            "thermostat",
            "door lock",
            "camera",
            "shopping list",
            "vacuum robot",
            "window blind",
            "power meter",
            "smoke detector",
            "garden sprinkler",
        ],
    ),
];

/// Deeds: word in the name, what it does, what it gives, and how a person would ask for it.
const DEEDS: [(&str, &str, &str, &str); 5] = [
    (
        "create",
        "Adds a new {} to {}",
        "Returns the identifier of the new entry, and a warning when a similar one exists already.",
        "make a new {}",
    ),
    (
        "find",
        "Searches {} for every {} that matches the given words and dates",
        "Results come newest first, twenty to a page, each with a short summary.",
        "which {} was it again",
    ),
    (
        "update",
        "Changes single fields of one {} in {} and leaves all others as they are",
        "Fails when somebody else has changed it since it was read; read it again then.",
        "correct the {}",
    ),
    (
        "remove",
        "Deletes a {} from {} for good, together with everything attached to it",
        "There is no way back, so ask the user before; nothing happens while it is in use.",
        "get rid of the {}",
    ),
    (
        "export",
        "Writes a {} of {} to a file that can be opened elsewhere",
        "Supports CSV, JSON and PDF; large exports are split into parts of ten megabytes.",
        "save the {} as a file",
    ),
];

/// The tools of one server, as the JSON list that `demo-server --tools` reads.
pub(crate) fn tools(server: usize) -> Value {
    let (_, place, things) = SERVERS[server];
    let tools = things.iter().flat_map(|thing| {
        DEEDS.iter().map(move |(deed, does, gives, _)| {
            let order = if *deed == "find" { [place, thing] } else { [thing, place] };
            let does = does.replacen("{}", order[0], 1).replacen("{}", order[1], 1);
            json!({
                "name": tool_name(deed, thing),
                "description": format!("{does}. {gives}"),
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string", "description": format!("Which {thing}")},
                        "text": {"type": "string", "description": "Free text"},
                        "since": {"type": "string", "format": "date", "description": "Nothing older than this day"}
                    }
                },
                "annotations": {"readOnlyHint": matches!(*deed, "find" | "export")}
            })
        })
    });
    Value::Array(tools.collect())
}

/// A request in words, another one for each number below 6,000, and the tool that it means.
pub(crate) fn request(number: usize) -> (String, String) {
    const WHEN: [&str; 10] = [
        "from last week",
        "for Anna",
        "before noon, please",
        "of the Berlin office",
        "that I mentioned",
        "in the new project",
        "which is too old",
        "with the red label",
        "for the third quarter",
        "again",
    ];
    let (server, _, things) = SERVERS[number % SERVERS.len()];
    let (deed, _, _, asked) = DEEDS[number / 12 % DEEDS.len()];
    let (thing, when) = (things[number / 60 % things.len()], WHEN[number / 600 % WHEN.len()]);
    (format!("{} {when}", asked.replacen("{}", thing, 1)), format!("{server}.{}", tool_name(deed, thing)))
}

fn tool_name(deed: &str, thing: &str) -> String {
    format!("{deed}_{}", thing.replace([' ', '-'], "_")).to_lowercase()
}
