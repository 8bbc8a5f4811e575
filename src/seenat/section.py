"""What the parts of the public catalog share: the registry's catalog, and models given by name or as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.catalog.models import Model

__all__ = ["CatalogSection"]


class CatalogSection:
    """Methods over one open catalog."""

    def __init__(self, registry: RegistryCatalog) -> None:
        self._registry = registry

    def _model(self, model: str | Model) -> Model:
        return self._registry.model(model) if isinstance(model, str) else model

    def _models(self, models: Iterable[str | Model]) -> list[Model]:
        """The models, each once, as they come."""
        return list({chosen.name: chosen for chosen in map(self._model, models)}.values())
