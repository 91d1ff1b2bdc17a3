"""What the vector index is compared with: one engine a process, one JSON object a line on stdout.

    vectors.py ENGINE FOLDER ROWS QUERIES M EF_CONSTRUCTION EFS ROUNDS

FOLDER holds base.f32 and queries.f32 (unit vectors, row by row, with the dimension in dimension.txt). Everything runs on
one thread; times are CPU seconds of the process. Memory is anonymous memory after the build less that before it.
"""

import importlib.metadata
import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402  (it reads the variables above when it is loaded)

K = 10


def anonymous_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def say(**fields):
    print(json.dumps(fields), flush=True)


class HnswLib:
    package = "hnswlib"

    def build(self, base, m, ef_construction):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=base.shape[1])
        self.index.init_index(len(base), M=m, ef_construction=ef_construction, random_seed=1)
        self.index.set_num_threads(1)
        self.index.add_items(base, num_threads=1)

    def set_ef(self, ef):
        self.index.set_ef(ef)

    def search(self, query):
        return self.index.knn_query(query, k=K, num_threads=1)[0][0]


class FaissHnsw:
    package = "faiss-cpu"
    quantised = False

    def build(self, base, m, ef_construction):
        import faiss

        faiss.omp_set_num_threads(1)
        kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        if self.quantised:
            self.index = faiss.IndexHNSWSQ(base.shape[1], kind, m, metric)
            self.index.hnsw.efConstruction = ef_construction
            self.index.train(base)
        else:
            self.index = faiss.IndexHNSWFlat(base.shape[1], m, metric)
            self.index.hnsw.efConstruction = ef_construction
        self.index.add(base)

    def set_ef(self, ef):
        self.index.hnsw.efSearch = ef

    def search(self, query):
        return self.index.search(query[None, :], K)[1][0]


class FaissHnswSq8(FaissHnsw):
    quantised = True


class USearch:
    package = "usearch"
    kind = "f32"

    def build(self, base, m, ef_construction):
        from usearch.index import Index

        # Its connectivity is that of the upper layers; the lowest has twice as many, as in hnswlib.
        self.index = Index(
            ndim=base.shape[1], metric="ip", dtype=self.kind, connectivity=m, expansion_add=ef_construction
        )
        self.index.add(np.arange(len(base)), base, threads=1)

    def set_ef(self, ef):
        self.index.expansion_search = ef

    def search(self, query):
        return self.index.search(query, K, threads=1).keys


class USearchF16(USearch):
    kind = "f16"


class FaissFlat:
    package = "faiss-cpu"

    def build(self, base, m, ef_construction):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexFlatIP(base.shape[1])
        self.index.add(base)

    def set_ef(self, ef):
        pass

    def search(self, query):
        return self.index.search(query[None, :], K)[1][0]

    def search_all(self, queries):
        return self.index.search(queries, K)[1]


ENGINES = {
    "hnswlib": HnswLib,
    "faiss-hnsw": FaissHnsw,
    "faiss-hnsw-sq8": FaissHnswSq8,
    "usearch-f32": USearch,
    "usearch-f16": USearchF16,
    "faiss-flat": FaissFlat,
}


def exact(base, queries):
    tops = []
    for start in range(0, len(queries), 100):
        scores = queries[start : start + 100] @ base.T
        part = np.argpartition(-scores, K, axis=1)[:, :K] if len(base) > K else np.argsort(-scores)
        tops.extend(set(row.tolist()) for row in part)
    return tops


def main():
    name, folder, rows, count, m, ef_construction, efs, rounds = sys.argv[1:9]
    dimension = int(open(os.path.join(folder, "dimension.txt")).read())
    read = lambda file, n: np.fromfile(os.path.join(folder, file), dtype="<f4", count=int(n) * dimension)
    base = read("base.f32", rows).reshape(-1, dimension)
    queries = read("queries.f32", count).reshape(-1, dimension)
    truth = exact(base, queries)
    engine = ENGINES[name]()
    before, start = anonymous_bytes(), time.process_time()
    engine.build(base, int(m), int(ef_construction))
    build = time.process_time() - start
    memory = anonymous_bytes() - before
    version = importlib.metadata.version(engine.package)
    say(what="build", engine=name, version=version, build_cpu_seconds=build, anonymous_bytes=memory)
    for ef in efs.split(","):
        engine.set_ef(int(ef))
        rates = []
        for _ in range(int(rounds)):
            start = time.process_time()
            found = [engine.search(query) for query in queries]
            rates.append(len(queries) / (time.process_time() - start))
        hits = sum(len(truth[n].intersection(int(x) for x in found[n])) for n in range(len(queries)))
        recall = hits / (len(queries) * min(K, len(base)))
        say(what="search", engine=name, ef=int(ef), recall=recall, per_cpu_second=sorted(rates)[len(rates) // 2])
    if hasattr(engine, "search_all"):
        start = time.process_time()
        engine.search_all(queries)
        say(what="batch", engine=name, per_cpu_second=len(queries) / (time.process_time() - start))


main()
