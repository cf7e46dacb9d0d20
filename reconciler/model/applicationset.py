"""Argo CD's ApplicationSet; generators and template are checked when they are expanded, not when they are read."""

from typing import Literal

from pydantic import Field

from reconciler.model.base import Items, JsonObject, Model, ObjectMeta


class Generator(Model):
    """Exactly one kind of generator, and a selector over what it yields."""

    list_: JsonObject | None = Field(alias="list", default=None)
    clusters: JsonObject | None = None
    git: JsonObject | None = None
    matrix: JsonObject | None = None
    merge: JsonObject | None = None
    scm_provider: JsonObject | None = None
    pull_request: JsonObject | None = None
    cluster_decision_resource: JsonObject | None = None
    plugin: JsonObject | None = None
    selector: JsonObject | None = None


class ApplicationSetSpec(Model):
    generators: Items[Generator]
    template: JsonObject
    template_patch: str = ""
    go_template: bool = False
    go_template_options: Items[str] = ()
    sync_policy: JsonObject | None = None
    strategy: JsonObject | None = None
    preserved_fields: JsonObject | None = None
    ignore_application_differences: Items[JsonObject] = ()
    apply_nested_selectors: bool = False


class ApplicationSet(Model):
    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["ApplicationSet"]
    metadata: ObjectMeta
    spec: ApplicationSetSpec
    status: JsonObject = {}

    @property
    def name(self) -> str:
        return self.metadata.name
