"""What all models share: camelCase aliases, strict types, null read as absent."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic.alias_generators import to_camel

T = TypeVar("T")

Items = Annotated[tuple[T, ...], Strict(False)]
"""A list of the document, held as a tuple."""

JsonObject = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""Any JSON object; the custom resource definition keeps whatever it holds."""


class Model(BaseModel):
    """A frozen part of a custom resource; unknown fields are violations unless the caller says otherwise."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
        strict=True,
        # A command reads one kind of object; building the validators of all takes longer than many commands.
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data

    def to_dict(self) -> dict[str, Any]:
        """The fields that were set, by their upstream names."""
        return self.model_dump(exclude_unset=True, mode="json")


# What an object that was read from a cluster carries besides; a file made from one must stay readable.
_SERVER_METADATA: Final = frozenset(
    {"creationTimestamp", "deletionGracePeriodSeconds", "generateName", "managedFields", "ownerReferences", "selfLink"}
)


class ObjectMeta(Model):
    """The metadata that the engine reads; the rest of what Kubernetes knows there is passed over."""

    @model_validator(mode="before")
    @classmethod
    def _without_server_fields(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if key not in _SERVER_METADATA}

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: Items[str] = ()
    deletion_timestamp: str = ""
