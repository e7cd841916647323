//! `/v1/reviews/{id}/files` and `/v1/review_files`: files that prove what an application's form says.
//!
//! Invariant: a file is one of three kinds by its own bytes, whatever its name says; and it is only ever served to be
//! saved, never to be shown as a page of this site.

use super::find;
use crate::http::edge::app::App;
use crate::http::edge::object::{Object, ReviewId};
use crate::http::edge::problem::Problem;
use crate::http::edge::rates::spend;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::{BODY_SECONDS, QueryOf, patiently};
use crate::http::edge::rights::{Admin, On};
use crate::people::allowances;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use scrip_client::{FileKind, types as api};
use scrip_engine::payments::ReviewStatus;
use scrip_engine::text::is_line;
use scrip_engine::{Kind, Refusal, WorkspaceId};
use scrip_store::Unavailable;
use scrip_store::rows::review_files::{self, ReviewFile};
use serde::Deserialize;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of files of an application.
const FILES_MAX: usize = 10; // # assumed
/// Maximum size of a file, in bytes.
pub const FILE_MAX: usize = 5_000_000; // # assumed
/// Maximum length of a file's name, in characters.
const NAME_MAX: usize = 200; // # assumed

/// File of an application, with the hash that finds its bytes.
pub struct StoredFile {
    file: u32,
    sha256: String,
    /// The file as the API shows it.
    pub shown: api::ReviewFile,
}

/// Returns the files of an application.
pub async fn of(app: &App, workspace: WorkspaceId, number: u32) -> Result<Vec<StoredFile>, Unavailable> {
    let review = workspace.id_of(Kind::Review, number);
    let filed = |kept: ReviewFile| {
        let shown = api::ReviewFile {
            id: format!("{}_{}", review.replacen("rev_", "rf_", 1), kept.file),
            name: kept.name,
            content_type: kept.content_type,
            bytes: kept.bytes,
            sha256: kept.sha256,
            added_by: kept.actor,
            added_at: kept.added_at.to_string(),
        };
        StoredFile { file: kept.file, sha256: shown.sha256.clone(), shown }
    };
    let files = review_files::of(app.ledger.store().reader(), workspace, number).await?;
    Ok(files.into_iter().map(filed).collect())
}

/// Id of a file, `rf_…`, made of the application that it belongs to and the file's number.
pub struct FileId {
    review: ReviewId,
    file: String,
}

impl Object for FileId {
    const WORD: &'static str = "file";

    fn read(id: &str) -> Option<FileId> {
        let (review, file) = id.strip_prefix("rf_")?.rsplit_once('_')?;
        Some(FileId { review: ReviewId::read(&format!("rev_{review}"))?, file: file.to_owned() })
    }

    fn workspace(&self) -> WorkspaceId {
        self.review.workspace
    }
}

/// Query with the name of an uploaded file.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NameQuery {
    /// Name of the file, for people: one line of 1 to 200 characters.
    #[param(min_length = 1, max_length = 200)]
    name: String,
}

/// Body of an upload, of a kind that its bytes confirm.
pub struct Upload {
    kind: FileKind,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Upload, Problem> {
        let told = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let told = told.map(|told| told.trim().to_ascii_lowercase()).unwrap_or_default();
        let bytes = Bytes::from_request(request, state);
        let bytes = patiently(Duration::from_secs(BODY_SECONDS), FILE_MAX, bytes).await?;
        let kind = FileKind::of(&bytes).filter(|kind| kind.content_type() == told);
        let kind = kind.ok_or_else(|| {
            let kinds = "`application/pdf`, `image/png` or `image/jpeg`";
            Problem::invalid("", format!("send the file as {kinds}, and as what its bytes are"))
        })?;
        Ok(Upload { kind, bytes })
    }
}

