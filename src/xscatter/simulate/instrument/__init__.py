"""The instrument: detector, beam, where the beam meets the detector, obstacles, noise.

Every part is a frozen dataclass that draws itself; `simulate/setup.py` calls them in their order.
Lengths are in pixels of the detector's layout and positions in fractions of the side of the image,
so that nothing drawn here depends on the number of pixels of an image.
"""
