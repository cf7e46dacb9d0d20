"""Applications of other namespaces than Argo CD's: which an AppProject permits by ``sourceNamespaces``, on both clusters."""

import pytest

from reconciler.errors import AccessDeniedError
from reconciler.model import Application
from tests.argo import install_argo
from tests.reconciler.engine.places import Shop, config_map


def permit(shop: Shop, *namespaces: str) -> None:
    install_argo(shop.client)
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "sourceNamespaces": list(namespaces),
    }
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "team"}, "spec": spec}
    shop.client.create(shop.path("appprojects", api="/apis/argoproj.io/v1alpha1"), body).expect(201)
    shop.write(config_map())


def of(shop: Shop, namespace: str) -> Application:
    application = shop.application()
    return application.model_copy(
        update={
            "metadata": application.metadata.model_copy(update={"namespace": namespace}),
            "spec": application.spec.model_copy(update={"project": "team"}),
        }
    )


def test_regular_expressions(shop: Shop) -> None:
    permit(shop, "/^((?!kube-).)*-apps$/", "/(/")
    compared = shop.engine.compare(of(shop, "web-apps"))
    assert [entry.key.name for entry in compared.changed] == ["settings"]
    for namespace in ("kube-apps", "web"):
        with pytest.raises(AccessDeniedError) as caught:
            shop.engine.compare(of(shop, namespace))
        assert str(caught.value) == (
            f"Application shop: application in namespace '{namespace}' is not allowed to use project 'team'; "
            "sourceNamespaces: /(/ cannot be read: missing ), unterminated subpattern at position 0; "
            "choose another project in spec.project, or extend this one"
        )


def test_one_that_does_not_end_permits_nothing(shop: Shop) -> None:
    permit(shop, "/^(a+)+$/", "/^b$/")
    endless = f"{'a' * 60}1"
    compared, other = shop.engine.compare_all([of(shop, endless), of(shop, "b")])
    assert f"application in namespace '{endless}' is not allowed to use project 'team'" in compared.reason
    assert "sourceNamespaces: /^(a+)+$/ took more than 1 s and was ended" in compared.reason
    assert (other.reason, other.status) == ("", "OutOfSync")
