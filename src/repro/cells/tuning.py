"""The text encoder that a run trains along with its models, if it does."""

from repro import paths
from repro.data.preparing import read_prepared
from repro.models.batch import Inputs
from repro.models.tokens.text import FineTuning
from repro.params import Params
from repro.params.cells import Recipe
from repro.params.presets import Encoder
from repro.records import Texts

TEXT = "text"


def fine_tuning(params: Params, recipe: Recipe, inputs: Inputs) -> FineTuning | None:
    """The text encoder that is trained along, when params ask for that.

    Raises:
        ValueError: the data have no raw text, and the run names no encoder of its own;
            or its features are not what the encoder reads.
    """
    name = params.encoder_of(recipe)
    encoder = params.active.encoders[name]
    is_file = recipe.dataset in params.datasets.of_files
    if not is_file or encoder.is_frozen or TEXT not in inputs.names:
        return None
    prepared = read_prepared(paths.prepared(recipe.dataset))
    texts = prepared.modalities[TEXT]
    if not isinstance(texts, Texts):
        if recipe.encoder:  # `Study.unable` leaves the run out
            return None
        raise ValueError(
            f"data set {recipe.dataset} has no raw text to fine-tune on; set "
            f"encoders.{name}.finetune: none in {paths.preset(params.preset)}"
        )
    is_train = prepared.samples["split"] == "train"
    train = [t for t, kept in zip(texts.values, is_train, strict=True) if kept]
    made = _started(encoder, train, params.precision == "bfloat16")
    found = inputs.values[inputs.names.index(TEXT)].features
    _refuse_other_features(params, recipe, made, found)
    return made


def _started(encoder: Encoder, train: list[str], bfloat16: bool) -> FineTuning:
    # Costs seconds to import, and only fine-tuning needs it here.
    from repro.features.encoders.loading import load_encoder
    from repro.features.encoders.states import upper_layers

    _, whole = load_encoder(encoder, train)
    upper = encoder.last_k if encoder.keeps_lower else None
    return FineTuning(
        modality=TEXT,
        start=upper_layers(whole, upper) if upper else whole,
        hidden=whole.config.hidden_size,
        pooling=encoder.pooling,
        lr=encoder.lr,
        bfloat16=bfloat16,
        reads_states=encoder.keeps_lower,
    )


def _refuse_other_features(
    params: Params, recipe: Recipe, made: FineTuning, found: int
) -> None:
    wanted = made.hidden if made.reads_states else 1
    if found != wanted:
        name = params.encoder_of(recipe)
        where = paths.features(recipe.dataset, TEXT, name) / f"{TEXT}.safetensors"
        raise ValueError(
            f"{where}: has {found} columns, but encoders.{name} of "
            f"{paths.preset(params.preset)} reads {wanted}; run the stage text again"
        )
