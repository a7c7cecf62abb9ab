#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paddock's way from a picture file to tiles beside Pillow's: the same files, in turn, one run, one thread each.

    images.py build-bench/bench/image_bench [PICTURE...] [--rounds 9] [--venv FOLDER]

Without pictures it draws some of 12 megapixels and smaller ones: JPEG (baseline, progressive), PNG, WebP. Pillow is installed in
a virtual environment (--venv, default below the user's cache folder). For each file prints the medians of decoding and of cutting tiles,
and for a JPEG the time that libjpeg-turbo alone takes for its rows, in the same process as Paddock's figures. Times are processor time of
the thread, with the page faults that memory costs. Pillow's tiles are made as Meta's code makes them: resize, paste on black, crop,
and the global tile by another resize.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import venv

DRAWN = (("12 MP JPEG", 4000, 3000, "JPEG", {"quality": 88}), ("12 MP JPEG, progressive", 4000, 3000, "JPEG", {"quality": 88, "progressive": True}),
         ("12 MP JPEG, turned", 4000, 3000, "JPEG", {"quality": 88, "turned": 6}), ("2 MP JPEG", 1600, 1200, "JPEG", {"quality": 88}),
         ("2 MP PNG", 1600, 1200, "PNG", {}), ("2 MP WebP", 1600, 1200, "WEBP", {"quality": 80}))


def use_pillow(folder):
    """Starts this script again with a Python that has Pillow, unless this one has."""
    try:
        import PIL  # noqa: F401
        import numpy  # noqa: F401
        return
    except ImportError:
        pass
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "-q", "install", "pillow", "numpy"], check=True)
    os.execv(python, [str(python), *sys.argv])


def draw(folder):
    """Shapes, gradients and noise: a file of some 2.5 bits a pixel, as a camera's."""
    import numpy
    from PIL import Image
    random = numpy.random.default_rng(1)
    for name, width, height, kind, options in DRAWN:
        y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
        channels = [127 + 90 * numpy.sin(x / (60 + 40 * i) + i) * numpy.cos(y / (90 - 20 * i)) + 30 * ((x // 97 + y // 61) % 2)
                    + random.normal(0, 6, (height, width)) for i in range(3)]
        picture = Image.fromarray(numpy.clip(numpy.stack(channels, -1), 0, 255).astype(numpy.uint8))
        options = dict(options)
        if turned := options.pop("turned", None):
            exif = Image.Exif()
            exif[0x112] = turned
            options["exif"] = exif
        path = folder / (name.replace(" ", "_").replace(",", "") + "." + kind.lower())
        picture.save(path, kind, **options)
        yield name, path


def pillow_times(path, rounds, tile=336, most=16):
    import time
    from PIL import Image, ImageOps
    Image.MAX_IMAGE_PIXELS = None
    decode, tiles = [], []
    for _ in range(rounds):
        start = time.thread_time()
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        picture.load()
        decode.append(1e3 * (time.thread_time() - start))
        start = time.thread_time()
        width, height = picture.size
        scales = {(rows, columns): min(columns * tile / width, rows * tile / height)
                  for rows in range(1, most + 1) for columns in range(1, most // rows + 1)}
        fitting = [scale for scale in scales.values() if scale >= 1]
        scale = min(fitting) if fitting else max(scales.values())
        rows, columns = min((canvas for canvas in scales if scales[canvas] == scale), key=lambda canvas: canvas[0] * canvas[1])
        limit = min(max(width, tile), columns * tile), min(max(height, tile), rows * tile)
        across, down = limit[0] / width, limit[1] / height
        size = (limit[0], min(int(height * across), limit[1])) if across < down else (min(int(width * down), limit[0]), limit[1])
        canvas = Image.new("RGB", (columns * tile, rows * tile))
        canvas.paste(picture.resize(size, Image.BILINEAR))
        cut = [canvas.crop((column * tile, row * tile, (column + 1) * tile, (row + 1) * tile)).tobytes()
               for row in range(rows) for column in range(columns)]
        if len(cut) > 1:
            cut.append(picture.resize((tile, tile), Image.BILINEAR).tobytes())
        tiles.append(1e3 * (time.thread_time() - start))
    return statistics.median(decode), statistics.median(tiles)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("pictures", nargs="*", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path.home() / ".cache/paddock/images-venv")
    options = parser.parse_intermixed_args()
    use_pillow(options.venv)
    import PIL
    from PIL import features
    print(f"Pillow {PIL.__version__} with libjpeg-turbo {features.version('libjpeg_turbo')}; medians of {options.rounds}, in ms")
    print(f"{'':26} {'library':>9} {'Paddock: decode':>16} {'tiles':>8} {'whole / library':>16} {'Pillow: decode':>15} {'tiles':>8} {'Pillow / Paddock':>17}")
    with tempfile.TemporaryDirectory() as folder:
        pictures = [(path.name, path) for path in options.pictures] or draw(pathlib.Path(folder))
        for name, path in pictures:
            ran = subprocess.run([options.program, str(options.rounds), path], check=True, capture_output=True, text=True)
            own = {key: value["median"] for key, value in json.loads(ran.stdout).items() if isinstance(value, dict)}
            decode, tiles = pillow_times(path, options.rounds)
            whole = own["decode"] + own["tiles"]
            library = own.get("library")
            print(f"{name:26} {f'{library:.1f}' if library else '-':>9} {own['decode']:16.1f} {own['tiles']:8.1f} "
                  f"{f'{whole / library:.2f}' if library else '-':>16} {decode:15.1f} {tiles:8.1f} {(decode + tiles) / whole:17.2f}", flush=True)


if __name__ == "__main__":
    main()
