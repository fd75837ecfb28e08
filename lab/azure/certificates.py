"""A throw-away certificate authority, and a certificate from it for every host name that a client asks for."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=30)


class Certificates:
    """Writes ca.pem into `folder`; keys and certificates of the hosts go to `folder`/tls.

    Every start makes a new authority, so that no client trusts a former one by chance.
    """

    def __init__(self, folder: Path) -> None:
        self._tls = folder / "tls"
        self._tls.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca = self._make_ca()
        self.ca_file.write_bytes(self._ca.public_bytes(serialization.Encoding.PEM))
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self.key_file = self._tls / "key.pem"
        self.key_file.touch(mode=0o600)
        self.key_file.write_bytes(
            self._leaf_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._contexts: dict[str, ssl.SSLContext] = {}

    def server_context(self, host: str) -> ssl.SSLContext:
        """The TLS server context for a host name. Each host has one, so that clients can resume their sessions."""
        if host not in self._contexts:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate_file(host), self.key_file)
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[host] = context
        return self._contexts[host]

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))

    def certificate_file(self, host: str) -> Path:
        """The file with a certificate for a host name or IP address."""
        file = self._tls / f"{host}.pem"
        name: x509.GeneralName
        try:
            name = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = (
            # A common name has at most 64 characters. Clients read the subject's alternative name only.
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]))
            .public_key(self._leaf_key.public_key())
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key()), critical=False
            )
            .sign(self._ca_key, hashes.SHA256())
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def _make_ca(self) -> x509.Certificate:
        return (
            self._builder(ISSUER)
            .public_key(self._ca_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(CA_USAGE, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._ca_key.public_key()), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )

    def _builder(self, subject: x509.Name) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ISSUER)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + LIFETIME)
        )


ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "GitLab Azure Identity lab, throw-away authority")])
CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
