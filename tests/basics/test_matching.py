import pytest
import torch

from warmstart.basics import InputError, check_same_shapes


def tensors(**shapes):
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


def test_values_dtypes_and_further_tensors_do_not_matter():
    one = tensors(weight=(2, 3))
    check_same_shapes(one, {"weight": torch.ones(2, 3, dtype=torch.float64), **tensors(bias=(2,))})
    check_same_shapes({}, one)


@pytest.mark.parametrize("shape", [(3, 2), (6,), (2, 3, 1), ()])
def test_another_shape_is_refused_with_both_even_where_it_would_broadcast(shape):
    with pytest.raises(InputError) as error:
        check_same_shapes(tensors(weight=(2, 3)), tensors(weight=shape))
    assert str(error.value) == (
        f"The models differ: parameter 'weight' has shape (2, 3) in the first and {shape} in the second one."
    )


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match=r"^The models differ: parameter 'bias' is missing in the second one\.$"):
        check_same_shapes(tensors(weight=(2,), bias=(2,)), tensors(weight=(2,)))


def test_the_first_difference_in_the_order_of_the_first_is_named():
    with pytest.raises(InputError, match="'b' has shape"):
        check_same_shapes(tensors(a=(1,), b=(2,), c=(3,)), tensors(a=(1,), b=(3,)))


def test_a_caller_has_errors_of_its_own():
    with pytest.raises(InputError, match=r"^no bias$"):
        check_same_shapes(tensors(bias=(2,)), {}, missing="no {name}")
    with pytest.raises(InputError, match=r"^bias: \(2,\) or \(3,\)$"):
        check_same_shapes(tensors(bias=(2,)), tensors(bias=(3,)), shapes="{name}: {one} or {other}")
