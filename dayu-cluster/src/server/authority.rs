//! The cluster's certificate authority.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::files;

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";

/// Keys or certificates cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot use {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{path} is not usable: {reason}; remove ca.crt and ca.key to have new ones made, which old kubeconfigs do not know"
    )]
    Key { path: PathBuf, reason: String },
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS cannot be configured: {0}")]
    Tls(String),
}

/// Signs the certificates of the server and of its clients. Made once for a data directory.
pub(crate) struct Authority {
    certificate: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// The one of the directory, or a new one; without a directory a new one each time.
    pub(crate) fn open(dir: Option<&Path>) -> Result<Self, AuthorityError> {
        let Some(dir) = dir else {
            let key = KeyPair::generate()?;
            let certificate = params().self_signed(&key)?.pem();
            return Self::assemble(certificate, key, Path::new(CERTIFICATE));
        };
        let (certificate_path, key_path) = (dir.join(CERTIFICATE), dir.join(KEY));
        let stored = (read(&certificate_path)?, read(&key_path)?);
        // The key is written first: a certificate is there only with its key.
        match stored {
            // A power cut took what had only just been made.
            (Some(certificate), Some(key)) if certificate.is_empty() || key.is_empty() => {
                Self::make(certificate_path, &key_path)
            }
            (Some(certificate), Some(key)) => {
                let key = KeyPair::from_pem(&key)
                    .map_err(|error| AuthorityError::Key { path: key_path, reason: error.to_string() })?;
                Self::assemble(certificate, key, &certificate_path)
            }
            (Some(_), None) => Err(AuthorityError::Key { path: key_path, reason: "it is missing".into() }),
            (None, _) => Self::make(certificate_path, &key_path),
        }
    }

    /// A new one, stored. A start does not wait for the disk, which may take longer than all the rest of it.
    fn make(certificate_path: PathBuf, key_path: &Path) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let certificate = params().self_signed(&key)?.pem();
        let written = [write(key_path, &key.serialize_pem())?, write(&certificate_path, &certificate)?];
        let made = Self::assemble(certificate, key, &certificate_path)?;
        std::thread::spawn(move || {
            if let Err(error) = written.iter().try_for_each(File::sync_all) {
                tracing::warn!(path = %certificate_path.display(), %error, "a power cut may take the authority's key");
            }
        });
        Ok(made)
    }

    fn assemble(certificate: String, key: KeyPair, path: &Path) -> Result<Self, AuthorityError> {
        use rustls::pki_types::pem::PemObject;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| AuthorityError::Key { path: path.into(), reason: error.to_string() })?;
        Ok(Self { certificate, der, issuer: Issuer::new(params(), key) })
    }

    /// The authority's own certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate that opens the API.
    pub(super) fn client(&self) -> Result<Identity, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = leaf("admin", ExtendedKeyUsagePurpose::ClientAuth);
        params.distinguished_name.push(DnType::OrganizationName, "system:masters");
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }

    /// TLS for a server at these addresses, to which clients may show a certificate of this authority.
    pub(super) fn server_config(&self, addresses: &[IpAddr]) -> Result<ServerConfig, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = leaf("kubernetes", ExtendedKeyUsagePurpose::ServerAuth);
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned);
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.subject_alt_names.extend(addresses.iter().copied().map(rcgen::SanType::IpAddress));
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();

        let tls = |error: &dyn std::fmt::Display| AuthorityError::Tls(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).map_err(|error| tls(&error))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| tls(&error))?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key.into())
            .map_err(|error| tls(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The same for every start: with the stored key they make the stored authority again. Certificates keep the
/// library's very long validity, since small devices often boot without knowing the date.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("embedded-cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn leaf(common_name: &str, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn read(path: &Path) -> Result<Option<String>, AuthorityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::File { path: path.into(), source }),
    }
}

fn write(path: &Path, content: &str) -> Result<File, AuthorityError> {
    files::write_private(path, content).map_err(|source| AuthorityError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_kept_and_what_a_power_cut_emptied_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Authority::open(Some(dir.path())).map(|authority| authority.certificate().to_owned());
        let first = open().unwrap();
        assert_eq!(open().unwrap(), first);
        for emptied in [KEY, CERTIFICATE] {
            let before = open().unwrap();
            fs::write(dir.path().join(emptied), "").unwrap();
            let after = open().unwrap();
            assert_ne!(after, before, "{emptied}");
            assert_eq!(open().unwrap(), after);
        }
        fs::remove_file(dir.path().join(KEY)).unwrap();
        assert!(open().unwrap_err().to_string().contains("it is missing; remove ca.crt"));
    }
}
