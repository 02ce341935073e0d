# SPDX-License-Identifier: ISC
"""Certificates that `telepilot ca` would never make: expired ones, a stranger's,
ones with two names. Signed with the test daemon's own client CA, or not."""

import datetime
import itertools
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU, NameOID

_number = itertools.count(1)
DAY = datetime.timedelta(days=1)
CLIENT_AUTH, SERVER_AUTH = EKU.CLIENT_AUTH, EKU.SERVER_AUTH


def now():
    return datetime.datetime.utcnow()


def spiffe(name, domain="telepilot"):
    return x509.UniformResourceIdentifier(f"spiffe://{domain}/user/{name}")


class Authority:
    """A CA: the daemon's own client CA, or one that nobody trusts."""

    def __init__(self, directory, cert, key):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(exist_ok=True)
        self.cert, self.key = cert, key

    @classmethod
    def of_clients(cls, daemon):
        ca = daemon.etc / "ca"
        return cls(daemon.dir / "made",
                   x509.load_pem_x509_certificate((ca / "client-ca.pem").read_bytes()),
                   serialization.load_pem_private_key((ca / "client-ca.key").read_bytes(), None))

    @classmethod
    def stranger(cls, daemon):
        """Looks the same, subject and all, but has another key."""
        real = cls.of_clients(daemon)
        key = ec.generate_private_key(ec.SECP256R1())
        cert = (x509.CertificateBuilder().subject_name(real.cert.subject)
                .issuer_name(real.cert.subject).public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now() - DAY).not_valid_after(now() + DAY)
                .add_extension(x509.BasicConstraints(True, None), True)
                .add_extension(x509.KeyUsage(False, False, False, False, False, True, True,
                                             False, False), True)
                .sign(key, hashes.SHA256()))
        return cls(daemon.dir / "stranger", cert, key)

    def issue(self, name="alice", sans=None, eku=(CLIENT_AUTH,), start=None, end=None,
              key=None, common_name=None, basic=False):
        """(certificate file, key file). sans: a list of GeneralName, [] for none;
        eku: a list of OIDs or None for no such extension."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(
            NameOID.COMMON_NAME, name if common_name is None else common_name)])
        build = (x509.CertificateBuilder().subject_name(subject)
                 .issuer_name(self.cert.subject).public_key(key.public_key())
                 .serial_number(x509.random_serial_number())
                 .not_valid_before(start or now() - DAY).not_valid_after(end or now() + DAY)
                 .add_extension(x509.BasicConstraints(basic, None), True)
                 .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                     self.cert.public_key()), False))
        sans = [spiffe(name)] if sans is None else sans
        if sans:
            build = build.add_extension(x509.SubjectAlternativeName(sans), False)
        if eku:
            build = build.add_extension(x509.ExtendedKeyUsage(list(eku)), False)
        algorithm = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return self._write(build.sign(self.key, algorithm), key)

    def _write(self, cert, key):
        stem = self.dir / f"cert-{next(_number)}"
        paths = stem.with_suffix(".pem"), stem.with_suffix(".key")
        paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        paths[1].chmod(0o600)
        return paths

    def crl(self, *cert_files, name="crl.pem"):
        """A CRL that revokes these certificates; its path."""
        build = (x509.CertificateRevocationListBuilder().issuer_name(self.cert.subject)
                 .last_update(now() - DAY).next_update(now() + 7 * DAY))
        for f in cert_files:
            cert = x509.load_pem_x509_certificate(pathlib.Path(f).read_bytes())
            build = build.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(cert.serial_number)
                .revocation_date(now() - DAY).build())
        path = self.dir / name
        path.write_bytes(build.sign(self.key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM))
        return path


def ed25519_key():
    return ed25519.Ed25519PrivateKey.generate()


def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def p384_key():
    return ec.generate_private_key(ec.SECP384R1())
