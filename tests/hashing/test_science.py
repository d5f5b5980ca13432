"""scipy, scikit-learn, xarray and torch."""

import copy
import pickle

import numpy as np
import pytest

from provenance.errors import HashingError
from provenance.hashing import hash_value


class TestSparse:
    def matrix(self):
        from scipy import sparse

        return sparse.random(20, 30, 0.2, format="csr", random_state=1)

    @pytest.mark.parametrize("layout", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
    def test_copies_and_pickles_hash_alike(self, layout):
        value = self.matrix().asformat(layout)
        assert hash_value(value) == hash_value(copy.deepcopy(value)) == hash_value(pickle.loads(pickle.dumps(value)))

    def test_order_width_and_duplicates_of_entries_do_not_count(self):
        from scipy import sparse

        matrix = self.matrix()
        wide = matrix.copy()
        wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
        entries = matrix.tocoo()
        backwards = sparse.coo_matrix((entries.data[::-1], (entries.row[::-1], entries.col[::-1])), shape=matrix.shape)
        unsorted = matrix.copy()
        first = slice(*unsorted.indptr[:2])
        unsorted.indices[first], unsorted.data[first] = (
            unsorted.indices[first][::-1].copy(),
            unsorted.data[first][::-1].copy(),
        )
        unsorted.has_sorted_indices = False
        assert hash_value(matrix) == hash_value(wide) == hash_value(unsorted)
        assert hash_value(entries) == hash_value(backwards)
        twice = sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
        assert hash_value(twice) == hash_value(sparse.coo_matrix(([3.0], ([0], [1])), shape=(2, 2)))

    def test_hashing_leaves_the_matrix_as_it_was(self):
        from scipy import sparse

        matrix = sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
        hash_value(matrix)
        assert matrix.nnz == 2

    def test_format_class_shape_and_values_count(self):
        from scipy import sparse

        matrix = self.matrix()
        doubled = matrix * 2
        wider = sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(20, 31))
        values = [matrix, matrix.tocsc(), matrix.tocoo(), sparse.csr_array(matrix), doubled, wider, matrix.astype("f4")]
        assert len({hash_value(value) for value in values}) == len(values)

    def test_arrays_of_one_dimension(self):
        from scipy import sparse

        vector = sparse.coo_array(([1.0, 2.0], ([0, 3],)), shape=(5,))
        assert hash_value(vector) == hash_value(copy.deepcopy(vector)) != hash_value(vector * 2)


class TestEstimators:
    def estimators(self):
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return {
            "forest": RandomForestClassifier(5, random_state=0),
            "boosting": HistGradientBoostingClassifier(max_iter=3, random_state=0),
            "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
            "neighbours": KNeighborsClassifier(algorithm="kd_tree"),
        }

    @pytest.mark.parametrize("name", ["forest", "boosting", "pipeline", "neighbours"])
    def test_estimators_that_were_fitted_alike_hash_alike(self, name):
        from sklearn.base import clone
        from sklearn.datasets import load_breast_cancer

        data = load_breast_cancer(return_X_y=True)
        plain, fitted, again = (
            self.estimators()[name],
            self.estimators()[name].fit(*data),
            self.estimators()[name].fit(*data),
        )
        assert hash_value(plain) == hash_value(self.estimators()[name]) == hash_value(clone(plain))
        assert hash_value(fitted) == hash_value(again) == hash_value(pickle.loads(pickle.dumps(fitted)))
        assert hash_value(fitted) != hash_value(plain)

    def test_parameters_and_version(self, monkeypatch):
        import sklearn.base
        from sklearn.svm import SVC

        before = hash_value(SVC())
        assert before != hash_value(SVC(C=2))
        monkeypatch.setattr(sklearn.base, "__version__", "99")
        assert hash_value(SVC()) == before

    def test_bunches(self):
        from sklearn.datasets import load_digits

        assert hash_value(load_digits()) == hash_value(pickle.loads(pickle.dumps(load_digits())))

    def test_estimators_with_a_state_of_their_own(self):
        from sklearn.base import BaseEstimator

        class Odd(BaseEstimator):
            def __getstate__(self):
                return (1, 2)

        assert hash_value(Odd()) == hash_value(Odd())


