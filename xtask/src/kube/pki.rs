//! Keys and certificates of a control plane that lives for an afternoon.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::Error;

/// A certificate authority and the folder it signs into.
#[derive(Debug)]
pub(super) struct Pki {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// A new authority (`ca.crt`, `ca.key`) and a key for service accounts (`sa.key`, `sa.pub`).
    pub(super) fn make(dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::file(dir))?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("test-authority", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let pki =
            Self { dir: dir.into(), issuer: Issuer::new(params.clone(), KeyPair::from_pem(&key.serialize_pem())?) };
        pki.write("ca.key", &key.serialize_pem())?;
        pki.write("ca.crt", &params.self_signed(&key)?.pem())?;
        let accounts = KeyPair::generate()?;
        pki.write("sa.key", &accounts.serialize_pem())?;
        pki.write("sa.pub", &accounts.public_key_pem())?;
        Ok(pki)
    }

    /// Signs `<file>.crt` and makes `<file>.key`, for a server at these names and for a client of this name and group.
    pub(super) fn sign(&self, file: &str, user: &str, group: Option<&str>, names: &[&str]) -> Result<(), Error> {
        let key = KeyPair::generate()?;
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = name(user, group);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.write(&format!("{file}.key"), &key.serialize_pem())?;
        self.write(&format!("{file}.crt"), &params.signed_by(&key, &self.issuer)?.pem())
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    fn write(&self, file: &str, content: &str) -> Result<(), Error> {
        let path = self.path(file);
        fs::write(&path, content).map_err(Error::file(&path))
    }
}

fn name(common: &str, organisation: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name
}
