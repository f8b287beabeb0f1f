from prefprop_cli.core.attention.kernels import KERNELS, Kernel


def test_each_name_makes_a_kernel_for_a_head_width():
    assert list(KERNELS) == ["exp", "rbf", "poly", "linear"]
    for name, make in KERNELS.items():
        kernel = make(32)
        assert isinstance(kernel, Kernel)
        assert kernel.head_width == 32
        assert type(kernel).__name__.lower() == name
