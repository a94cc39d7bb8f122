"""Untrusted files: nothing in them is executed, and invalid ones are errors in one line."""

import io
import os
import pickle
import struct
import sys
import time
import types
import zipfile

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.flame import model, stand_in, unpickle
from scipy import sparse


def small(**changes):
    """A tiny model under FLAME's keys."""
    rng = np.random.default_rng(0)
    V = 12
    weights = rng.uniform(0, 1, (V, 5))
    data = {
        "v_template": rng.normal(size=(V, 3)),
        "f": np.arange(12, dtype=np.uint32).reshape(4, 3),
        "shapedirs": rng.normal(size=(V, 3, 6)),
        "posedirs": rng.normal(size=(V, 3, 36)),
        "J_regressor": sparse.csc_matrix(rng.uniform(0, 1, (5, V)) * (rng.uniform(size=(5, V)) > 0.5)),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
    }
    return {k: v for k, v in (data | changes).items() if v is not None}


def written(tmp_path, data, protocol=2):
    path = tmp_path / "m.pkl"
    path.write_bytes(data if isinstance(data, bytes) else pickle.dumps(data, protocol=protocol))
    return path


def refused(path, *words):
    with pytest.raises(InnerfaceError) as error:
        model.load(path)
    text = str(error.value)
    assert "\n" not in text and text.startswith(str(path)) and ";" in text, text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize("protocol", range(6))
def test_a_model_pickled_by_any_protocol_reads_the_same(tmp_path, protocol):
    data = small()
    read = model.load(written(tmp_path, data, protocol))
    np.testing.assert_array_equal(read.joint_regressor, data["J_regressor"].toarray())
    np.testing.assert_array_equal(np.concatenate([read.shape_dirs, read.expression_dirs], axis=2), data["shapedirs"])
    np.testing.assert_array_equal(read.faces, data["f"])
    assert tuple(read.parents) == model.PARENTS and read.shape_dirs.shape[2] == 3


class Attack:
    def __init__(self, call, *args):
        self.how = call, args

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize("call", [os.system, eval, exec, __import__, getattr, np.load, np.fromfile, np.array, np.savez])
def test_code_in_a_pickle_does_not_run_and_is_named(tmp_path, call):
    mark = tmp_path / "ran"
    path = written(tmp_path, small(v_template=Attack(call, f"touch {mark}")))
    refused(path, "refused", call.__name__)
    assert not mark.exists()


def test_the_same_pickle_would_have_run(tmp_path):
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(Attack(os.system, f"touch {mark}")))
    assert mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval",
        "numpy.core.multiarray.fromfile",
        "scipy.sparse._csc.csc_matrix.__init__",
        "_codecs.decode",
        "numpy.ndarray.tofile",
    ],
)
def test_unknown_globals_are_refused(tmp_path, name):
    where, _, what = name.rpartition(".")
    refused(written(tmp_path, f"c{where}\n{what}\n.".encode()), "refused")


def test_known_globals_are_not_executed_either(tmp_path):
    """numpy's own _reconstruct with hostile sizes and types, were it called, would ask for memory or make objects."""
    for shape, kind in (((1 << 40,), "f8"), ((-5,), "f8"), ((3,), "O8"), ((2,) * 20, "f8")):
        state = (1, shape, Kind(kind), False, b"\0" * 24)
        refused(written(tmp_path, small(v_template=Rebuilt(state))), "v_template")


class Kind:
    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return np.dtype, (self.name, False, True), (3, "<", None, None, None, -1, -1, 0)


class Rebuilt:
    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), self.state


def test_objects_in_arrays_are_refused(tmp_path):
    refused(written(tmp_path, small(weights=np.array([{}, None], dtype=object))), "weights")
    path = tmp_path / "m.npz"
    np.savez(path, **small(J_regressor=np.zeros((5, 12)), weights=np.array([{}, None], dtype=object)))
    refused(path, "weights", "Python objects")


def damaged_sparse(**changes):
    matrix = small()["J_regressor"]
    matrix.__dict__.update(changes)
    return matrix


@pytest.mark.parametrize(
    "changes",
    [
        {"indices": np.full(200, 99, np.int32)},
        {"indptr": np.array([0, 9, 3], np.int32)},
        {"indptr": np.arange(13)[::-1].astype(np.int32)},
        {"_shape": (5, 1 << 39)},
        {"_shape": "5x12"},
        {"data": None},
    ],
)
def test_sparse_entries_outside_are_refused(tmp_path, changes):
    refused(written(tmp_path, small(J_regressor=damaged_sparse(**changes))), "J_regressor")


@pytest.mark.parametrize("form", ["csc", "csr", "coo"])
def test_every_sparse_form_comes_dense(tmp_path, form):
    dense = small()["J_regressor"].toarray()
    for kind in ("matrix", "array"):
        given = getattr(sparse, f"{form}_{kind}")(dense)
        np.testing.assert_array_equal(model.load(written(tmp_path, small(J_regressor=given))).joint_regressor, dense)


