"""Reflection geometry: what a surface does to waves that meet it at a grazing angle.

The distorted-wave Born approximation multiplies the scattering inside a film by |t(α_i)|²
|t(α_f)|², with Fresnel's transmission of amplitude

    t(α) = 2 α / (α + √(α² − α_c² + 2 i b)),

α_c the critical angle and b the absorption index. |t|² peaks at α_c: the band that Yoneda saw at
α_f = α_c.

Sources: Vineyard, Phys. Rev. B 26 (1982) 4146; Sinha, Sirota, Garoff & Stanley, Phys. Rev. B 38
(1988) 2297; Renaud, Lazzari & Leroy, Surf. Sci. Rep. 64 (2009) 255; Yoneda, Phys. Rev. 131 (1963)
2010.
"""

import numpy as np


def _inside(angle: np.ndarray, critical: float, absorption: float) -> np.ndarray:
    return np.sqrt(angle.astype(complex) ** 2 - critical**2 + 2j * absorption)


def transmission(angle: np.ndarray, critical: float, absorption: float) -> np.ndarray:
    """|t|² (n,) at exit or incidence angles (n,) in radians; 0 below the horizon.

    Args:
        angle: exit or incidence angles (n,) in radians.
        critical: critical angle in radians.
        absorption: imaginary part β of the refractive index.
    """
    above = np.maximum(angle, 0.0)
    return np.abs(2 * above / (above + _inside(above, critical, absorption) + 1e-30)) ** 2
