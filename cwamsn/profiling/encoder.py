"""The library's short form: `cwamsn.load(folder).embed("load_data.csv", "platemap.csv").align().to_anndata(path)`."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cwamsn.alignment import AlignOptions
from cwamsn.embeddings.encoder import LoadedEncoder, load_encoder
from cwamsn.profiles import Profiles, pool_profiles, write_anndata, write_profiles
from cwamsn.profiles.write import to_anndata
from cwamsn.profiling.choice import AUTO, align_on_controls
from cwamsn.profiling.run import Request, matched, prepare, profiles_of
from cwamsn.profiling.settings import Settings, settings_of
from cwamsn.screen_specs.argument import screen_from_argument
from cwamsn.screen_specs.name_of import screen_name

if TYPE_CHECKING:
    from anndata import AnnData


class ScreenProfiles(Profiles):
    """:class:`~cwamsn.profiles.Profiles` with the next steps as methods; each returns new profiles."""

    @classmethod
    def of(cls, profiles: Profiles) -> Self:
        """The same profiles."""
        return cls(**{f.name: getattr(profiles, f.name) for f in fields(profiles)})

    def align(self, method: str = AUTO, options: AlignOptions | None = None) -> Self:
        """Align on negative controls (:func:`cwamsn.profiling.align_on_controls`); `auto`: as controls allow."""
        return self.of(align_on_controls(self, method, options))

    def pool(self, pool: str = "wells", concentrations: Sequence[float] | None = None) -> Self:
        """One profile per perturbation and dose (:func:`cwamsn.profiles.pool_profiles`)."""
        return self.of(pool_profiles(self, pool, concentrations))

    def to_anndata(self, path: str | Path | None = None) -> "AnnData":
        """As AnnData, which is also written to `path` if one is given."""
        if path is not None:
            write_anndata(self, path)
        return to_anndata(self)

    def to_file(self, path: str | Path, alignment: str | None = None) -> Self:
        """Write in the format of the suffix (:func:`cwamsn.profiles.write_profiles`)."""
        write_profiles(self, path, alignment)
        return self


class Encoder(LoadedEncoder):
    """An encoder that embeds screens; unpacks as `encoder, meta`, for :func:`cwamsn.embeddings.images.embed`."""

    folder: Path
    network: str
    feature: str

    def embed(
        self,
        screen: str | Path,
        platemap: str | Path | None = None,
        *,
        channels: Sequence[str] | Mapping[str, str] | None = None,
        work: str | Path | None = None,
        name: str | None = None,
        jobs: int = 1,
        settings: Settings | None = None,
        **keys: Any,
    ) -> ScreenProfiles:
        """Profiles of the wells of a screen, not aligned.

        Parameters
        ----------
        screen, platemap, channels, keys : as in :func:`cwamsn.screen_specs.argument.screen_from_argument`
        work : folder that keeps crops and embeddings, so that the next call goes on from there; None: a temporary one
        name : of the screen; None: from its path
        jobs : processes that make crops, and threads that embed
        settings : sections of the configuration; None: those of a configuration that `screen` names, or the defaults

        Raises
        ------
        InputError
            Encoder and screen have different stains; and what the stages raise.
        """
        spec = screen_from_argument(screen, platemap=platemap, channels=channels, **keys)
        settings = settings or settings_of(screen)
        embedding = replace(settings.embedding, encoder=self.network, feature=self.feature)
        asked = Request(
            name or screen_name(screen), spec, self.folder, replace(settings, embedding=embedding), align="none"
        )
        request = matched(asked)
        with tempfile.TemporaryDirectory(prefix="cwamsn-") as temporary:
            prepared = prepare(request, Path(work or temporary), jobs)
            return ScreenProfiles.of(profiles_of(request, prepared, jobs))


def load(
    folder: str | Path, network: str = "target", feature: str = "cls_last_block", *, sha256: str | None = None
) -> Encoder:
    """An encoder of a training or an export, as :func:`cwamsn.embeddings.encoder.load_encoder` loads it."""
    found = Encoder(*load_encoder(folder, network, feature, sha256=sha256))
    found.folder, found.network, found.feature = Path(folder), network, feature
    return found
