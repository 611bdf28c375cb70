from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from mcp_site.accounts import views

urlpatterns = [
    path("login", views.LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("language", views.set_language, name="set_language"),
    path("account", views.account, name="account"),
    path("account/password", views.PasswordChangeView.as_view(), name="password_change"),
    path("account/language", views.account_language, name="account_language"),
    path("account/tokens", views.token_create, name="token_create"),
    path("account/tokens/<uuid:pk>/revoke", views.token_revoke, name="token_revoke"),
]
