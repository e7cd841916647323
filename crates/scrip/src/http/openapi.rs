//! The OpenAPI document, built from the routes themselves.

use super::edge::person::COOKIE;
use crate::crypto::{hex, sha256};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scrip_client::types as api;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};
use utoipa::{PartialSchema, ToSchema};

/// The OpenAPI document as it is sent.
pub struct Document {
    text: Bytes,
    etag: HeaderValue,
}

impl Document {
    /// Serializes a document once, for all requests.
    pub fn of(document: &Value) -> Document {
        let text = document.to_string();
        let hash = hex(&sha256(&[text.as_bytes()])[..8]);
        let etag =
            HeaderValue::from_str(&format!("\"{hash}\"")).expect("hexadecimal digits and quotes are visible ASCII");
        Document { text: text.into(), etag }
    }

    /// Answers with the document, or with `304` when the headers say that it is known already.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let Document { text, etag } = self;
        let is_known = |known: &HeaderValue| {
            let mut tags = known.to_str().unwrap_or_default().split(',').map(|tag| tag.trim().trim_start_matches("W/"));
            tags.any(|tag| tag == "*" || tag.as_bytes() == etag.as_bytes())
        };
        let cached = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        if headers.get_all(header::IF_NONE_MATCH).iter().any(is_known) {
            return (StatusCode::NOT_MODIFIED, cached).into_response();
        }
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (cached, json, text.clone()).into_response()
    }
}

/// Builds the OpenAPI 3.1 document from the documentation of the routes.
pub fn document(routes: OpenApi) -> Value {
    let info = InfoBuilder::new()
        .title("Scrip")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Credits, plans, access and the run gateway behind a generative image and video product."))
        .license(Some(
            utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ));
    let key =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An operator key, `scrip_sk_…`")).build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let token = bearer.description(Some("A session opened with `\"cookie\": false`, `scrip_ps_…`")).build();
    let cookie = "The cookie of a session. Requests that change state also send the session's `csrf` in `Scrip-CSRF`";
    let components = ComponentsBuilder::new()
        .schema(api::Problem::name(), api::Problem::schema())
        .security_scheme("key", SecurityScheme::Http(key))
        .security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(COOKIE, cookie))),
        )
        .security_scheme("session_token", SecurityScheme::Http(token));
    let base = OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new::<_, [String; 0], String>("key", [])]))
        .build();
    let mut merged = base;
    merged.merge(routes);
    let mut document = json!(merged);
    let mut bodies = Vec::new();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, operations) in paths {
            for (method, operation) in operations.as_object_mut().into_iter().flatten() {
                add_problems(path, method, operation);
                operation["operationId"] = json!(operation_id(path, &operation["operationId"]));
                bound_keys(operation);
                type_events(operation);
                bodies.push((path.clone(), method.clone()));
            }
        }
    }
    for (path, method) in bodies {
        allow_no_body(&mut document, &path, &method);
    }
    // An attribute of a schema takes no constant, so the bound is added here.
    let decisions = &mut document["components"]["schemas"]["DecisionBatch"]["properties"]["decisions"];
    decisions["description"] = json!(format!("At most {}.", api::DECISIONS_MAX));
    decisions["maxItems"] = json!(api::DECISIONS_MAX);
    document
}

/// Adds the form of an idempotency key.
fn bound_keys(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter["name"] == "Idempotency-Key" {
            parameter["schema"] = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        }
    }
}

/// Adds the schema of one event of a stream.
fn type_events(operation: &mut Value) {
    let stream = operation.pointer_mut("/responses/200/content/text~1event-stream");
    if let Some(stream) = stream {
        let data = json!({ "type": "string", "contentMediaType": "application/json",
                           "contentSchema": { "$ref": "#/components/schemas/Run" } });
        let properties = json!({ "event": { "const": "run" }, "id": { "type": "string" }, "data": data });
        stream["schema"] = json!({ "type": "object", "properties": properties, "required": ["event", "id", "data"] });
    }
}

/// Marks a body as optional when none of its members is required: a missing body is an empty object.
fn allow_no_body(document: &mut Value, path: &str, method: &str) {
    let body = &document["paths"][path][method]["requestBody"];
    let name = body["content"]["application/json"]["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    let Some(name) = name else { return };
    if document["components"]["schemas"][name]["required"].as_array().is_none_or(Vec::is_empty) {
        document["paths"][path][method]["requestBody"]["required"] = json!(false);
    }
}

/// Returns a name that no other operation has, made of the resource and the handler.
fn operation_id(path: &str, handler: &Value) -> String {
    let resource = path.trim_start_matches("/v1/").split('/').next().unwrap_or_default();
    let handler = handler.as_str().unwrap_or_default();
    if resource.starts_with(handler) { handler.to_owned() } else { format!("{resource}_{handler}") }
}

/// Adds the problems that an operation may answer with; all have the same schema.
fn add_problems(path: &str, method: &str, operation: &mut Value) {
    let public = operation["security"]
        .as_array()
        .is_some_and(|schemes| schemes.iter().any(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty)));
    let mut problems = vec![
        ("404", "The object does not exist, or the caller may not see it"),
        ("422", "The request is invalid; `detail` says where and why"),
        ("503", "The server cannot answer now; retry with the same idempotency key"),
    ];
    if path == "/v1/sessions" && method == "post" {
        problems.push(("401", "The link is unknown, was used, or has expired"));
        problems.push(("429", "Too many attempts with unknown links"));
    } else if path.starts_with("/v1/oidc") {
        problems.push(("401", "The identity provider confirms no person, or another browser began the sign-in"));
    } else if !public {
        problems.push(("401", "The key or session is missing, unknown or expired"));
        problems.push(("429", "A limit on requests is reached; `retry_after` says for how long"));
    }
    if path.starts_with("/v1/session") {
        problems.push(("403", "The request may come from another site, or `Scrip-CSRF` is missing"));
    }
    let asks = ["/v1/runs", "/v1/holds"].contains(&path) && method == "post";
    if operation.get("requestBody").is_some() {
        problems.push(("408", "The body arrived too slowly; nothing was done"));
    }
    if asks {
        problems.extend([
            ("402", "The balance or an allowance is too small"),
            ("409", "The quote has expired, or was for another request"),
        ]);
    }
    if method == "post" && (path.starts_with("/v1/holds/{id}/") || path == "/v1/runs/{id}/cancel") {
        problems.push(("409", "The hold or run has ended already"));
    }
    if path == "/v1/sign_in" {
        problems.push(("429", "Too many sign-in links were requested"));
    }
    if asks || path.starts_with("/v1/workspaces") && method == "post" {
        problems.push(("403", "The caller lacks the right, the plan does not include it, or the workspace is frozen"));
    } else if !public && !path.starts_with("/v1/session") {
        problems.push(("403", "The caller lacks the right"));
    }
    let content = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    for (status, description) in problems {
        operation["responses"][status] = json!({ "description": description, "content": content.clone() });
    }
}
