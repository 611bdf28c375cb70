"""Users and API tokens in the admin; groups are Django's own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mcp_site.accounts import tokens
from mcp_site.accounts.errors import ScopeNotAllowed
from mcp_site.accounts.models import ApiToken, User

admin.site.site_header = "MCP"
admin.site.site_title = "MCP"
admin.site.index_title = gettext_lazy("Administration")


@admin.register(User)
class AccountAdmin(UserAdmin):
    """Django's user pages with the language."""

    fieldsets = (*(UserAdmin.fieldsets or ()), (gettext_lazy("Language"), {"fields": ("language",)}))


class ApiTokenForm(forms.ModelForm):
    """A new token, within what its user may do."""

    class Meta:
        model = ApiToken
        fields = ("user", "name", "scope", "expires_at")

    def clean(self) -> dict[str, Any]:
        """Refuse a scope beyond the user's."""
        values: dict[str, Any] = super().clean() or {}
        user, scope = values.get("user"), values.get("scope")
        if user is not None and scope and scope not in tokens.scopes_for(user):
            self.add_error("scope", str(ScopeNotAllowed()))
        return values


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens are made and revoked, never edited; the secret is shown once."""

    form = ApiTokenForm
    list_display = (
        "name",
        "prefix",
        "user",
        "scope",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = ("scope",)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Return False for one token: a wider scope under an old secret would be a surprise."""
        return obj is None and super().has_change_permission(request)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the user, scope and end that a new token starts with."""
        return {"user": request.user.pk, "expires_at": tokens.expiry()}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer others' accounts to superusers only: whoever makes a token sees its secret and can act by it."""
        if db_field.name == "user" and not getattr(request.user, "is_superuser", False):
            kwargs["queryset"] = User.objects.filter(username=request.user.get_username())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Save a new token and show its secret."""
        secret = tokens.give_secret(obj)
        super().save_model(request, obj, form, change)
        text = _("Copy this token now; it is not shown again:")
        self.message_user(request, format_html("{} <code>{}</code>", text, secret), messages.WARNING)

    @admin.action(description=gettext_lazy("Revoke the selected tokens"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Revoke tokens."""
        for token in queryset:
            tokens.revoke_token(token=token)
        self.message_user(request, _("The selected tokens were revoked."))
