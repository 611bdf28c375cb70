"""Shapes of the token API."""

from __future__ import annotations

from rest_framework import serializers

from mcp_site.accounts.models import ApiToken, TokenScope


class CredentialsSerializer(serializers.Serializer[None]):
    """A user name and password, and what the token is to be like."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    scope = serializers.ChoiceField(TokenScope.choices, required=False, default="", allow_blank=True)
    days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, default=None, allow_null=True
    )


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its secret."""

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "scope",
            "created_at",
            "expires_at",
            "last_used_at",
        )
        read_only_fields = fields


class NewTokenSerializer(TokenSerializer):
    """A token with its secret, shown once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = ("token", *TokenSerializer.Meta.fields)
        read_only_fields = fields
