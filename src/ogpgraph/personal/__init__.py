"""Personal data in free text: finds e-mail addresses, phone numbers and names of contacts, and masks them.

The result depends on the text alone, so a text is masked alike wherever it is stored and whoever stored it.
"""

from ogpgraph.personal.detector import (
    MASK,
    Mark,
    PersonalDataDetector,
    PersonalDataKind,
    find_personal_data,
    mask_personal_data,
)

__all__ = ["MASK", "Mark", "PersonalDataDetector", "PersonalDataKind", "find_personal_data", "mask_personal_data"]
