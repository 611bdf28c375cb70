from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RagConfig(AppConfig):
    name = "rag"
    verbose_name = _("Documents and answers")

    def ready(self) -> None:
        """Have the indexes told also of documents that go with their owner or their collection."""
        from django.db.models.signals import post_delete

        from rag.changes import document_gone
        from rag.models import Document

        post_delete.connect(document_gone, sender=Document, dispatch_uid="document_gone")
