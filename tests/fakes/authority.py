"""Plays Entra ID's token endpoint over TLS, for applications that sign in to a tenant.

The certificate is made anew each time and vouches for itself; `bundle` is the file that makes a client trust it.
"""

import ipaddress
import json
import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from werkzeug.wrappers import Request, Response

from tests.fakes.identity import ROLES, token
from tests.fakes.serving import Server


def certificate(key, name):
    """A certificate for `key` that it signed itself, valid on this machine for a day."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def pem(file, key, held):
    """Writes key and certificate to one PEM file."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + held.public_bytes(serialization.Encoding.PEM))
    return file


def app_certificate(folder):
    """A PEM file with an application's key and certificate."""
    key = rsa.generate_private_key(65537, 2048)
    return pem(folder / "app.pem", key, certificate(key, "app"))


def tls(folder):
    """A server's TLS settings, and the file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    held = certificate(key, "localhost")
    both = pem(folder / "server.pem", key, held)
    bundle = folder / "bundle.pem"
    bundle.write_bytes(held.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, bundle


class Authority(Server):
    """Gives every application a token for what it asks; `asked` holds the tenant and the form of each request."""

    scheme = "https"

    def __init__(self, folder):
        self.tls, self.bundle = tls(folder)
        self.asked = []
        self.issued = []

    def __call__(self, environ, start_response):
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request):
        tenant = request.path.split("/")[1]
        if request.path.endswith("/openid-configuration"):
            place = f"{self.url}/{tenant}"
            known = {
                "token_endpoint": f"{place}/oauth2/v2.0/token",
                "authorization_endpoint": f"{place}/oauth2/v2.0/authorize",
                "issuer": f"{place}/v2.0",
            }
            return Response(json.dumps(known), mimetype="application/json")
        form = request.form.to_dict()
        self.asked.append((tenant, form))
        self.issued.append(token(form["scope"].removesuffix("/.default"), ROLES))
        given = {"access_token": self.issued[-1], "expires_in": 3_600, "token_type": "Bearer"}
        return Response(json.dumps(given), mimetype="application/json")
