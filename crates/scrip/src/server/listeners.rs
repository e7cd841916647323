//! Network addresses that a server listens on.
//!
//! Invariant: an address that cannot be taken is an error that names its setting.

use crate::config::checks::Checks;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Listeners of a server.
pub(super) struct Listeners {
    /// Listener of the API.
    pub all: TcpListener,
    /// Listener of operators, if they have an address of their own.
    pub operators: Option<TcpListener>,
}

/// Takes the addresses that the settings name; records what is wrong.
pub(super) async fn listen(checks: &mut Checks<'_>, listen: SocketAddr) -> Option<Listeners> {
    let apart = checks.settings.operator_listen;
    if apart.is_some_and(|apart| apart == listen && listen.port() != 0) {
        let same = format!("{listen} is `listen` as well: name another address for operators, or leave it out");
        return checks.take("operator_listen", Err(same));
    }
    let all = checks.take("listen", bind(listen).await);
    let operators = match apart {
        Some(apart) => Some(checks.take("operator_listen", bind(apart).await)?),
        None => None,
    };
    Some(Listeners { all: all?, operators })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{address} is in use: stop the server that has it, or choose another port"),
        ErrorKind::AddrNotAvailable => format!("{address} is not an address of this machine"),
        ErrorKind::PermissionDenied => format!("{address}: this user may not listen there; choose a port above 1023"),
        _ => format!("{address}: {error}"),
    })
}
