//! The contract as a page for browsers: every operation with its fields, an example to copy, its answer and its errors.
//!
//! Plain HTML without scripts, made of the same tables as the reference pages; nothing in it comes from elsewhere.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use serde_json::Value;

use crate::error::ERRORS;
use crate::operation::{Method, OPERATIONS, Operation, Route, Scope};
use crate::reference::type_name;
use crate::schema::schemas;

/// Where [`browse_page`] looks for [`BROWSE_STYLE`].
pub const BROWSE_STYLE_PATH: &str = "/docs/style.css";

/// The style of the page.
pub const BROWSE_STYLE: &str = include_str!("browse/style.css");

/// The page. `base` is the address of the server in the examples, `http://127.0.0.1:7432` for example.
pub fn browse_page(base: &str) -> String {
    let schemas = schemas();
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Engram API</title>\n\
         <link rel=\"stylesheet\" href=\"{BROWSE_STYLE_PATH}\">\n</head>\n<body>\n"
    );
    contents(&mut out);
    put(
        &mut out,
        format_args!(
            "<main>\n<h1>Engram API {}</h1>\n<p>Bodies are JSON, unknown fields are refused, times are RFC 3339. \
             An error names its code, what to do and an example. For tools: <a href=\"/openapi.json\">openapi.json</a>. \
             An example is selected as a whole with one click.</p>\n",
            env!("CARGO_PKG_VERSION")
        ),
    );
    for operation in OPERATIONS {
        section(&mut out, operation, &schemas, base);
    }
    types(&mut out, &schemas);
    errors(&mut out);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn put(out: &mut String, what: impl Display) {
    write!(out, "{what}").expect("writing to a String");
}

fn contents(out: &mut String) {
    out.push_str("<nav>\n");
    for (scope, title) in [(Scope::Space, "In a space"), (Scope::Node, "The server")] {
        put(out, format_args!("<h2>{title}</h2>\n"));
        for operation in OPERATIONS.iter().filter(|operation| operation.scope == scope) {
            put(out, format_args!("<a href=\"#{0}\">{0}</a>\n", operation.name));
        }
    }
    out.push_str(
        "<h2>More</h2>\n<a href=\"#types\">Types</a>\n<a href=\"#errors\">Errors</a>\n</nav>\n",
    );
}

type Schemas = BTreeMap<&'static str, Value>;

fn section(out: &mut String, operation: &Operation, schemas: &Schemas, base: &str) {
    let permission = operation.permission.as_str();
    let words = format!("{} {}", operation.summary, operation.note);
    put(
        out,
        format_args!(
            "<section id=\"{name}\">\n<h2>{name} <span class=\"mark\">{permission}</span></h2>\n<p>{}</p>\n",
            inline(words.trim()),
            name = operation.name,
        ),
    );
    for route in operation.routes {
        let query = query_of(route);
        let (method, path) = (route.method.as_str(), escaped(route.path));
        put(out, format_args!("<p class=\"route\"><code>{method} {path}{query}</code></p>\n"));
    }
    if let Some(request) = operation.request {
        out.push_str("<h3>Request</h3>\n");
        fields(out, &schemas[request]);
    }
    put(out, format_args!("<pre class=\"copy\">{}</pre>\n", escaped(&curl(operation, base))));
    let answer = type_link(operation.response);
    let example = pretty(operation.response_example);
    put(
        out,
        format_args!(
            "<h3>Answer {}</h3>\n<p>{answer}</p>\n<pre>{}</pre>\n<p>Errors: ",
            operation.status,
            escaped(&example)
        ),
    );
    let links = operation.errors().into_iter().map(|code| {
        let name = code.entry().name;
        format!("<a href=\"#error-{name}\">{name}</a>")
    });
    put(out, links.collect::<Vec<_>>().join(", "));
    out.push_str("</p>\n</section>\n");
}

fn query_of(route: &Route) -> String {
    let names: Vec<String> = route.query.iter().map(|name| format!("{name}=…")).collect();
    if names.is_empty() { String::new() } else { format!("?{}", names.join("&amp;")) }
}

/// A call of the operation's first route.
fn curl(operation: &Operation, base: &str) -> String {
    let route = &operation.routes[0];
    // Nobody shall lose a space by trying an example.
    let space = if route.method == Method::Delete { "old-notes" } else { "default" };
    let path = route.path.replace("{space}", space).replace("{id}", "chat-17");
    let url = quoted(&format!("{base}{path}"));
    match route.method {
        Method::Get => format!("curl {url}"),
        Method::Delete => format!("curl -X DELETE {url}"),
        Method::Post => {
            let body = if operation.request.is_some() { operation.request_example } else { "{}" };
            format!("curl {url} -H 'Content-Type: application/json' -d {}", quoted(body))
        }
    }
}

/// A word of a shell that stands for exactly this text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn types(out: &mut String, schemas: &Schemas) {
    out.push_str("<section id=\"types\">\n<h2>Types</h2>\n");
    for (name, schema) in schemas {
        let id = name.to_ascii_lowercase();
        put(out, format_args!("<h3 id=\"{id}\">{name}</h3>\n"));
        if let Some(doc) = schema["description"].as_str() {
            put(out, format_args!("<p>{}</p>\n", inline(doc)));
        }
        fields(out, schema);
    }
    out.push_str("</section>\n");
}

