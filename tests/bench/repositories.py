"""Repositories of many applications: a third each plain files, kustomize with base and overlay, and Helm.

Each application is 10 files and 10 objects. Git reads them as one stream, which takes a second for 20,000 files.
"""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

KINDS = ("directory", "kustomize", "helm")

_OBJECTS = {
    "deployment": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, labels: {app: NAME}}
spec:
  replicas: 2
  revisionHistoryLimit: 3
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      serviceAccountName: NAME
      containers:
        - name: web
          image: "example.com/web:v1"
          ports: [{containerPort: 8080, name: http}]
          envFrom: [{configMapRef: {name: NAME}}]
          resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
          readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5}
""",
    "service": """
apiVersion: v1
kind: Service
metadata: {name: NAME, labels: {app: NAME}}
spec:
  selector: {app: NAME}
  ports: [{port: 80, targetPort: http, name: http}]
""",
    "configmap": """
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data:
  LOG_LEVEL: info
  settings.ini: |
    [server]
    port = 8080
    workers = 4
""",
    "serviceaccount": """
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME}
automountServiceAccountToken: false
""",
    "ingress": """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec:
  rules:
    - host: NAME.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {name: http}}}}]}
""",
    "autoscaler": """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: NAME}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}
  minReplicas: 2
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
""",
    "budget": """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: NAME}
spec: {minAvailable: 1, selector: {matchLabels: {app: NAME}}}
""",
    "policy": """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME}
spec: {podSelector: {matchLabels: {app: NAME}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080}]}]}
""",
    "role": """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}]
""",
    "binding": """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME}]
""",
}
OBJECTS = len(_OBJECTS)
_TOGETHER = ("role", "binding", "policy")
_OVERLAY = """
resources: [../../base]
namePrefix: prod-
labels: [{pairs: {environment: production}, includeSelectors: false}]
replicas: [{name: NAME, count: 5}]
patches:
  - target: {kind: Deployment}
    patch: |-
      - op: add
        path: /spec/template/spec/priorityClassName
        value: high
"""
_VALUES = "replicas: 2\nimage: {repository: example.com/web, tag: v1}\nport: 8080\nlogLevel: info\nhost: example.com\n"
_HELPERS_NAME = '{{ include "app.name" . }}'


@dataclass(frozen=True, slots=True)
class Member:
    """An application of the repository: its folder, its tool, and a file of its with the text to change in it."""

    name: str
    kind: str
    path: str
    changed_file: str
    changed_text: str = "v1"


def members(count: int) -> list[Member]:
    """The applications of a repository, a third of each kind."""
    files = {"directory": "deployment.yaml", "kustomize": "base/deployment.yaml", "helm": "values.yaml"}
    found = []
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        name = f"{kind}-{index:04}"
        folder = f"apps/{name}"
        path = f"{folder}/overlays/production" if kind == "kustomize" else folder
        found.append(Member(name, kind, path, f"{folder}/{files[kind]}"))
    return found


def make_repository(path: Path, count: int) -> list[Member]:
    """Write a bare repository of ``count`` applications, all in one commit on ``main``."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    made = members(count)
    files = {name: text for member in made for name, text in _files(member).items()}
    _import(path, files, from_main=False)
    return made


def commit_change(path: Path, member: Member, version: str) -> None:
    """Commit another image tag to one application."""
    files = _files(member)
    text = files[member.changed_file].replace(member.changed_text, version)
    assert text != files[member.changed_file]
    _import(path, {member.changed_file: text}, from_main=True)


def write_files(folder: Path, member: Member) -> Path:
    """The files of one application below ``folder``; returns its own folder."""
    for name, text in _files(member).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / member.path


def _import(path: Path, files: Mapping[str, str], *, from_main: bool) -> None:
    stream = bytearray(b"commit refs/heads/main\ncommitter Ada <ada@example.com> 1767225600 +0000\ndata 6\nChange\n")
    if from_main:
        stream += b"from refs/heads/main^0\n"
    for name, text in files.items():
        body = text.encode()
        stream += f"M 100644 inline {name}\ndata {len(body)}\n".encode() + body + b"\n"
    subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=path, input=bytes(stream), check=True)


def _files(member: Member) -> dict[str, str]:
    makers = {"directory": _directory, "kustomize": _kustomize, "helm": _helm}
    return {f"apps/{member.name}/{name}": text for name, text in makers[member.kind](member.name)}


def _directory(name: str) -> Iterator[tuple[str, str]]:
    for object_name, text in _OBJECTS.items():
        yield f"{object_name}.yaml", text.replace("NAME", name)


def _kustomize(name: str) -> Iterator[tuple[str, str]]:
    alone = [each for each in _OBJECTS if each not in _TOGETHER]
    yield (
        "base/kustomization.yaml",
        "resources:\n" + "".join(f"- {each}.yaml\n" for each in (*alone[1:], "deployment", "rights")),
    )
    for each in alone:
        yield f"base/{each}.yaml", _OBJECTS[each].replace("NAME", name)
    yield "base/rights.yaml", "---".join(_OBJECTS[each].replace("NAME", name) for each in _TOGETHER)
    yield "overlays/production/kustomization.yaml", _OVERLAY.replace("NAME", name)


def _helm(name: str) -> Iterator[tuple[str, str]]:
    yield "Chart.yaml", f"apiVersion: v2\nname: {name}\nversion: 1.0.0\nappVersion: v1\n"
    yield "values.yaml", _VALUES
    yield "templates/_helpers.tpl", '{{- define "app.name" -}}{{ .Chart.Name | trunc 63 | trimSuffix "-" }}{{- end }}\n'
    templated = {each: _templated(text) for each, text in _OBJECTS.items()}
    together = (*_TOGETHER, "budget", "serviceaccount")
    for each in _OBJECTS:
        if each not in together:
            yield f"templates/{each}.yaml", templated[each]
    yield "templates/rights.yaml", "---".join(templated[each] for each in _TOGETHER)
    yield "templates/other.yaml", "---".join(templated[each] for each in together[len(_TOGETHER) :])


def _templated(text: str) -> str:
    return (
        text.replace("NAME", _HELPERS_NAME)
        .replace('"example.com/web:v1"', '"{{ .Values.image.repository }}:{{ .Values.image.tag }}"')
        .replace("replicas: 2", "replicas: {{ .Values.replicas }}")
        .replace("LOG_LEVEL: info", "LOG_LEVEL: {{ .Values.logLevel | quote }}")
        .replace(".example.com", ".{{ .Values.host }}")
        .replace("8080", "{{ .Values.port }}")
    )
