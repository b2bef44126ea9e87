"""Signing in through azure-identity, which keeps each token until it is about to expire. Nothing here logs one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import NotPermitted, SettingsError
from engine.remote.clouds import Cloud

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

Kind = Literal["identity", "app", "developer"]
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who Vizsla is.

    `identity`: the managed identity of where it runs; `client` picks a user-assigned one. `developer`: whoever is
    signed in on this machine (Azure CLI, VS Code, ...). `app`: the multi-tenant application `app` in `tenant`, proven
    by a certificate (a PEM or PFX file), else by a secret, else by the managed identity as its federated credential,
    which is what to use: nothing then can be stolen or expires. `authority` stands in for the cloud's own.
    """

    kind: Kind
    client: str = ""
    tenant: str = ""
    app: str = ""
    certificate: Path | None = None
    secret: str = field(default="", repr=False)
    authority: str = ""


class Tokens:
    """Bearer tokens for one scope."""

    def __init__(self, credential: TokenCredential, scope: str) -> None:
        self._credential = credential
        self._scope = scope

    def __call__(self) -> str:
        """A token that is valid now. Raises NotPermitted with what azure-identity says of why there is none."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - with the credential

        try:
            return self._credential.get_token(self._scope).token
        except AzureError as error:
            reason = " ".join(str(error).split())[:_LONGEST_REASON]
            raise NotPermitted(f"nobody could sign in for {self._scope}: {reason}") from error


def credential(sign_in: SignIn, cloud: Cloud) -> TokenCredential:
    """The credential to sign in with; nothing is asked yet. Raises SettingsError."""
    from azure import identity  # noqa: PLC0415 - 128 ms, and only for who asks a tenant

    options: dict[str, Any] = {"authority": sign_in.authority or cloud.authority}
    if sign_in.authority:
        # Microsoft's directory of clouds does not list an authority of one's own.
        options["disable_instance_discovery"] = True
    match sign_in.kind:
        case "identity":
            return identity.ManagedIdentityCredential(client_id=sign_in.client or None)
        case "developer":
            return identity.DefaultAzureCredential(
                authority=options["authority"], managed_identity_client_id=sign_in.client or None
            )
        case "app":
            return _app(sign_in, cloud, options)


def _app(sign_in: SignIn, cloud: Cloud, options: dict[str, Any]) -> TokenCredential:
    from azure import identity  # noqa: PLC0415 - as above

    if not sign_in.tenant or not sign_in.app:
        raise SettingsError(
            "an application signs in to a tenant: VIZSLA_TENANT is its id, VIZSLA_APP the application's."
        )
    try:
        if sign_in.certificate:
            return identity.CertificateCredential(
                sign_in.tenant, sign_in.app, certificate_path=str(sign_in.certificate), **options
            )
        if sign_in.secret:
            return identity.ClientSecretCredential(sign_in.tenant, sign_in.app, sign_in.secret, **options)
        own = Tokens(identity.ManagedIdentityCredential(client_id=sign_in.client or None), f"{cloud.exchange}/.default")
        return identity.ClientAssertionCredential(sign_in.tenant, sign_in.app, own, **options)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"the sign-in of application {sign_in.app} cannot be set up: {why}.") from error
