import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from warmstart.basics import InputError
from warmstart.data import DataSource, Interpolation, as_dataset
from warmstart.data._images import decode_images, resized
from warmstart.data._source import ImageSize

GREY = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def _decoded(*images: bytes) -> np.ndarray:
    return decode_images(images, len(images), place=lambda index: f"row {index + 1}")


@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP"])
def test_colour_images_come_back_with_channels_first(encoded, form):
    assert np.array_equal(_decoded(encoded(COLOUR, form)), COLOUR.transpose(2, 0, 1)[None])


def test_greyscale_images_keep_one_channel(encoded):
    assert np.array_equal(_decoded(encoded(GREY)), GREY[None, None])


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 3), ("P", 3), ("RGB", 3), ("RGBA", 3)])
def test_every_mode_has_its_number_of_channels(encoded, mode, channels):
    decoded = _decoded(encoded(COLOUR, mode=mode))
    assert decoded.shape == (1, channels, 4, 5)
    assert decoded.dtype == np.uint8


def test_one_bit_images_are_black_and_white(encoded):
    assert set(np.unique(_decoded(encoded(GREY, mode="1")))) == {0, 255}


def test_transparency_is_dropped_and_colours_stay(encoded):
    alpha = np.dstack([COLOUR, GREY])
    assert np.array_equal(_decoded(encoded(alpha)), COLOUR.transpose(2, 0, 1)[None])


def test_a_palette_with_transparency_is_read_without_a_warning():
    buffer = BytesIO()
    Image.fromarray(COLOUR).quantize(8).save(buffer, "PNG", transparency=b"\x00\x80\xff")
    assert _decoded(buffer.getvalue()).shape == (1, 3, 4, 5)


def test_of_sixteen_bits_the_upper_eight_are_kept(encoded):
    assert np.array_equal(_decoded(encoded(GREY.astype(np.uint16) * 256 + 7)), GREY[None, None])


def test_floating_point_pixels_are_refused(encoded):
    with pytest.raises(InputError, match="row 1 cannot be read: its pixels are 32-bit floats"):
        _decoded(encoded(GREY.astype(np.float32), "TIFF"))


@pytest.mark.parametrize("order", [(0, 1, 1, 0), (1, 0, 0, 1)])
def test_greyscale_among_colour_images_becomes_colour(encoded, order):
    kinds = (encoded(GREY), encoded(COLOUR))
    expected = (np.broadcast_to(GREY, (3, 4, 5)), COLOUR.transpose(2, 0, 1))
    decoded = _decoded(*(kinds[kind] for kind in order))
    assert np.array_equal(decoded, np.stack([expected[kind] for kind in order]))


def test_images_come_back_in_their_order_though_threads_decode_them(encoded):
    values = np.arange(1200, dtype=np.uint16)
    pixels = [np.full((2, 2, 3), (value % 256, value // 256, 7), np.uint8) for value in values]
    decoded = _decoded(*map(encoded, pixels)).astype(np.uint16)
    assert np.array_equal(decoded[:, 0, 0, 0] + 256 * decoded[:, 1, 0, 0], values)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda image: image[:-30], ""),
        (lambda image: b"GIF89a", ""),
        (lambda image: b"no image at all", "unknown format"),
        (lambda image: b"", "unknown format"),
    ],
    ids=["cut off", "header only", "text", "empty"],
)
def test_an_image_that_cannot_be_read_is_named(encoded, damage, reason):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    with pytest.raises(InputError, match=f"^The image at row 2 cannot be read: {reason}.*[.]$"):
        _decoded(encoded(noise), damage(encoded(noise)))


def test_images_of_different_sizes_are_named_with_their_sizes(encoded):
    with pytest.raises(InputError, match="but row 2 is 4x4, row 1 is 5x4"):
        _decoded(encoded(COLOUR), encoded(COLOUR[:, :4]))