/// The fields of an object; what else a type is, in words.
fn fields(out: &mut String, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        put(out, format_args!("<p>{}</p>\n", inline(&type_name(schema))));
        return;
    };
    let is_required = |field: &str| {
        let required = schema["required"].as_array();
        required.is_some_and(|names| names.iter().any(|name| name == field))
    };
    out.push_str("<table>\n<tr><th>field</th><th>type</th><th>meaning</th></tr>\n");
    for (field, property) in properties {
        let must = if is_required(field) { " <span class=\"mark\">required</span>" } else { "" };
        let kind = format!("{}{}", type_name(property), bounds(property));
        let doc = property["description"].as_str().unwrap_or_default();
        put(
            out,
            format_args!(
                "<tr><td><code>{field}</code>{must}</td><td>{}</td><td>{}</td></tr>\n",
                inline(&kind),
                inline(doc)
            ),
        );
    }
    out.push_str("</table>\n");
}

/// How long a text or list may be.
fn bounds(schema: &Value) -> String {
    let of = |low: &str, high: &str, unit: &str| match (&schema[low], &schema[high]) {
        (Value::Null, Value::Null) => String::new(),
        (low, Value::Null) => format!(", at least {low} {unit}"),
        (Value::Null, high) => format!(", at most {high} {unit}"),
        (low, high) => format!(", {low} to {high} {unit}"),
    };
    of("minLength", "maxLength", "characters") + &of("minItems", "maxItems", "items")
}

fn errors(out: &mut String) {
    out.push_str(
        "<section id=\"errors\">\n<h2>Errors</h2>\n<table>\n\
         <tr><th>code</th><th>status</th><th>meaning and remedy</th></tr>\n",
    );
    for entry in ERRORS {
        put(
            out,
            format_args!(
                "<tr id=\"error-{name}\"><td><code>{name}</code><br>{}</td><td>{}</td><td>{}. {}<pre>{}</pre></td></tr>\n",
                entry.errno(),
                entry.status,
                inline(entry.title),
                inline(entry.fix),
                escaped(entry.example),
                name = entry.name,
            ),
        );
    }
    out.push_str("</table>\n</section>\n");
}

fn type_link(name: &str) -> String {
    format!("<a href=\"#{}\">{name}</a>", name.to_ascii_lowercase())
}

fn pretty(example: &str) -> String {
    let value: Value = serde_json::from_str(example).expect("a test reads every example");
    serde_json::to_string_pretty(&value).expect("a JSON value can be written")
}

/// Text of the tables as HTML: code in backticks, and links to parts of the page.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        let part = escaped(part);
        match index % 2 {
            1 => put(&mut out, format_args!("<code>{part}</code>")),
            _ => put(&mut out, linked(&part)),
        }
    }
    out
}

/// Turns `[name](#place)` into a link; the text is escaped already.
fn linked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once("](#").and_then(|(name, after)| {
            let (place, after) = after.split_once(')')?;
            Some((name, place, after))
        });
        let Some((name, place, after)) = link else { break };
        put(&mut out, format_args!("{before}<a href=\"#{place}\">{name}</a>"));
        rest = after;
    }
    out + rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BASE: &str = "http://127.0.0.1:7432";

    /// What stands between `start` and `end`, everywhere.
    fn all<'a>(page: &'a str, start: &str, end: &str) -> Vec<&'a str> {
        page.split(start).skip(1).filter_map(|part| part.split(end).next()).collect()
    }

    #[test]
    fn every_operation_and_every_error_is_there() {
        let page = browse_page(BASE);
        for operation in OPERATIONS {
            let start = format!("<section id=\"{}\">", operation.name);
            let [section] = all(&page, &start, "</section>")[..] else {
                panic!("{} has no section of its own", operation.name);
            };
            for route in operation.routes {
                let route = format!("<code>{} {}", route.method.as_str(), route.path);
                assert!(section.contains(&route), "{}: {route}", operation.name);
            }
            let schemas = schemas();
            let fields = operation.request.and_then(|name| schemas[name]["properties"].as_object());
            for field in fields.into_iter().flat_map(|fields| fields.keys()) {
                let cell = format!("<td><code>{field}</code>");
                assert!(section.contains(&cell), "{}: {field}", operation.name);
            }
            for code in operation.errors() {
                let link = format!("href=\"#error-{}\"", code.entry().name);
                assert!(section.contains(&link), "{}: {link}", operation.name);
            }
            assert!(section.contains("<pre class=\"copy\">curl "), "{}", operation.name);
        }
    }

    #[test]
    fn links_lead_somewhere_and_nothing_comes_from_elsewhere() {
        let page = browse_page(BASE);
        let ids = all(&page, "id=\"", "\"");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "an id stands twice");
        for place in all(&page, "href=\"#", "\"") {
            assert!(unique.contains(place), "#{place}");
        }
        for link in all(&page, "href=\"", "\"") {
            let own = [BROWSE_STYLE_PATH, "/openapi.json"];
            assert!(link.starts_with('#') || own.contains(&link), "{link}");
        }
        for word in ["<script", "src=", "@import", "url(", " style=", " onclick="] {
            assert!(!page.contains(word) && !BROWSE_STYLE.contains(word), "{word}");
        }
    }

    #[test]
    fn tags_are_closed_in_order() {
        let page = browse_page("http://<evil>\"&");
        let mut open = Vec::new();
        for tag in all(&page, "<", ">") {
            let name = tag.split(' ').next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
                None if ["!DOCTYPE", "meta", "link", "br"].contains(&name) => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }

    #[test]
    fn examples_can_be_pasted_into_a_shell() {
        let query = Operation::by_name("query").unwrap();
        let shown = curl(query, BASE);
        assert!(shown.contains(r"person = '\''Ada'\'' AND"), "{shown}");
        let delete = curl(Operation::by_name("delete_space").unwrap(), BASE);
        assert_eq!(delete, "curl -X DELETE 'http://127.0.0.1:7432/api/v1/spaces/old-notes'");
    }
}
