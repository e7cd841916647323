//! The client of a request, from its socket and the headers of the operator's proxies.

use super::address::{Client, Proxies};
use super::app::App;
use super::connection::Peer;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Extracts the client of a request. All requests that came over no socket are one client.
impl FromRequestParts<Arc<App>> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Client, Infallible> {
        Ok(client_of(&app.proxies, &parts.extensions, &parts.headers))
    }
}

/// Returns the client of a request by its parts.
pub fn client_of(proxies: &Proxies, extensions: &Extensions, headers: &HeaderMap) -> Client {
    let peer = extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.address());
    proxies.client(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), headers)
}
