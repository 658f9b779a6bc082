"""Estimate the beam centre from the image alone.

About the beam, scattering is (nearly) a function of the radius: the gradient of a ring, an arc or a
low-q cone points to the beam centre or away from it. So every significant gradient votes for the
points on its line (a Hough transform). The best places are refined by least squares on the lines,
then by the centre for which radial profiles explain most of the image. A second candidate is the
point about which the image is most like itself after half a turn. The candidate of higher
confidence is returned. Gaps are left out; the centre may be outside the frame. A blank frame, or
spots alone without a symmetry, hold no evidence: the confidence is low.

The counts n are used as t = 2 sqrt(n + 3/8) (Anscombe 1948), whose photon noise is 1 everywhere, so
that the significance of a gradient is known.
"""

from xscatter.frames.center.finder import CenterEstimate, contradiction, find_center

__all__ = ["CenterEstimate", "contradiction", "find_center"]
