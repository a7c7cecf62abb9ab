# SPDX-License-Identifier: Apache-2.0
"""llama.cpp by its C interface: logits of a file, and its quantisers."""

import ctypes
import pathlib

import llama_cpp
import numpy

TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
         "Q5_K": 13, "Q6_K": 14, "BF16": 30}


def logits(path, tokens, threads=2):
    """[tokens, vocabulary], with keys and values in float32; None where llama.cpp does not load the file."""
    llama_cpp.llama_log_set(SILENCE, None)
    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_default_params()
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        return None
    wishes = llama_cpp.llama_context_default_params()
    wishes.n_ctx = wishes.n_batch = wishes.n_ubatch = max(len(tokens), 256)
    wishes.n_threads = wishes.n_threads_batch = threads
    wishes.type_k = wishes.type_v = TYPES["F32"]
    context = llama_cpp.llama_init_from_model(model, wishes)
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for at, token in enumerate(tokens):
        batch.token[at], batch.pos[at], batch.n_seq_id[at], batch.logits[at] = token, at, 1, 1
        batch.seq_id[at][0] = 0
    assert llama_cpp.llama_decode(context, batch) == 0
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = [numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, at), (vocabulary,)).copy() for at in range(len(tokens))]
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return numpy.stack(rows)


def tokens_of(path, text):
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    return model.tokenize(text.encode(), add_bos=False, special=False)


@llama_cpp.llama_log_callback
def SILENCE(level, text, data):
    pass


def library():
    folder = pathlib.Path(llama_cpp.__file__).parent / "lib"
    ggml = ctypes.CDLL(str(next(folder.glob("libggml-base.so*"))))
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                         ctypes.c_int64, ctypes.c_void_p]
    ggml.ggml_row_size.restype = ctypes.c_size_t
    ggml.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
    return ggml


def quantise(values, kind):
    """The bytes that llama.cpp's own quantiser makes of rows of float32, without an importance matrix."""
    ggml = library()
    values = numpy.ascontiguousarray(values, dtype=numpy.float32)
    rows, width = values.shape
    out = numpy.empty(ggml.ggml_row_size(TYPES[kind], width) * rows, dtype=numpy.uint8)
    ggml.ggml_quantize_chunk(TYPES[kind], values.ctypes.data, out.ctypes.data, 0, rows, width, None)
    return out
