"""What each figure is called and how it is read, for pages that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Caption:
    """Title of a figure, and what its marks and intervals mean."""

    title: str
    about: str


_CHANGES = (
    "Each point is a test instance: absolute error of the MoE minus that with weights, "
    "mean over seeds, against the true score. Above 0 the weights help. Marked: the "
    "7-class label became wrong in more seeds than it became right."
)
_TRUTH = (
    "Mean weight of a modality on test, where the simulator made it reliable and where "
    "it is pure noise. Above: AUROC of the weight for the planted reliability (0.5 is "
    "chance), and what all predictions, all features and the exact posterior allow."
)
# By paper and item, in the order in which they are shown.
CAPTIONS: Mapping[str, Caption] = MappingProxyType(
    {
        "btw_figure1": Caption(
            "Figure 1. Text alone against all modalities",
            "Bars: test score, mean over seeds; whiskers: one standard deviation over "
            "seeds.",
        ),
        "btw_figure3": Caption(
            "Figure 3. Weights over epochs",
            "Lines: mean weight of a modality over train instances and seeds; bands: "
            "quartiles; dashed: equal weights.",
        ),
        "btw_figure4": Caption(
            "Figure 4. True score of the instances whose label the weights change",
            "Gaussian kernel densities of the true score: all test instances, those "
            "whose 7-class label the weights put right, and those they put wrong; n "
            "counts instances times seeds.",
        ),
        "btw_figure5": Caption(
            "Figure 5. Stays whose predicted class the weights put right or wrong",
            "Bars: test stays by true class, mean over seeds; small counts are not "
            "shown.",
        ),
        "btw_figure6": Caption(
            "Figure 6. Change of the error by BTW-local (KL)", _CHANGES
        ),
        "btw_figure7": Caption("Figure 7. Change of the error by BTW", _CHANGES),
        "btw_initial_weights": Caption(
            "First weights",
            "Weights of train instances that the retraining starts from: median, "
            "quartiles, 5th and 95th percentile, averaged over seeds; dashed: equal "
            "weights.",
        ),
        "btw_noise_stress": Caption(
            "Noise modalities: what they cost and what weight they get",
            "Test MAE and share of the weight on added modalities that carry nothing: "
            "mean over seeds; whiskers: one standard deviation over seeds.",
        ),
        "btw_planted_truth": Caption("Weights against the planted truth", _TRUTH),
        "btw_planted_truth_icu": Caption(
            "Weights against the planted truth, stays", _TRUTH
        ),
        "i2moe_figure4": Caption(
            "Figure 4. Weights of interaction experts on test",
            "Violins: Gaussian kernel densities of the weight of each expert of the "
            "concat transformer over test rows, all seeds together; lines: each seed "
            "by itself; ticks and dot: means of seeds and of all; dashed: equal "
            "weights.",
        ),
        "i2moe_figure5": Caption(
            "Figure 5. Each interaction expert alone, and their mixture",
            "Bars: test score of what an expert of the concat transformer says alone, "
            "inside the trained mixture, mean over seeds; whiskers: one standard "
            "deviation over seeds; line: the mixture; dashed: the majority class, "
            "where rows have several labels the best constant ones.",
        ),
        "i2moe_interpretation": Caption(
            "What weights of experts tell of planted interactions",
            "AUROC of each explanation for the mechanism that a test row was planted "
            "to need: points, mean over seeds; whiskers: one standard deviation over "
            "seeds; dashed: chance; line: what codes and tags allow. Mechanisms that "
            "a model has not learned are left out.",
        ),
        "i2moe_figure3": Caption(
            "Figure 3. What the experts say of one film",
            "The test row with the smallest id whose labels are all rightly predicted "
            "by the first seed, or the row that params.yaml names as explained_row: "
            "(a) logits of each expert, (b) weights, (c) logits times weights and "
            "their sum, the logit of the prediction, for the labels that the row has "
            "or is predicted to have; a label is predicted where the sum is above 0.",
        ),
        "i2moe_genres": Caption(
            "Appendix I. What the experts add to every genre",
            "For each genre the test row with the smallest id that has it and is "
            "predicted to have it by the first seed: logit times weight of each "
            "expert; their sum is the logit of the prediction.",
        ),
    }
)
