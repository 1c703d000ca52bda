"""What data sets, modalities and classes are called in titles."""

from types import MappingProxyType

COHORTS = MappingProxyType(
    {
        "icu_complete": "ICU stays, complete modalities",
        "icu_all": "ICU stays, all stays",
    }
)
# As the paper names them in Tables 8 and 9.
MODALITIES = MappingProxyType({"ecg": "ECG", "text": "Text", "cxr": "CXR"})
# Length of stay by class, lower bounds excluded (BTW Table 2).
CLASSES = ("up to 3 days", "3 to 7 days", "7 to 14 days", "over 14 days")


def dataset_title(dataset: str) -> str:
    """Name of a data set in a title.

    >>> dataset_title("mosi"), dataset_title("icu_all")
    ('MOSI', 'ICU stays, all stays')
    """
    return COHORTS.get(dataset, dataset.upper())
