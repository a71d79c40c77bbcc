"""Energy counters of NVIDIA GPUs."""

from __future__ import annotations

from qexplorer.run.protocol import Availability

__all__ = ["ENTRIES", "NvmlMeter"]


class NvmlMeter:
    """Energy counters of NVIDIA GPUs, through NVML (nvmlDeviceGetTotalEnergyConsumption, Volta and later)."""

    name = "nvml"
    device = "gpu"
    rank = 10
    update_s = 0.1
    """Yang et al., Part-time power measurements, SC 2024: 20 to 100 ms between updates, by GPU; the longest is used."""

    def availability(self) -> Availability:
        """Available where the first GPU's counter can be read."""
        try:
            import pynvml
        except ImportError:
            return Availability(False, "the package nvidia-ml-py is not installed", "pip install nvidia-ml-py")
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return Availability(False, f"no NVIDIA driver answers ({error})")
        try:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(0))
        except pynvml.NVMLError as error:
            return Availability(False, f"the GPU has no energy counter ({error})")
        finally:
            pynvml.nvmlShutdown()
        return Availability(True)

    def read_joules(self) -> float | None:
        """Energy of all GPUs, joules."""
        import pynvml

        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
            return float(sum(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles)) / 1e3
        finally:
            pynvml.nvmlShutdown()


ENTRIES = (NvmlMeter(),)
