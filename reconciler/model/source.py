"""``spec.source`` of an Application, with every tool's options (pkg/apis/application/v1alpha1/types.go)."""

from pydantic import Field

from reconciler.model.base import Items, JsonObject, Model


class HelmParameter(Model):
    name: str = ""
    value: str = ""
    force_string: bool = False


class HelmFileParameter(Model):
    name: str = ""
    path: str = ""


class HelmOptions(Model):
    """``values_object`` wins over ``values``; parameters win over both."""

    value_files: Items[str] = ()
    ignore_missing_value_files: bool = False
    values: str = ""
    values_object: JsonObject | None = None
    parameters: Items[HelmParameter] = ()
    file_parameters: Items[HelmFileParameter] = ()
    release_name: str = ""
    namespace: str = ""
    kube_version: str = ""
    api_versions: Items[str] = ()
    pass_credentials: bool = False
    skip_crds: bool = False
    skip_schema_validation: bool = False
    skip_tests: bool = False
    version: str = ""


class KustomizeReplicas(Model):
    name: str
    count: int | str


class KustomizeSelector(Model):
    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    label_selector: str = ""
    annotation_selector: str = ""


class KustomizePatch(Model):
    path: str = ""
    patch: str = ""
    target: KustomizeSelector | None = None
    options: dict[str, bool] = {}


class KustomizeOptions(Model):
    version: str = ""
    name_prefix: str = ""
    name_suffix: str = ""
    images: Items[str] = ()
    replicas: Items[KustomizeReplicas] = ()
    common_labels: dict[str, str] = {}
    label_without_selector: bool = False
    label_include_templates: bool = False
    force_common_labels: bool = False
    common_annotations: dict[str, str] = {}
    common_annotations_envsubst: bool = False
    force_common_annotations: bool = False
    namespace: str = ""
    patches: Items[KustomizePatch] = ()
    components: Items[str] = ()
    ignore_missing_components: bool = False
    kube_version: str = ""
    api_versions: Items[str] = ()


class JsonnetVar(Model):
    name: str
    value: str
    code: bool = False


class JsonnetOptions(Model):
    ext_vars: Items[JsonnetVar] = ()
    tlas: Items[JsonnetVar] = ()
    libs: Items[str] = ()


class DirectoryOptions(Model):
    recurse: bool = False
    include: str = ""
    exclude: str = ""
    disable_extension_filter: bool = False
    jsonnet: JsonnetOptions | None = None


class KsonnetParameter(Model):
    """``ks param set <component> <name> <value> --env <environment>``: JSON, a number or true and false, else a text."""

    component: str
    name: str
    value: str


class KsonnetOptions(Model):
    """An extension of ours: Argo CD had these fields until 1.7."""

    environment: str = ""
    parameters: Items[KsonnetParameter] = ()


class EnvEntry(Model):
    name: str
    value: str


class PluginParameter(Model):
    name: str = ""
    string: str | None = None
    array: Items[str] | None = None
    map: dict[str, str] | None = None


class PluginOptions(Model):
    name: str = ""
    env: Items[EnvEntry] = ()
    parameters: Items[PluginParameter] = ()


class ApplicationSource(Model):
    """One source; ``target_revision`` is what was asked for, never the resolved revision."""

    repo_url: str = Field(alias="repoURL")
    path: str = ""
    target_revision: str = ""
    chart: str = ""
    ref: str = ""
    name: str = ""
    tag_prefix: str = ""
    helm: HelmOptions | None = None
    kustomize: KustomizeOptions | None = None
    directory: DirectoryOptions | None = None
    ksonnet: KsonnetOptions | None = None
    plugin: PluginOptions | None = None
