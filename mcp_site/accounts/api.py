"""``/api/v1/auth/``: a token for a password; the caller's tokens."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mcp_site.accounts import services, tokens
from mcp_site.accounts.authentication import BearerAuthentication
from mcp_site.accounts.models import ApiToken, User
from mcp_site.accounts.serializers import CredentialsSerializer, NewTokenSerializer, TokenSerializer


class TokenCreateView(APIView):
    """Exchange a user name and a password for a token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Get a token", auth=[], request=CredentialsSerializer, responses={200: NewTokenSerializer}
    )
    def post(self, request: Request) -> Response:
        """Return a new token; 401 for wrong credentials, 429 after too many attempts."""
        form = CredentialsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        user = services.check_password(
            request=request._request, username=values.pop("username"), password=values.pop("password")
        )
        new = tokens.create_token(user=user, **values)
        body = {"token": new.secret, **TokenSerializer(new.token).data}
        return Response(body, headers={"Cache-Control": "no-store"})

    def get_authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 answer."""
        return BearerAuthentication.challenge


def _own_tokens(request: Request) -> QuerySet[ApiToken]:
    # While the API description is made, there is no user.
    return tokens.tokens_of(request.user) if isinstance(request.user, User) else ApiToken.objects.none()


class TokenListView(generics.ListAPIView[ApiToken]):
    """The caller's tokens, without their secrets."""

    serializer_class = TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        """Return the tokens that are not revoked, newest first."""
        return _own_tokens(self.request)


class TokenDetailView(generics.DestroyAPIView[ApiToken]):
    """One of the caller's tokens."""

    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()

    def get_queryset(self) -> QuerySet[ApiToken]:
        """Return the tokens that the caller may revoke."""
        return _own_tokens(self.request)

    def perform_destroy(self, instance: ApiToken) -> None:
        """Revoke rather than delete, so that the admin still sees that it was."""
        tokens.revoke_token(token=instance)