def test_of_several_pictures_in_one_file_the_first_is_read():
    buffer = BytesIO()
    pictures = [Image.new("RGB", (16, 8), colour) for colour in ("white", "black")]
    pictures[0].save(buffer, "MPO", save_all=True, append_images=pictures[1:])
    decoded = _decoded(buffer.getvalue())
    assert (decoded.shape, decoded.min()) == ((1, 3, 8, 16), 255)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_turned_picture_among_others_is_compared_as_it_is_decoded(orientation):
    def written(width: int, height: int, orientation: int) -> bytes:
        image, buffer = Image.new("RGB", (width, height)), BytesIO()
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(buffer, "TIFF", exif=exif)
        return buffer.getvalue()

    size = (5, 4) if orientation == 1 else (4, 5)
    assert _decoded(written(5, 4, 1), written(*size, orientation)).shape == (2, 3, 4, 5)


def test_fewer_images_than_labels_are_noticed(encoded):
    with pytest.raises(InputError, match="There must be 3 images, one per label, but 2 were found"):
        decode_images([encoded(COLOUR)] * 2, 3, place=str)


def test_a_changed_pixel_of_a_png_is_noticed_by_its_checksum():
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x07")),
        (b"IEND", b""),
    ]
    pieces = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    good = b"\x89PNG\r\n\x1a\n" + b"".join(pieces)
    assert _decoded(good).item() == 7
    # Pillow stops once it has all pixels, and so before the checksum of the compressed data.
    bad = good.replace(chunks[1][1], zlib.compress(b"\0\x08")[:-4] + chunks[1][1][-4:])
    with pytest.raises(InputError, match="row 1 cannot be read: "):
        _decoded(bad)


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "RGBA", "P", "I;16"])
def test_images_are_resized_as_pillow_resizes_what_they_show(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        shown = Image.fromarray(pixels[..., 0])
    else:
        image = Image.fromarray(pixels).convert(mode)
        shown = image.convert("L" if mode in ("L", "1") else "RGB")
    buffer = BytesIO()
    image.save(buffer, "PNG")
    expected = np.asarray(shown.resize((3, 4), Image.Resampling.BILINEAR)).reshape(4, 3, -1).transpose(2, 0, 1)
    found = decode_images([buffer.getvalue()] * 3, 3, place=str, size=ImageSize(4, 3))
    assert found.shape == (3, len(expected), 4, 3)
    assert np.array_equal(found[2], expected)
    plain = decode_images([buffer.getvalue()] * 3, 3, place=str)
    assert np.array_equal(resized(plain, ImageSize(4, 3)), found)
    assert resized(plain, ImageSize(9, 7)) is plain


def test_the_memory_for_resizing_is_checked_against_every_image(encoded):
    small, large = encoded(np.zeros((4, 4), np.uint8)), encoded(np.zeros((600, 600), np.uint8))
    with pytest.raises(InputError, match=r"reading an image of 600x600 pixels among 2 takes about"):
        decode_images([small, large], 2, place=str, size=ImageSize(4, 4), max_bytes=2**20)


def test_by_area_a_pixel_is_the_mean_of_those_it_covers():
    images = np.arange(2 * 3 * 8 * 6, dtype=np.uint8).reshape(2, 3, 8, 6)
    means = images.reshape(2, 3, 4, 2, 3, 2).mean(axis=(3, 5))
    found = resized(images, ImageSize(4, 3, Interpolation.AREA))
    assert np.abs(found - means).max() <= 0.5
    assert not np.array_equal(found, resized(images, ImageSize(4, 3)))


def test_images_in_memory_are_resized_by_area():
    pixels = np.zeros((4, 1, 4, 4), np.uint8)
    pixels[:, :, ::2, ::2] = 200
    source = DataSource("small", image_size="2", interpolation=Interpolation.AREA)
    assert np.unique(as_dataset((pixels, [0, 1, 0, 1]), source=source).train.inputs).tolist() == [50]