/// Adds a file to an application that is not decided yet.
///
/// A file is a PDF, PNG or JPEG of at most 5 MB, and an application has at most 10. A repeated upload of the same bytes
/// returns the file that exists.
#[utoipa::path(post, path = "/v1/reviews/{id}/files", tag = "Reviews", params(("id" = String, Path, description = "`rev_…`"), NameQuery),
    request_body(content((Vec<u8> = "application/pdf"), (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"))),
    responses((status = 201, description = "The file", body = api::ReviewFile)))]
pub async fn attach(
    On(admin, id): On<Admin, ReviewId>,
    State(app): State<Arc<App>>,
    QueryOf(NameQuery { name }): QueryOf<NameQuery>,
    upload: Upload,
) -> Result<Reply<api::ReviewFile>, Problem> {
    let id = id?;
    let ReviewId { workspace, n: number } = id;
    let kept = find(&app, workspace, number).await?;
    let state = app.ledger.workspace(workspace).await?.ok_or(Problem::not_found("review"))?;
    let stands = state.billing.reviews.get(&*kept.review);
    let is_open = |known: &scrip_engine::payments::Review| {
        known.application == kept.application && known.status == ReviewStatus::Submitted
    };
    if !stands.is_some_and(is_open) {
        return Err(Problem::invalid("", "the application is decided already"));
    }
    if !(1..=NAME_MAX).contains(&name.chars().count()) || !is_line(&name) {
        let detail = format!("name is 1 to {NAME_MAX} characters, without control characters");
        return Err(Problem::invalid("", detail));
    }
    let now = app.ledger.now_of(&state).await?;
    let (kind, bytes) = (upload.kind.content_type(), upload.bytes.to_vec());
    let size = bytes.len() as i64;
    let sha256 = crate::crypto::hex(&crate::crypto::sha256(&[&bytes]));
    let mut bytes = Some(bytes);
    loop {
        let files = of(&app, workspace, number).await?;
        let count = files.len();
        if let Some(there) = files.into_iter().find(|file| file.sha256 == sha256) {
            return Ok(Reply::new(StatusCode::CREATED, there.shown));
        }
        if count >= FILES_MAX {
            let (limit, asked) = (FILES_MAX as u64, count as u64 + 1);
            let what = "files of an application";
            return Err(Problem::Refused(Refusal::LimitExceeded { what, limit, asked }));
        }
        // The bytes are stored before the row that names them.
        if let Some(bytes) = bytes.take() {
            if admin.user().is_some() {
                spend(app.ledger.store(), allowances::upload(&state)).await?;
            }
            app.assets.store(bytes).await.map_err(|error| {
                tracing::error!(%error, review = %id, "a file of an application cannot be stored");
                Problem::Unavailable
            })?;
        }
        let [name, content_type, sha256, actor] = [&name, kind, &sha256, admin.actor()].map(str::to_owned);
        let file = ReviewFile { file: 0, name, content_type, bytes: size, sha256, actor, added_at: now };
        // When another upload takes the same number at the same time, this one takes the next.
        review_files::add(app.ledger.store().reader(), (workspace, number), &file, FILES_MAX).await?;
    }
}

/// Serves a file of an application, to be saved.
#[utoipa::path(get, path = "/v1/review_files/{id}", tag = "Reviews", params(("id" = String, Path, description = "`rf_…`")),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn download(
    On(_admin, id): On<Admin, FileId>,
    State(app): State<Arc<App>>,
) -> Result<(HeaderMap, Vec<u8>), Problem> {
    let id = id?;
    let files = of(&app, id.review.workspace, id.review.n).await?;
    let filed = files.into_iter().find(|filed| filed.file.to_string() == id.file).ok_or(Problem::not_found("file"))?;
    let bytes = app.assets.read(&filed.sha256).await.map_err(|error| {
        tracing::error!(%error, file = filed.shown.id, "a file of an application cannot be read");
        Problem::Unavailable
    })?;
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::Internal);
    headers.insert(header::CONTENT_TYPE, value(&filed.shown.content_type)?);
    headers.insert(
        header::CONTENT_DISPOSITION,
        value(&format!("attachment; filename*=UTF-8''{}", in_header(&file_name(&filed.shown))))?,
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    Ok((headers, bytes))
}

/// Returns the name that a file is saved under. The ending fits the file's kind, whatever the applicant named it,
/// because a program opens a file by its ending.
fn file_name(file: &api::ReviewFile) -> String {
    let endings: &[&str] = match file.content_type.as_str() {
        "application/pdf" => &[".pdf"],
        "image/png" => &[".png"],
        "image/jpeg" => &[".jpg", ".jpeg"],
        _ => &[".bin"],
    };
    let lower = file.name.to_ascii_lowercase();
    match endings.iter().any(|ending| lower.ends_with(ending)) {
        true => file.name.clone(),
        false => format!("{}{}", file.name, endings[0]),
    }
}

/// Encodes a name for a header, as RFC 8187 says.
fn in_header(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => encoded.push(char::from(byte)),
            byte => write!(encoded, "%{byte:02X}").expect("a text takes whatever is written to it"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_ends_by_its_kind() {
        for (name, content_type, saved) in [
            ("x.html", "image/png", "x.html.png"),
            ("papers", "application/pdf", "papers.pdf"),
            ("Papers.PDF", "application/pdf", "Papers.PDF"),
            ("a.png", "application/pdf", "a.png.pdf"),
            ("a.jpeg", "image/jpeg", "a.jpeg"),
            ("a.jpg", "image/jpeg", "a.jpg"),
            ("a.svg", "image/jpeg", "a.svg.jpg"),
            ("x.html", "text/html", "x.html.bin"),
        ] {
            let [name, content_type, id, sha256, added_by, added_at] =
                [name, content_type, "rf_1", "", "", ""].map(str::to_owned);
            let file = api::ReviewFile { id, name, content_type, bytes: 1, sha256, added_by, added_at };
            assert_eq!(file_name(&file), saved);
        }
    }

    #[test]
    fn a_name_in_a_header_is_letters_and_nothing_else() {
        assert_eq!(in_header("Ada's papers.pdf"), "Ada%27s%20papers.pdf");
        assert_eq!(in_header("ü\"\r\nX: y"), "%C3%BC%22%0D%0AX%3A%20y");
    }
}
