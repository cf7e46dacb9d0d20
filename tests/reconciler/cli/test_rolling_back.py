"""``app rollback``, on both clusters."""

from typing import Any

from tests.reconciler.cli.places import Place, config_map, place

__all__ = ["place"]

HOOK = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: before, annotations: {argocd.argoproj.io/hook: PreSync}}\n"


def test_a_rollback(place: Place) -> None:
    place.create("api", syncPolicy={"automated": {}})
    status, out, err = place.app("rollback", "api")
    assert (status, out) == (1, "")
    assert err == (
        "error: api syncs by itself, which would undo a rollback; turn that off first: gitops-nb app set api --sync-policy "
        "none\n"
    )
    assert place.app("sync", "web", "--quiet")[0] == 0
    assert place.app("rollback", "web")[2] == (
        "error: web has 1 successful syncs in the history; a rollback needs one before the last\n"
    )
    # The second sync is of another folder.
    place.origin.commit({"moved/all.yaml": config_map("web", "2")})
    assert place.app("set", "web", "--path", "moved", "--quiet")[0] == 0
    assert place.app("sync", "web", "--quiet")[0] == 0
    assert place.value("web") == "2"
    status, out, err = place.app("rollback", "web", "--dry-run")
    assert (status, place.value("web")) == (0, "2")
    status, out, err = place.app("rollback", "web")
    assert (status, place.value("web")) == (0, "1")
    assert err.startswith("rolling web back to sync ")
    assert place.application("web")["spec"]["source"]["path"] == "moved"


def test_a_rollback_runs_no_hooks_and_prunes_only_when_asked(place: Place) -> None:
    hooks = f"/api/v1/namespaces/{place.namespace}/configmaps"
    place.write(web=f"{config_map('web', '1')}---\n{HOOK}")
    assert place.app("sync", "web", "--quiet")[0] == 0
    place.client.delete(f"{hooks}/before").expect(200)
    place.write(web=f"{config_map('web', '2')}---\n{config_map('more', '2')}")
    assert place.app("sync", "web", "--quiet")[0] == 0
    status, out, err = place.app("rollback", "web", "--wait", "--timeout", "60")
    assert (status, place.value("web"), place.value("more")) == (0, "1", "2")
    assert err.splitlines()[-2:] == [
        "web is OutOfSync and Healthy",
        f"web: 1 resource requires pruning: ConfigMap {place.namespace}/more; sync with prune to delete it",
    ]
    assert "before" not in out
    assert place.client.get(f"{hooks}/before").status == 404
    written = place.application("web")["status"]
    operation = written["operationState"]["operation"]["sync"]
    assert (operation["syncStrategy"], operation.get("prune")) == ({"apply": {}}, None)
    assert [entry["revision"] for entry in written["history"]] == [
        written["history"][0]["revision"],
        written["history"][1]["revision"],
        written["history"][0]["revision"],
    ]
    # The successful sync before the last one is the second now.
    assert place.app("rollback", "web")[0] == 0
    assert place.value("web") == "2"
    assert place.app("rollback", "web", "--prune", "--quiet")[0] == 0
    assert (place.value("web"), place.value("more")) == ("1", None)


def test_a_rollback_from_one_source_to_several(place: Place) -> None:
    def sources(*folders: str) -> list[dict[str, Any]]:
        return [{"repoURL": place.origin.url, "path": folder} for folder in folders]

    place.patch("web", {"spec": {"source": None, "sources": sources("web", "api")}})
    assert place.app("sync", "web", "--quiet")[0] == 0
    place.write(web=config_map("web", "2"))
    place.patch("web", {"spec": {"source": sources("web")[0], "sources": None}})
    assert place.app("sync", "web", "--prune", "--quiet")[0] == 0
    assert (place.value("web"), place.value("api")) == ("2", None)
    assert place.app("rollback", "web")[0] == 0
    assert (place.value("web"), place.value("api")) == ("1", "1")
    application = place.application("web")
    assert "sources" not in application["spec"]
    assert [len(entry.get("sources", [])) for entry in application["status"]["history"]] == [2, 0, 2]


def test_what_is_being_deleted_is_neither_rolled_back_nor_synced(place: Place) -> None:
    for value in ("1", "2"):
        place.write(web=f"# {value}\n{config_map('web', value)}")
        assert place.app("sync", "web", "--quiet")[0] == 0
    place.patch("web", {"metadata": {"finalizers": ["tests.example.com/stays"]}})
    place.client.delete(place.applications("web"))
    assert place.app("rollback", "web") == (1, "", "error: web is being deleted; it cannot be rolled back\n")
    assert place.app("sync", "web") == (1, "", "error: web cannot be synced: it is being deleted; wait for its end\n")
    assert place.value("web") == "2"
