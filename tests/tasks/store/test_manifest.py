import pytest
from pydantic import ValidationError

from tasks.store.manifest import File, Manifest, Part, Ref


def part(table: str, index: int, rows: int = 1, sha256: str = "ab") -> Part:
    return Part(table=table, index=index, key=f"{table}-{index}", rows=rows, bytes=10, sha256=sha256)


def manifest(*parts: Part, files: tuple[File, ...] = ()) -> Manifest:
    return Manifest(
        stage="states", version="5be1", stage_version=1, config={}, inputs={}, parts=parts, files=files, seconds=0.4
    )


def test_a_reference_is_read_back_from_its_text() -> None:
    ref = Ref(stage="states", version="5be1c0e1a9d04b7f")
    assert str(ref) == "states@5be1c0e1a9d04b7f" and Ref.parse(str(ref)) == ref
    assert Ref.parse("states") == Ref(stage="states", version=""), "a name without a version is of no artefact"
    assert manifest().ref == Ref(stage="states", version="5be1")


def test_rows_are_of_the_named_table_and_bytes_of_everything() -> None:
    file = File(name="config.json", key="files/1-config.json", bytes=7, sha256="cd")
    counted = manifest(part("states", 0, 3), part("states", 1, 4), part("side", 0, 100), files=(file,))
    assert (counted.rows, counted.bytes) == (7, 37)


def test_the_parts_of_a_table_come_in_their_order() -> None:
    parts = manifest(part("states", 10), part("side", 0), part("states", 2)).table("states")
    assert [part.index for part in parts] == [2, 10], "as numbers, not as text"


def test_the_digest_is_of_the_content_alone() -> None:
    one = manifest(part("states", 0, sha256="a"))
    assert one.digest == one.model_copy(update={"version": "90ab", "seconds": 9.0, "created_at": "2026"}).digest
    file = File(name="f", key="k", bytes=1, sha256="a")
    others = [manifest(part("states", 0, sha256="b")), manifest(part("states", 0, sha256="a"), files=(file,))]
    assert len({one.digest, *(other.digest for other in others)}) == 3
    assert len(one.digest) == 16 and int(one.digest, 16)


def test_a_manifest_is_read_back_whole_and_nothing_unknown_is_taken() -> None:
    written = manifest(part("states", 0)).model_dump_json()
    assert Manifest.model_validate_json(written) == manifest(part("states", 0))
    with pytest.raises(ValidationError, match="extra"):
        Manifest.model_validate_json(written.replace("{", '{"extra": 1, ', 1))
