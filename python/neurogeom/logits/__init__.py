"""What the logits of a classifier say: confidence, gaps, the order of wrong classes, and edits of these.

Logits are a matrix (n_samples, n_classes). Softmax does not change if a constant is added to a row: measures
that would change take each row without its mean. Equal logits keep the order of their columns. Entropies are
in nats.
"""

from .agreement import ConfidenceAgreement, OrderAgreement, confidence_agreement, order_agreement
from .edits import average_rest, keep_max, permute_rest, rescale_gaps
from .models import ATC, AUROC, LogitSummary, atc, auroc, summary
from .ordering import OrderEntropy, order_entropy
from .samples import class_order, confidence, energy, entropy, logit_gaps, max_logit, true_margin

__all__ = [
    "ATC",
    "AUROC",
    "ConfidenceAgreement",
    "LogitSummary",
    "OrderAgreement",
    "OrderEntropy",
    "atc",
    "auroc",
    "average_rest",
    "class_order",
    "confidence",
    "confidence_agreement",
    "energy",
    "entropy",
    "keep_max",
    "logit_gaps",
    "max_logit",
    "order_agreement",
    "order_entropy",
    "permute_rest",
    "rescale_gaps",
    "summary",
    "true_margin",
]