@pytest.fixture
def chumpy(monkeypatch):
    """Classes that pickle as chumpy's do; chumpy itself does not install on today's Python."""
    made = {}
    for name, classes in (("chumpy", ()), ("chumpy.ch", ("Ch",)), ("chumpy.reordering", ("Select",))):
        module = types.ModuleType(name)
        for c in classes:
            made[c] = type(c, (), {"__module__": name})
            setattr(module, c, made[c])
        monkeypatch.setitem(sys.modules, name, module)

    def ch(values):
        out = made["Ch"]()
        out.__dict__.update(x=np.asarray(values), _dirty_vars=set(), _itr=None, _depends_on_deps={})
        return out

    def select(a, indices, shape):
        out = made["Select"]()
        out.__dict__.update(a=a, idxs=np.asarray(indices), preferred_shape=shape)
        return out

    return types.SimpleNamespace(ch=ch, select=select)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_chumpys_arrays_are_read_without_chumpy(tmp_path, chumpy, protocol):
    data = small()
    given = {k: chumpy.ch(data[k]) for k in ("v_template", "shapedirs", "posedirs", "weights")}
    given["v_template"] = chumpy.select(given["v_template"], np.arange(36), (12, 3))
    path = written(tmp_path, data | given, protocol)
    for name in [n for n in sys.modules if n.startswith("chumpy")]:
        del sys.modules[name]
    read = model.load(path)
    np.testing.assert_array_equal(read.template, data["v_template"])
    np.testing.assert_array_equal(read.pose_dirs, data["posedirs"])


def test_chumpy_that_holds_itself_ends(tmp_path, chumpy):
    loop = chumpy.ch(0)
    loop.x = loop
    refused(written(tmp_path, small(v_template=loop)), "v_template")
    refused(written(tmp_path, small(v_template=chumpy.select(chumpy.ch(np.zeros(3)), [99], (1,)))), "v_template")


def test_an_array_of_python_2_is_read(tmp_path):
    """Byte strings where Python 3 has bytes or texts, laid out by hand."""
    values = np.arange(6.0).reshape(2, 3)
    kind = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02K\x03\x86"
        + kind
        + b"\x89"
    )
    array += b"T" + struct.pack("<i", values.nbytes) + values.tobytes() + b"tb"
    path = written(tmp_path, b"\x80\x02}U\x01a" + array + b"s.")
    np.testing.assert_array_equal(unpickle.read_pickle(path.read_bytes(), path, ["a"])["a"], values)


@pytest.mark.parametrize("keys", ["numbers of one hash", "tuples", "a set of tuples"])
def test_keys_that_take_for_ever_to_hash_are_refused(tmp_path, keys):
    nested = b"(t" + b"".join(b"q%c0h%ch%c\x86" % (k, k, k) for k in range(1, 60))
    many = b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little", signed=True) + b"N" for k in range(20_000))
    body = {"tuples": b"}" + nested + b"Ns.", "a set of tuples": b"\x8f(" + nested + b"\x90."}.get(
        keys, b"}(" + many + b"u."
    )
    began = time.process_time()
    refused(written(tmp_path, b"\x80\x04" + body), "refused")
    assert time.process_time() - began < 2.0


def test_a_truncated_file_is_an_error_in_one_line(tmp_path):
    whole = pickle.dumps(small(), protocol=2)
    for end in np.linspace(1, len(whole) - 1, 60).astype(int):
        refused(written(tmp_path, whole[:end]))
    stand_in.write_model(
        tmp_path / "w.npz", model.from_arrays(small(J_regressor=np.ones((5, 12))), label="x", name="x", sha="x")
    )
    whole = (tmp_path / "w.npz").read_bytes()
    for end in np.linspace(2, len(whole) - 1, 30).astype(int):
        (tmp_path / "c.npz").write_bytes(whole[:end])
        refused(tmp_path / "c.npz")


def test_flipped_bytes_never_raise_another_error(tmp_path):
    rng = np.random.default_rng(1)
    whole = pickle.dumps(small(), protocol=2)
    for _ in range(300):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(hurt), 3):
            hurt[at] = rng.integers(0, 256)
        try:
            model.load(written(tmp_path, bytes(hurt)))
        except InnerfaceError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02" + b")" + b"\x85" * 200_000 + b"}q\x00.",  # tuples as deep as the stack
        b"\x80\x02]r\xff\xff\xff\x7f.",  # a memo place that asks for gigabytes
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",  # bytes that are not there
        b"\x80\x02\x82\x01.",  # the extension registry
        b"Pabc\n.",  # persistent objects
        b"(i__main__\nX\n.",
        b"\x80\x02K\x01.",
        b"\x80\x02].",
        b"",
        b"hello",
        b"\x80",
    ],
)
def test_hostile_pickles_end_in_one_line(tmp_path, data):
    refused(written(tmp_path, data))


