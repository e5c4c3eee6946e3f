"""The formulas of the cards, by class; what is set upright is an option of the class, or a model."""

FORMULAS = {
    "Cold": r"\theta \leftarrow \mathrm{scale} \cdot \theta_{\mathrm{fresh}}",
    "Warm": r"\theta \leftarrow \theta_{\mathrm{previous}}",
    "ShrinkPerturb": (
        r"\theta \leftarrow \mathrm{shrink} \cdot \theta_{\mathrm{previous}} + \mathrm{perturb} \cdot "
        r"\theta_{\mathrm{noise}}"
    ),
    "KeepLayers": (
        r"\theta_l \leftarrow \begin{cases} \theta_{l, \mathrm{previous}} & l \text{ is kept} \\ \theta_{l, "
        r"\mathrm{fresh}} & \text{else} \end{cases}"
    ),
    "NormMatched": (
        r"\theta \leftarrow \frac{\lVert \mathrm{shrink} \cdot \theta_{\mathrm{previous}} + \mathrm{perturb} "
        r"\cdot \theta_{\mathrm{noise}} \rVert}{\lVert \theta_{\mathrm{fresh}} \rVert} \, "
        r"\theta_{\mathrm{fresh}} \quad \text{tensor by tensor}"
    ),
    "L2": r"L + \frac{\mathrm{strength}}{2} \lVert \theta \rVert^2",
    "L2Init": r"L + \mathrm{strength} \cdot \lVert \theta - \theta_0 \rVert^2",
    "Confidence": r"L - \mathrm{strength} \cdot \frac{1}{n} \sum_{i=1}^{n} H(p_i)",
    "Adversarial": (
        r"L + \mathrm{strength} \cdot L\left(x + \mathrm{epsilon} \cdot \operatorname{sign} \nabla_x L\right)"
    ),
    "EWC": r"L + \frac{\mathrm{strength}}{2} \sum_i F_i \left(\theta_i - \theta^{*}_i\right)^2",
    "Entropy": r"\max \; -\sum_k p_k \ln p_k",
    "LeastConfidence": r"\max \; 1 - \max_k p_k",
    "Margin": r"\max \; -\left(p_{(1)} - p_{(2)}\right)",
    "Random": r"\text{all samples alike}",
}
MODELS = {"fresh", "previous", "noise"}
