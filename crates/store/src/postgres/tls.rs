//! TLS to a database on another machine: the server's certificate and name are verified, or there is no connection.
//!
//! Invariant: a handshake that was not verified to its end carries no byte of Scrip's.

use crate::Unavailable;
use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use rustls_platform_verifier::BuilderVerifierExt;
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Encrypted;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

/// Encryption of connections; `None` where they are not encrypted.
#[derive(Clone)]
pub(super) struct Tls(Option<TlsConnector>);

impl Tls {
    /// Returns no encryption, for addresses that are reached in the clear.
    pub(super) fn off() -> Tls {
        Tls(None)
    }

    /// Returns encryption that trusts the certificates in a file and no others, or those that this machine trusts
    /// without one.
    pub(super) fn new(ca: Option<&Path>) -> Result<Tls, Unavailable> {
        let wrong =
            |error: Error| Unavailable(format!("the certificates of this machine: {error}; name --database-ca"));
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(wrong)?;
        let builder = match ca {
            Some(file) => builder.with_root_certificates(roots(file)?),
            None => builder.with_platform_verifier().map_err(wrong)?,
        };
        Ok(Tls(Some(TlsConnector::from(Arc::new(builder.with_no_client_auth())))))
    }
}

/// Reads the certificates of a file.
fn roots(file: &Path) -> Result<RootCertStore, Unavailable> {
    let wrong = |error: &dyn fmt::Display| Unavailable(format!("--database-ca {}: {error}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it; it must have one in PEM form"));
    }
    Ok(roots)
}

/// Refusal of a server by the handshake, in words for the person who wrote the address.
#[derive(Debug)]
pub(super) struct HandshakeRefusal(String);

impl fmt::Display for HandshakeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HandshakeRefusal {}

impl HandshakeRefusal {
    fn by(error: &io::Error, domain: &str) -> HandshakeRefusal {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        HandshakeRefusal(match inner {
            // An issuer of the same name may have another key.
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
                format!(
                    "the issuer of the certificate of the database at {domain} is not trusted here: name the file with \
                     the issuer's certificate, --database-ca FILE or SCRIP_DATABASE_CA"
                )
            }
            Some(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => format!(
                "the certificate of the database is not for {domain}: write the name it is for into the address, or have \
                 one issued for {domain}"
            ),
            _ => format!("no encrypted connection to the database at {domain}: {error}"),
        })
    }
}

/// Returns an explanation of the client's error about encryption, which says what to do.
pub(super) fn explain(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(refused) = error.downcast_ref::<HandshakeRefusal>() {
        return Some(refused.to_string());
    }
    let words = match error.to_string().as_str() {
        "server does not support TLS" => {
            "the database's server does not speak TLS, and a connection over a network must be encrypted: set ssl = on \
             there; where the network between is private, say so with ?sslmode=disable; or go through a tunnel"
        }
        "no hostname provided for TLS handshake" => {
            "the address has no host name that a certificate could be for: name one beside hostaddr, host=NAME"
        }
        _ => return None,
    };
    Some(words.to_owned())
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = HandshakeRefusal;

    // It is called where nothing is to be encrypted as well; its result is not used then.
    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, HandshakeRefusal> {
        Ok(Handshake { connector: self.0.clone(), domain: domain.to_owned() })
    }
}

/// A handshake that has not begun yet.
pub(super) struct Handshake {
    connector: Option<TlsConnector>,
    domain: String,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = HandshakeRefusal;
    type Future = Pin<Box<dyn Future<Output = Result<Stream<S>, HandshakeRefusal>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let Handshake { connector, domain } = self;
            let connector =
                connector.ok_or_else(|| HandshakeRefusal("this address is reached without TLS".to_owned()))?;
            let name = ServerName::try_from(domain.clone())
                .map_err(|_| HandshakeRefusal(format!("no certificate can be for the host name {domain}")))?;
            let encrypted = connector.connect(name, stream).await;
            Ok(Stream(Box::new(encrypted.map_err(|error| HandshakeRefusal::by(&error, &domain))?)))
        })
    }
}

/// An encrypted connection to the database.
pub(super) struct Stream<S>(Box<Encrypted<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates();
        let bound = certificates.and_then(|all| end_point(all.first()?));
        bound.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// Returns the value that a password's proof is bound to, so that it is good on this connection alone (RFC 5929,
/// `tls-server-end-point`): the hash of the server's certificate, by the function it was signed with. Returns `None`
/// where that is another function than these: the proof is then not bound.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    // A certificate consists of the signed part, the algorithm and the signature.
    let (_, signed, _) = der(certificate)?;
    let (_, _, rest) = der(signed)?;
    let (_, how, _) = der(rest)?;
    let (_, function, _) = der(how)?;
    let algorithm: &Algorithm = match (function.strip_prefix(&RSA), function.strip_prefix(&ECDSA)) {
        (Some([11]), _) | (_, Some([2])) => &SHA256,
        (Some([12]), _) | (_, Some([3])) => &SHA384,
        (Some([13]), _) | (_, Some([4])) => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, certificate).as_ref().to_vec())
}

/// Returns the first value of a DER text: its tag, its content, and the rest of the text.
fn der(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = text.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}
