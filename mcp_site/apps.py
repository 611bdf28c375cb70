"""App configurations: ours, and Django's own with a key type that follows the database."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig


def _key() -> str:
    mongo = settings.DATABASES["default"]["ENGINE"] == "django_mongodb_backend"
    return settings.DEFAULT_AUTO_FIELD if mongo else "django.db.models.AutoField"


class SiteConfig(AppConfig):
    """Commands, checks and the place where the apps are joined."""

    name = "mcp_site"
    verbose_name = "MCP"

    def ready(self) -> None:
        from mcp_site import catalogues, checks, wiring  # noqa: F401

        catalogues.compile_catalogues()
        wiring.connect()


class PortableAdmin(AdminConfig):
    @property
    def default_auto_field(self) -> str:  # type: ignore[override]
        return _key()


class PortableAuth(AuthConfig):
    @property
    def default_auto_field(self) -> str:  # type: ignore[override]
        return _key()


class PortableContentTypes(ContentTypesConfig):
    @property
    def default_auto_field(self) -> str:  # type: ignore[override]
        return _key()
