"""All settings, read from the environment through ``env``; with none set, MCP runs safely on one machine."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from mcp_site import databases
from mcp_site.env import Env, EnvError, stop

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
env = Env.load(BASE_DIR / ".env")


def _secret_key(data_dir: Path) -> str:
    """Return the configured key, else one generated once in the data folder, readable by its owner."""
    if key := env.secret("SECRET_KEY"):
        return key
    path = data_dir / "secret_key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(64))
    return path.read_text(encoding="ascii").strip()


try:
    # Data folder and address
    DATA_DIR = Path(env.text("MCP_DATA_DIR", str(BASE_DIR / "var"))).absolute()
    HOST = env.text("HOST", "127.0.0.1")
    PORT = env.integer("PORT", 8000, low=1, high=65535)
    PUBLIC_URL = env.url("MCP_URL", schemes=("http", "https"))
    # Behind MCP_URL there is a proxy, usually on this machine; without it nobody's X-Forwarded-For counts.
    TRUSTED_PROXIES = env.networks("MCP_TRUSTED_PROXIES", "127.0.0.0/8,::1" if PUBLIC_URL else "")
    ADMIN_PASSWORD = env.secret("MCP_ADMIN_PASSWORD")
    DEMO = env.flag("MCP_DEMO", True)
    LOG_FORMAT = env.text("LOG_FORMAT", "text", choices=("text", "json"))
    LOG_LEVEL = env.text("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    WEBHOOK_ALLOW = env.networks("MCP_WEBHOOK_ALLOW")
    DEBUG = env.flag("DEBUG", False)
    LOGIN_ATTEMPTS = env.integer("MCP_LOGIN_ATTEMPTS", 10, low=1)
    LOGIN_WINDOW_SECONDS = env.integer("MCP_LOGIN_WINDOW", 300, low=1)
    TOKEN_DAYS = env.integer("MCP_TOKEN_DAYS", 90, low=1)
    ALLOWED_HOSTS = [*env.words("ALLOWED_HOSTS"), "localhost", "127.0.0.1", "[::1]"]
    HTTP_TIMEOUT = env.integer("MCP_HTTP_TIMEOUT", 600, low=1)

    # Scale
    DATABASE_URL = env.url("DATABASE_URL", schemes=("sqlite", *databases.MONGO_SCHEMES))
    REDIS_URL = env.url("REDIS_URL", schemes=("redis", "rediss", "unix"))

    # OpenAI or any compatible server
    OPENAI_API_KEY = env.secret("OPENAI_API_KEY")
    OPENAI_BASE_URL = env.url("OPENAI_BASE_URL", schemes=("http", "https"))
    OPENAI_MODEL = env.text("OPENAI_MODEL", "gpt-4.1-mini")
    OPENAI_EMBEDDING_MODEL = env.text("OPENAI_EMBEDDING_MODEL")
    OPENAI_TIMEOUT = env.number("OPENAI_TIMEOUT", 60.0, low=0.1)

    # Documents: limits, each one named in the reason that a refused document shows
    RAG_MAX_FILE_MB = env.integer("RAG_MAX_FILE_MB", 50, low=1)
    # Several files may come in one request; each is held against RAG_MAX_FILE_MB on its own.
    MAX_BODY_MB = env.integer("MCP_MAX_BODY_MB", 4 * RAG_MAX_FILE_MB + 8, low=1)
    RAG_MAX_PAGES = env.integer("RAG_MAX_PAGES", 2000, low=1)
    RAG_MAX_CHARACTERS = env.integer("RAG_MAX_CHARACTERS", 10_000_000, low=1)
    RAG_MAX_DECOMPRESSED_MB = env.integer("RAG_MAX_DECOMPRESSED_MB", 200, low=1)
    RAG_PARSE_SECONDS = env.integer("RAG_PARSE_SECONDS", 60, low=1)
    RAG_PARSE_MEMORY_MB = env.integer("RAG_PARSE_MEMORY_MB", 1024, low=256)
    RAG_FETCH_SECONDS = env.integer("RAG_FETCH_SECONDS", 30, low=1)

    # Search and answers
    RAG_CHUNK_TOKENS = env.integer("RAG_CHUNK_TOKENS", 200, low=32, high=400)
    RAG_CHUNK_MAX_TOKENS = env.integer("RAG_CHUNK_MAX_TOKENS", 320, low=48, high=480)
    RAG_TOP_K = env.integer("RAG_TOP_K", 8, low=1, high=50)
    RAG_CACHE_SECONDS = env.integer("RAG_CACHE_SECONDS", 3600)
    RAG_THREADS = env.integer("RAG_THREADS", min(4, os.cpu_count() or 1), low=1)
    # Documents and questions are nobody else's on this machine.
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    SECRET_KEY = _secret_key(DATA_DIR)
    DATABASES = {"default": databases.database(DATABASE_URL, DATA_DIR)}
except EnvError as error:
    stop(error)

# Apps
INSTALLED_APPS = [
    "mcp_site.apps.SiteConfig",
    "mcp_site.accounts.apps.AccountsConfig",
    "mcp_site.apps.PortableAdmin",
    "mcp_site.apps.PortableAuth",
    "mcp_site.apps.PortableContentTypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "resilience.apps.ResilienceConfig",
    "rag.apps.RagConfig",
]
MIDDLEWARE = [
    "mcp_site.middleware.RequestIdMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # The last two are synchronous, which makes Django run everything up to ServeStatic in one thread.
    "mcp_site.middleware.LanguageMiddleware",
    "mcp_site.middleware.LoginRequiredMiddleware",
]
ROOT_URLCONF = "mcp_site.urls"
ASGI_APPLICATION = "mcp_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mcp_site.context.site",
            ]
        },
    }
]

# Database, cache, channel layer
MONGO = databases.is_mongo(DATABASE_URL)
DEFAULT_AUTO_FIELD = databases.auto_field(DATABASE_URL)
MIGRATION_MODULES = databases.migration_modules(DATABASE_URL)
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"] if MONGO else []
# What must go on without Redis (counting log-ins) falls back to the memory of this process.
CACHES: dict[str, dict[str, object]] = {
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "local"}
}
if REDIS_URL:
    # A Redis that is away makes MCP slower, not broken; /health says so.
    CACHES["default"] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 2},
    }
    DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True
    DJANGO_REDIS_LOGGER = "mcp.cache"
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }
else:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 5000},
    }
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Accounts
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
_PASSWORDS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_PASSWORDS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_PASSWORDS}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_PASSWORDS}.CommonPasswordValidator"},
    {"NAME": f"{_PASSWORDS}.NumericPasswordValidator"},
]

# Security. Plain HTTP is for this machine only (a system check says so); an https MCP_URL turns the rest on.
HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PUBLIC_URL:
    CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_URL))]
    ALLOWED_HOSTS.append(urlsplit(PUBLIC_URL).hostname or "")
# These four ask for TLS, which the default (plain HTTP on the loopback address) has no use for.
SILENCED_SYSTEM_CHECKS = [] if HTTPS else ["security.W004", "security.W008", "security.W012", "security.W016"]
if HOST not in ("0.0.0.0", "::", ""):  # noqa: S104
    ALLOWED_HOSTS.append(f"[{HOST}]" if ":" in HOST else HOST)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

CSRF_FAILURE_VIEW = "mcp_site.problems.csrf_failure"

# Uploads. Files go to the data folder in a stream; the body limit is for everything else (JSON, pasted text).
DATA_UPLOAD_MAX_MEMORY_SIZE = (RAG_MAX_FILE_MB + 1) * 2**20
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
MEDIA_ROOT = DATA_DIR / "uploads"

# Languages and time. The date functions of django-mongodb-backend need UTC; pages show the browser's zone.
LANGUAGE_CODE = "en"
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
LOCALE_SOURCE = BASE_DIR / "locale"
LOCALE_PATHS = [DATA_DIR / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"

# Static files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
# Images and fonts are compressed already; nobody waits for a source map.
SERVESTATIC_SKIP_COMPRESS_EXTENSIONS = ("png", "jpg", "gif", "webp", "ico", "woff", "woff2", "gz", "map")

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mcp_site.accounts.authentication.BearerAuthentication",
        "mcp_site.accounts.authentication.ApiSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mcp_site.accounts.permissions.ScopedAccess"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mcp_site.api.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "mcp_site.api.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mcp_site.problems.problem_handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MCP",
    "DESCRIPTION": "Self-hosted assistant for people who run Bitcoin Lightning nodes.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["mcp_site.schema.without_optional_slash"],
}

# Logs are configured by mcp_site.logs (structlog), not by Django
LOGGING_CONFIG = "mcp_site.logs.configure"
LOGGING = {"format": LOG_FORMAT, "level": LOG_LEVEL}