class TestXarray:
    def dataset(self, **attributes):
        import xarray as xr

        return xr.Dataset(
            {"t": (("x", "y"), np.ones((2, 3)), {"unit": "K"})},
            coords={"x": [1, 2], "s": ("x", ["a", "b"])},
            attrs=attributes,
        )

    def test_copies_and_pickles_hash_alike(self):
        dataset = self.dataset()
        for value in (dataset, dataset.t, dataset.t.variable, dataset.x):
            assert (
                hash_value(value) == hash_value(copy.deepcopy(value)) == hash_value(pickle.loads(pickle.dumps(value)))
            )

    def test_what_counts(self):
        dataset = self.dataset()
        values = [
            *(dataset, dataset.t, dataset.t.variable, dataset.t.rename("u"), self.dataset(a=1), dataset * 2),
            *(dataset.rename(x="z"), dataset.drop_indexes("x"), dataset.drop_vars("s"), dataset.transpose()),
        ]
        assert len({hash_value(value) for value in values}) == len(values)

    def test_how_it_was_read_does_not_count(self):
        one, other = self.dataset(), self.dataset()
        other.t.encoding["source"] = "file"
        assert hash_value(one) == hash_value(other)

    def test_what_is_not_computed_yet_is_refused(self):
        with pytest.raises(HashingError, match="compute"):
            hash_value(self.dataset().chunk())


class TestTorch:
    def values(self, torch):
        plain = torch.arange(12.0).reshape(3, 4)
        torch.manual_seed(0)
        return {
            "tensor": plain,
            "bfloat16": plain.bfloat16(),
            "sparse": plain.to_sparse(),
            "csr": plain.to_sparse_csr(),
            "number": torch.tensor(3),
            "empty": torch.zeros(0),
            "mask": plain > 3,
            "complex": torch.complex(plain, plain),
            "parameter": torch.nn.Parameter(plain),
            "linear": torch.nn.Linear(3, 4),
            "sequential": torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()),
            "dtype": torch.float32,
            "device": torch.device("cpu"),
            "size": torch.Size([1]),
            "generator": torch.Generator().manual_seed(3),
        }

    @pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
    def test_copies_and_pickles_hash_alike(self):
        torch = pytest.importorskip("torch")
        for name, value in self.values(torch).items():
            if name != "generator":
                assert hash_value(value) == hash_value(pickle.loads(pickle.dumps(value))), name
        hashes = [hash_value(value) for value in self.values(torch).values()]
        assert len(set(hashes)) == len(hashes)

    def test_layout_does_not_count(self):
        torch = pytest.importorskip("torch")
        plain = torch.arange(12.0).reshape(3, 4)
        assert hash_value(plain) == hash_value(plain.t().contiguous().t())
        assert hash_value(torch.complex(plain, plain).conj()) == hash_value(torch.complex(plain, -plain))

    def test_what_counts(self):
        torch = pytest.importorskip("torch")
        plain = torch.zeros(3)
        values = [plain, plain.double(), plain.reshape(1, 3), plain + 1, torch.zeros(3, requires_grad=True)]
        assert len({hash_value(value) for value in values}) == len(values)

    def test_a_module_is_its_weights(self):
        torch = pytest.importorskip("torch")
        module, other = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4)
        assert hash_value(module) != hash_value(other)
        other.load_state_dict(module.state_dict())
        assert hash_value(module) == hash_value(other)
        assert hash_value(module.eval()) != hash_value(other.train())

    def test_tensors_without_values_are_refused(self):
        torch = pytest.importorskip("torch")
        with pytest.raises(HashingError, match="ordinary tensor"):
            hash_value(torch.zeros(3, device="meta"))