def test_a_dict_that_holds_itself_is_no_array(tmp_path):
    data = small()
    data["weights"] = data
    refused(written(tmp_path, data), "weights", "dict")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": None, "f": None}, ["lacks f, weights"]),
        ({"v_template": np.zeros((12, 2))}, ["v_template", "(12, 2)"]),
        ({"shapedirs": np.zeros((11, 3, 6))}, ["shapedirs", "(11, 3, 6)", "(12, 3, n)"]),
        ({"posedirs": np.zeros((12, 3, 207))}, ["posedirs", "(12, 3, 207)"]),
        ({"J_regressor": np.zeros((24, 12))}, ["J_regressor", "(24, 12)", "(5, 12)"]),
        ({"v_template": np.full((12, 3), np.nan)}, ["v_template", "not finite"]),
        ({"f": np.full((4, 3), 12)}, ["f refers to vertex 12 of 12"]),
        ({"weights": np.full((12, 5), 0.3)}, ["weights of vertex", "1.5"]),
        ({"kintree_table": np.zeros((2, 5), int)}, ["kintree_table", "parents"]),
        ({"v_template": np.zeros((12, 3), "U3")}, ["v_template"]),
        ({"shape_count": np.array(6)}, ["shape_count"]),
        ({"shape_count": np.array(np.nan)}, ["shape_count"]),
    ],
)
def test_models_that_do_not_fit_name_the_key(tmp_path, changes, words):
    refused(written(tmp_path, small(**changes)), *words)


def test_correctives_laid_out_as_in_the_public_layers_are_read(tmp_path):
    data = small()
    flat = data["posedirs"].reshape(36, 36).T
    np.testing.assert_array_equal(model.load(written(tmp_path, data | {"posedirs": flat})).pose_dirs, data["posedirs"])


def test_the_first_three_hundred_of_many_directions_are_shape(tmp_path):
    many = np.zeros((12, 3, 350))
    assert model.load(written(tmp_path, small(shapedirs=many))).shape_dirs.shape[2] == 300
    assert model.load(written(tmp_path, small(shape_count=np.array(2)))).expression_dirs.shape[2] == 4


def test_an_archive_with_false_sizes_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 45, 3)})
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("v_template.npy", header.getvalue() + b"\0" * 80)
    refused(tmp_path / "m.npz", "v_template", "but 80 bytes")


def test_a_file_larger_than_any_model_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(model, "MAX_FILE_BYTES", 1000)
    refused(written(tmp_path, small()), "MiB")


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_a_pickle_whose_line_ends_became_crlf_reads_as_it_was(tmp_path, protocol):
    data = pickle.dumps(small(), protocol=protocol)
    if data.count(b"\r\n"):  # of chance: not every converter adds a second CR to those
        data = pickle.dumps(small(v_template=np.ones((12, 3))), protocol=protocol)
    read = model.load(written(tmp_path, data.replace(b"\n", b"\r\n")))
    again = model.load(written(tmp_path, data))
    np.testing.assert_array_equal(read.template, again.template)
    np.testing.assert_array_equal(read.joint_regressor, again.joint_regressor)


def test_a_text_pickle_that_an_editor_saved_with_a_byte_order_mark_is_read(tmp_path):
    model.load(written(tmp_path, b"\xef\xbb\xbf" + pickle.dumps(small(), protocol=0)))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_was_taken_for_text_is_told_as_such_with_the_mend(tmp_path, protocol):
    data = pickle.dumps(small(), protocol=protocol)
    if protocol:
        refused(written(tmp_path, data.decode("latin-1").encode()), "taken for text", "binary mode")
        refused(written(tmp_path, data.decode("utf-8", "replace").encode()), "taken for text", "binary mode")
    else:
        half = data[:300].replace(b"\n", b"\r\n") + data[300:]
        refused(written(tmp_path, half), "line ends", r"\r", "binary mode")
    refused(written(tmp_path, data[: len(data) // 2]), "cut off", "get the whole file again")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", ("Git LFS", "git lfs pull")),
        (b"<!DOCTYPE html>\n<html><title>Sign in - FLAME</title>", ("web page", "download")),
        (b"PK\3\4" + bytes(22) + b"\x0a\0\0\0FLAME.docx", ("ZIP", "unpack")),
        (b"\x1f\x8b\x08" + bytes(40), ("gzip", "unpack")),
        (b"PK\5\6" + bytes(18), ("ZIP", "unpack")),
    ],
)
@pytest.mark.parametrize("suffix", ["pkl", "npz"])
def test_what_lies_in_place_of_a_model_is_named(tmp_path, data, words, suffix):
    (tmp_path / f"m.{suffix}").write_bytes(data)
    refused(tmp_path / f"m.{suffix}", *words)


def test_odd_characters_of_a_refused_name_are_shown(tmp_path):
    refused(written(tmp_path, b"cos\x0b\nsystem\x1b\n."), r"os\x0b.system\x1b")
