"""Lists: selectors, pages, tables."""

import pytest

from tests.conformance.client import Client
from tests.conformance.objects import config_map, config_maps

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
def five(client: Client, namespace: str) -> str:
    """Five ConfigMaps, labelled by whether they are odd; the collection's path."""
    for number in range(5):
        labels = {"set": "five", "odd": "yes" if number % 2 else "no"}
        client.create(config_maps(namespace), config_map(f"c{number}", labels=labels)).expect(201)
    return config_maps(namespace)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("odd=yes", ["c1", "c3"]),
        ("odd!=yes,set", ["c0", "c2", "c4"]),
        ("odd in (yes,no)", ["c0", "c1", "c2", "c3", "c4"]),
        ("set,odd notin (no)", ["c1", "c3"]),
        ("set=five,!odd", []),
    ],
)
def test_label_selectors(client: Client, five: str, selector: str, names: list[str]) -> None:
    body = client.get(five, labelSelector=selector).expect()
    assert [item["metadata"]["name"] for item in body["items"]] == names
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")


def test_items_of_built_in_kinds_do_not_name_their_kind(client: Client, five: str) -> None:
    assert all("kind" not in item and "apiVersion" not in item for item in client.get(five).expect()["items"])


def test_field_selector_by_name(client: Client, five: str) -> None:
    body = client.get(five, fieldSelector="metadata.name=c3").expect()
    assert [item["metadata"]["name"] for item in body["items"]] == ["c3"]
    body = client.get(five, fieldSelector="metadata.name!=c3", labelSelector="odd=yes").expect()
    assert [item["metadata"]["name"] for item in body["items"]] == ["c1"]


def test_field_selector_by_what_is_not_selectable(client: Client, five: str) -> None:
    body = client.get(five, fieldSelector="data.a=1").expect(400)
    assert body["message"].startswith('"data.a" is not a known field selector')


def test_pages_cover_the_list_as_it_was(client: Client, five: str) -> None:
    page = client.get(five, limit=2, labelSelector="set=five").expect()
    names = [item["metadata"]["name"] for item in page["items"]]
    assert page["metadata"]["continue"]
    version = page["metadata"]["resourceVersion"]
    client.delete(f"{five}/c4").expect()
    while page["metadata"].get("continue"):
        page = client.get(
            five, limit=2, labelSelector="set=five", **{"continue": page["metadata"]["continue"]}
        ).expect()
        assert page["metadata"]["resourceVersion"] == version
        names += [item["metadata"]["name"] for item in page["items"]]
    assert names == ["c0", "c1", "c2", "c3", "c4"]


def test_a_page_tells_how_many_remain(client: Client, namespace: str) -> None:
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    for name in ("a", "b", "c"):
        client.create(secrets, {"metadata": {"name": name}}).expect(201)
    page = client.get(secrets, limit=1).expect()
    assert page["metadata"]["remainingItemCount"] == 2


def test_a_made_up_continue_token_is_refused(client: Client, five: str) -> None:
    assert client.get(five, limit=1, **{"continue": "xxxx"}).expect(400)["reason"] == "BadRequest"


def test_lists_over_all_namespaces_are_in_order_of_their_storage_keys(client: Client, five: str) -> None:
    items = client.get("/api/v1/configmaps").expect()["items"]
    # The key is one text, so that guestbook-x/… comes before guestbook/….
    keys = [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in items]
    assert keys == sorted(keys)
    assert len(keys) > 5


def test_a_table_has_columns_and_cells(client: Client, five: str) -> None:
    body = client.request("GET", five, accept=TABLE, labelSelector="odd=yes").expect()
    assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert [row["cells"][:2] for row in body["rows"]] == [["c1", 0], ["c3", 0]]
    assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_delete_of_a_collection_follows_the_selector(client: Client, five: str) -> None:
    client.delete(five, labelSelector="odd=yes").expect()
    body = client.get(five, labelSelector="set=five").expect()
    assert [item["metadata"]["name"] for item in body["items"]] == ["c0", "c2", "c4"]
