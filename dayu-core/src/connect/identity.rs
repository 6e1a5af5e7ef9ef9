//! A key of one's own, and TLS between two that know each other's fingerprint.
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName as Subject, Error as TlsError, ServerConfig,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use crate::link::Fingerprint;

/// No key could be made, or TLS does not take it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The key or its certificate.
    #[error("cannot make a key for the link: {0}")]
    Key(#[from] rcgen::Error),
    /// TLS with it.
    #[error("cannot use the link's key for TLS: {0}")]
    Tls(#[from] TlsError),
}

/// A key made for this process, with a certificate that it signed itself.
///
/// TLS 1.3 only. Neither end looks at names, dates or issuers: the fingerprint says it all, so a device that booted without
/// knowing the date connects as well.
///
/// ```
/// use dayu_core::connect::Identity;
///
/// let (manager, device) = (Identity::generate()?, Identity::generate()?);
/// let server = manager.server()?;
/// let client = device.client(manager.fingerprint())?;
/// # let _ = (server, client);
/// # Ok::<_, dayu_core::connect::IdentityError>(())
/// ```
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn generate() -> Result<Self, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "dayu link");
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()) })
    }

    /// By what the other end knows it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// TLS for the end that connects: to the one with this `fingerprint` and no other.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn client(&self, fingerprint: Fingerprint) -> Result<Arc<ClientConfig>, IdentityError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Known { fingerprint: Some(fingerprint), provider: provider.clone() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(vec![self.certificate.clone()], self.key())?;
        Ok(Arc::new(config))
    }

    /// TLS for the end that is connected to. Whoever connects must prove a key; whose it is, [`shown`] helps to find out.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn server(&self) -> Result<Arc<ServerConfig>, IdentityError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Known { fingerprint: None, provider: provider.clone() });
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate.clone()], self.key())?;
        Ok(Arc::new(config))
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }
}

/// The fingerprint of the certificate that the other end showed, whose key it has proved to hold.
#[must_use]
pub fn shown(certificates: Option<&[CertificateDer<'_>]>) -> Option<Fingerprint> {
    certificates?.first().map(|certificate| Fingerprint::of(certificate))
}

/// Takes the certificate with this fingerprint, or any; its key must be proved either way.
#[derive(Debug)]
struct Known {
    fingerprint: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Known {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
        let shown = Fingerprint::of(certificate);
        match self.fingerprint {
            Some(expected) if expected != shown => {
                Err(TlsError::General(format!("the other end shows the key {shown}, not the published {expected}")))
            }
            _ => Ok(()),
        }
    }

    fn proved(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }
}

/// TLS 1.2 is not offered; should it be asked for all the same, nothing is valid.
fn not_offered() -> Result<HandshakeSignatureValid, TlsError> {
    Err(TlsError::General("the link speaks TLS 1.3 only".to_owned()))
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        not_offered()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.proved(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Known {
    fn root_hint_subjects(&self) -> &[Subject] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        not_offered()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.proved(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
